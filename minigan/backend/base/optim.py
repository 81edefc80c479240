"""Optimizers: one call updates a whole flat buffer in place."""

from __future__ import annotations

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
    ) -> None:
        """Step number ``step`` (from 1) of Adam (Kingma and Ba 2015, algorithm 1), as in PyTorch."""
        beta1, beta2 = betas
        if weight_decay:
            g = g + weight_decay * p
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        correction1, correction2 = 1 - beta1**step, 1 - beta2**step
        p -= (lr / correction1) * m / (self.xp.sqrt(v) / correction2**0.5 + eps)

    def lerp_(self, x: Array, end: Array, weight: float) -> None:
        """x += weight * (end - x): one step of an exponential moving average."""
        x += weight * (end - x)
