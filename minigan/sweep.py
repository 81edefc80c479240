"""The sweep: gradients travel back over the tape, newest node first.

Each node is visited once: every consumer of a value has a higher number than the node that made it, so when a node
is reached, its gradient is complete. One heap keeps that order; there is no recursion and no limit on depth. A node's
saved values are dropped as the sweep passes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from minigan.backend import get_backend
from minigan.errors import DTypeError, ShapeError
from minigan.hooks import Hooks, finish_sweep, start_sweep
from minigan.observers.observer import observers, pass_watched, run_watched
from minigan.ops.elementwise import add
from minigan.ops.promotion import cast_to
from minigan.ops.reduce import sum_to
from minigan.tape import Node, Notes, Primitive
from minigan.variable import Variable, constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Edge = Node | Variable


class Results:
    """Where a sweep delivers the gradients."""

    def leaf(self, leaf: Variable, gx: Tensor, fresh: bool) -> None:
        """A gradient of a leaf: one for each of its uses, or their sum if it has hooks.

        ``fresh`` says that nobody else knows its memory.
        """

    def node(self, node: Node, gy: Tensor) -> None:
        """The gradient of a node's result."""

    def retain(self, notes: Notes, gy: Tensor) -> None:
        """The same, where a node has notes: perhaps ``retain_grad()`` wants it."""

    def buffer(self, edge: Edge) -> Any:
        """Memory into which a kernel may write the first gradient of this leaf."""
        return None


class Retaining(Results):
    """Results that also go where ``retain_grad()`` wants them."""

    def retain(self, notes: Notes, gy: Tensor) -> None:
        """Add to what earlier sweeps brought."""
        if notes.retained is not None:
            before = [constant(total) for total in notes.retained]
            notes.retained[:] = [add(*before, gy)._data if before else get_backend(gy._data).copy(gy._data)]


class _Pending:
    """Gradients on their way: of nodes, and of leaves with hooks, which see the sum over all their uses.

    Attributes:
        gradients: the sum so far of each.
        ours: those that were made by an addition here, and so may be added to in place.
    """

    def __init__(self, starts: Sequence[Edge | None]) -> None:
        self.starts = starts
        self.gradients: dict[Edge, Tensor] = {}
        self.ours: set[Edge] = set()
        self.heap: list[tuple[Any, ...]] = []
        self.turns: dict[Edge, tuple[float, int]] | None = None

    def add(self, edge: Edge, gx: Tensor) -> None:
        """Count a gradient in."""
        before = self.gradients.get(edge)
        if before is None:
            self.gradients[edge] = gx
            heappush(self.heap, (-edge.number, edge) if type(edge) is Node else (*self._turn(edge), id(edge), edge))
        elif edge in self.ours and gx.node is None and before.node is None:
            get_backend(before._data).add(before._data, gx._data, before._data)
        else:
            self.gradients[edge] = add(before, gx)
            self.ours.add(edge)

    def pop(self) -> tuple[Any, Tensor]:
        """The newest of all: its gradient is complete."""
        edge = heappop(self.heap)[-1]
        return edge, self.gradients.pop(edge)

    def _turn(self, leaf: Edge) -> tuple[float, int]:
        """When the gradient of a leaf is complete: just after the node of its oldest use has been passed."""
        if self.turns is None:
            nodes = sorted(below(self.starts), key=lambda node: -node.number)
            self.turns = {  # of several uses the oldest stays
                edge: (0.5 - node.number, i)
                for node in nodes
                for i, edge in reversed(list(enumerate(node.edges)))
                if isinstance(edge, Variable)
            }
        return self.turns.get(leaf, (1.5, 0))  # one of the starts, before all others


def sweep(
    starts: Sequence[tuple[Edge | None, Tensor]],
    results: Results,
    wanted: set[Edge] | None,
    keep: bool,
) -> None:
    """Send gradients from the starts back along all edges (or the wanted ones), newest node first."""
    pending = _Pending([edge for edge, _ in starts])
    before = start_sweep()
    try:
        for edge, seed in starts:
            if edge is not None:
                _send(edge, seed, results, pending, fresh=False)
        while pending.heap:
            edge, gy = pending.pop()
            if type(edge) is Node:
                _pass(edge, gy, results, pending, wanted, keep)
            else:
                results.leaf(edge, _hooked(edge._hooks, gy), fresh=False)
    finally:
        finish_sweep(before)


