"""Spot the bug: gradient clipping under the name of weight clipping, or the other way round.

A Wasserstein critic may not be steeper than some bound. Weight clipping puts every weight that left [-LIMIT, LIMIT]
back there, after the step. Gradient clipping shortens a long gradient before the step: each step is bounded, but not
where many steps lead.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import minigan as mg
from minigan import nn
from minigan.gan import clip_weights_

LIMIT = 0.1
MOST = 1.0
APART = 2.0
HIDDEN = 32
EVERY = 10


def wrong(critic: nn.Module, optimizer: mg.optim.Optimizer) -> None:
    """Called weight clipping: the gradient is clipped, before the step."""
    nn.utils.clip_grad_norm_(critic.parameters(), MOST)
    optimizer.step()


def mended(critic: nn.Module, optimizer: mg.optim.Optimizer) -> None:
    """The weights are clipped, after the step."""
    optimizer.step()
    clip_weights_(critic.parameters(), LIMIT)


@dataclass(frozen=True)
class Seen:
    """In each step: the largest weight, the norm of the gradient used, the steepest slope, the estimate.

    The estimate is E D(x) - E D(G(z)): for the best critic of slope 1 it is the Wasserstein distance. The weights are
    those of every EVERYth step.
    """

    largest: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)
    slope: list[float] = field(default_factory=list)
    estimate: list[float] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)


def train(move: Callable[[nn.Module, mg.optim.Optimizer], None], steps: int = 400) -> Seen:
    """Let a critic tell N(APART, 1) from N(0, 1), with this way to move it."""
    critic = nn.Sequential(nn.Linear(1, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 1))
    optimizer = mg.optim.SGD(critic.parameters(), lr=0.05)
    seen = Seen()
    line = mg.as_tensor(np.linspace(-4, 6, 101, dtype=np.float32)[:, np.newaxis]).requires_grad_()
    for step in range(steps):
        real, fake = mg.randn(256, 1) + APART, mg.randn(256, 1)
        estimate = critic(real).mean() - critic(fake).mean()
        optimizer.zero_grad()
        (-estimate).backward()
        move(critic, optimizer)
        slope: Any = mg.grad(critic(line).sum(), [line])[0]
        weights = [w for p in critic.parameters() for w in p.detach().flatten().tolist()]
        seen.largest.append(max(map(abs, weights)))
        seen.used.append(_norm(critic))
        seen.slope.append(slope.abs().max().item())
        seen.estimate.append(estimate.item())
        if step % EVERY == 0:
            seen.weights.append(weights)
    return seen


def _norm(critic: nn.Module) -> float:
    """Of the gradient, as it is now."""
    gradients: list[Any] = [p.grad for p in critic.parameters()]
    return float(sum((g**2).sum().item() for g in gradients) ** 0.5)


def main() -> None:
    """Print what is bounded."""
    for name, move in (("gradient clipping", wrong), ("weight clipping", mended)):
        mg.manual_seed(0)
        seen = train(move)
        print(
            f"{name:17}  largest weight {seen.largest[-1]:.3f}, largest gradient that a step used "
            f"{max(seen.used):.3f}, steepest slope {seen.slope[-1]:.3f}, estimate {seen.estimate[-1]:.3f}"
        )


if __name__ == "__main__":
    main()
