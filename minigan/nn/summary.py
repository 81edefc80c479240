"""A table of the layers of a network: ``Module.summary``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigan.backend import Array, Backend
from minigan.errors import ArgumentError
from minigan.observers.costs import cost
from minigan.observers.observer import Observer, layers
from minigan.observers.tables import table
from minigan.ops.creation import zeros
from minigan.ops.random import stream
from minigan.recording import no_grad
from minigan.variable import Variable

if TYPE_CHECKING:
    from minigan.nn.module import Module


class Layer(NamedTuple):
    """One line: a module, with all that is inside it. A module that was not called has no output."""

    name: str
    type: str
    output: str
    parameters: int
    flops: int


class Summary:
    """A table of layers, to be printed.

    Attributes:
        layers: one `Layer` for each module, the whole network first.
        parameters, trained: how many values there are, and how many of them require a gradient.
        flops: of one forward pass.
    """

    def __init__(self, network: Module, rows: list[Layer]) -> None:
        self.layers = rows
        self.parameters = network.num_parameters()
        self.trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
        self.flops = rows[0].flops

    def __str__(self) -> str:
        head = ("layer", "type", "output", "parameters", "FLOPs")
        lines = [(name, kind, y, f"{n:,}", f"{flops:,}") for name, kind, y, n, flops in self.layers]
        titles, rule, *body = table(head, lines, words=3)
        total = f"{self.parameters:,} parameters, {self.trained:,} of them trained; {self.flops:,} FLOPs"
        return "\n".join([titles, rule, *body, rule, total])

    __repr__ = __str__


def summarize(network: Module, inputs: Sequence[Any]) -> Summary:
    """See `Module.summary`."""
    if not inputs:
        raise ArgumentError(
            f"{type(network).__name__}.summary: expected the shape of each input, but got none. "
            "Pass for example (1, 784): one sample of 784 values."
        )
    examples = [_example(network, x) for x in inputs]
    seen = _Seen()
    with no_grad(), _undisturbed(network), seen:
        network(*examples)
    rows = [
        Layer(name, type(m).__name__, seen.outputs.get(m, "-"), m.num_parameters(), seen.flops.get(m, 0))
        for name, m in network.named_modules()
    ]
    return Summary(network, rows)


class _Seen(Observer):
    """What each module returned, and what it cost."""

    def __init__(self) -> None:
        self.outputs: dict[Module, str] = {}
        self.flops: dict[Module, int] = {}

    def ran(self, name: str, backend: Backend, arrays: Sequence[Any], params: dict[str, Any], y: Array) -> None:
        flops = cost(name, arrays, y).flops
        for module in dict.fromkeys(layers()):
            self.flops[module] = self.flops.get(module, 0) + flops

    def left(self, module: Any, y: Any) -> None:
        self.outputs[module] = _shape(y)


def _shape(y: Any) -> str:
    if isinstance(y, list | tuple):
        return ", ".join(_shape(part) for part in y)
    return str(tuple(y.shape)) if hasattr(y, "shape") else type(y).__name__


def _example(network: Module, x: Any) -> Any:
    """Zeros of this shape, where the network lives and of its type; an example as it is."""
    if isinstance(x, Variable) or hasattr(x, "dtype"):
        return x
    if not isinstance(x, list | tuple) or not all(isinstance(n, int | np.integer) for n in x):
        raise ArgumentError(
            f"{type(network).__name__}.summary: expected shapes, such as (1, 784), or example tensors, but got {x!r}."
        )
    own = next((t for t in (*network.parameters(), *network.buffers()) if t.dtype.kind == "f"), None)
    if own is None:
        return zeros(*x)
    return zeros(*x, dtype=own.dtype, device=own.device)


@contextlib.contextmanager
def _undisturbed(network: Module) -> Iterator[None]:
    """In evaluation mode, where no layer updates a state; afterwards modes and random streams are what they were."""
    modes = [(module, module.training) for module in network.modules()]
    step, site = stream.step, stream.site
    network.eval()
    try:
        yield
    finally:
        stream.step, stream.site = step, site
        for module, training in modes:
            module.training = training
