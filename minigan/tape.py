"""What an operation is, and what it leaves on the tape.

A :class:`Primitive` runs a kernel forward and knows one vector-Jacobian product (VJP) per argument. While
gradients are recorded it leaves a :class:`Node`: the operation, the edges to where its arguments came from, and
the values that its VJPs will need. A node never points to its own result, so there are no reference cycles: a
value dies as soon as nobody needs it. How gradients travel back over the nodes is told in `minigan.sweep`.

A VJP takes the gradient of the result first, and says by the names of its other parameters what else it needs:
the name of an argument, ``y`` for the result, ``<argument>_shape``, or the name of a static parameter. What no
VJP in use names is not saved: a frozen weight costs no memory for its gradient, and tanh keeps only its output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend, device_of, get_backend
from minigan.capturing import brought
from minigan.errors import DeviceError, DTypeError, GraphError, ShapeError, StaleGraphError
from minigan.hooks import Hooks
from minigan.keywords import by_position
from minigan.observers.observer import observers, run_watched, tell_recorded
from minigan.recording import mode
from minigan.variable import Variable, constant, result, tied

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Vjp = Callable[..., Any]

node_numbers = count()


class Notes:
    """What somebody wants of a node besides: few nodes have any.

    Attributes:
        hooks: called with the gradient of the result before it goes on; they may replace it.
        retained: where ``retain_grad()`` wants that gradient.
        origin: which line of the user's code, and which layer, ran the operation; under ``detect_anomaly``.
    """

    __slots__ = ("hooks", "origin", "retained")

    def __init__(self) -> None:
        self.hooks: Hooks = {}
        self.retained: list[Array] | None = None
        self.origin: Any = None


class Node:
    """One operation on the tape.

    Attributes:
        edges: for each argument the Node or the leaf that a gradient goes to, or None if it needs none.
        number: counts up over all nodes, so every consumer has a higher number than what it consumes.
        saved: what the VJPs in use need, in the order of ``op.fields``; None once backward has passed.
        shape, dtype: of the result, and so of its gradient.
        notes: hooks and the like, or None.
    """

    __slots__ = ("dtype", "edges", "notes", "number", "op", "params", "saved", "shape")

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
        self.number = next(node_numbers)
        self.shape: tuple[int, ...] = y.shape
        self.dtype: np.dtype[Any] = y.dtype
        self.notes: Notes | None = None

    def noted(self) -> Notes:
        """The notes of this node, to write into."""
        if self.notes is None:
            self.notes = Notes()
        return self.notes

    def values(self, vjp: Vjp) -> list[Any]:
        """What a VJP needs besides the gradient, tied to the tape again so that it can be differentiated."""
        found = []
        for name, kind, slot, i in self.op.reads[vjp]:
            if kind == _PARAM:
                found.append(self.params[name])
                continue
            if self.saved is None:
                raise GraphError(
                    f"Backward went through {self.op.name} a second time, after its saved values were freed. "
                    "Pass retain_graph=True to the first backward, or run the forward pass again."
                )
            value = self.saved[slot]
            if kind == _INPUT:
                value = self._input(value, self.edges[i])
            elif kind == _OUTPUT:
                value = tied(value, self)
            elif kind == _INPUTS:
                value = [self._input(v, edge) for v, edge in zip(value, self.edges, strict=True)]
            found.append(value)
        return found

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


_FLOAT32 = np.dtype(np.float32)
_SCALARS = (float, int)  # bool is an int
_INPUT, _INPUTS, _OUTPUT, _SHAPES, _PARAM = range(5)


class Primitive:
    """An operation: its forward on arrays and its VJPs. Made by :func:`primitive`.

    Attributes:
        inputs: the names of the array arguments; for a variadic operation only one name.
        fields: the kind of each name that a VJP uses, and its slot in ``Node.saved``.
        reads: for each VJP, the name, kind, slot and argument of what it needs.
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
        self.optional = len(forward.__defaults__ or ())  # how many of the last inputs may be left out, or be None
        self.writes_out = "out" in code.co_varnames[:last]
        self.vjps = tuple(vjps.get(name) for name in self.inputs)
        self.needs = {vjp: _parameters(vjp) for vjp in (*vjps.values(), *([joint] if joint else []))}
        self.fields = self._find_fields()
        self.reads = {vjp: [self._read(name) for name in names] for vjp, names in self.needs.items()}
        self.saves_arrays = any(kind in (_INPUT, _INPUTS, _OUTPUT) for kind, _ in self.fields.values())
        self._plans: dict[tuple[bool, ...], list[tuple[int, int, int]]] = {}

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __call__(self, *args: Any, **params: Any) -> Tensor:
        """Run forward on tensors, arrays and numbers; leave a node if a gradient may be asked for."""
        try:
            operands, arrays, first, tracked = self._operands(args)
            backend = get_backend(first)
            run = partial(run_watched, self, operands) if observers else self.run
            y = run(backend, arrays, params)
        except TypeError as error:
            moved = by_position(self, args, params, error)
            if moved is None:
                raise
            return self(*moved[0], **moved[1])
        node = self._record(operands, arrays, params, y) if tracked and mode.recording and self.needs else None
        return result(y, node, operands)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As an attribute of a class, a primitive is a method."""
        return self if instance is None else MethodType(self, instance)

    def run(self, backend: Backend, arrays: Sequence[Any], params: dict[str, Any]) -> Array:
        """The kernel's result as an array: NumPy's ufuncs return scalars for 0-d operands."""
        try:
            y = self.forward(backend, *arrays, **params)
        except (ValueError, OverflowError) as error:
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
                arrays.append(data)
                if a._requires_grad:
                    tracked = True
                if first is None:
                    first, dtype = data, data.dtype
                    mixed = dtype is not _FLOAT32 and dtype.kind != "f"
                elif (type(data) is not np.ndarray or type(first) is not np.ndarray) and devices_differ(first, data):
                    raise DeviceError(_devices_message(self.name, first, data))
                elif data.dtype is not dtype:
                    mixed = True
            elif type(a) in (float, int, bool) or (a is None and self.optional):
                arrays.append(a)
            else:
                return self._operands([b if b is None and self.optional else operand(b) for b in args])
        if first is None:
            if not args:
                raise TypeError(f"{self.name}: no arguments")
            return self._operands([constant(np.asarray(a, _default_dtype(a))) for a in args])
        if mixed and self.rule is not None:
            agreed = self.rule(self.name, list(args))
            arrays = [a._data if isinstance(a, Variable) else a for a in agreed]
            return agreed, arrays, first, tracked
        return args, arrays, first, tracked

    def _record(self, operands: Sequence[Any], arrays: list[Any], params: dict[str, Any], y: Array) -> Node:
        edges = tuple([(a.node or a) if isinstance(a, Variable) and a._requires_grad else None for a in operands])
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
        node = Node(self, edges, saved, params, y)
        if observers:
            tell_recorded(node)
        return node

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
                plan.append((slot, kind, self._argument(name)))
        return plan

    def _find_fields(self) -> dict[str, tuple[int, int]]:
        fields: dict[str, tuple[int, int]] = {}
        for names in self.needs.values():
            for name in names:
                if name not in fields:
                    fields[name] = (self._kind(name), len(fields))
        return fields

    def _read(self, name: str) -> tuple[str, int, int, int]:
        return (name, *self.fields[name], self._argument(name))

    def _argument(self, name: str) -> int:
        """The position of the argument that this name, or its shape, belongs to."""
        source = name.removesuffix("_shape")
        return self.inputs.index(source) if source in self.inputs else 0

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


def devices_differ(x1: Array, x2: Array) -> bool:
    """Whether two arrays live on different devices: CPU and GPU, or two GPUs."""
    return type(x1) is not type(x2) or device_of(x1) != device_of(x2)


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
    if isinstance(a, Variable):
        return a
    if isinstance(a, np.generic):
        return a.item()
    if isinstance(a, bool | int | float):
        return bool(a) if isinstance(a, bool) else int(a) if isinstance(a, int) else float(a)
    get_backend(a)  # raises for what is no array
    if a.dtype.kind not in "fiub":
        raise DTypeError(f"Expected numbers, but got data of type {a.dtype}. Convert it with mg.tensor(x).")
    brought(a)
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
