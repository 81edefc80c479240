"""A player: a network and what moves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from minigan.nn import Module, Parameter
from minigan.nn.utils import clip_grad_norm_
from minigan.optim import Optimizer

Schedule = Callable[[int], dict[str, float]]
Move = Literal["step", "extrapolate"]


@dataclass
class Player:
    """A network and the optimizer that moves it.

    Attributes:
        name: "G" or "D", for messages.
        network: what it plays with.
        optimizer: of the network's parameters.
        schedule: the optimizer's settings, such as lr, on each step; a function of the step alone, so that nothing of
            it has to be saved.
        clip_grad_norm: the gradient is scaled down to this length where it is longer; 0 for never.
    """

    name: str
    network: Module
    optimizer: Optimizer
    schedule: Schedule | None = None
    clip_grad_norm: float = 0.0

    @property
    def trained(self) -> list[Parameter]:
        """The parameters that the optimizer moves."""
        return [parameter for parameter in self.network.parameters() if parameter.requires_grad]

    def begin(self, step: int) -> None:
        """Get ready for step number ``step``: training mode, and what the schedule says."""
        self.network.train()
        if self.schedule is not None:
            for group in self.optimizer.param_groups:
                group.update(self.schedule(step))

    def move(self, how: Move = "step") -> None:
        """Move along the gradients, by this method of the optimizer; if they are too long, along shorter ones."""
        if self.clip_grad_norm:
            clip_grad_norm_(self.network.parameters(), self.clip_grad_norm)
        getattr(self.optimizer, how)()

    def state_dict(self) -> dict[str, Any]:
        """The states of both."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave."""
        self.network.load_state_dict(state_dict["network"])
        self.optimizer.load_state_dict(state_dict["optimizer"])
