"""EMA: a slow copy of a network, which samples better than the network itself."""

from __future__ import annotations

import copy
from typing import Any

from minigan.backend import get_backend
from minigan.capturing import changing, each_time
from minigan.errors import ConfigError
from minigan.nn import Module


class EMA:
    """An exponential moving average of a network's parameters; source: Yazici et al. 2019.

    Buffers, such as BatchNorm's running statistics, are averages already and are carried over as they are. In the
    first updates, number n from 0, the decay is (1 + n) / (10 + n) while that is less, as in TensorFlow's
    ExponentialMovingAverage: else the average would hold on to the random weights of the start.

    Args:
        network: the network that is trained.
        decay: the weight of the past, from 0 to below 1.

    Attributes:
        network: the averaged copy, in evaluation mode.
        updates: how many steps the average has made.
    """

    def __init__(self, network: Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ConfigError(f"EMA: expected a decay from 0 to below 1, but got {decay}.")
        self.decay = decay
        self.source = network
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.updates = 0

    def update(self) -> None:
        """Move the average one step towards the network."""
        share: Any = None
        for average, parameter in zip(self.network.parameters(), self.source.parameters(), strict=True):
            backend = get_backend(average._data)
            if share is None:  # the parameters of a network are of one type, and on one device
                (share,) = changing(self._share, backend, average.dtype)
            backend.lerp_(average._data, parameter._data, share)
            average.count_change()
        for copied, buffer in zip(self.network.buffers(), self.source.buffers(), strict=True):
            get_backend(copied._data).copy_(copied._data, buffer._data)
            copied.count_change()
        each_time(self._count)

    def _share(self) -> tuple[float]:
        """How much of the network goes into the average in the next update."""
        return (1 - min(self.decay, (1 + self.updates) / (10 + self.updates)),)

    def _count(self) -> None:
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """The averaged network's state and the number of updates."""
        return {"network": self.network.state_dict(), "updates": self.updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave."""
        self.network.load_state_dict(state_dict["network"])
        self.updates = state_dict["updates"]
