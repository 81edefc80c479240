"""What follows a matrix product in an MLP, in one kernel: bias, leaky ReLU and dropout."""

from __future__ import annotations

from typing import Any

from minigan.backend.base.activation import Activation
from minigan.backend.base.arrays import Array
from minigan.backend.base.random import Random


class Fused(Activation, Random):
    """The same bits as its parts one after the other. Their results in between need no memory, and are not saved."""

    def bias_leaky_relu_dropout(
        self,
        x: Array,
        bias: Array | None,
        words: Any,
        negative_slope: float,
        threshold: int,
        scale: float,
        out: Array = None,
    ) -> Array:
        """y = dropout(leaky_relu(x + bias)), for x (..., F), bias (F,), random words, and 0 < negative_slope <= 1.

        The numbers that decide what is kept, `threshold` and `scale` are those of `dropout_mask`; without words all
        is kept, and the two mean nothing. ``out`` may be x: then nothing is allocated.
        """
        x = x if bias is None else x + bias
        y = self.leaky_relu(x, negative_slope)
        if words is not None:
            y = y * self.dropout_mask(words, y.shape, threshold, scale, y.dtype)
        return y if out is None else self._into(out, y)

    def bias_leaky_relu_dropout_grad(
        self,
        gy: Array,
        y: Array,
        words: Any,
        negative_slope: float,
        threshold: int,
        scale: float,
        out: Array = None,
    ) -> Array:
        """gx = gy, times the mask, times the slope where y <= 0; the gradient of the bias is its sum over positions.

        The words tell what was kept: y = 0 does not, for x + bias may have been 0. What was kept has the sign of
        x + bias, and of what was not the sign is of no account, so y is all that is needed of the forward pass.
        """
        if words is not None:
            gy = gy * self.dropout_mask(words, y.shape, threshold, scale, y.dtype)
        return self.leaky_relu_grad(gy, y, negative_slope, out)
