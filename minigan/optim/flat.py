"""Flat buffers: the parameters of a network, their gradients and moments, each as views of one array.

So a step of Adam, a clipping or an average is one kernel for the whole network instead of one per parameter.
Each view starts on a 64-byte boundary. The gaps between views stay zero under every update rule here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from minigan.backend import Array, get_backend
from minigan.variable import Variable

ALIGNMENT = 64  # bytes


class Flat:
    """Parameters of one type and device, laid out one after the other.

    Attributes:
        data, grad: all values and all gradients.
        moments: what an optimizer remembers for each value, by name.
        steps: how many updates the moments of each parameter have seen.
    """

    def __init__(self, parameters: Sequence[Variable], names: Sequence[str]) -> None:
        self.parameters = list(parameters)
        first = parameters[0]._data
        self.backend = get_backend(first)
        unit = ALIGNMENT // first.dtype.itemsize
        self.starts = [0]
        for parameter in parameters:
            self.starts.append(self.starts[-1] + -(-parameter._data.size // unit) * unit)
        self.data, self.grad, *moments = (
            self.backend.flat_buffer(self.starts[-1], first.dtype) for _ in range(2 + len(names))
        )
        self.moments = dict(zip(names, moments, strict=True))
        self.steps = [0] * len(parameters)
        self.views = self.split(self.data)
        for parameter, view, grad in zip(parameters, self.views, self.split(self.grad), strict=True):
            self.backend.copy_(view, parameter._data)
            parameter._data = view
            parameter.base = None  # it shows the memory of no other leaf any more
            parameter._grad_buffer = grad
            if parameter._grad is not None:
                self.backend.copy_(grad, parameter._grad)
                parameter._grad = grad

    def split(self, buffer: Array) -> list[Array]:
        """One view of the buffer for each parameter, in its shape."""
        return [
            buffer[start : start + parameter._data.size].reshape(parameter._data.shape)
            for parameter, start in zip(self.parameters, self.starts, strict=False)
        ]

    def holds(self) -> bool:
        """Whether the parameters still live here: moving a module or another optimizer takes them elsewhere."""
        return all(p._data is view for p, view in zip(self.parameters, self.views, strict=True))

    def runs(self) -> Iterator[tuple[slice, list[int]]]:
        """Stretches of neighbours that have a gradient and the same number of steps: a slice, and their positions."""
        run: list[int] = []
        for i, parameter in enumerate(self.parameters):
            if run and (parameter._grad is None or self.steps[i] != self.steps[run[0]]):
                yield self._slice(run), run
                run = []
            if parameter._grad is not None:
                run.append(i)
        if run:
            yield self._slice(run), run

    def _slice(self, run: Sequence[int]) -> slice:
        return slice(self.starts[run[0]], self.starts[run[-1] + 1])

    def state(self, i: int) -> dict[str, Any]:
        """What the optimizer remembers of parameter i, as host arrays."""
        return {name: self.backend.to_host(self.split(moment)[i]).copy() for name, moment in self.moments.items()}

    def load(self, i: int, step: int, state: dict[str, Any]) -> None:
        """Put back what :meth:`state` gave; without any, the moments start anew."""
        self.steps[i] = step
        for name, moment in self.moments.items():
            self.backend.copy_(self.split(moment)[i], self.backend.asarray(state[name]) if state else 0)
