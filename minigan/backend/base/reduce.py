"""Reductions: several values become one."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Dims, Kernels, Shape


class Reduce(Kernels):
    """``dim`` is a tuple, or None for all dimensions."""

    def sum(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.sum(x, axis=dim, keepdims=keepdim, out=out)

    def sum_to(self, x: Array, shape: Shape) -> Array:
        """The sum over all dimensions that broadcasting from ``shape`` to the shape of x adds or repeats."""
        extra = x.ndim - len(shape)
        repeated = [d for d in range(extra, x.ndim) if shape[d - extra] == 1 and x.shape[d] != 1]
        return self.sum(x, (*range(extra), *repeated), False).reshape(shape)

    def mean(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.mean(x, axis=dim, keepdims=keepdim, out=out)

    def var(self, x: Array, dim: Dims, freedom: float, keepdim: bool) -> Array:
        """The sum of squared distances from the mean, divided by ``freedom``."""
        centred = x - self.mean(x, dim, True)
        centred *= centred
        return self.sum(centred, dim, keepdim) / freedom

    def norm2(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        """The square root of the sum of squares."""
        return self.xp.sqrt(self.sum(x * x, dim, keepdim), out=out)

    def norm(self, x: Array, dim: Dims, keepdim: bool, p: float, out: Array = None) -> Array:
        """The p-th root of the sum of p-th powers of absolute values."""
        powers = self.xp.power(self.xp.absolute(x), p)
        return self.xp.power(self.sum(powers, dim, keepdim), 1 / p, out=out)

    def amax(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.max(x, axis=dim, keepdims=keepdim, out=out)

    def amin(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        return self.xp.min(x, axis=dim, keepdims=keepdim, out=out)

    def argmax(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        return self.xp.argmax(x, axis=dim, keepdims=keepdim)

    def argmin(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        return self.xp.argmin(x, axis=dim, keepdims=keepdim)

    # ---- sums of exponentials, from which the largest is taken out first

    def logsumexp(self, x: Array, dim: Dims, keepdim: bool) -> Array:
        top = self._finite_top(x, dim)
        y = self.xp.log(self.sum(self.xp.exp(x - top), dim, True)) + top
        return y if keepdim else y.squeeze(dim)

    def softmax(self, x: Array, dim: Dims) -> Array:
        if not x.size:
            return x
        y = self.xp.exp(x - self.amax(x, dim, True))
        y /= self.sum(y, dim, True)
        return y

    def log_softmax(self, x: Array, dim: Dims) -> Array:
        if not x.size:
            return x
        y = x - self.amax(x, dim, True)
        y -= self.xp.log(self.sum(self.xp.exp(y), dim, True))
        return y

    def _finite_top(self, x: Array, dim: Dims) -> Array:
        """The largest values, but 0 for infinite ones, which cannot be taken out, and where there is none."""
        if not x.size:
            return x.dtype.type(0)
        top = self.amax(x, dim, True)
        return self.xp.where(self.xp.isinf(top), x.dtype.type(0), top)
