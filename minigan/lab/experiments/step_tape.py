"""A tape as numbers: what every operation made, received and sent, and which gradients were never computed.

The boxes are in an order in which every one comes after those that it was made from.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.step_record import (
    Backward,
    Call,
    Forward,
    SentGradient,
    changed,
    edge_at,
    host,
    program,
)
from minigan.lab.experiments.step_slopes import Key, Slope, slopes
from minigan.nn import Module, Parameter
from minigan.observers.costs import cost
from minigan.tape import Node, Primitive
from minigan.tensor import Tensor
from minigan.variable import Variable

SMALL = 16  # numbers that can be followed by eye

CUT, FROZEN, DATA, FLAT = "cut", "frozen", "data", "flat"
"""Why a gradient was not computed: ``detach`` cut the tape there, the parameter is frozen, it is data, or the operation
has no slope in that argument."""


@dataclass(frozen=True)
class ArraySummary:
    """An array.

    Attributes:
        shape: its lengths.
        size: its L2 norm.
        numbers: all of them, where they are few.
    """

    shape: tuple[int, ...]
    size: float
    numbers: NDArray[Any] | None

    @classmethod
    def of(cls, x: Any) -> ArraySummary:
        """Those of an array."""
        array = host(x)
        size = float(np.linalg.norm(array.astype(np.float64).ravel()))
        return cls(array.shape, size, array if array.size <= SMALL else None)


@dataclass(frozen=True)
class Argument:
    """An argument of an operation.

    Attributes:
        name: as the operation calls it.
        box: where it comes from; None for a number, which is in ``value``.
        value: that number.
        sent: the gradient that the operation sent to it.
        so_far: all that was sent to the same box until then.
        why_not: why no gradient was sent: one of `CUT`, `FROZEN`, `DATA`, `FLAT`; empty if one was, or if the
            operation itself received none.
        spared: the floating point operations which that gradient would have cost.
    """

    name: str
    box: int | None = None
    value: float | None = None
    sent: ArraySummary | None = None
    so_far: ArraySummary | None = None
    why_not: str = ""
    spared: int = 0


@dataclass(frozen=True, kw_only=True)
class Box:
    """A value of the tape: the result of an operation, a parameter, or data.

    Attributes:
        kind: "operation", "parameter" or "data".
        name: of the operation, the parameter or the data.
        player: "G" or "D", if it belongs to one of them.
        layer: of the player, such as "0", and its kind, such as "Linear".
        value: what it is.
        followed: whether a gradient may come here.
        gradient: the one that came, complete.
        arguments: of the operation.
        settings: of the operation.
        keeps: what the operation keeps of its forward pass for its VJPs.
        slope: the gradient beside a measured slope.
    """

    kind: str
    name: str
    player: str = ""
    layer: tuple[str, str] = ("", "")
    value: ArraySummary
    followed: bool
    gradient: ArraySummary | None = None
    arguments: tuple[Argument, ...] = ()
    settings: Mapping[str, str] | None = None
    keeps: tuple[str, ...] = ()
    slope: Slope | None = None


@dataclass(frozen=True)
class Operation:
    """What an operation is: its formula, and its definition in minigan."""

    formula: str
    definition: str


@dataclass(frozen=True)
class Tape:
    """A forward pass to a loss, and the sweep back from it.

    Attributes:
        boxes: all values.
        forward: the boxes of the operations in the order in which they ran.
        backward: those that a gradient came to, in the order of the sweep.
        operations: what each operation on the tape is, by its name.
        changed: the boxes of those whose result or arguments were written into after they had run.
    """

    boxes: tuple[Box, ...]
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    operations: Mapping[str, Operation]
    changed: tuple[int, ...] = ()

    @property
    def handed_over(self) -> list[tuple[int, int]]:
        """From which box of G to which operation of D a sample goes: there D's gradient becomes G's signal."""
        return [
            (argument.box, i)
            for i, box in enumerate(self.boxes)
            for argument in box.arguments
            if argument.box is not None and self.boxes[argument.box].player == "G" and box.player != "G"
        ]

    @property
    def skipped(self) -> list[tuple[int, Argument]]:
        """The gradients that were not computed, with the box of the operation that would have."""
        return [(i, argument) for i in self.backward for argument in self.boxes[i].arguments if argument.why_not]

    @property
    def errors(self) -> list[float]:
        """How far each gradient that was checked is from the measured slope, as a share of it."""
        return [box.slope.error for box in self.boxes if box.slope is not None and not box.slope.not_checked]


def read(
    forward: Forward, backward: Backward, loss: Tensor, players: Mapping[str, Module], data: Mapping[str, Tensor]
) -> Tape:
    """What the observers saw of a step, as numbers; to be called before a parameter moves.

    Args:
        forward: saw the forward pass.
        backward: saw the sweep.
        loss: where the sweep began.
        players: networks by their names.
        data: tensors by their names; others are called as the operations call them that use them.
    """
    return _Reader(program(forward, loss), backward, players, data).tape()


class _Reader:
    def __init__(
        self, calls: Sequence[Call], backward: Backward, players: Mapping[str, Module], data: Mapping[str, Tensor]
    ) -> None:
        self.calls = calls
        self.backward = backward
        self.layers: dict[Any, tuple[str, str]] = {
            module: (name, path) for name, net in players.items() for path, module in net.named_modules()
        }
        self.parameters: dict[Any, tuple[str, str]] = {
            p: (name, path) for name, net in players.items() for path, p in net.named_parameters()
        }
        self.data = {id(x.data): name for name, x in data.items()}
        self.boxes: list[Box] = []
        self.place: dict[Any, int] = {}  # by the call that made a value, or the id of its array
        gradients: dict[Key, NDArray[Any]] = {e: g for e, g in backward.totals.items() if isinstance(e, Variable)}
        gradients |= {call: backward.received[call.node] for call in calls if call.node in backward.received}
        self.gradients = gradients
        self.slopes = slopes(calls, gradients, seed=len(calls))

    def tape(self) -> Tape:
        for call in self.calls:
            self._add(call, self._operation(call))
        places = {call.node: self.place[call] for call in self.calls if call.node is not None}
        return Tape(
            boxes=tuple(self.boxes),
            forward=tuple(self.place[call] for call in self.calls),
            backward=tuple(places[node] for node in self.backward.received if node in places),
            operations={call.name: _operation(call.node.op) for call in self.calls if call.node is not None},
            changed=tuple(self.place[call] for call in changed(self.calls)),
        )

    def _add(self, key: Any, box: Box) -> int:
        self.place[key] = len(self.boxes)
        self.boxes.append(box)
        return self.place[key]

    def _operation(self, call: Call) -> Box:
        player, path = self.layers.get(call.modules[0], ("", "")) if call.modules else ("", "")
        inner = call.modules[-1] if call.modules else None
        arguments = self._arguments(call)
        return Box(
            kind="operation",
            name=call.name,
            player=player,
            layer=(self.layers[inner][1] if inner in self.layers else path, type(inner).__name__ if inner else ""),
            value=ArraySummary.of(call.y),
            followed=call.node is not None,
            gradient=self._gradient(call),
            arguments=arguments,
            settings={name: _setting(value) for name, value in call.params.items() if _setting(value)},
            keeps=_kept(call.node) if call.node is not None else (),
            slope=self.slopes.get(call),
        )

    def _gradient(self, key: Key) -> ArraySummary | None:
        return ArraySummary.of(self.gradients[key]) if key in self.gradients else None

    def _arguments(self, call: Call) -> tuple[Argument, ...]:
        waiting = list(self.backward.sendings.get(call.node, ())) if call.node is not None else []
        return tuple(
            self._argument(call, i, waiting) for i, x in enumerate(call.arrays) if x is not None and _is_shown(x)
        )

    def _argument(self, call: Call, i: int, waiting: list[SentGradient]) -> Argument:
        """``waiting`` are the gradients that the call has sent, those of earlier arguments taken away."""
        name, x = _argument_name(call, i), call.arrays[i]
        if not hasattr(x, "shape"):
            return Argument(name, value=float(x))
        box, edge = self._source(call, i), edge_at(call, i)
        sending = next((s for s in waiting if s.edge is edge), None) if edge is not None else None
        if sending is not None:
            waiting.remove(sending)
            sent, so_far = ArraySummary.of(sending.gradient), ArraySummary.of(sending.so_far)
            return Argument(name, box, sent=sent, so_far=so_far)
        if call.node not in self.backward.received:
            return Argument(name, box)
        return Argument(name, box, why_not=self._why_not(call, i), spared=_spared(call, i))

    def _source(self, call: Call, i: int) -> int:
        source, operand = call.sources[i], _leaf_behind(call.operands[i])
        if source is not None:
            return self.place[source]
        key = operand if operand in self.parameters or operand.requires_grad else id(call.arrays[i])
        return self.place[key] if key in self.place else self._add(key, self._leaf(call, i, operand))

    def _leaf(self, call: Call, i: int, x: Tensor) -> Box:
        value = ArraySummary.of(call.arrays[i])
        if isinstance(x, Parameter) or x.requires_grad:
            player, path = self.parameters.get(x, ("", x.name or _argument_name(call, i)))
            return Box(
                kind="parameter",
                name=path,
                player=player,
                value=value,
                followed=x.requires_grad,
                gradient=self._gradient(x),
                slope=self.slopes.get(x),
            )
        name = self.data.get(id(call.arrays[i])) or x.name or _argument_name(call, i)
        return Box(kind="data", name=name, value=value, followed=False)

    def _why_not(self, call: Call, i: int) -> str:
        if edge_at(call, i) is not None:
            return FLAT
        if call.operands[i] in self.parameters:
            return FROZEN
        return CUT if _was_cut(call.sources[i]) or _leaf_behind(call.operands[i]).requires_grad else DATA


def _leaf_behind(x: Tensor) -> Any:
    """The leaf whose memory a detached tensor shows; else the tensor itself."""
    return x.base if x.node is None and x.base is not None and x.base.requires_grad else x  # type: ignore[attr-defined]


def _was_cut(source: Call | None) -> bool:
    """Whether a value that the tape does not follow was made of one that it does."""
    if source is None or source.node is not None:
        return source is not None
    return any(_was_cut(before) for before in source.sources)


def _is_shown(x: Any) -> bool:
    return hasattr(x, "shape") or isinstance(x, int | float)


def _argument_name(call: Call, i: int) -> str:
    if call.node is None:
        return "x"
    names = call.node.op.inputs
    return f"{names[0].removesuffix('s')}{i + 1}" if call.node.op.variadic else names[i]


def _kept(node: Node) -> tuple[str, ...]:
    """The names of what the VJPs in use read, but for shapes and settings."""
    op = node.op
    used = [vjp for vjp, edge in zip(op.vjps, node.edges, strict=False) if vjp and edge is not None]
    names = {name for vjp in ([op.joint] if op.joint else used) for name in op.needs[vjp]}
    return tuple(name for name in (*op.inputs, "y") if name in names)


def _spared(call: Call, i: int) -> int:
    """A product of matrices costs as much in each of its gradients as forward; else one operation a number."""
    x, whole = call.arrays[i], cost(call.name, call.arrays, call.y).flops
    return whole if x.ndim > 1 and whole > max(x.size, call.y.size) else int(max(x.size, call.y.size))


def _setting(value: Any) -> str:
    """ArraySummary, words and the like, as they are written; nothing of arrays."""
    if isinstance(value, int | float | str | tuple | slice):
        return str(value)
    return ""


def _operation(op: Primitive) -> Operation:
    try:
        definition = inspect.cleandoc("\n" + inspect.getsource(op.forward))
    except OSError:
        definition = ""
    return Operation((op.forward.__doc__ or op.name).strip().splitlines()[0], definition)
