"""What a user asks gradients with: ``backward`` and ``grad``. How they travel is told in `minigan.sweep`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend, get_backend
from minigan.capturing import brought, touch
from minigan.errors import DTypeError, GraphError, ShapeError
from minigan.ops.elementwise import add
from minigan.ops.promotion import cast_to
from minigan.recording import set_recording
from minigan.sweep import Edge, Retaining, leading_to, sweep
from minigan.tape import Node
from minigan.variable import Variable, constant, edge_of

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def backward(output: Tensor, gradient: Any = None, retain_graph: bool = False, inputs: Any = None) -> None:
    """Add the gradient of ``output`` to ``.grad`` of every leaf that it was made from. See `Tensor.backward`."""
    seed = seed_of("backward", output, gradient)
    start = edge_of(output)
    wanted = None if inputs is None else leading_to(_leaves(_sequence(inputs)), [start])
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
    seeds = tuple(seed_of("grad", y, gy) for y, gy in zip(outputs, seeds, strict=True))
    starts = [(edge_of(y), gy) for y, gy in zip(outputs, seeds, strict=True)]
    targets = [_target("grad", x, i) for i, x in enumerate(inputs)]
    collected = _Collected(targets)
    wanted = leading_to(targets, [edge for edge, _ in starts])
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


class _LeafGradients(Retaining):
    """Where ``backward`` delivers: gradients add up in ``.grad`` of the leaves."""

    def leaf(self, leaf: Variable, gx: Tensor, fresh: bool) -> None:
        if not leaf._requires_grad:  # frozen since the forward pass
            return
        touch(leaf, "_grad")
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
        ours = isinstance(edge, Variable) and edge._grad is None and not edge._hooks  # a hook may keep what it sees
        return edge._grad_buffer if ours else None  # type: ignore[union-attr]


class _Collected(Retaining):
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


def seed_of(caller: str, y: Any, gy: Any) -> Tensor:
    """The gradient to start from: the one given, or 1 for a single element."""
    if not isinstance(y, Variable) or not y._requires_grad:
        raise GraphError(
            f"{caller}: expected an output that requires a gradient, but it was made from no tensor with "
            "requires_grad=True. Set requires_grad on what it should be differentiated by, and do not compute it under "
            "no_grad()."
        )
    backend = get_backend(y._data)
    if gy is None:
        if y._data.size != 1:
            raise GraphError(
                f"{caller}: expected a gradient for an output of shape {y.shape}: only an output of one element has a "
                "gradient by itself. Reduce it, for example with .sum(), or pass the gradient."
            )
        return constant(backend.full(y.shape, 1, y.dtype))
    seed = gy if isinstance(gy, Variable) else constant(_numbers(caller, backend, gy, y.dtype))
    if seed.shape != y.shape:
        raise ShapeError(f"{caller}: expected a gradient of the output's shape {y.shape}, but got {seed.shape}.")
    if seed.dtype.kind != "f":
        raise DTypeError(f"{caller}: expected a floating point gradient, but got {seed.dtype}.")
    return cast_to(seed, y.dtype)  # type: ignore[no-any-return]


def _numbers(caller: str, backend: Backend, gy: Any, dtype: np.dtype[Any]) -> Array:
    brought(gy)
    try:
        return backend.asarray(gy, dtype)
    except (TypeError, ValueError):
        raise DTypeError(
            f"{caller}: expected a gradient of numbers, but got an object of type {type(gy).__name__}. "
            "Pass a tensor or an array of the output's shape."
        ) from None


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
    return tuple(x) if isinstance(x, Iterable) and not isinstance(x, Variable | np.ndarray) else (x,)
