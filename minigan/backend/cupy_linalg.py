"""Matrix products on a GPU: by cuBLAS where it knows how, which may be captured; by CuPy for everything else."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from minigan.backend.base.arrays import Array, Shape
from minigan.backend.base.linalg import Linalg
from minigan.backend.cublas import INT_MAX, Matrix, as_matrix, cublas


class CupyLinalg(Linalg):
    """Overrides for float32 and float64. Transposed matrices are read as they lie."""

    def matmul(self, x1: Array, x2: Array, out: Array = None) -> Array:
        if not _known(x1, x2, out):
            return super().matmul(x1, x2, out)
        batch = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
        shape = (*batch, x1.shape[-2], x2.shape[-1])
        if x1.ndim > 2 and x2.ndim == 2:  # one product for a whole stack
            batch, x1 = (), x1.reshape(prod(x1.shape[:-1]), x1.shape[-1])
        return self._product(_stack(self.xp, x1, batch), _stack(self.xp, x2, batch), shape, len(batch) > 0, out)

    def linear(self, x: Array, weight: Array, bias: Array | None, out: Array = None) -> Array:
        y = self.matmul(x, weight.T, out)
        return y if bias is None else self.xp.add(y, bias, out=y)

    def linear_weight_grad(self, gy: Array, x: Array, out: Array = None) -> Array:
        rows = gy.reshape(-1, gy.shape[-1])
        return self.matmul(rows.T, x.reshape(rows.shape[0], x.shape[-1]), out)

    def _product(self, x1: Array, x2: Array, shape: Shape, stacked: bool, out: Array | None) -> Array:
        """x1 x2 as an array of this shape, for two matrices, or for stacks of them, or a stack and a matrix for all."""
        y = self.xp.empty(shape, x1.dtype) if out is None else out
        if not y.size or not x1.size:
            y[...] = 0
            return y
        place = _place(y, stacked)
        if place is None:
            return self._into(y, self._product(x1, x2, shape, stacked, None))
        cublas().matmul(self._readable(x1), self._readable(x2), place)
        return y

    def _readable(self, x: Array) -> Matrix:
        """x as cuBLAS can read it, copied if it must be."""
        found = as_matrix(x) or as_matrix(self.xp.ascontiguousarray(x))
        assert found is not None
        return found


def _known(x1: Array, x2: Array, out: Array | None) -> bool:
    """Whether cuBLAS multiplies these."""
    if x1.dtype != x2.dtype or x1.dtype.char not in "fd" or (out is not None and out.dtype != x1.dtype):
        return False
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-2]:  # CuPy says what is wrong
        return False
    return bool(max(x1.size, x2.size) <= INT_MAX)


def _stack(xp: Any, x: Array, batch: Shape) -> Array:
    """Matrices x, as many as there are in the batch, in a single dimension; one for all of them stays alone."""
    if x.ndim == 2:
        return x
    if x.shape[:-2] != batch:
        x = xp.broadcast_to(x, (*batch, *x.shape[-2:]))
    return x.reshape(prod(batch), *x.shape[-2:])


def _place(y: Array, stacked: bool) -> Matrix | None:
    """y as one matrix, or as a stack; None if cuBLAS cannot write there."""
    if y.flags.c_contiguous:
        y = y.reshape(-1, *y.shape[-2:]) if stacked else y.reshape(-1, y.shape[-1])
    elif y.ndim != 2 + stacked:
        return None
    place = as_matrix(y)
    return None if place is None or place.by_column else place
