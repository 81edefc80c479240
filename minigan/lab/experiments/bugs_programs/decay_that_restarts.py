"""Spot the bug: a learning rate that is meant to decay by epochs, and never does.

`i` counts the batches of one epoch and starts again at 0 in the next, so i // STEPS_PER_EPOCH is always 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import minigan as mg
from minigan.gan import load_preset
from minigan.gan.schedules import learning_rate

STEPS_PER_EPOCH, LR = 50, 0.1
Rate = Callable[[int, int], float]


def wrong(epoch: int, i: int) -> float:
    """i is the number of the batch in its epoch."""
    return LR / (i // STEPS_PER_EPOCH + 1)


def mended(epoch: int, i: int) -> float:
    """The number of the epoch goes on."""
    return LR / (epoch + 1)


@dataclass(frozen=True)
class Seen:
    """In each step: the learning rate, and how far the weights are from where they should be, root mean square."""

    lr: list[float] = field(default_factory=list)
    distance: list[float] = field(default_factory=list)


def train(rate: Rate, epochs: int = 10, weights: int = 4000) -> Seen:
    """Let many weights look for 0, each from noisy gradients of its own: w plus a number from N(0, 1)."""
    w = mg.nn.Parameter(mg.randn(weights, dtype=mg.float64))
    optimizer = mg.optim.SGD([w], lr=LR)
    seen = Seen()
    for epoch in range(epochs):
        for i in range(STEPS_PER_EPOCH):
            optimizer.param_groups[0]["lr"] = rate(epoch, i)
            loss = ((w + mg.randn(weights, dtype=mg.float64)) ** 2).sum() / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.lr.append(rate(epoch, i))
            seen.distance.append((w.detach() ** 2).mean().item() ** 0.5)
    return seen


def main() -> None:
    """Print the rates by epoch, and those of the schedule and of the preset that do the same without counting."""
    w = mg.nn.Parameter(mg.zeros(1))
    optimizer = mg.optim.SGD([w], lr=LR)
    schedule = mg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (epoch + 1))
    preset, n = load_preset("mlp-tanh").generator, STEPS_PER_EPOCH  # its rate falls by 5% an epoch
    print("epoch  wrong   right   LambdaLR  preset mlp-tanh")
    for epoch in range(4):
        named = learning_rate(preset, epoch * n, 4 * n, n)
        scheduled = optimizer.param_groups[0]["lr"]
        print(f"{epoch:5}  {wrong(epoch, n - 1):.4f}  {mended(epoch, n - 1):.4f}  {scheduled:.4f}    {named:.6f}")
        optimizer.step()
        schedule.step()  # once an epoch, with a count that goes on


if __name__ == "__main__":
    main()
