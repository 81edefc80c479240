"""EMA: a slow copy of a network, which samples better than the network itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from minigan.backend import Array, device_of, get_backend
from minigan.capturing import changing, each_time, refuse
from minigan.errors import ConfigError
from minigan.gan.statistics import estimate_statistics
from minigan.nn import Module
from minigan.optim.flat import Flat
from minigan.tensor import Tensor
from minigan.variable import Variable


class EMA:
    """An exponential moving average of a network's parameters; source: Yazici et al. 2019.

    In the first updates, number n from 0, the decay is (1 + n) / (10 + n) while that is less, as in TensorFlow's
    ExponentialMovingAverage: else the average would hold on to the random weights of the start. Buffers are carried
    over as they are; but BatchNorm's statistics are those of the weights that were trained, and not of their average,
    so :meth:`settle` makes new ones before the average is used.

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
        self._settled = 0
        self._twins: list[_Twin] = []

    def __getstate__(self) -> dict[str, Any]:
        """For `copy` and `pickle`: a copy is laid out anew."""
        return {**vars(self), "_twins": []}

    def update(self) -> None:
        """Move the average one step towards the network."""
        share: Any = None
        for average, now in self._stretches():
            backend = get_backend(average)
            if share is None:  # the parameters of a network are of one type, and on one device
                (share,) = changing(self._share, backend, average.dtype)
            backend.lerp_(average, now, share)
        for parameter in self.network.parameters():
            parameter.count_change()
        for copied, buffer in zip(self.network.buffers(), self.source.buffers(), strict=True):
            get_backend(copied._data).copy_(copied._data, buffer._data)
            copied.count_change()
        each_time(self._count)

    def _stretches(self) -> Iterator[tuple[Array, Array]]:
        """The averages and what they follow, in as few arrays as may be."""
        followed: dict[Variable, Variable] = dict(zip(self.source.parameters(), self.network.parameters(), strict=True))
        self._twins = [twin for twin in self._twins if twin.holds()]
        flats = {id(flat): flat for parameter in followed if (flat := Flat.of(parameter)) is not None}
        for flat in flats.values():
            if all(twin.flat is not flat for twin in self._twins) and flat.holds() and _are_alike(flat, followed):
                self._twins.append(_Twin(flat, [followed[p] for p in flat.parameters]))
        at_home = {id(parameter) for twin in self._twins for parameter in twin.flat.parameters}
        yield from ((twin.data, twin.flat.data) for twin in self._twins)
        yield from ((followed[p]._data, p._data) for p in followed if id(p) not in at_home)

    def _share(self) -> tuple[float]:
        """How much of the network goes into the average in the next update."""
        return (1 - min(self.decay, (1 + self.updates) / (10 + self.updates)),)

    def _count(self) -> None:
        self.updates += 1

    def settle(self, examples: Callable[[], Sequence[tuple[Tensor, ...]]]) -> None:
        """Set BatchNorm's statistics to those of the averaged weights, unless that was done since the last update.

        Args:
            examples: batches of what the network takes; without any, the statistics stay those of the network.
        """
        if self._settled != self.updates:
            estimate_statistics(self.network, examples())
            self._settled = self.updates

    def state_dict(self) -> dict[str, Any]:
        """The averaged network's state and the number of updates."""
        return {"network": self.network.state_dict(), "updates": self.updates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave."""
        self.network.load_state_dict(state_dict["network"])
        self.updates = self._settled = state_dict["updates"]


class _Twin:
    """Averages that are laid out like the parameters they follow, so that one kernel moves all of them.

    Attributes:
        flat: the layout of the parameters.
        data: all averages.
    """

    def __init__(self, flat: Flat, averages: Sequence[Variable]) -> None:
        refuse("an average that is laid out anew", "Move modules, and load their states, outside of it.")
        self.flat = flat
        self.averages = averages
        self.data = flat.backend.flat_buffer(flat.starts[-1], flat.data.dtype)
        self.views = flat.settle(averages, self.data)

    def holds(self) -> bool:
        """Whether the parameters and their averages still live here."""
        return self.flat.holds() and all(x._data is view for x, view in zip(self.averages, self.views, strict=True))


def _are_alike(flat: Flat, followed: Mapping[Variable, Variable]) -> bool:
    """Whether the averages of all that lives there are of the same shapes and type, and on the same device."""
    pairs = [(p._data, followed[p]._data) for p in flat.parameters if p in followed]
    kinds = ((x.shape, x.dtype, device_of(x)) == (a.shape, a.dtype, device_of(a)) for x, a in pairs)
    return len(pairs) == len(flat.parameters) and all(kinds)
