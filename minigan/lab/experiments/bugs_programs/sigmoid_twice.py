"""Spot the bug: D ends in a Sigmoid, and its loss expects a logit.

`binary_cross_entropy_with_logits` takes a sigmoid itself. A probability from 0 to 1 that is taken for a logit becomes
a "probability" from sigmoid(0) = 0.5 to sigmoid(1) = 0.731: D can never be sure, however easy its task is.
"""

from dataclasses import dataclass, field

import minigan as mg
from minigan import nn
from minigan.nn import functional as F


def wrong() -> nn.Module:
    """D ends in a probability."""
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


def mended() -> nn.Module:
    """D ends in a logit."""
    return nn.Sequential(nn.Linear(1, 1))


@dataclass(frozen=True)
class Seen:
    """In each step: the mean probabilities that the loss sees, and the loss."""

    D_x: list[float] = field(default_factory=list)
    D_G_z: list[float] = field(default_factory=list)
    loss_D: list[float] = field(default_factory=list)


def train(D: nn.Module, steps: int = 500) -> Seen:
    """Let D tell 5 from -5, with a little noise: a child could."""
    real, fake = mg.randn(256, 1) + 5, mg.randn(256, 1) - 5
    one, zero = mg.ones(256, 1), mg.zeros(256, 1)
    optimizer = mg.optim.Adam(D.parameters(), lr=0.05)
    seen = Seen()
    for _ in range(steps):
        on_real, on_fake = D(real), D(fake)
        loss = F.binary_cross_entropy_with_logits(on_real, one)
        loss = loss + F.binary_cross_entropy_with_logits(on_fake, zero)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.D_x.append(on_real.sigmoid().mean().item())
        seen.D_G_z.append(on_fake.sigmoid().mean().item())
        seen.loss_D.append(loss.item())
    return seen


def main() -> None:
    """Print where D ends."""
    for name, make in {"wrong, Linear and Sigmoid": wrong, "right, Linear alone      ": mended}.items():
        mg.manual_seed(0)
        seen = train(make())
        print(
            f"{name}  the loss takes D(x) for {seen.D_x[-1]:.3f} and D(G(z)) for {seen.D_G_z[-1]:.3f}; "
            f"loss_D {seen.loss_D[-1]:.3f}"
        )
    print("The wrong loss cannot fall below -log 0.731 - log 0.5 = 1.006. Mend: no Sigmoid, or nn.BCELoss behind it.")


if __name__ == "__main__":
    main()
