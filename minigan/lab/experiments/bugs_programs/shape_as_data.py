"""Spot the bug: a shape that is passed as data.

G gets the two numbers 64 and 2 in place of 64 times 2 random ones. Where z is two numbers long that raises no error: G
makes one sample, always the same.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

import minigan as mg
from minigan import nn
from minigan.data import ring
from minigan.nn import functional as F

N, Z_DIM = 64, 2


def wrong() -> mg.Tensor:
    """A tensor of the numbers 64 and 2."""
    return mg.tensor((N, Z_DIM), dtype=mg.float32)


def mended() -> mg.Tensor:
    """A tensor of the shape (64, 2)."""
    return mg.randn(N, Z_DIM)


@dataclass(frozen=True)
class Seen:
    """At some steps: the fakes (N, 2) of one batch; in each step: the loss of G."""

    steps: list[int] = field(default_factory=list)
    fakes: list[NDArray[Any]] = field(default_factory=list)
    loss_G: list[float] = field(default_factory=list)


def train(draw: Callable[[], mg.Tensor], steps: int = 400, every: int = 10) -> Seen:
    """Play on the ring of eight Gaussians."""
    G = nn.Sequential(nn.Linear(Z_DIM, 32), nn.Tanh(), nn.Linear(32, 2))
    D = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
    optimizer_G = mg.optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizer_D = mg.optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.999))
    points = ring(std=0.1).sample(steps * N)[0].reshape(steps, N, 2)
    seen = Seen()
    for step in range(steps):
        fake = G(draw())
        on_real, on_fake = D(mg.as_tensor(points[step])), D(fake.detach())
        loss_D = -F.logsigmoid(on_real).mean() - F.logsigmoid(-on_fake).mean()
        optimizer_D.zero_grad()
        loss_D.backward()
        optimizer_D.step()

        loss_G = -F.logsigmoid(D(fake)).mean()
        optimizer_G.zero_grad()
        loss_G.backward()
        optimizer_G.step()
        seen.loss_G.append(loss_G.item())
        if step % every == 0 or step == steps - 1:
            seen.steps.append(step)
            seen.fakes.append(fake.detach().numpy().reshape(-1, 2).copy())
    return seen


def main() -> None:
    """Print what z is, and what happens."""
    mg.manual_seed(0)
    print(f"a shape as data: {wrong().tolist()} of shape {wrong().shape}; drawn in that shape: {mended().shape}")
    print(f"through Linear(2, 256): {nn.Linear(2, 256)(wrong()).shape}, one sample, and no error")
    try:
        nn.Linear(100, 256)(mg.tensor((64.0, 100.0)))
    except mg.ShapeError as error:
        print("where z is 100 numbers long minigan says:", error)


if __name__ == "__main__":
    main()
