"""NumPy on the CPU: the base kernels, rewritten where a pass over memory can be saved.

A temporary of a megabyte costs as much as the arithmetic done on it, so these versions work in place.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from minigan.backend.base import Array, Backend, Dims, Shape
from minigan.backend.numpy_conv import NumpyConv
from minigan.backend.numpy_fused import NumpyFused, slopes
from minigan.backend.numpy_norm import NumpyNorm
from minigan.backend.numpy_optim import NumpyOptim
from minigan.backend.numpy_sum import total

# Infinities and nan are values like others, as in PyTorch, so NumPy's warnings about what made them are passed over
# where these files are to blame. An errstate would cost as much as a small addition, at each of them.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"minigan\.backend\.")

LINE = 64  # bytes in a cache line, and in an AVX-512 register


class NumpyBackend(NumpyConv, NumpyFused, NumpyNorm, NumpyOptim, Backend):
    """Kernels on `numpy.ndarray`."""

    xp = np
    array_type = np.ndarray
    device_type = "cpu"

    def to_host(self, x: Array) -> Any:
        return x

    def flat_buffer(self, n: int, dtype: Any) -> Array:
        # NumPy promises 16 bytes only; whole cache lines make the widest vector instructions cheap.
        size = n * np.dtype(dtype).itemsize
        raw = np.zeros(size + LINE, np.uint8)
        start = -raw.__array_interface__["data"][0] % LINE
        return raw[start : start + size].view(dtype)

    # ---- linear algebra ----------------------------------------------------------------------------------

    def matmul(self, x1: Array, x2: Array, out: Array = None) -> Array:
        if (
            x1.shape[-1] == x2.shape[-2] == 1
        ):  # columns times rows: a sum of one product needs no BLAS, which takes ten times as long
            return np.multiply(x1, x2, out=out)
        return np.matmul(x1, x2, out=out)

    # ---- activations -------------------------------------------------------------------------------------

    def tanh_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        gx = np.multiply(y, y, out=out)
        gx = np.subtract(1, gx, out=_buffer(gx))
        return np.multiply(gy, gx, out=_buffer(gx))

    def sigmoid_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        gx = np.subtract(1, y, out=out)
        gx = np.multiply(gx, y, out=_buffer(gx))
        return np.multiply(gy, gx, out=_buffer(gx))

    def relu(self, x: Array, out: Array = None) -> Array:
        if x.dtype.kind != "f":
            return super().relu(x, out)
        y = np.clip(x, 0, np.inf, out=out)  # numpy.maximum of an array and a number takes three times as long
        return y if out is None else out  # numpy.clip of a NumPy scalar returns another one

    def relu_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        # Of floats, 0 times inf would be nan. Bits times 0 or 1, as integers, are as fast, and numpy.where is not.
        bits = f"i{gy.dtype.itemsize}"
        passes = np.not_equal(y, 0).view(np.uint8)
        if out is None:
            return np.multiply(gy.view(bits), passes).view(gy.dtype)
        np.multiply(gy.view(bits), passes, out=out.view(bits))
        return out

    def leaky_relu(self, x: Array, negative_slope: float, out: Array = None) -> Array:
        if not 0 < negative_slope <= 1:  # the larger of x and slope * x is then the wrong one, or inf * 0
            return super().leaky_relu(x, negative_slope, out)
        y = np.multiply(x, negative_slope, out=out)
        return np.maximum(x, y, out=_buffer(y))

    def leaky_relu_grad(self, gy: Array, y: Array, negative_slope: float, out: Array = None) -> Array:
        # numpy.where takes a branch per element, mispredicted half of the time: ten times the cost of a factor.
        if negative_slope > 1:
            return super().leaky_relu_grad(gy, y, negative_slope, out)
        factor = slopes(y, negative_slope, out)
        return np.multiply(gy, factor, out=_buffer(factor))

    # ---- reductions: without NumPy's Python wrappers, which cost as much as a small sum ------------------

    def sum(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return total(x, dim, keepdim, out)

    def mean(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        y = total(x, dim, keepdim, out)
        n = x.size // y.size if y.size else 1
        return np.true_divide(y, n, out=_buffer(y))

    def amax(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return np.maximum.reduce(x, axis=dim, keepdims=keepdim, out=out)

    def amin(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return np.minimum.reduce(x, axis=dim, keepdims=keepdim, out=out)

    # ---- shape -------------------------------------------------------------------------------------------

    def embedding_grad(self, gy: Array, indices: Array, rows: int) -> Array:
        if not indices.size:
            return np.zeros_like(gy, shape=(rows, gy.shape[-1]))
        # Sorted by index, the rows of gy that belong together are neighbours: sums of stretches, one for each row.
        order = np.argsort(indices, axis=None, kind="stable")
        bounds = np.searchsorted(indices.reshape(-1)[order], self.xp.arange(rows + 1))
        chosen = gy.reshape(indices.size, -1)[order]
        padded = np.concatenate((chosen, np.zeros_like(chosen[:1])))  # so that the stretches of rows at the end begin
        sums = np.add.reduceat(padded, bounds[:-1], axis=0)
        return np.where((bounds[1:] > bounds[:-1])[:, None], sums, gy.dtype.type(0))  # a row that nobody read has none

    def getitem_grad(self, gy: Array, shape: Shape, index: Any) -> Array:
        gx = np.zeros_like(gy, shape=shape)
        if _names_each_place_once(index):
            gx[index] = gy
        else:
            np.add.at(gx, index, gy)
        return gx


def _buffer(x: Array) -> Array | None:
    """x as the ``out`` of the next step; a NumPy scalar (from 0-d operands) is no buffer."""
    return x if isinstance(x, np.ndarray) else None


def _names_each_place_once(index: Any) -> bool:
    """Whether no element can be mentioned twice: integers, slices, None, Ellipsis and boolean masks."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        p is None or p is Ellipsis or isinstance(p, int | slice) or getattr(p, "dtype", None) == np.bool_ for p in parts
    )
