"""NumPy on the CPU: the base kernels, rewritten where a pass over memory can be saved.

A temporary of a megabyte costs as much as the arithmetic done on it, so these versions work in place and,
where an optimizer touches whole networks, block by block in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.backend.base import Array, Backend, Shape

LINE = 64  # bytes in a cache line, and in an AVX-512 register
BLOCK = 32_768  # elements: five float32 arrays of this length fit into a 1 MB second-level cache


class NumpyBackend(Backend):
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

    # ---- activations -------------------------------------------------------------------------------------

    def tanh_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        gx = np.multiply(y, y, out=out)
        gx = np.subtract(1, gx, out=_buffer(gx))
        return np.multiply(gy, gx, out=_buffer(gx))

    def sigmoid_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        gx = np.subtract(1, y, out=out)
        gx = np.multiply(gx, y, out=_buffer(gx))
        return np.multiply(gy, gx, out=_buffer(gx))

    def leaky_relu(self, x: Array, negative_slope: float, out: Array = None) -> Array:
        if negative_slope > 1:  # the larger of x and slope * x is then the wrong branch
            return super().leaky_relu(x, negative_slope, out)
        y = np.multiply(x, negative_slope, out=out)
        return np.maximum(x, y, out=_buffer(y))

    def leaky_relu_grad(self, gy: Array, y: Array, negative_slope: float, out: Array = None) -> Array:
        # numpy.where takes a branch per element, mispredicted half of the time: ten times the cost of
        # turning the comparison into a factor of 1 or the slope.
        if negative_slope > 1:
            return super().leaky_relu_grad(gy, y, negative_slope, out)
        factor = np.maximum(y > 0, y.dtype.type(negative_slope), out=out)
        return np.multiply(gy, factor, out=_buffer(factor))

    # ---- shape -------------------------------------------------------------------------------------------

    def getitem_grad(self, gy: Array, shape: Shape, index: Any) -> Array:
        gx = np.zeros(shape, gy.dtype)
        if _names_each_place_once(index):
            gx[index] = gy
        else:
            np.add.at(gx, index, gy)
        return gx

    # ---- optimizers --------------------------------------------------------------------------------------

    def adam_(
        self,
        p: Array,
        g: Array,
        m: Array,
        v: Array,
        *,
        step: int,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        beta1, beta2 = betas
        # lr m/c1 / (sqrt(v/c2) + eps)  =  rate m / (sqrt(v) + eps sqrt(c2)): one pass less
        root2 = (1 - beta2**step) ** 0.5
        rate = lr * root2 / (1 - beta1**step)
        scratch = np.empty(min(BLOCK, p.size), p.dtype)
        for start in range(0, p.size, BLOCK):
            block = slice(start, start + BLOCK)
            pb, gb, mb, vb = p[block], g[block], m[block], v[block]
            t = scratch[: pb.size]
            if weight_decay:
                gb = gb + weight_decay * pb
            mb *= beta1
            mb += np.multiply(gb, 1 - beta1, out=t)
            np.multiply(gb, gb, out=t)
            t *= 1 - beta2
            vb *= beta2
            vb += t
            np.sqrt(vb, out=t)
            t += eps * root2
            np.divide(mb, t, out=t)
            t *= rate
            pb -= t

    def lerp_(self, x: Array, end: Array, weight: float) -> None:
        if not x.flags.c_contiguous:  # x.reshape(-1) would be a copy, and the result be lost
            super().lerp_(x, end, weight)
            return
        scratch = np.empty(min(BLOCK, x.size), x.dtype)
        flat, flat_end = x.reshape(-1), end.reshape(-1)
        for start in range(0, x.size, BLOCK):
            block = slice(start, start + BLOCK)
            t = scratch[: flat[block].size]
            np.subtract(flat_end[block], flat[block], out=t)
            t *= weight
            flat[block] += t


def _buffer(x: Array) -> Array | None:
    """x as the ``out`` of the next step; a NumPy scalar (from 0-d operands) is no buffer."""
    return x if type(x) is np.ndarray else None


def _names_each_place_once(index: Any) -> bool:
    """Whether no element can be mentioned twice: integers, slices, None, Ellipsis and boolean masks."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        p is None or p is Ellipsis or isinstance(p, int | slice) or getattr(p, "dtype", None) == np.bool_ for p in parts
    )
