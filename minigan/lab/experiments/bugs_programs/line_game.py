"""A GAN of three numbers on a line: the data are N(data, 1), G(z) = z + theta, and D(x) = w x + b is a logit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import minigan as mg
from minigan import nn

Cost = Callable[[mg.Tensor, mg.Tensor], mg.Tensor]
"""What D pays, of its logits on real samples and on fakes."""


@dataclass(frozen=True)
class Seen:
    """After each step: where G is, and D's weights; in each step: D's mean probabilities, what both pay, and slopes.

    The slopes are the derivatives by theta of what D pays and of what G pays, on the same samples.
    """

    theta: list[float] = field(default_factory=list)
    w: list[float] = field(default_factory=list)
    b: list[float] = field(default_factory=list)
    D_x: list[float] = field(default_factory=list)
    D_G_z: list[float] = field(default_factory=list)
    loss_D: list[float] = field(default_factory=list)
    loss_G: list[float] = field(default_factory=list)
    slope_D: list[float] = field(default_factory=list)
    slope_G: list[float] = field(default_factory=list)

    def note(self, **numbers: mg.Tensor) -> None:
        """Those of one more step."""
        for name, x in numbers.items():
            getattr(self, name).append(x.item())


def play(
    cost_D: Cost,
    cost_G: Callable[[mg.Tensor], mg.Tensor],
    data: float,
    steps: int = 300,
    head_start: int = 0,
    decay: float = 0.1,
) -> Seen:
    """Alternating steps from theta = 0; D may train alone for some steps before.

    Its weights decay, which keeps the game from circling; the less they do, the surer D becomes.
    """
    theta = nn.Parameter(mg.zeros(1, 1))
    D: Any = nn.Linear(1, 1)
    with mg.no_grad():
        D.weight.data[:] = 0
        D.bias.data[:] = 0
    optimizer_D = mg.optim.SGD(D.parameters(), lr=0.1, weight_decay=decay)
    optimizer_G = mg.optim.SGD([theta], lr=0.1)
    seen = Seen()
    for step in range(head_start + steps):
        mg.set_step(step)
        real, fake = data + mg.randn(256, 1), mg.randn(256, 1) + theta
        on_real, on_fake = D(real), D(fake.detach())
        loss_D = _move(optimizer_D, cost_D(on_real, on_fake))
        if step >= head_start:
            slope_D: Any = mg.grad(cost_D(D(real), D(fake)), [theta], retain_graph=True)[0]
            loss_G = _move(optimizer_G, cost_G(D(fake)))
            slope_G: Any = theta.grad
            seen.note(
                theta=theta, w=D.weight, b=D.bias, D_x=on_real.sigmoid().mean(), D_G_z=on_fake.sigmoid().mean(),
                loss_D=loss_D, loss_G=loss_G, slope_D=slope_D, slope_G=slope_G,
            )  # fmt: skip
    return seen


def _move(optimizer: mg.optim.Optimizer, loss: mg.Tensor) -> mg.Tensor:
    """One step along the gradient of the loss, which is returned."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
