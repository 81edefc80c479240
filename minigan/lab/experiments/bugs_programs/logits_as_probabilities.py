"""Spot the bug: D has no Sigmoid, and its loss expects probabilities.

Cross-entropy takes the logarithm of a number that may now be negative. minigan refuses; programs that clip such numbers
to [0, 1] go on, and learn nothing wherever a number was clipped: there the gradient is exactly zero.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import minigan as mg
from minigan import nn
from minigan.nn import functional as F

Cost = Callable[[mg.Tensor, mg.Tensor], mg.Tensor]


def wrong(outputs: mg.Tensor, targets: mg.Tensor) -> mg.Tensor:
    """Any number, clipped to [0, 1] so that its logarithm does not fail."""
    clipped = outputs.clamp(1e-7, 1 - 1e-7)
    return F.binary_cross_entropy(clipped, targets)


def mended(outputs: mg.Tensor, targets: mg.Tensor) -> mg.Tensor:
    """Any number is a logit."""
    return F.binary_cross_entropy_with_logits(outputs, targets)


BOUNDARY: dict[Cost, float] = {wrong: 0.5, mended: 0.0}
"""The output above which D calls a sample real."""


@dataclass(frozen=True)
class Seen:
    """In each step: the loss, the share of samples whose gradient is exactly 0, and of those on the wrong side."""

    loss_D: list[float] = field(default_factory=list)
    saturated: list[float] = field(default_factory=list)
    mistaken: list[float] = field(default_factory=list)


def train(cost: Cost, steps: int = 1200) -> Seen:
    """Let D tell two clouds apart."""
    D = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    optimizer = mg.optim.SGD(D.parameters(), lr=0.2)
    targets = mg.cat([mg.ones(256, 1), mg.zeros(256, 1)])
    seen = Seen()
    for _ in range(steps):
        outputs = D(mg.cat([mg.randn(256, 2) + 1, mg.randn(256, 2) - 1]))
        outputs.retain_grad()
        loss = cost(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        saturated = outputs.grad == 0
        mistaken = (outputs.detach().numpy() > BOUNDARY[cost]) != (targets.numpy() > 0)
        seen.loss_D.append(loss.item())
        seen.saturated.append(float(saturated.mean()))
        seen.mistaken.append(float(mistaken.mean()))
    return seen


def main() -> None:
    """Print what minigan says, and what others do."""
    try:
        F.binary_cross_entropy(mg.tensor([1.5, -0.5]), mg.ones(2))
    except mg.RangeError as error:
        print("minigan says:", error)
    for name, cost in (("clipped to [0, 1]:", wrong), ("right, on logits: ", mended)):
        mg.manual_seed(0)
        seen = train(cost)
        print(f"{name} loss {seen.loss_D[-1]:.3f}, and {seen.saturated[-1]:.0%} of the samples teach D nothing")


if __name__ == "__main__":
    main()
