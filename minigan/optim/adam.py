"""Adam: steps scaled by running moments of the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any, ClassVar

from minigan.backend import Array, Backend
from minigan.backend.base.arrays import Number
from minigan.errors import ConfigError
from minigan.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Adam with bias correction; source: Kingma and Ba 2015, algorithm 1.

    Args:
        params: parameters, or dictionaries of parameters with settings of their own.
        lr: learning rate.
        betas: decay of the running mean of gradients and of their squares.
        eps: added to the root of the mean square.
        weight_decay: adds weight_decay * parameter to the gradient (L2 penalty).

    Attributes:
        decoupled: whether the decay shrinks the parameters themselves, as in `minigan.optim.AdamW`.

    Raises:
        ConfigError: no parameters, or a setting out of range.

    >>> w = mg.nn.Parameter(mg.tensor([1.0]))
    >>> optimizer = mg.optim.Adam([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    moments: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")
    foreign: ClassVar[tuple[str, ...]] = ("maximize", "amsgrad", "decoupled_weight_decay")
    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        betas = group["betas"]
        pair = isinstance(betas, tuple | list) and len(betas) == 2
        if not pair or not all(isinstance(beta, Real) and 0 <= float(beta) < 1 for beta in betas):
            raise ConfigError(f"{type(self).__name__}: expected two betas from 0 to below 1, but got {betas!r}.")

    def _numbers(self, group: dict[str, Any], step: int) -> tuple[float, ...]:
        """The step's length and eps, both with the corrections of the moments' bias, and how weights shrink.

        lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) = rate m / (sqrt(v) + eps'): the end of section 2.
        """
        beta1, beta2 = group["betas"]
        root2 = math.sqrt(1 - beta2**step)
        return group["lr"] * root2 / (1 - beta1**step), group["eps"] * root2, 1 - group["lr"] * group["weight_decay"]

    def _update(
        self,
        group: dict[str, Any],
        backend: Backend,
        p: Array,
        g: Array,
        moments: dict[str, Array],
        numbers: tuple[Number, ...],
    ) -> None:
        rate, eps, shrink = numbers
        backend.adam_(
            p,
            g,
            moments["exp_avg"],
            moments["exp_avg_sq"],
            rate=rate,
            eps=eps,
            shrink=shrink if self.decoupled else None,
            betas=group["betas"],
            weight_decay=0.0 if self.decoupled else group["weight_decay"],
        )
