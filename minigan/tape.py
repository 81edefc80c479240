"""What an operation is, and what it leaves on the tape.

A :class:`Primitive` runs a kernel forward and knows one vector-Jacobian product (VJP) per argument. While
gradients are recorded it leaves a :class:`Node`: the operation, the edges to where its arguments came from, and
the values that its VJPs will need. A node never points to its own result, so there are no reference cycles: a
value dies as soon as nobody needs it. How gradients travel back over the nodes is told in `minigan.autograd`.

A VJP takes the gradient of the result first, and says by the names of its other parameters what else it needs:
the name of an argument, ``y`` for the result, ``<argument>_shape``, or the name of a static parameter. What no
VJP in use names is not saved: a frozen weight costs no memory for its gradient, and tanh keeps only its output.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from itertools import count
from types import MethodType, TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend, device_of, get_backend
from minigan.errors import DeviceError, GraphError, ShapeError, StaleGraphError
from minigan.variable import Variable, constant, edge_of, result, tied

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Vjp = Callable[..., Any]


class _Mode(threading.local):
    """Whether operations are recorded: each thread for itself, as in PyTorch."""

    recording = True


_mode = _Mode()
_numbers = count()


class no_grad(contextlib.ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Inside, operations leave nothing on the tape. Restores what was before, also when nested.

    >>> x = mg.ones(2, requires_grad=True)
    >>> with mg.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(_mode.recording)
        set_recording(False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        set_recording(self._before.pop())


def set_recording(on: bool) -> bool:
    """Switch the tape on or off; returns what was before."""
    before, _mode.recording = _mode.recording, on
    return before


def recording() -> bool:
    """Whether operations leave nodes on the tape just now."""
    return _mode.recording


class Node:
    """One operation on the tape.

    Attributes:
        edges: for each argument the Node or the leaf that a gradient goes to, or None if it needs none.
        number: counts up over all nodes, so every consumer has a higher number than what it consumes.
        saved: what the VJPs in use need, in the order of ``op.fields``; None once backward has passed.
        shape, dtype: of the result, and so of its gradient.
        retained: where ``retain_grad()`` wants the gradient of the result.
    """

    __slots__ = ("dtype", "edges", "number", "op", "params", "retained", "saved", "shape")

    def __init__(
        self,
        op: Primitive,
        edges: tuple[Node | Variable | None, ...],
        saved: list[Any],
        params: dict[str, Any],
        y: Array,
    ) -> None:
        self.op = op
        self.edges = edges
        self.saved: list[Any] | None = saved
        self.params = params
        self.number = next(_numbers)
        self.shape: tuple[int, ...] = y.shape
        self.dtype: np.dtype[Any] = y.dtype
        self.retained: list[Array] | None = None

    def value(self, name: str) -> Any:
        """The saved value of this name, tied to the tape again so that it can be differentiated."""
        kind, i = self.op.fields[name]
        if kind == _PARAM:
            return self.params[name]
        if self.saved is None:
            raise GraphError(
                f"Backward went through {self.op.name} a second time, after its saved values were freed. "
                "Pass retain_graph=True to the first backward, or run the forward pass again."
            )
        value = self.saved[i]
        if kind == _SHAPES:
            return value
        if kind == _OUTPUT:
            return tied(value, self)
        if kind == _INPUTS:
            return [self._input(v, edge) for v, edge in zip(value, self.edges, strict=True)]
        return self._input(value, self.edges[self.op.inputs.index(name)])

    def _input(self, value: Any, edge: Node | Variable | None) -> Any:
        if isinstance(value, _SCALARS) or value is None:
            return value
        array, owner = value, None
        if isinstance(value, tuple):  # of a leaf or a view of one
            array, owner, version = value
            if owner.version != version:
                raise StaleGraphError(_stale_message(self.op.name, owner))
        if isinstance(edge, Variable):
            return edge
        return tied(array, edge, owner)

    def free(self) -> None:
        """Drop the saved arrays; a second backward over them raises."""
        if self.op.saves_arrays:
            self.saved = None


_SCALARS = (float, int)  # bool is an int
_INPUT, _INPUTS, _OUTPUT, _SHAPES, _PARAM = range(5)


class Primitive:
    """An operation: its forward on arrays and its VJPs. Made by :func:`primitive`.

    Attributes:
        inputs: the names of the array arguments; for a variadic operation only one name.
        fields: where each name that a VJP uses comes from.
    """

    def __init__(
        self,
        forward: Callable[..., Array],
        vjps: dict[str, Vjp],
        joint: Vjp | None,
        rule: Callable[[str, list[Any]], list[Any]] | None,
    ) -> None:
        code = forward.__code__
        self.name = forward.__name__.strip("_")
        self.__name__ = forward.__name__
        self.__module__ = forward.__module__
        self.__doc__ = forward.__doc__
        self.forward = forward
        self.rule = rule
        self.joint = joint
        self.variadic = bool(code.co_flags & 0x04)  # CO_VARARGS: an operation on any number of arrays
        last = code.co_argcount + code.co_kwonlyargcount
        self.inputs = (code.co_varnames[last],) if self.variadic else code.co_varnames[1 : code.co_argcount]
        self.static = _static(forward)
        self.optional = bool(forward.__defaults__)  # whether an argument may be None
        self.writes_out = "out" in code.co_varnames[:last]
        self.vjps = tuple(vjps.get(name) for name in self.inputs)
        self.needs = {vjp: _parameters(vjp) for vjp in (*vjps.values(), *([joint] if joint else []))}
        self.fields = self._find_fields()
        self.saves_arrays = any(kind in (_INPUT, _INPUTS, _OUTPUT) for kind, _ in self.fields.values())
        self._plans: dict[tuple[bool, ...], list[tuple[int, int, int]]] = {}

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __call__(self, *args: Any, **params: Any) -> Tensor:
        """Run forward on tensors, arrays and numbers; leave a node if a gradient may be asked for."""
        operands, arrays, first, tracked = self._operands(args)
        backend = get_backend(first)
        y = self.run(backend, arrays, params)
        node = self._record(operands, arrays, params, y) if tracked and _mode.recording and self.needs else None
        return result(y, node, operands)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As an attribute of a class, a primitive is a method."""
        return self if instance is None else MethodType(self, instance)

    def run(self, backend: Backend, arrays: Sequence[Any], params: dict[str, Any]) -> Array:
        """The kernel's result as an array: NumPy's ufuncs return scalars for 0-d operands."""
        try:
            y = self.forward(backend, *arrays, **params)
        except ValueError as error:
            if isinstance(error, ShapeError):
                raise
            shapes = ", ".join(str(a.shape) for a in arrays if hasattr(a, "shape"))
            raise ShapeError(f"{self.name}: arguments of shapes {shapes} do not fit together ({error}).") from None
        return backend.asarray(y) if isinstance(y, np.generic) else y

    def _operands(self, args: Sequence[Any]) -> tuple[Sequence[Any], list[Any], Array, bool]:
        """Arguments as tensors and numbers, their arrays, the first array, and whether one requires a gradient."""
        arrays: list[Any] = []
        first: Array = None
        tracked = mixed = False
        for a in args:
            if isinstance(a, Variable):
                data = a._data
                tracked = tracked or a._requires_grad
                if first is None:
                    first = data
                    mixed = mixed or data.dtype.kind != "f"
                elif type(data) is not type(first) or backend_differs(first, data):
                    raise DeviceError(_devices_message(self.name, first, data))
                else:
                    mixed = mixed or data.dtype is not first.dtype
                arrays.append(data)
            elif type(a) in (float, int, bool) or (a is None and self.optional):
                arrays.append(a)
            else:
                return self._operands([b if b is None and self.optional else operand(b) for b in args])
        if first is None:
            return self._operands([constant(np.asarray(a, _default_dtype(a))) for a in args])
        if mixed and self.rule is not None:
            agreed = self.rule(self.name, list(args))
            arrays = [a._data if isinstance(a, Variable) else a for a in agreed]
            return agreed, arrays, first, tracked
        return args, arrays, first, tracked

    def _record(self, operands: Sequence[Any], arrays: list[Any], params: dict[str, Any], y: Array) -> Node:
        edges = tuple([edge_of(a) if isinstance(a, Variable) else None for a in operands])
        saved: list[Any] = [None] * len(self.fields)
        for slot, kind, i in self._plan(edges):
            if kind == _INPUT:
                saved[slot] = _saved(operands[i], arrays[i])
            elif kind == _OUTPUT:
                saved[slot] = y
            elif kind == _SHAPES:
                saved[slot] = [a.shape for a in arrays] if self.variadic else arrays[i].shape
            else:
                saved[slot] = [_saved(a, b) for a, b in zip(operands, arrays, strict=True)]
        return Node(self, edges, saved, params, y)

    def _plan(self, edges: tuple[Node | Variable | None, ...]) -> list[tuple[int, int, int]]:
        """What to save when gradients go along these edges: (slot in saved, kind, argument) each."""
        pattern = tuple([edge is not None for edge in edges])
        plan = self._plans.get(pattern)
        if plan is None:
            plan = self._plans[pattern] = self._make_plan(pattern)
        return plan

    def _make_plan(self, pattern: tuple[bool, ...]) -> list[tuple[int, int, int]]:
        if self.joint:
            names = set(self.needs[self.joint])
        else:
            used = [vjp for vjp, needed in zip(self.vjps, pattern, strict=True) if needed and vjp]
            names = {name for vjp in used for name in self.needs[vjp]}
        plan = []
        for name, (kind, slot) in self.fields.items():
            if name in names and kind != _PARAM:
                source = name.removesuffix("_shape")
                plan.append((slot, kind, self.inputs.index(source) if source in self.inputs else 0))
        return plan

    def _find_fields(self) -> dict[str, tuple[int, int]]:
        fields: dict[str, tuple[int, int]] = {}
        for names in self.needs.values():
            for name in names:
                if name not in fields:
                    fields[name] = (self._kind(name), len(fields))
        return fields

    def _kind(self, name: str) -> int:
        if name in self.inputs:
            return _INPUTS if self.variadic else _INPUT
        if name == "y":
            return _OUTPUT
        return _SHAPES if name.removesuffix("_shape") in self.inputs else _PARAM


