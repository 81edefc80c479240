"""RMSprop: steps scaled by the root of the mean square of the gradient."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

from minigan.backend import Array, Backend
from minigan.backend.base.arrays import Number
from minigan.errors import ConfigError
from minigan.optim.optimizer import Optimizer


class RMSprop(Optimizer):
    """RMSprop; source: Hinton 2012, lecture 6e; centered: Graves 2013, equations 38 to 41.

    Args:
        params: parameters, or dictionaries of parameters with settings of their own.
        lr: learning rate.
        alpha: decay of the running mean of squared gradients.
        eps: added to the root of the mean square.
        weight_decay: adds weight_decay * parameter to the gradient (L2 penalty).
        momentum: decay of the running sum of scaled gradients that is followed in their place.
        centered: scale by the standard deviation of the gradient instead: subtract its squared running mean.

    Raises:
        ConfigError: no parameters, or a setting out of range.

    >>> w = mg.nn.Parameter(mg.tensor([1.0]))
    >>> optimizer = mg.optim.RMSprop([w], lr=0.01)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.9000], requires_grad=True)
    """

    moments = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
        }
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if not (isinstance(group["alpha"], Real) and 0 <= float(group["alpha"]) <= 1):
            raise ConfigError(f"RMSprop: expected alpha from 0 to 1, but got {group['alpha']!r}.")

    def _needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        used = (True, group["momentum"], group["centered"])
        return tuple(name for name, use in zip(self.moments, used, strict=True) if use)

    def _numbers(self, group: dict[str, Any], step: int) -> tuple[float, ...]:
        return (group["lr"],)

    def _update(
        self,
        group: dict[str, Any],
        backend: Backend,
        p: Array,
        g: Array,
        moments: dict[str, Array],
        numbers: tuple[Number, ...],
    ) -> None:
        (lr,) = numbers
        backend.rmsprop_(
            p,
            g,
            moments["square_avg"],
            moments["momentum_buffer"] if group["momentum"] else None,
            moments["grad_avg"] if group["centered"] else None,
            lr=lr,
            alpha=group["alpha"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
        )
