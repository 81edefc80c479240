"""Where the first NaN or infinity comes from: the operation, the layer, the step and the line of code."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigan.backend import Array, Backend, get_backend
from minigan.errors import AnomalyError
from minigan.observers.observer import Observer, layers
from minigan.ops.random import stream
from minigan.tape import Node

if TYPE_CHECKING:
    from minigan.sweep import Edge
    from minigan.tensor import Tensor

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_ADVICE = "Keep its arguments where it is finite, for example with mg.clamp, or lower the learning rate."
_LAYERS = (_PACKAGE + "nn" + os.sep, os.path.dirname(os.path.abspath(__file__)) + os.sep)


class Origin(NamedTuple):
    """Who ran an operation: a line of the user's code, and the layer that was being called."""

    file: str
    line: int
    function: str
    layer: str | None

    def __str__(self) -> str:
        source = linecache.getline(self.file, self.line).strip()
        return f'File "{self.file}", line {self.line}, in {self.function}' + (f"\n    {source}" if source else "")


class detect_anomaly(Observer):  # noqa: N801  (PyTorch's name)
    """Inside, the first operation that makes a NaN or an infinity out of finite numbers raises an error that names it.

    In backward it is the first operation whose gradients do. The message says which operation and which layer it
    was, in which step, and which line of your code ran its forward. An infinity that is given to an operation, as a
    mask of a softmax is, is no anomaly. NumPy's own warnings and errors about such numbers are silent inside.

    Every result is looked through, which costs time; on a GPU each operation waits for the one before.

    Raises:
        AnomalyError: by whatever runs inside.

    >>> x = mg.zeros(2, requires_grad=True)
    >>> with mg.detect_anomaly():
    ...     mg.log(x)
    Traceback (most recent call last):
        ...
    minigan.errors.AnomalyError: log made the first infinity, of arguments of shape (2,), in a result of shape (2,).
    Step 0. Its forward ran in
    File "<doctest minigan.observers.anomaly.detect_anomaly[1]>", line 2, in <module>
        mg.log(x)
    Keep its arguments where it is finite, for example with mg.clamp, or lower the learning rate.
    """

    def __init__(self) -> None:
        self._outermost = ""
        self._passing: list[Node] = []
        self._numpys: list[Any] = []  # how NumPy took them before, once for each time inside

    def __enter__(self) -> detect_anomaly:
        self._numpys.append(np.seterr(all="ignore"))
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        np.seterr(**self._numpys.pop())

    def entering(self, module: Any) -> None:
        """Remember what the caller of the outermost module calls it."""
        if len(layers()) == 1:
            self._outermost = _name_in(_frame_outside(_LAYERS), module)

    def recorded(self, node: Node) -> None:
        """Note on the node where it comes from, for an error in backward."""
        node.noted().origin = self._origin()

    def ran(self, name: str, backend: Backend, arrays: Sequence[Any], params: dict[str, Any], y: Array) -> None:
        """Look through the result of an operation; what a VJP does inside is judged by what comes out of it."""
        found = None if self._passing else _made(y, [*arrays, *params.values()])
        if found:
            shapes = ", ".join(str(x.shape) for x in arrays if hasattr(x, "shape"))
            what = f"{name} made the first {found}, of arguments of shape {shapes}, in a result of shape {y.shape}"
            raise AnomalyError(_message(what, self._origin()))

    def passing(self, node: Node, gy: Tensor) -> None:
        """Backward has come to this node."""
        self._passing.append(node)

    def sent(self, node: Node, edge: Edge, gy: Tensor, gx: Tensor) -> None:
        """Look through the gradient that a VJP made."""
        found = _made(gx._data, [gy._data, *_arrays(node.saved), *node.params.values()])
        if found:
            what = (
                f"Backward through {node.op.name} made the first {found}, in the gradient of {_argument(node, edge)}, "
                f"of shape {gx.shape}; the gradient of its result, of shape {gy.shape}, had none"
            )
            raise AnomalyError(_message(what, node.notes.origin if node.notes else None))

    def passed(self, node: Node) -> None:
        """Backward has left it."""
        self._passing.remove(node)

    def _origin(self) -> Origin:
        frame, called = _frame_outside((_PACKAGE,)), layers()
        layer = f"{_path(self._outermost, called)}, {called[-1]!r}" if called else None
        return Origin(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, layer)


def _message(what: str, origin: Origin | None) -> str:
    layer = f"Layer {origin.layer}. " if origin and origin.layer else ""
    where = f"Its forward ran in\n{origin}" if origin else "Its forward ran outside detect_anomaly: put it inside."
    return f"{what}.\n{layer}Step {stream.step}. {where}\n{_ADVICE}"


def _argument(node: Node, edge: Edge) -> str:
    if node.op.variadic:
        return f"one of {node.op.inputs[0]}"
    return " and ".join(name for name, e in zip(node.op.inputs, node.edges, strict=False) if e is edge)


# ---- numbers ---------------------------------------------------------------------------------------------


def _made(y: Array, arguments: Sequence[Any]) -> str | None:
    """What y has and none of its arguments had: "NaN", "infinity" or nothing."""
    if not _has("isnan", y) and not _has("isinf", y):
        return None
    given_nan = any(_has("isnan", x) for x in arguments)
    if _has("isnan", y) and not given_nan:
        return "NaN"
    given_infinity = any(_has("isinf", x) for x in arguments)
    return "infinity" if _has("isinf", y) and not given_nan and not given_infinity else None


def _has(what: str, x: Any) -> bool:
    """Whether an array or a number has a value that is NaN (`isnan`) or infinite (`isinf`)."""
    if isinstance(x, float):
        return bool(getattr(np, what)(x))
    if not hasattr(x, "dtype") or getattr(x.dtype, "kind", "") != "f":
        return False
    return bool(getattr(get_backend(x).xp, what)(x).any())


def _arrays(saved: list[Any] | None) -> Iterator[Array]:
    """The arrays among what a node has saved."""
    for value in saved or ():
        for one in value if isinstance(value, list) else [value]:
            yield one[0] if isinstance(one, tuple) and one else one


# ---- places ----------------------------------------------------------------------------------------------


def _frame_outside(paths: tuple[str, ...]) -> FrameType:
    """The innermost frame of code that lies not in these files; the outermost of all if every one does."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(paths):
        frame = frame.f_back
    return frame


def _name_in(frame: FrameType, module: Any) -> str:
    """What the code of this frame calls the module: a variable, an attribute of self, or else its class."""
    owner = frame.f_locals.get("self")
    for names in (frame.f_locals, getattr(owner, "__dict__", {}), frame.f_globals):
        for name, value in names.items():
            if value is module and name != "self":
                return str(name)
    return type(module).__name__


def _path(outermost: str, called: Sequence[Any]) -> str:
    """The dotted name of the last of the modules that are being called, such as ``D.2``."""
    names = [_name_inside(outer, inner) for outer, inner in pairwise(called)]
    return ".".join([outermost, *names])


def _name_inside(outer: Any, inner: Any) -> str:
    return next((name for name, module in outer.named_modules() if module is inner), type(inner).__name__)