def primitive(
    joint: Vjp | None = None,
    rule: Callable[[str, list[Any]], list[Any]] | None = None,
    **vjps: Vjp,
) -> Callable[[Callable[..., Array]], Primitive]:
    """Decorator: make ``forward(backend, *arrays, **static)`` an operation on tensors.

    Args:
        joint: one function that returns the gradients of all arguments, where they share work. Its first
            parameter ``needed`` tells which are asked for; it returns None for the others.
        rule: what to do with arguments of different data types, see `minigan.ops.promotion`.
        **vjps: the VJP of each argument that has one, by the argument's name. A VJP that is itself a
            primitive may write its result straight into the gradient buffer of a leaf.
    """
    return lambda forward: Primitive(forward, vjps, joint, rule)


def backend_differs(x1: Array, x2: Array) -> bool:
    """Whether two arrays of one type live on different devices (cuda:0 and cuda:1)."""
    return type(x1) is not np.ndarray and device_of(x1) != device_of(x2)


def _parameters(vjp: Vjp) -> tuple[str, ...]:
    """The names of what a VJP needs besides the gradient of the result (and ``needed``, if it is joint)."""
    if isinstance(vjp, Primitive):
        return vjp.inputs[1:] + vjp.static
    code = vjp.__code__
    names = code.co_varnames[: code.co_argcount]
    return names[2:] if names[0] == "needed" else names[1:]


