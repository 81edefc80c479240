"""Flat buffers: the parameters of a network, their gradients and moments, each as views of one array.

So a step of Adam, a clipping or an average is one kernel for the whole network instead of one per parameter.
Each view starts on a 64-byte boundary. In the gaps between views nothing is read, but for those of the gradients,
which a norm passes over: they stay zero. What an update leaves in the others, such as 0 / 0, does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from minigan.backend import Array, get_backend
from minigan.capturing import refuse, touch
from minigan.variable import Variable

ALIGNMENT = 64  # bytes

_homes: WeakValueDictionary[int, Flat] = WeakValueDictionary()  # by the id of each view of the gradients


class Flat:
    """Parameters of one type and device, laid out one after the other.

    Attributes:
        data, grad: all values and all gradients.
        moments: what an optimizer remembers for each value, by name; each is made when first asked for.
        gaps: the places in each of these that belong to no parameter.
        steps: how many updates the moments of each parameter have seen.
    """

    def __init__(self, parameters: Sequence[Variable]) -> None:
        refuse("parameters that an optimizer lays out anew", "Make optimizers, and move modules, outside of it.")
        self.parameters = list(parameters)
        first = parameters[0]._data
        self.backend = get_backend(first)
        unit = ALIGNMENT // first.dtype.itemsize
        self.starts = [0]
        for parameter in parameters:
            self.starts.append(self.starts[-1] + -(-parameter._data.size // unit) * unit)
        self.data, self.grad = (self.backend.flat_buffer(self.starts[-1], first.dtype) for _ in range(2))
        self.moments: dict[str, Array] = {}
        self.steps = [0] * len(parameters)
        self.gaps = self._find_gaps()
        self.views, self.grads = self.settle(parameters, self.data), self.split(self.grad)
        for parameter, grad in zip(parameters, self.grads, strict=True):
            parameter._grad_buffer = grad
            if parameter._grad is not None:
                self.backend.copy_(grad, parameter._grad)
                parameter._grad = grad
            _homes[id(grad)] = self

    @classmethod
    def of(cls, parameter: Variable) -> Flat | None:
        """The layout that this parameter is part of."""
        return _homes.get(id(parameter._grad_buffer))

    def settle(self, leaves: Sequence[Variable], buffer: Array) -> list[Array]:
        """Let leaves with the shapes of the parameters live in this buffer; returns their new arrays."""
        views = self.split(buffer)
        for leaf, view in zip(leaves, views, strict=True):
            self.backend.copy_(view, leaf._data)
            leaf._data = view
            leaf.base, leaf.shows_result = None, False  # it shows the memory of no other tensor any more
        return views

    def split(self, buffer: Array) -> list[Array]:
        """One view of the buffer for each parameter, in its shape."""
        return [
            buffer[start : start + parameter._data.size].reshape(parameter._data.shape)
            for parameter, start in zip(self.parameters, self.starts, strict=False)
        ]

    def holds(self) -> bool:
        """Whether the parameters still live here: moving a module or another optimizer takes them elsewhere."""
        for parameter in self.parameters:
            touch(parameter, "_data")
        return all(p._data is view for p, view in zip(self.parameters, self.views, strict=True))

    def _find_gaps(self) -> Array:
        ends = [start + p._data.size for p, start in zip(self.parameters, self.starts, strict=False)]
        gaps = chain.from_iterable(map(range, ends, self.starts[1:]))
        return self.backend.asarray(np.fromiter(gaps, np.int64))

    def moment(self, name: str) -> Array:
        """The moment of this name; zeros, when first asked for."""
        if name not in self.moments:
            refuse("a moment that an optimizer makes anew", "Set optimizers before the first of all calls.")
            self.moments[name] = self.backend.flat_buffer(self.starts[-1], self.data.dtype)
        return self.moments[name]

    def runs(self, kind: Callable[[int], Any]) -> Iterator[tuple[slice, list[int]]]:
        """Stretches of neighbours that have a gradient and are of one kind: a slice, and their positions.

        Args:
            kind: the kind of the parameter at a position; None leaves it out.
        """

        def key(i: int) -> Any:
            touch(self.parameters[i], "_grad")
            return None if self.parameters[i]._grad is None else kind(i)

        for found, positions in groupby(range(len(self.parameters)), key):
            if found is not None:
                run = list(positions)
                yield slice(self.starts[run[0]], self.starts[run[-1] + 1]), run

    def state(self, i: int) -> dict[str, Any]:
        """What the optimizer remembers of parameter i, as host arrays."""
        return {name: self.backend.to_host(self.split(moment)[i]).copy() for name, moment in self.moments.items()}

    def load(self, i: int, step: int, state: dict[str, Any]) -> None:
        """Put back what :meth:`state` gave; moments that it lacks start anew."""
        self.steps[i] = step
        for name in {**self.moments, **state}:
            value = self.backend.asarray(state[name]) if name in state else 0
            self.backend.copy_(self.split(self.moment(name))[i], value)


def gradients(parameters: Iterable[Variable]) -> Iterator[Array]:
    """The gradients of these parameters in as few arrays as may be.

    Neighbours in a flat buffer share one array (the gaps between them are zeros); others have one each. Who writes
    to the arrays calls :func:`clear_gaps` afterwards, unless that leaves zeros as they are.
    """
    homes, rest = _at_home(parameters)
    for flat, wanted in homes:
        for stretch, _ in flat.runs(lambda i: id(flat.parameters[i]) in wanted or None):  # noqa: B023
            yield flat.grad[stretch]
    for parameter in rest:
        yield parameter._grad


def clear_gaps(parameters: Iterable[Variable]) -> None:
    """Put zeros into the gaps between the gradients of these parameters again: 0 times NaN left NaN there."""
    for flat, _ in _at_home(parameters)[0]:
        backend, gaps = flat.backend, flat.gaps
        backend.setitem_(flat.grad, gaps, backend.full(gaps.shape, 0, flat.grad.dtype))  # a 0 from here would be copied


def _at_home(parameters: Iterable[Variable]) -> tuple[list[tuple[Flat, set[int]]], list[Variable]]:
    """The buffers that hold gradients of these parameters, with whose they are; and who has a gradient elsewhere."""
    homes, rest = dict[int, tuple[Flat, set[int]]](), []
    for parameter in parameters:
        touch(parameter, "_grad")
        home = _homes.get(id(parameter._grad)) if parameter._grad is parameter._grad_buffer else None
        if home is not None:
            homes.setdefault(id(home), (home, set()))[1].add(id(parameter))
        elif parameter._grad is not None:
            rest.append(parameter)
    return list(homes.values()), rest
