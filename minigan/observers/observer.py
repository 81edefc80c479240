"""Observers: told of each operation, each gradient and each layer as they pass, while they are on.

The list of observers is empty as a rule, and the engine asks only whether it is: one look at a global for each
operation. `mg.detect_anomaly`, `mg.profile` and `Module.summary` are observers. Each sees its own thread alone.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from minigan.backend import Array, Backend
from minigan.capturing import capturing

if TYPE_CHECKING:
    from minigan.sweep import Edge
    from minigan.tape import Node, Primitive
    from minigan.tensor import Tensor

_Self = TypeVar("_Self", bound="Observer")

observers: list[tuple[int, Observer]] = []
"""Each observer that is on, with the thread that it watches."""


class Observer(contextlib.ContextDecorator):
    """The base of all observers: a context manager, and a decorator. A subclass defines what it wants to be told."""

    def __enter__(self: _Self) -> _Self:
        observers.append((threading.get_ident(), self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        observers.remove((threading.get_ident(), self))

    def _recreate_cm(self: _Self) -> _Self:
        """Each call of a decorated function has an observer of its own: two threads may be in it at once."""
        return type(self)()

    def given(self, operands: Sequence[Any]) -> None:
        """An operation is about to run on these tensors and numbers."""

    def running(self, name: str, backend: Backend) -> None:
        """The operation of this name is about to run its kernel."""

    def ran(self, name: str, backend: Backend, arrays: Sequence[Any], params: dict[str, Any], y: Array) -> None:
        """It has made y of these arrays and numbers."""

    def recorded(self, node: Node) -> None:
        """An operation left this node on the tape."""

    def passing(self, node: Node, gy: Tensor) -> None:
        """The gradient of a node's result is complete, and about to go back through the node."""

    def sent(self, node: Node, edge: Edge, gy: Tensor, gx: Tensor) -> None:
        """Of gy the node's VJP made gx, the gradient of the argument that this edge belongs to."""

    def passed(self, node: Node) -> None:
        """Nothing more goes back through the node."""

    def entering(self, module: Any) -> None:
        """A module is called; it is the last of `layers()`."""

    def left(self, module: Any, y: Any) -> None:
        """The module returned y."""


class _Here(threading.local):
    def __init__(self) -> None:
        self.layers: list[Any] = []
        self.running = False


_here = _Here()


def layers() -> list[Any]:
    """The modules that are being called just now, outermost first: known only while an observer is on."""
    return _here.layers


def running() -> bool:
    """Whether an operation is running its kernel just now: known only while an observer is on."""
    return _here.running


def watching() -> list[Observer]:
    """The observers of this thread."""
    me = threading.get_ident()
    return [observer for thread, observer in tuple(observers) if thread == me]


def run_watched(
    op: Primitive, operands: Sequence[Any], backend: Backend, arrays: Sequence[Any], params: dict[str, Any]
) -> Array:
    """What `Primitive.run` does, and the observers hear of it."""
    for observer in watching():
        observer.given(operands)
    capture = capturing()
    run = op.run if capture is None else partial(capture.run, op)
    return run_told(op.name, backend, arrays, params, lambda: run(backend, arrays, params))


def run_told(
    name: str, backend: Backend, arrays: Sequence[Any], params: dict[str, Any], kernel: Callable[[], Array]
) -> Array:
    """The kernel's result, and the observers hear of it under this name."""
    told = watching()
    for observer in told:
        observer.running(name, backend)
    _here.running = True
    try:
        y = kernel()
    finally:
        _here.running = False
    for observer in told:
        observer.ran(name, backend, arrays, params, y)
    return y


def tell_recorded(node: Node) -> None:
    """Let the observers know a new node."""
    for observer in watching():
        observer.recorded(node)


def pass_watched(node: Node, gy: Tensor, gradients: Iterator[tuple[Edge, Tensor]]) -> Iterator[tuple[Edge, Tensor]]:
    """The gradients that a node's VJPs make of gy, one after the other, and the observers hear of them."""
    told = watching()
    for observer in told:
        observer.passing(node, gy)
    try:
        for edge, gx in gradients:
            for observer in told:
                observer.sent(node, edge, gy, gx)
            yield edge, gx
    finally:
        for observer in told:
            observer.passed(node)


def call_watched(module: Any, call: Callable[[], Any]) -> Any:
    """The module's result, and the observers hear of it."""
    told, here = watching(), layers()
    here.append(module)
    try:
        for observer in told:
            observer.entering(module)
        y = call()
    finally:
        here.pop()
    for observer in told:
        observer.left(module, y)
    return y
