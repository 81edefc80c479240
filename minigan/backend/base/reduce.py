"""Reductions: several values become one."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Dims, Kernels


class Reduce(Kernels):
    """``dim`` is a tuple, or None for all dimensions."""

    def sum(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.sum(x, axis=dim, keepdims=keepdim, out=out)

    def mean(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.mean(x, axis=dim, keepdims=keepdim, out=out)

    def var(self, x: Array, dim: Dims, freedom: float, keepdim: bool) -> Array:
        """The sum of squared distances from the mean, divided by ``freedom``."""
        centred = x - self.xp.mean(x, axis=dim, keepdims=True)
        centred *= centred
        return self.xp.sum(centred, axis=dim, keepdims=keepdim) / freedom

    def amax(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.max(x, axis=dim, keepdims=keepdim, out=out)

    def amin(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.min(x, axis=dim, keepdims=keepdim, out=out)

    def argmax(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        return self.xp.argmax(x, axis=dim, keepdims=keepdim)

    def argmin(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        return self.xp.argmin(x, axis=dim, keepdims=keepdim)
