"""Spot the bug: "min over G of -E log D(G(z))" under the name minimax.

In the minimax game one player's loss is the other's gain: G minimises E log(1 - D(G(z))). Minimising -E log D(G(z)) is
the non-saturating game: another loss, another gradient, and no game of zero sum. It is the better one to train with;
but who reads "minimax" and looks for vanishing gradients will not find them.
"""

from collections.abc import Callable
from typing import Any

import minigan as mg
from minigan.gan import get_loss
from minigan.nn import functional as F


def wrong(on_fake: mg.Tensor) -> mg.Tensor:
    """Called minimax: -E log D(G(z))."""
    return -F.logsigmoid(on_fake).mean()


def mended(on_fake: mg.Tensor) -> mg.Tensor:
    """The minimax game: E log(1 - D(G(z)))."""
    return F.logsigmoid(-on_fake).mean()


def signal(cost: Callable[[mg.Tensor], mg.Tensor], s: float) -> float:
    """How strongly a fake with the logit s is pulled up: minus the derivative of what G pays."""
    logit = mg.tensor([[s]], dtype=mg.float64, requires_grad=True)
    slope: Any = mg.grad(cost(logit), [logit])[0]
    return -float(slope.item())


def total(name: str, s: float) -> float:
    """What both players pay together for a fake with the logit s, where real samples cost nothing."""
    loss, logit = get_loss(name), mg.tensor([[s]], dtype=mg.float64)
    return float((loss.discriminator(mg.full((1, 1), 100.0, dtype=mg.float64), logit) + loss.generator(logit)).item())


def main() -> None:
    """Print the signals, and the sums of both players' losses."""
    print("logit of D on a fake     gradient that reaches it            sum of both players' losses")
    print("                      minimax   non-saturating     ratio     minimax   non-saturating")
    for s in (-8.0, -4.0, 0.0, 4.0):
        minimax, other = signal(mended, s), signal(wrong, s)
        sums = total("minimax", s), total("non-saturating", s)
        print(f"{s:20.0f}  {minimax:.6f}  {other:15.6f}  {minimax / other:9.5f}  {sums[0]:9.4f}  {sums[1]:14.4f}")
    print("The ratio is D/(1 - D) = exp(s): at s = -8 minimax passes 1/2981 of the other signal.")


if __name__ == "__main__":
    main()
