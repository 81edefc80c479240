"""Optimizers: one call updates a whole flat buffer in place.

Numbers that change from step to step are Python floats, or 0-d arrays of the parameters' type that hold them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from minigan.backend.base.arrays import Array, Kernels, Number


class Optim(Kernels):
    """Each step as PyTorch makes it."""

    def sgd_(
        self,
        p: Array,
        g: Array,
        momentum_buffer: Array | None,
        *,
        lr: Number,
        momentum: Number,
        share: Number | None,
        weight_decay: float,
        nesterov: bool,
    ) -> None:
        """One step of SGD as in PyTorch; ``share`` of the gradient, or all of it, goes into the momentum buffer."""
        if weight_decay:
            g = g + weight_decay * p
        if momentum_buffer is not None:
            momentum_buffer *= momentum
            momentum_buffer += g if share is None else share * g
            g = g + momentum * momentum_buffer if nesterov else momentum_buffer
        p -= lr * g

    def adam_(
        self,
        p: Array,
        g: Array,
        m: Array,
        v: Array,
        *,
        rate: Number,
        eps: Number,
        shrink: Number | None,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        """A step of Adam (Kingma and Ba 2015, algorithm 1).

        ``rate`` and ``eps`` hold the corrections of the moments' bias, as at the end of their section 2; ``shrink`` is
        what AdamW multiplies p by.
        """
        beta1, beta2 = betas
        if shrink is not None:
            p *= shrink
        if weight_decay:
            g = g + weight_decay * p
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        p -= rate * m / (self.xp.sqrt(v) + eps)

    def rmsprop_(
        self,
        p: Array,
        g: Array,
        square_avg: Array,
        momentum_buffer: Array | None,
        grad_avg: Array | None,
        *,
        lr: Number,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: float,
    ) -> None:
        """One step of RMSprop as in PyTorch: with momentum, and centered, if there are buffers for them."""
        if weight_decay:
            g = g + weight_decay * p
        square_avg *= alpha
        square_avg += (1 - alpha) * (g * g)
        variance = square_avg
        if grad_avg is not None:
            grad_avg += (1 - alpha) * (g - grad_avg)
            variance = square_avg - grad_avg * grad_avg
        update = g / (self.xp.sqrt(variance) + eps)
        if momentum_buffer is not None:
            momentum_buffer *= momentum
            momentum_buffer += update
            update = momentum_buffer
        p -= lr * update

    def norm_of(self, parts: Sequence[Array], p: float) -> Array:
        """(sum of |x|^p over all numbers in all parts)^(1/p), or the largest |x| for p = inf; 0-d."""
        xp = self.xp
        if p == math.inf:
            return xp.max(xp.stack([xp.max(xp.absolute(x)) for x in parts]))
        if p == 2:
            return xp.sqrt(xp.sum(xp.stack([xp.vdot(x, x) for x in parts])))
        # numpy.power, as Python's ** of a NumPy scalar has other last bits than that of an array
        return xp.power(xp.sum(xp.stack([xp.sum(xp.power(xp.absolute(x), p)) for x in parts])), 1 / p)

    def shrink_(self, x: Array, norm: Array, max_norm: float) -> None:
        """Scale x by max_norm / (norm + 1e-6) where that is below 1, so that nobody has to wait for the norm."""
        x *= self.xp.minimum(max_norm / (norm + 1e-6), 1)

    def clip_(self, x: Array, limit: float) -> None:
        """Put every number beyond +-limit there."""
        self.xp.clip(x, -limit, limit, out=x)

    def lerp_(self, x: Array, end: Array, weight: Number) -> None:
        """x += weight * (end - x): one step of an exponential moving average."""
        x += weight * (end - x)
