"""Convolution on a GPU: one launch copies all windows, and one puts them back, summing in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.backend.base.arrays import Array
from minigan.backend.base.conv import Conv
from minigan.backend.cupy_kernels import PACK, THREADS, in_memory_order, kernel, known
from minigan.backend.cupy_linalg import CupyLinalg
from minigan.backend.window import Window

MOST_BLOCKS = 65_535  # in the second dimension of a launch
LARGEST = 2**31 - 1  # numbers of one sample, which the kernels count in 32 bits


class CupyConv(CupyLinalg, Conv):
    """Overrides for float32 and float64 without groups, whose windows are copied at once, up to a gigabyte of them."""

    patch_bytes = 1 << 30

    def conv2d(
        self, x: Array, weight: Array, bias: Array | None, window: Window, groups: int, out: Array = None
    ) -> Array:
        if not self._fits(window, groups, x.shape[1], x, weight):
            return super().conv2d(x, weight, bias, window, groups, out)
        y = self._channels_last(out, (len(x), *window.outputs, len(weight)), x.dtype)
        matrix = self._matrix(weight, groups)[0].T
        self.matmul(self._patches(x, window, groups)[0], matrix, y.reshape(-1, len(weight)))
        if bias is not None:
            y += bias
        return self._channels_first(y, out)

    def conv2d_input_grad(
        self, gy: Array, weight: Array, bias: Array | None, window: Window, groups: int, out: Array = None
    ) -> Array:
        c = weight.shape[1]
        if not self._fits(window, groups, c, gy, weight):
            return super().conv2d_input_grad(gy, weight, bias, window, groups, out)
        gx = self._overlap(self._rows(gy)[None], self._pieces(weight, window, groups), window, c)
        if bias is not None:
            gx += bias
        gx = gx.transpose(0, 3, 1, 2)
        return gx if out is None else self._into(out, gx)

    def conv2d_weight_grad(self, gy: Array, x: Array, window: Window, groups: int, out: Array = None) -> Array:
        o, c = gy.shape[1], x.shape[1]
        if not self._fits(window, groups, c, gy, x):
            return super().conv2d_weight_grad(gy, x, window, groups, out)
        gw = self.matmul(self._rows(gy).T, self._patches(x, window, groups)[0])
        gw = gw.reshape(o, *window.kernel, c).transpose(0, 3, 1, 2)
        return self.xp.ascontiguousarray(gw) if out is None else self._into(out, gw)

    def _fits(self, window: Window, groups: int, channels: int, x: Array, other: Array) -> bool:
        """Whether there are kernels for these, and memory for the windows of all samples at once."""
        return _is_ours(groups, x, other) and len(self._blocks(len(x), channels * x.itemsize, window)) < 2

    def _rows(self, gy: Array) -> Array:
        """gy (N, O, Ho, Wo) as (N Ho Wo, O), copied unless its channels lie last."""
        return self.xp.ascontiguousarray(gy.transpose(0, 2, 3, 1)).reshape(-1, gy.shape[1])

    # ---- windows -----------------------------------------------------------------------------------------

    def _patches(self, x: Array, window: Window, groups: int) -> Array:
        n, channels = x.shape[:2]
        rows, columns = n * window.outputs[0] * window.outputs[1], window.taps * channels
        if not _is_ours(groups, x) or rows * columns > n * LARGEST or _may_be_views(window):
            return super()._patches(x, window, groups)
        views = in_memory_order(x)
        if views is None:
            last = self.xp.ascontiguousarray(x.transpose(0, 2, 3, 1))
            x, views = last.transpose(0, 3, 1, 2), (last,)
        matrix, steps = self.xp.empty((1, rows, columns), x.dtype), [step // x.itemsize for step in x.strides]
        width = _width(channels, matrix, *views) if steps[1] == 1 else 1
        _launch("im2col", (matrix, *views), n, width, channels, window, matrix.size, *map(np.int64, steps))
        return matrix

    def _pieces(self, weight: Array, window: Window, groups: int) -> list[tuple[int, int, Array]]:
        if not _is_ours(groups, weight):
            return super()._pieces(weight, window, groups)
        o, c, kh, kw = weight.shape
        return [(0, 0, self.xp.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(1, o, kh, kw, c))]

    def _overlap(self, rows: Array, pieces: list[tuple[int, int, Array]], window: Window, channels: int) -> Array:
        if not _is_ours(len(rows), rows):
            return super()._overlap(rows, pieces, window, channels)
        [(_, _, piece)] = pieces
        n = rows.shape[1] // (window.outputs[0] * window.outputs[1])
        matrix = self.matmul(rows[0], piece.reshape(rows.shape[2], -1))
        x = self.xp.empty((n, *window.inputs, channels), rows.dtype)
        _launch("col2im", (x, matrix), n, _width(channels, matrix, x), channels, window, x.size)
        return x


def _is_ours(groups: int, *arrays: Array) -> bool:
    return groups == 1 and known(*arrays)


def _may_be_views(window: Window) -> bool:
    """Whether windows may lie in memory as rows already: those of single places, and one of all of them."""
    return window.span == window.inputs and (window.taps == 1 or window.outputs == (1, 1))


def _width(channels: int, *arrays: Array) -> int:
    """How many channels a thread works on."""
    pack = PACK // arrays[0].itemsize
    return 1 if channels % pack or any(x.data.ptr % PACK for x in arrays) else pack


def _launch(
    name: str,
    arrays: tuple[Array, ...],
    samples: int,
    width: int,
    channels: int,
    window: Window,
    n: int,
    *more: Any,
) -> None:
    """Run a thread for ``width`` of the n numbers that the samples have together."""
    if not n:
        return
    counts = [np.uint32(count) for count in (samples, width, channels)]
    numbers = [np.int32(number) for pair in window for number in pair]
    in_y = min(samples, MOST_BLOCKS)
    grid = -(-n // (samples * width * THREADS)), in_y, -(-samples // in_y)
    kernel(name, arrays[0].dtype.char)(grid, (THREADS,), (*arrays, *counts, *numbers, *more))
