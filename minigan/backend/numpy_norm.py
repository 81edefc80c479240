"""Normalisation of channels on NumPy: one pass through the cache where plain array code makes several.

The values are seen as a matrix (N, C H W), or (N, H W C) where channels lie last in memory, so that each column
belongs to one channel. Statistics become rows, so that the innermost loops are long, and the matrix is worked
through in blocks that stay in the second-level cache from the first operation on them to the last.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from minigan.backend import numpy_sum
from minigan.backend.base.arrays import Array
from minigan.backend.base.norm import Norm
from minigan.backend.numpy_sum import column_sums

BLOCK = 131_072  # elements: half a megabyte of float32
FEW = 4  # with fewer rows than this, a row of statistics would cost as much as it saves


class Columns(NamedTuple):
    """Values as a matrix, one row for each sample; column (i, c, j) of ``shape`` belongs to channel c."""

    matrix: Array
    shape: tuple[int, int, int]

    def blocks(self) -> Iterator[slice]:
        """Ranges of rows, at most BLOCK elements each if a row is not longer."""
        step = self._rows_at_a_time()
        return (slice(start, start + step) for start in range(0, len(self.matrix), step))

    def scratch(self) -> Array:
        """Memory for one block."""
        return np.empty_like(self.matrix, shape=(min(len(self.matrix), self._rows_at_a_time()), self.matrix.shape[1]))

    def row(self, statistic: Array) -> Array:
        """One number for each channel, at each of its columns."""
        return np.broadcast_to(statistic.reshape(-1, 1), self.shape).reshape(-1)

    def per_channel(self, row: Array) -> Array:
        """Sums over the columns of each channel."""
        return numpy_sum.total(row.reshape(self.shape), (0, 2), False)

    def _rows_at_a_time(self) -> int:
        return max(1, BLOCK // int(self.matrix.shape[1]))


class NumpyNorm(Norm):
    """Overrides for statistics per channel: all dimensions but the second are reduced."""

    def moments(self, x: Array, dim: tuple[int, ...]) -> Array:
        columns = _columns(x) if _per_channel(dim, x) else None
        if columns is None:
            return super().moments(x, dim)
        m, shape = columns.matrix, (1, -1, *[1] * (x.ndim - 2))
        n = x.size // x.shape[1]
        total, squares = np.zeros_like(m, shape=(2, m.shape[1]))
        scratch = columns.scratch()
        for block in columns.blocks():
            total += column_sums(m[block])
        mean = columns.per_channel(total) / n
        row = columns.row(mean)
        for block in columns.blocks():
            t = np.subtract(m[block], row, out=scratch[: len(m[block])])
            squares += np.einsum("nk,nk->k", t, t)
        return np.stack((mean.reshape(shape), (columns.per_channel(squares) / n).reshape(shape)))

    def normalize(
        self, x: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None, out: Array = None
    ) -> Array:
        parts = [part for part in (mean, rstd, weight, bias) if part is not None]
        columns = _columns(x) if out is None and all(_is_channels(part, x) for part in parts) else None
        if columns is None:
            return super().normalize(x, mean, rstd, weight, bias, out)
        y = np.empty_like(x)
        m, my = columns.matrix, _matrix_like(columns, y)
        shift, scale = columns.row(mean), columns.row(rstd if weight is None else rstd * weight)
        offset = None if bias is None else columns.row(bias)
        for block in columns.blocks():
            t = np.subtract(m[block], shift, out=my[block])
            t *= scale
            if offset is not None:
                t += offset
        return y

    def norm_sums(self, gy: Array, x: Array, mean: Array, rstd: Array, dim: tuple[int, ...]) -> Array:
        columns = _columns(x) if _per_channel(dim, x) else None
        if columns is None:
            return super().norm_sums(gy, x, mean, rstd, dim)
        m, g = columns.matrix, _matrix_like(columns, _laid_out_as(x, gy))
        shift, scratch = columns.row(mean), columns.scratch()
        total, moment = np.zeros_like(m, shape=(2, m.shape[1]))
        for block in columns.blocks():
            t = np.subtract(m[block], shift, out=scratch[: len(m[block])])
            total += column_sums(g[block])
            moment += np.einsum("nk,nk->k", g[block], t)
        sums = np.stack((columns.per_channel(total), columns.per_channel(moment))).reshape(2, *mean.shape)
        sums[1] *= rstd
        return sums

    def norm_grad(self, gy: Array, x: Array, mean: Array, rstd: Array, sums: Array, weight: Array | None) -> Array:
        parts = [part for part in (mean, weight) if part is not None]
        columns = _columns(x) if all(_is_channels(part, x) for part in parts) else None
        if columns is None:
            return super().norm_grad(gy, x, mean, rstd, sums, weight)
        gx, n = np.empty_like(x), x.size // mean.size
        m, g, mgx = columns.matrix, _matrix_like(columns, _laid_out_as(x, gy)), _matrix_like(columns, gx)
        shift, slope, level = columns.row(mean), columns.row(rstd * sums[1] / n), columns.row(sums[0] / n)
        scale = columns.row(rstd if weight is None else rstd * weight)
        for block in columns.blocks():
            t = np.subtract(m[block], shift, out=mgx[block])
            t *= slope
            t += level
            np.subtract(g[block], t, out=t)
            t *= scale
        return gx


def _per_channel(dim: tuple[int, ...], x: Array) -> bool:
    return x.ndim > 1 and sorted(dim) == [0, *range(2, x.ndim)]


def _is_channels(part: Array, x: Array) -> bool:
    """Whether this is one number for each channel of x."""
    return bool(x.ndim > 1 and part.shape == (1, x.shape[1], *[1] * (x.ndim - 2)))


def _columns(x: Array) -> Columns | None:
    """x as a matrix without a copy, if it lies in memory like one."""
    if x.size == 0 or len(x) < FEW:
        return None
    samples, channels, places = len(x), x.shape[1], x.size // (len(x) * x.shape[1])
    if x.flags.c_contiguous:
        return Columns(x.reshape(samples, -1), (1, channels, places))
    last = np.moveaxis(x, 1, -1)
    return Columns(last.reshape(samples, -1), (places, channels, 1)) if last.flags.c_contiguous else None


def _matrix_like(columns: Columns, y: Array) -> Array:
    """y, laid out as the values of ``columns``, as a matrix of their shape: a view."""
    return (y if y.flags.c_contiguous else np.moveaxis(y, 1, -1)).reshape(columns.matrix.shape)


def _laid_out_as(x: Array, y: Array) -> Array:
    """y, copied if it lies in memory otherwise than x."""
    if y.strides == x.strides:
        return y
    copied = np.empty_like(x)
    copied[...] = y
    return copied
