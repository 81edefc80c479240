"""Training one player alone, with looks at it on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

import minigan as mg
from minigan.gan.networks import Discriminator, mlp_discriminator
from minigan.lab.schedule import stops
from minigan.nn import init
from minigan.optim.lr_scheduler import CosineAnnealingLR
from minigan.tensor import Tensor

Array = NDArray[np.float64]
Look = TypeVar("Look")


def line_network(hidden: Sequence[int] = ()) -> Discriminator:
    """A D of numbers x (N, 1), float64, that begins with s = 0 for all x: without hidden layers, s = w x + b.

    Args:
        hidden: widths of the hidden layers, each followed by LeakyReLU.
    """
    D = mlp_discriminator((1,), hidden)
    *_, last = D.children()
    init.zeros_(last.weight)
    init.zeros_(last.bias)
    D.to(dtype=mg.float64)
    return D


def train(
    network: Discriminator, cost: Callable[[], Tensor], steps: int, lr: float, look: Callable[[], Look]
) -> tuple[Array, list[Look]]:
    """Adam, with a learning rate that sinks to 0 like a cosine: so it converges to the optimum itself.

    Args:
        network: what is trained.
        cost: what it pays, 0-d, of all there is to see: no step differs from another by chance.
        steps: how many.
        lr: the learning rate at first.
        look: called at the `stops`.

    Returns:
        The costs (steps + 1,) before each step and after the last; and what was seen.
    """
    parameters = list(network.parameters())
    optimizer = mg.optim.Adam(parameters, lr=lr)
    schedule = CosineAnnealingLR(optimizer, T_max=max(steps, 1))

    def step() -> Tensor:
        paid = cost()
        optimizer.zero_grad()
        paid.backward(inputs=parameters)  # a penalty asks for the slope at x, but nobody for the gradient of x
        optimizer.step()
        return paid.detach()

    captured, at = mg.capture(step), stops(steps)
    costs, seen = [], []
    for number in range(steps):
        if number in at:
            seen.append(look())
        costs.append(captured().item())
        schedule.step()
    return np.array([*costs, cost().item()]), [*seen, look()]