def _static(forward: Callable[..., Array]) -> tuple[str, ...]:
    code = forward.__code__
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    return tuple(name for name in names if name != "out")


def _saved(operand: Any, array: Any) -> Any:
    """What to keep of an argument: its array, and for a leaf or a view of one who counts its changes."""
    owner = operand.owner() if isinstance(operand, Variable) else None
    return array if owner is None else (array, owner, owner.version)


def operand(a: Any) -> Any:
    """A number as a plain Python number, so that it promotes as numbers do; an array as a constant tensor."""
    if isinstance(a, np.generic):
        return a.item()
    if isinstance(a, bool | int | float):
        return bool(a) if isinstance(a, bool) else int(a) if isinstance(a, int) else float(a)
    if isinstance(a, Variable):
        return a
    get_backend(a)  # raises for what is no array
    return constant(a)


def _default_dtype(number: Any) -> Any:
    return np.float32 if isinstance(number, float) else None


def _stale_message(op: str, leaf: Variable) -> str:
    return (
        f"Backward through {op} needs {leaf.name or f'a leaf of shape {leaf.shape}'} as it was in the forward "
        "pass, but it was changed since (by an optimizer step, an assignment or load_state_dict). "
        "Run the forward pass again after the change, or call backward before it."
    )


def _devices_message(op: str, x1: Array, x2: Array) -> str:
    d1, d2 = device_of(x1), device_of(x2)
    return (
        f"{op}: expected all tensors on one device, but found {d1} and {d2}. "
        f'Move one of them, for example with x.to("{d1}").'
    )