def _pass(node: Node, gy: Tensor, results: Results, pending: _Pending, wanted: set[Edge] | None, keep: bool) -> None:
    """Send the gradient of a node's result on to its arguments."""
    if node.notes is not None:
        gy = _hooked(node.notes.hooks, gy)
        results.retain(node.notes, gy)
    results.node(node, gy)
    gradients = _vjps(node, gy, wanted, results.buffer)
    passed = False
    for edge, gx in pass_watched(node, gy, gradients) if observers else gradients:
        passed = True
        # A joint VJP may hand on gradients that others know, too: those that the hooks of a module have seen.
        _send(edge, gx, results, pending, fresh=gx is not gy and node.op.joint is None)
    if passed and not keep:  # where the sweep ends, another may begin
        node.free()


def _send(edge: Edge, gx: Tensor, results: Results, pending: _Pending, fresh: bool) -> None:
    """Pass a gradient on; ``fresh`` says that nobody else knows this tensor."""
    gx = _fit(gx, edge)
    if isinstance(edge, Variable) and not edge._hooks:
        results.leaf(edge, gx, fresh and gx._data.base is None)
    else:
        pending.add(edge, gx)


def _hooked(hooks: Hooks | None, gx: Tensor) -> Tensor:
    """What the hooks of a tensor make of its gradient."""
    for hook in list(hooks.values()) if hooks else ():
        replaced = hook(gx)
        if replaced is not None:
            gx = _replacement(replaced, gx)
    return gx


def _replacement(new: Any, old: Tensor) -> Tensor:
    if not isinstance(new, Variable):
        raise DTypeError(
            f"register_hook: expected the hook to return None or a tensor, but got an object of type "
            f"{type(new).__name__}. Return the new gradient, or nothing."
        )
    if new.shape != old.shape:
        raise ShapeError(
            f"register_hook: expected the hook to return a gradient of shape {old.shape}, as it was given, "
            f"but got {new.shape}."
        )
    return cast_to(new, old.dtype)  # type: ignore[no-any-return]


def _vjps(
    node: Node, gy: Tensor, wanted: set[Edge] | None, buffer: Callable[[Edge], Any]
) -> Iterator[tuple[Edge, Tensor]]:
    """The gradients of a node's arguments, each with the edge that it goes along.

    Each is sent before the next is computed: both may belong to one leaf and want its buffer.
    """
    op = node.op
    edges = node.edges if wanted is None else [e if e in wanted else None for e in node.edges]
    if op.joint is not None:
        needed = [edge is not None for edge in edges]
        if any(needed):
            gradients = op.joint(needed, gy, *node.values(op.joint))
            yield from [(e, gx) for e, gx in zip(edges, gradients, strict=True) if e is not None and gx is not None]
        return
    for edge, vjp in zip(edges, op.vjps, strict=True):
        if edge is None or vjp is None:
            continue
        values = node.values(vjp)
        yield edge, _kernel(vjp, gy, values, buffer(edge)) if isinstance(vjp, Primitive) else vjp(gy, *values)


def _kernel(vjp: Primitive, gy: Tensor, values: list[Any], out: Any) -> Tensor:
    """A VJP that is one kernel: it may write its result straight into the buffer of a leaf."""
    arrays, static = values[: len(vjp.inputs) - 1], values[len(vjp.inputs) - 1 :]
    params = dict(zip(vjp.static, static, strict=True))
    if out is None or not vjp.writes_out or out.dtype != gy.dtype:
        return vjp(gy, *arrays, **params)
    run = partial(run_watched, vjp, ()) if observers else vjp.run
    return constant(run(get_backend(gy._data), [gy._data, *[x._data for x in arrays]], {**params, "out": out}))


def _fit(gx: Tensor, edge: Edge) -> Tensor:
    """The gradient in the shape and type of the value it belongs to: the one place that undoes broadcasting."""
    if gx._data.shape != edge.shape:
        gx = sum_to(gx, shape=edge.shape)
    return gx if gx._data.dtype is edge.dtype else cast_to(gx, edge.dtype)


def leading_to(targets: Sequence[Edge], roots: Sequence[Edge | None]) -> set[Edge]:
    """The targets, and every node below the roots from which a target can be reached."""
    wanted: set[Edge] = set(targets)
    for node in sorted(below(roots), key=lambda node: node.number):  # oldest first: arguments before results
        if any(edge in wanted for edge in node.edges if edge is not None):
            wanted.add(node)
    return wanted


def below(roots: Sequence[Edge | None]) -> set[Node]:
    """Every node that the roots were made from, and those among the roots themselves."""
    found: set[Node] = set()
    stack = [edge for edge in roots if isinstance(edge, Node)]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(edge for edge in node.edges if isinstance(edge, Node))
    return found
