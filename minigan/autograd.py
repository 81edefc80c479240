"""How gradients travel back over the tape: ``backward`` and ``grad``.

Each node is visited once, newest first: every consumer of a value has a higher number than the node that made
it, so when a node is reached, its gradient is complete. One heap keeps that order; there is no recursion and no
limit on depth. A node's saved values are dropped as the sweep passes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import get_backend
from minigan.errors import DTypeError, GraphError, ShapeError
from minigan.hooks import Hooks
from minigan.observers.observer import observers, pass_watched, run_watched
from minigan.ops.elementwise import add
from minigan.ops.promotion import cast_to
from minigan.ops.reduce import sum_to
from minigan.recording import set_recording
from minigan.tape import Node, Notes, Primitive
from minigan.variable import Variable, constant, edge_of

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Edge = Node | Variable


def backward(output: Tensor, gradient: Any = None, retain_graph: bool = False, inputs: Any = None) -> None:
    """Add the gradient of ``output`` to ``.grad`` of every leaf that it was made from. See `Tensor.backward`."""
    start = edge_of(output)
    seed = _seed(output, gradient)
    wanted = None if inputs is None else _leading_to(_leaves(_sequence(inputs)), [start])
    before = set_recording(False)
    try:
        sweep([(start, seed)], _LeafGradients(), wanted, keep=retain_graph)
    finally:
        set_recording(before)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of the sum of ``outputs`` with respect to ``inputs``; no ``.grad`` is touched.

    Only what leads to the inputs is computed: ``grad(D(x), x)`` computes no gradient of D's weights.

    Args:
        outputs: a tensor or several.
        inputs: a tensor or several, leaves or not.
        grad_outputs: the gradient of each output, of its shape; may be left out for outputs of one element.
        retain_graph: keep saved values for another sweep; by default what ``create_graph`` is.
        create_graph: record the sweep itself, so that its results can be differentiated again.
        allow_unused: give None for an input that the outputs do not depend on, instead of raising.

    Returns:
        One tensor for each input, of its shape and type.

    Raises:
        GraphError: an output or input requires no gradient, or an input is not in the graph.

    >>> x = mg.tensor(3.0, requires_grad=True)
    >>> (dy,) = mg.grad(x**3, x, create_graph=True)
    >>> (ddy,) = mg.grad(dy, x)
    >>> dy.item(), ddy.item()
    (27.0, 18.0)
    """
    outputs, inputs = _sequence(outputs), _sequence(inputs)
    seeds = _sequence(grad_outputs) if grad_outputs is not None else (None,) * len(outputs)
    if len(seeds) != len(outputs):
        raise GraphError(f"grad: expected {len(outputs)} grad_outputs, one for each output, but got {len(seeds)}.")
    starts = [(edge_of(y), _seed(y, gy)) for y, gy in zip(outputs, seeds, strict=True)]
    targets = [_target("grad", x, i) for i, x in enumerate(inputs)]
    collected = _Collected(targets)
    wanted = _leading_to(targets, [edge for edge, _ in starts])
    before = set_recording(create_graph)
    try:
        sweep(starts, collected, wanted, keep=create_graph if retain_graph is None else retain_graph)
    finally:
        set_recording(before)
    results = tuple(collected.gradients.get(target) for target in targets)
    unused = [i for i, gx in enumerate(results) if gx is None]
    if unused and not allow_unused:
        raise GraphError(_unused_message(unused))
    return results


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


class _Retaining(Results):
    """Results that also go where ``retain_grad()`` wants them."""

    def retain(self, notes: Notes, gy: Tensor) -> None:
        if notes.retained is not None:
            before = [constant(total) for total in notes.retained]
            notes.retained[:] = [add(*before, gy)._data if before else get_backend(gy._data).copy(gy._data)]


class _LeafGradients(_Retaining):
    """Where ``backward`` delivers: gradients add up in ``.grad`` of the leaves."""

    def leaf(self, leaf: Variable, gx: Tensor, fresh: bool) -> None:
        if not leaf._requires_grad:  # frozen since the forward pass
            return
        backend = get_backend(leaf._data)
        if leaf._grad is not None:
            backend.add(leaf._grad, gx._data, leaf._grad)
        elif leaf._grad_buffer is not None:
            if gx._data is not leaf._grad_buffer:
                backend.copy_(leaf._grad_buffer, gx._data)
            leaf._grad = leaf._grad_buffer
        else:
            leaf._grad = gx._data if fresh else backend.copy(gx._data)

    def buffer(self, edge: Edge) -> Any:
        ours = isinstance(edge, Variable) and edge._grad is None and edge._hooks is None  # a hook may keep what it sees
        return edge._grad_buffer if ours else None  # type: ignore[union-attr]


class _Collected(_Retaining):
    """Where ``grad`` delivers: a dictionary from leaf or node to gradient."""

    def __init__(self, targets: Sequence[Edge]) -> None:
        self.targets = set(targets)
        self.gradients: dict[Edge, Tensor] = {}

    def leaf(self, leaf: Variable, gx: Tensor, fresh: bool) -> None:
        before = self.gradients.get(leaf)
        self.gradients[leaf] = gx if before is None else add(before, gx)

    def node(self, node: Node, gy: Tensor) -> None:
        if node in self.targets:
            self.gradients[node] = gy


