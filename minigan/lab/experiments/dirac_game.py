"""The games of the Dirac-GAN: what each player pays, by minigan's own losses and penalties.

The data are one point at 0, G places one point at θ, and D(x) = ψ x (Mescheder, Geiger and Nowozin 2018, "Which
training methods for GANs do actually converge?", section 2). minigan's D is the surer that a sample is real the
larger D(x) is; in the paper it is the other way round, so that its ψ is -ψ here.

Many runs are played at once: θ and ψ are arrays (M, S), each element a game of its own, and each cost the sum over
all of them, so that one backward pass finds the gradients of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from minigan.autograd import grad
from minigan.gan.losses import get_loss
from minigan.gan.penalties import R1, R2, GradientPenalty, Penalty, slope
from minigan.nn import Parameter
from minigan.ops.creation import tensor
from minigan.ops.joining import stack
from minigan.tensor import Tensor

NOISY = 32  # copies of each point under instance noise


@dataclass(frozen=True)
class Kind:
    """A game.

    Attributes:
        name: as it is shown.
        loss: a name of `minigan.gan.get_loss`.
        symbol: of the strength: γ or σ; empty for a game without one.
        penalty: what D pays besides, given the strength.
        noisy: the strength is the standard deviation of instance noise.
        consensus: the strength is the weight of consensus optimisation.
        clip: D's weight stays within plus or minus this; 0 for no bound.
    """

    name: str
    loss: str
    symbol: str = ""
    penalty: Callable[[float], Penalty] | None = None
    noisy: bool = False
    consensus: bool = False
    clip: float = 0.0


KINDS = (
    Kind("minimax", "minimax"),
    Kind("non-saturating", "non-saturating"),
    Kind("WGAN, clipped", "wasserstein", clip=1.0),
    # the paper's gamma / 2 (|psi| - 1)^2; on networks the penalty has no half
    Kind("WGAN-GP", "wasserstein", "γ", penalty=lambda gamma: GradientPenalty(gamma / 2)),
    Kind("instance noise", "minimax", "σ", noisy=True),
    Kind("R1", "minimax", "γ", penalty=R1),
    Kind("R2", "minimax", "γ", penalty=R2),
    Kind("consensus", "minimax", "γ", consensus=True),
)
BILINEAR = Kind("bilinear", "wasserstein")  # D minimises θψ and G maximises it
KIND = {kind.name: kind for kind in KINDS}


def named(name: str, strength: float) -> str:
    """A game with its strength, if it has one."""
    return f"{name}, {KIND[name].symbol} = {strength:g}" if KIND[name].symbol else name


def defined(name: str, rule: str) -> bool:
    """Whether a game can be played by this rule: consensus looks at both gradients at one point."""
    return not (KIND[name].consensus and rule == "alternating")


def has_jacobian(name: str) -> bool:
    """Whether the field has a derivative at (0, 0): with WGAN-GP it jumps where ψ changes its sign."""
    return name != "WGAN-GP"


Draw = tuple[Tensor, Tensor]
"""Noise of variance 1 for the real samples and for the fakes, (n, 1, 1) each."""


@cache
def normal_noise() -> Draw:
    """The normal distribution as a few equally likely numbers, with a mean of 0 and a variance of 1 exactly.

    The same in every step: so instance noise is a game without chance, and what it does on average is exact.
    """
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(NOISY) + 0.5) / NOISY)
    noise = tensor((quantiles / quantiles.std()).reshape(-1, 1, 1))
    return noise, noise


class DiracGame:
    """Many runs of one game.

    Args:
        kind: which game.
        strengths: γ or σ of the runs in each of the S columns; some number for a game that has none.
        draw: the instance noise, if the game has any; by default `normal_noise`.
    """

    def __init__(self, kind: Kind, strengths: Sequence[float] = (0.0,), draw: Draw | None = None) -> None:
        self.kind = kind
        self.strengths = strengths
        self._each = tensor(np.array(strengths, float))
        self._draw = draw or normal_noise()

    def costs(self, theta: Tensor, psi: Tensor) -> tuple[Tensor, Tensor]:
        """What G and what D pay, summed over all runs: 0-d each.

        Args:
            theta: (M, S), with a gradient.
            psi: the same.
        """
        real, fake = self._samples(theta)
        on_real, on_fake = real * psi, fake * psi
        loss, runs = get_loss(self.kind.loss), theta.numel()
        cost_G = loss.generator(on_fake, on_real) * runs
        cost_D = loss.discriminator(on_real, on_fake) * runs
        if self.kind.penalty:
            cost_D = cost_D + self._penalty(self.kind.penalty, real, fake, psi)
        if self.kind.consensus:
            L = self._consensus(cost_G, cost_D, theta, psi)
            return cost_G + L, cost_D + L
        return cost_G, cost_D

    def _samples(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """The data's point and G's: (n, M, S), where n counts noisy copies."""
        if not self.kind.noisy:
            return (theta * 0).detach().unsqueeze(0), theta.unsqueeze(0)
        real, fake = (noise * self._each for noise in self._draw)
        return real.expand(len(real), *theta.shape), theta + fake

    def _penalty(self, kind: Callable[[float], Penalty], real: Tensor, fake: Tensor, psi: Tensor) -> Tensor:
        """Of all runs: those of each column pay for their slopes at its weight."""
        penalties = [kind(strength) for strength in self.strengths]
        at = penalties[0].at
        x = penalties[0].points(real, fake) if at == "new" else (real if at == "real" else fake).detach()
        x.requires_grad_()
        slopes = slope(x * psi, x)
        columns = [slopes[..., column].reshape(-1, 1) for column in range(len(penalties))]
        costs = [penalty.cost(gx) * len(psi) for penalty, gx in zip(penalties, columns, strict=True)]
        return stack(costs).sum()

    def _consensus(self, cost_G: Tensor, cost_D: Tensor, theta: Tensor, psi: Tensor) -> Tensor:
        """The sum over the runs of γ/2 |v|², where v is the gradient of each player's cost in what it moves."""
        v_G, v_D = (grad(cost, who, create_graph=True)[0] for cost, who in ((cost_G, theta), (cost_D, psi)))
        assert v_G is not None  # grad raises where a cost does not depend on its player
        assert v_D is not None
        return ((v_G * v_G + v_D * v_D) * (self._each / 2)).sum()


def players(theta: NDArray[np.float64], psi: NDArray[np.float64]) -> tuple[Parameter, Parameter]:
    """Both as parameters (M, S) in float64."""
    first, second = (Parameter(tensor(np.array(who, np.float64, ndmin=2))) for who in (theta, psi))
    return first, second
