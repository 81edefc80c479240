"""Watching a step: every operation that runs, and every gradient that goes back, with the arrays themselves.

`Forward` and `Backward` are observers; `program` keeps of what they saw the operations that lead to the loss, each with
where its arguments came from. What is told of it as numbers is in step_tape.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.backend import Array, Backend, get_backend
from minigan.observers.observer import Observer, layers
from minigan.ops.reduce import sum_to
from minigan.recording import recording
from minigan.sweep import Edge
from minigan.tape import Node
from minigan.tensor import Tensor
from minigan.variable import Variable


@dataclass(eq=False)
class Call:
    """One run of an operation.

    Attributes:
        name: of the operation.
        operands: its arguments: tensors, numbers, None.
        arrays: the same as the kernel got them.
        params: its settings.
        y: the result.
        modules: that were being called, outermost first.
        node: what it left on the tape, or None.
        sources: for each argument the call whose result it is, or None.
    """

    name: str
    operands: Sequence[Any]
    arrays: Sequence[Any]
    params: dict[str, Any]
    y: Array
    modules: Sequence[Any]
    node: Node | None = None
    sources: Sequence[Call | None] = ()


class Forward(Observer):
    """Every operation that runs inside, but for the kernels of a sweep that leaves nothing on the tape."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._operands: Sequence[Any] = ()
        self._passing = 0

    def given(self, operands: Sequence[Any]) -> None:
        """Remember the tensors, which know their names."""
        self._operands = operands

    def ran(self, name: str, backend: Backend, arrays: Sequence[Any], params: dict[str, Any], y: Array) -> None:
        """Note the call."""
        if not self._passing or recording():
            self.calls.append(Call(name, self._operands, arrays, params, y, tuple(layers())))

    def recorded(self, node: Node) -> None:
        """It was on the tape."""
        self.calls[-1].node = node

    def passing(self, node: Node, gy: Tensor) -> None:
        """A sweep has come to a node."""
        self._passing += 1

    def passed(self, node: Node) -> None:
        """It has left it."""
        self._passing -= 1


@dataclass
class SentGradient:
    """A gradient that a node sent along an edge, and the sum of all that went along edges to the same place so far."""

    edge: Edge
    gradient: NDArray[Any]
    so_far: NDArray[Any]


class Backward(Observer):
    """What the sweep inside carries: to each node its gradient, in order, and what the node sends on."""

    def __init__(self) -> None:
        self.received: dict[Node, NDArray[Any]] = {}
        self.sendings: dict[Node, list[SentGradient]] = {}
        self.totals: dict[Edge, NDArray[Any]] = {}

    def passing(self, node: Node, gy: Tensor) -> None:
        """A node's gradient is complete."""
        if not recording():
            self.received[node] = host(gy.data)
            self.sendings[node] = []

    def sent(self, node: Node, edge: Edge, gy: Tensor, gx: Tensor) -> None:
        """It sends a gradient on: in the shape of the argument, with broadcasting undone."""
        if node in self.received and not recording():
            gradient = host((gx if gx.shape == edge.shape else sum_to(gx, shape=edge.shape)).data)
            before = self.totals.get(edge)
            self.totals[edge] = gradient if before is None else np.asarray(before + gradient)
            self.sendings[node].append(SentGradient(edge, gradient, self.totals[edge]))


def host(x: Array) -> NDArray[Any]:
    """A copy that nobody changes."""
    copy: NDArray[Any] = np.array(get_backend(x).to_host(x))
    return copy


def program(forward: Forward, loss: Tensor) -> list[Call]:
    """The calls that lead to the loss, in the order in which they ran, the loss's own last.

    An argument is the result of the call that made its very array, so that a tensor cut off by ``detach`` still shows
    where it came from.
    """
    made: dict[int, Call] = {}
    for call in forward.calls:
        call.sources = [made.get(id(x)) if hasattr(x, "shape") else None for x in call.arrays]
        made[id(call.y)] = call
    needed, waiting = set(), [made.get(id(loss.data))]
    while waiting:
        call = waiting.pop()  # type: ignore[assignment]
        if call is not None and call not in needed:
            needed.add(call)
            waiting += call.sources
    return [call for call in forward.calls if call in needed]


def edge_at(call: Call, i: int) -> Node | Variable | None:
    """Where the gradient of argument i goes."""
    return None if call.node is None else call.node.edges[i]


def changed(calls: Sequence[Call]) -> list[Call]:
    """Those on the tape whose result is not what they give for the arguments that they had.

    The tape keeps arrays, no copies: who writes into one later, as with ``x.data[...] = 7``, changes what was recorded.
    """
    return [call for call in calls if call.node is not None and not _repeats(call)]


def _repeats(call: Call) -> bool:
    """The same kernel gives the same bits, but for sums whose order may depend on where in memory the numbers lie."""
    y = host(call.y)
    again = call.node.op.run(get_backend(call.y), call.arrays, call.params)  # type: ignore[union-attr]
    share = np.finfo(y.dtype).eps ** 0.5 if y.dtype.kind == "f" else 0.0
    size = float(np.abs(y[np.isfinite(y)]).max(initial=0))
    return bool(np.allclose(host(again), y, share, share * size, equal_nan=True))