def sweep(
    starts: Sequence[tuple[Edge | None, Tensor]],
    results: Results,
    wanted: set[Edge] | None,
    keep: bool,
) -> None:
    """Send gradients from the starts back along all edges (or the wanted ones), newest node first."""
    pending: dict[Edge, Tensor] = {}  # of nodes, and of leaves with hooks: these see the sum over all uses
    ours: set[Edge] = set()  # pending gradients that were made by an addition here: safe to add to in place
    heap: list[tuple[Any, ...]] = []

    def send(edge: Edge, gx: Tensor, gy: Tensor) -> None:
        gx = _fit(gx, edge)
        if isinstance(edge, Variable) and edge._hooks is None:
            results.leaf(edge, gx, fresh=gx is not gy and gx._data.base is None)
        elif edge not in pending:
            pending[edge] = gx
            heappush(heap, (-edge.number, edge) if type(edge) is Node else (*_leaf_turn(edge, starts), edge))
        elif edge in ours and gx.node is None and pending[edge].node is None:
            buffer = pending[edge]._data
            get_backend(buffer).add(buffer, gx._data, buffer)
        else:
            pending[edge] = add(pending[edge], gx)
            ours.add(edge)

    for edge, seed in starts:
        if edge is not None:
            send(edge, seed, seed)
    while heap:
        node = heappop(heap)[-1]
        gy = pending.pop(node)
        if type(node) is not Node:
            results.leaf(node, _hooked(node._hooks, gy), fresh=False)
            continue
        if node.notes is not None:
            gy = _hooked(node.notes.hooks, gy)
            results.retain(node.notes, gy)
        results.node(node, gy)
        passed = False
        gradients = _vjps(node, gy, wanted, results.buffer)
        for edge, gx in pass_watched(node, gy, gradients) if observers else gradients:
            passed = True
            send(edge, gx, gy)
        if passed and not keep:  # where the sweep ends, another may begin
            node.free()


def _leaf_turn(leaf: Edge, starts: Sequence[tuple[Edge | None, Tensor]]) -> tuple[float, int]:
    """When the gradient of a leaf is complete: just after the node of its oldest use has been passed."""
    nodes = _below([start for start, _ in starts])
    uses = [(node.number, i) for node in nodes for i, edge in enumerate(node.edges) if edge is leaf]
    number, position = min(uses, default=(-1, 0))
    return (0.5 - number, position)


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
    run = partial(run_watched, vjp) if observers else vjp.run
    return constant(run(get_backend(gy._data), [gy._data, *[x._data for x in arrays]], {**params, "out": out}))


def _fit(gx: Tensor, edge: Edge) -> Tensor:
    """The gradient in the shape and type of the value it belongs to: the one place that undoes broadcasting."""
    if gx._data.shape != edge.shape:
        gx = sum_to(gx, shape=edge.shape)
    return gx if gx._data.dtype is edge.dtype else cast_to(gx, edge.dtype)


def _leading_to(targets: Sequence[Edge], roots: Sequence[Edge | None]) -> set[Edge]:
    """The targets, and every node below the roots from which a target can be reached."""
    wanted: set[Edge] = set(targets)
    for node in sorted(_below(roots), key=lambda node: node.number):  # oldest first: arguments before results
        if any(edge in wanted for edge in node.edges if edge is not None):
            wanted.add(node)
    return wanted


def _below(roots: Sequence[Edge | None]) -> set[Node]:
    """Every node that the roots were made from, and those among the roots themselves."""
    found: set[Node] = set()
    stack = [edge for edge in roots if isinstance(edge, Node)]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(edge for edge in node.edges if isinstance(edge, Node))
    return found


def _seed(y: Tensor, gy: Any) -> Tensor:
    """The gradient to start from: the one given, or 1 for a single element."""
    if not isinstance(y, Variable) or not y._requires_grad:
        raise GraphError(
            "Expected an output that requires a gradient, but it was made from no tensor with requires_grad=True. "
            "Set requires_grad on what it should be differentiated by, and do not compute it under no_grad()."
        )
    backend = get_backend(y._data)
    if gy is None:
        if y._data.size != 1:
            raise GraphError(
                f"Expected a gradient for an output of shape {y.shape}: only an output of one element has a "
                "gradient by itself. Reduce it, for example with .sum(), or pass the gradient."
            )
        return constant(backend.full(y.shape, 1, y.dtype))
    seed = gy if isinstance(gy, Variable) else constant(backend.asarray(gy, y.dtype))
    if seed.shape != y.shape:
        raise ShapeError(f"Expected a gradient of the output's shape {y.shape}, but got {seed.shape}.")
    if seed.dtype.kind != "f":
        raise DTypeError(f"Expected a floating point gradient, but got {seed.dtype}.")
    return cast_to(seed, y.dtype)  # type: ignore[no-any-return]


def _target(name: str, x: Any, position: int) -> Edge:
    edge = edge_of(x) if isinstance(x, Variable) else None
    if edge is None:
        raise GraphError(
            f"{name}: expected input {position} to be a tensor that requires a gradient. "
            "Set requires_grad=True on it before the outputs are computed."
        )
    return edge


def _leaves(inputs: Sequence[Any]) -> list[Edge]:
    leaves = [_target("backward", x, i) for i, x in enumerate(inputs)]
    if not leaves or any(isinstance(edge, Node) for edge in leaves):
        raise GraphError(
            "backward: expected inputs to be leaves that require a gradient, at least one. "
            "For the gradient of a result use mg.grad, or retain_grad() on it."
        )
    return leaves


def _unused_message(positions: list[int]) -> str:
    return (
        f"grad: the outputs do not depend on input {', '.join(map(str, positions))}. "
        "Check that it was used, and not detached; or pass allow_unused=True to get None for it."
    )


def _sequence(x: Any) -> tuple[Any, ...]:
    return (x,) if isinstance(x, Variable | np.ndarray) or np.isscalar(x) else tuple(x)
