"""AdamW: Adam whose weight decay does not pass through the moments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigan.optim.adam import Adam


class AdamW(Adam):
    """Adam with decoupled weight decay; source: Loshchilov and Hutter 2019, algorithm 2.

    Args:
        params: parameters, or dictionaries of parameters with settings of their own.
        lr: learning rate.
        betas: decay of the running mean of gradients and of their squares.
        eps: added to the root of the mean square.
        weight_decay: each step first multiplies the parameters by 1 - lr * weight_decay.

    Raises:
        ConfigError: no parameters, or a setting out of range.

    >>> w = mg.nn.Parameter(mg.tensor([1.0]))
    >>> optimizer = mg.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.8500], requires_grad=True)
    """

    foreign = ("maximize", "amsgrad")
    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
