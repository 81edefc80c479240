"""SGD: steps along the gradient, with momentum if wanted."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any, ClassVar

from minigan.backend import Array, Backend
from minigan.backend.base.arrays import Number
from minigan.errors import ConfigError
from minigan.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, with PyTorch's form of momentum.

    Args:
        params: parameters, or dictionaries of parameters with settings of their own.
        lr: learning rate.
        momentum: decay of the running sum of gradients that is followed in place of the gradient.
        dampening: the share of a new gradient that this sum leaves out.
        weight_decay: adds weight_decay * parameter to the gradient (L2 penalty).
        nesterov: look one step ahead along the momentum; source: Sutskever et al. 2013.

    Raises:
        ConfigError: no parameters, or a setting out of range.

    >>> w = mg.nn.Parameter(mg.tensor([1.0]))
    >>> optimizer = mg.optim.SGD([w], lr=0.1)
    >>> (w * 3).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.7000], requires_grad=True)
    """

    moments: ClassVar[tuple[str, ...]] = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        super().__init__(params, defaults)

    scheduled = ("lr", "momentum")

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if not isinstance(group["dampening"], Real):
            raise ConfigError(
                f"{type(self).__name__}: expected dampening to be a number, but got {group['dampening']!r}."
            )
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"]):
            raise ConfigError(
                f"{type(self).__name__}: nesterov expects a momentum above 0 and no dampening, but got momentum "
                f"{group['momentum']!r} and dampening {group['dampening']!r}."
            )

    def _needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()  # without it the buffer stays as it is, as in PyTorch

    def _numbers(self, group: dict[str, Any], step: int) -> tuple[float, ...]:
        """The rate, the momentum, and the gradient's share in the buffer: the first gradient goes in undampened."""
        return group["lr"], group["momentum"], 1.0 if step == 1 else 1 - group["dampening"]

    def _update(
        self,
        group: dict[str, Any],
        backend: Backend,
        p: Array,
        g: Array,
        moments: dict[str, Array],
        numbers: tuple[Number, ...],
    ) -> None:
        lr, momentum, share = numbers
        backend.sgd_(
            p,
            g,
            moments["momentum_buffer"] if group["momentum"] else None,
            lr=lr,
            momentum=momentum,
            share=share if group["dampening"] else None,
            weight_decay=group["weight_decay"],
            nesterov=group["nesterov"],
        )
