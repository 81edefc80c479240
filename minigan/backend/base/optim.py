"""Optimizers: one call updates a whole flat buffer in place."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minigan.backend.base.arrays import Array, Kernels


class Optim(Kernels):
    """Each step as PyTorch makes it."""

    def sgd_(
        self,
        p: Array,
        g: Array,
        momentum_buffer: Array | None,
        *,
        lr: float,
        momentum: float,
        dampening: float,
        weight_decay: float,
        nesterov: bool,
        first: bool,
    ) -> None:
        """One step of SGD as in PyTorch; ``first`` says that the momentum buffer is still empty."""
        if weight_decay:
            g = g + weight_decay * p
        if momentum_buffer is not None:
            if first:
                momentum_buffer[...] = g
            else:
                momentum_buffer *= momentum
                momentum_buffer += (1 - dampening) * g
            g = g + momentum * momentum_buffer if nesterov else momentum_buffer
        p -= lr * g

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
        decoupled: bool,
    ) -> None:
        """Step number ``step`` (from 1) of Adam (Kingma and Ba 2015, algorithm 1), or of AdamW if ``decoupled``."""
        beta1, beta2 = betas
        if decoupled:
            p *= 1 - lr * weight_decay
        elif weight_decay:
            g = g + weight_decay * p
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        correction1, correction2 = 1 - beta1**step, 1 - beta2**step
        p -= (lr / correction1) * m / (self.xp.sqrt(v) / correction2**0.5 + eps)

    def rmsprop_(
        self,
        p: Array,
        g: Array,
        square_avg: Array,
        momentum_buffer: Array | None,
        grad_avg: Array | None,
        *,
        lr: float,
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
        return xp.sum(xp.stack([xp.sum(xp.absolute(x) ** p) for x in parts])) ** (1 / p)

    def shrink_(self, x: Array, norm: Array, max_norm: float) -> None:
        """Scale x by max_norm / (norm + 1e-6) where that is below 1, so that nobody has to wait for the norm."""
        x *= self.xp.minimum(max_norm / (norm + 1e-6), 1)

    def clip_(self, x: Array, limit: float) -> None:
        """Put every number beyond +-limit there."""
        self.xp.clip(x, -limit, limit, out=x)

    def lerp_(self, x: Array, end: Array, weight: float) -> None:
        """x += weight * (end - x): one step of an exponential moving average."""
        x += weight * (end - x)
