"""Penalties on D's gradient with respect to its input: they need second derivatives."""

from __future__ import annotations

from minigan.autograd import grad
from minigan.errors import ConfigError
from minigan.tensor import Tensor


class R1:
    """gamma / 2 E |grad_x D(x)|^2 over real images x, with D's logit as D(x).

    Where D has nothing to gain, at the data, it is made flat; so the game comes to rest (Mescheder, Geiger and
    Nowozin 2018, equation 9). It may be computed on every k-th step only and is then multiplied by k (lazy
    regularisation; Karras et al. 2020, appendix B).

    Args:
        gamma: the weight.
        every: k.
    """

    def __init__(self, gamma: float, every: int = 1) -> None:
        if gamma < 0 or every < 1:
            raise ConfigError(f"R1: expected gamma >= 0 and every >= 1, but got {gamma} and {every}.")
        self.gamma = gamma
        self.every = every

    def due(self, step: int) -> bool:
        """Whether the penalty is part of step number ``step`` (from 0)."""
        return self.gamma > 0 and step % self.every == 0

    def __call__(self, real: Tensor, logits: Tensor) -> Tensor:
        """The penalty for real images (N, ...) that require a gradient, and D's logits (N, 1) for them."""
        (gx,) = grad(logits.sum(), real, create_graph=True)
        assert gx is not None
        return (gx * gx).sum() * (self.gamma / 2 * self.every / len(real))
