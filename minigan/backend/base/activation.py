"""Activations and their gradients."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Kernels


class Activation(Kernels):
    """Each activation beside its gradient, which is a kernel too."""

    def tanh(self, x: Array, out: Array = None) -> Array:
        return self.xp.tanh(x, out=out)

    def tanh_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        return self.xp.multiply(gy, 1 - y * y, out=out)

    def sigmoid(self, x: Array, out: Array = None) -> Array:
        # (1 + tanh(x/2)) / 2 overflows nowhere, unlike 1 / (1 + exp(-x)), but loses small results: below
        # zero e^x / (1 + e^x) keeps them.
        e = self.xp.exp(-self.xp.absolute(x))
        return self.xp.true_divide(self.xp.where(x >= 0, x.dtype.type(1), e), 1 + e, out=out)

    def sigmoid_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        return self.xp.multiply(gy, y * (1 - y), out=out)

    def softplus(self, x: Array, beta: float, threshold: float) -> Array:
        scaled = x * beta
        y = self.xp.maximum(scaled, 0) + self.xp.log1p(self.xp.exp(-self.xp.absolute(scaled)))
        return self.xp.where(scaled > threshold, x, y / beta)

    def softplus_grad(self, gy: Array, x: Array, beta: float, threshold: float) -> Array:
        scaled = x * beta
        return self.xp.where(scaled > threshold, gy, gy * self.sigmoid(scaled))

    def logsigmoid(self, x: Array, out: Array = None) -> Array:
        return self.xp.subtract(self.xp.minimum(x, 0), self.xp.log1p(self.xp.exp(-self.xp.absolute(x))), out=out)

    def relu(self, x: Array, out: Array = None) -> Array:
        return self.xp.maximum(x, 0, out=out)

    def relu_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        gx = self.xp.where(y != 0, gy, 0)
        return gx if out is None else self._into(out, gx)

    def leaky_relu(self, x: Array, negative_slope: float, out: Array = None) -> Array:
        y = self.xp.where(x > 0, x, x * negative_slope)
        return y if out is None else self._into(out, y)

    def leaky_relu_grad(self, gy: Array, y: Array, negative_slope: float, out: Array = None) -> Array:
        gx = self.xp.where(y > 0, gy, gy * negative_slope)
        return gx if out is None else self._into(out, gx)
