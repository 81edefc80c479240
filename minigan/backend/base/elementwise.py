"""Arithmetic, functions and comparisons of single elements."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Kernels


class Elementwise(Kernels):
    """y[i] is made of x[i] alone."""

    def add(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.add(x1, x2, out=out)

    def sub(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.subtract(x1, x2, out=out)

    def mul(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.multiply(x1, x2, out=out)

    def div(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.true_divide(x1, x2, out=out)

    def pow(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.power(x1, x2, out=out)

    def neg(self, x: Array, out: Array = None) -> Array:
        return self.xp.negative(x, out=out)

    def abs(self, x: Array, out: Array = None) -> Array:
        return self.xp.absolute(x, out=out)

    def sign(self, x: Array, out: Array = None) -> Array:
        return self.xp.subtract(x > 0, x < 0, out=out, dtype=x.dtype)  # the array modules' sign of nan is nan

    def square(self, x: Array, out: Array = None) -> Array:
        return self.xp.square(x, out=out)

    def sqrt(self, x: Array, out: Array = None) -> Array:
        return self.xp.sqrt(x, out=out)

    def rsqrt(self, x: Array, out: Array = None) -> Array:
        return self.xp.reciprocal(self.xp.sqrt(x), out=out)

    def reciprocal(self, x: Array, out: Array = None) -> Array:
        return self.xp.reciprocal(x, out=out)

    def exp(self, x: Array, out: Array = None) -> Array:
        return self.xp.exp(x, out=out)

    def expm1(self, x: Array, out: Array = None) -> Array:
        return self.xp.expm1(x, out=out)

    def log(self, x: Array, out: Array = None) -> Array:
        return self.xp.log(x, out=out)

    def log1p(self, x: Array, out: Array = None) -> Array:
        return self.xp.log1p(x, out=out)

    def sin(self, x: Array, out: Array = None) -> Array:
        return self.xp.sin(x, out=out)

    def cos(self, x: Array, out: Array = None) -> Array:
        return self.xp.cos(x, out=out)

    def maximum(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.maximum(x1, x2, out=out)

    def minimum(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.minimum(x1, x2, out=out)

    def where(self, condition: Array, x1: Array, x2: Array) -> Array:
        return self.xp.where(condition, x1, x2)

    # ---- comparisons: boolean results, no derivative

    def eq(self, x1: Array, x2: Array) -> Array:
        return self.xp.equal(x1, x2)

    def ne(self, x1: Array, x2: Array) -> Array:
        return self.xp.not_equal(x1, x2)

    def lt(self, x1: Array, x2: Array) -> Array:
        return self.xp.less(x1, x2)

    def le(self, x1: Array, x2: Array) -> Array:
        return self.xp.less_equal(x1, x2)

    def gt(self, x1: Array, x2: Array) -> Array:
        return self.xp.greater(x1, x2)

    def ge(self, x1: Array, x2: Array) -> Array:
        return self.xp.greater_equal(x1, x2)

    def isfinite(self, x: Array) -> Array:
        return self.xp.isfinite(x)
