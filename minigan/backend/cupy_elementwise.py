"""Activations and losses on a GPU: one launch each, in place of one for each step of the arithmetic.

Results lie in memory as the last argument does, so channels that lie last stay there.
"""

from __future__ import annotations

from typing import Any

from minigan.backend.base.arrays import Array
from minigan.backend.base.loss import Loss
from minigan.backend.cupy_kernels import in_memory_order, known, laid_out_as, launch_each


class CupyElementwise(Loss):
    """Overrides for float32 and float64 that lie in memory without gaps."""

    def tanh(self, x: Array, out: Array = None) -> Array:
        y = self._each("tanh_forward", out, x)
        return super().tanh(x, out) if y is None else y

    def tanh_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        gx = self._each("tanh_backward", out, gy, y)
        return super().tanh_grad(gy, y, out) if gx is None else gx

    def sigmoid(self, x: Array, out: Array = None) -> Array:
        y = self._each("sigmoid_forward", out, x)
        return super().sigmoid(x, out) if y is None else y

    def sigmoid_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        gx = self._each("sigmoid_backward", out, gy, y)
        return super().sigmoid_grad(gy, y, out) if gx is None else gx

    def relu(self, x: Array, out: Array = None) -> Array:
        y = self._each("relu_forward", out, x)
        return super().relu(x, out) if y is None else y

    def relu_grad(self, gy: Array, y: Array, out: Array = None) -> Array:
        gx = self._each("relu_backward", out, gy, y)
        return super().relu_grad(gy, y, out) if gx is None else gx

    def leaky_relu(self, x: Array, negative_slope: float, out: Array = None) -> Array:
        y = self._each("leaky_relu_forward", out, x, more=(x.dtype.type(negative_slope),))
        return super().leaky_relu(x, negative_slope, out) if y is None else y

    def leaky_relu_grad(self, gy: Array, y: Array, negative_slope: float, out: Array = None) -> Array:
        gx = self._each("leaky_relu_backward", out, gy, y, more=(y.dtype.type(negative_slope),))
        return super().leaky_relu_grad(gy, y, negative_slope, out) if gx is None else gx

    def bce(self, x: Array, target: Array) -> Array:
        y = self._each("bce_forward", None, x, target)
        return super().bce(x, target) if y is None else y

    def bce_grad(self, gy: Array, x: Array, target: Array) -> Array:
        gx = self._loss_grad("bce_backward", "bce_backward_of_mean", gy, x, target)
        return super().bce_grad(gy, x, target) if gx is None else gx

    def bce_with_logits(self, x: Array, target: Array) -> Array:
        y = self._each("bce_with_logits_forward", None, x, target)
        return super().bce_with_logits(x, target) if y is None else y

    def bce_with_logits_grad(self, gy: Array, x: Array, target: Array) -> Array:
        gx = self._loss_grad("bce_with_logits_backward", "bce_with_logits_backward_of_mean", gy, x, target)
        return super().bce_with_logits_grad(gy, x, target) if gx is None else gx

    def _loss_grad(self, name: str, of_mean: str, gy: Array, x: Array, target: Array) -> Array | None:
        """The gradient of a loss by a kernel, or after a mean by another one; None if they are for other arrays."""
        if known(gy, x) and gy.shape == x.shape and x.size and not any(gy.strides):  # one number at all places
            return self._each(of_mean, None, x, target, more=(gy[(0,) * gy.ndim],))
        return self._each(name, None, gy, x, target)

    def _each(self, name: str, out: Array | None, *xs: Array, more: tuple[Any, ...] = ()) -> Array | None:
        """The result of an elementwise kernel, which takes ``more`` besides; None if it is for other arrays."""
        like = xs[-1]  # what the forward pass made, if it is a gradient that is computed
        if out is None:
            xs = tuple([laid_out_as(like, x, self.xp) if x.shape == like.shape else x for x in xs])
        y = self.xp.empty_like(like) if out is None else out
        views = in_memory_order(y, *xs)
        if views is None:
            return None
        launch_each(name, views, *more)
        return y
