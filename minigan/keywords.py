"""Calls by keyword, as programs for PyTorch make them: ``mg.add(x, other=y)``, ``mg.exp(input=x)``.

Only a call that failed comes here, so a call by position pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigan.errors import ArgumentError, DTypeError, MiniganError

if TYPE_CHECKING:
    from minigan.tape import Primitive

_PYTORCHS = {"input": 0, "other": 1}


def by_position(
    op: Primitive, args: Sequence[Any], params: dict[str, Any], error: TypeError
) -> tuple[list[Any], dict[str, Any]] | None:
    """The arguments in their places and the static parameters; None if the error of the call says it all.

    Raises:
        ArgumentError: a keyword that the operation does not have, too many or too few arguments, or one that is of
            another kind than the operation takes.
        DTypeError: an argument that is no tensor, array or number.
    """
    places = {**_PYTORCHS, **{name: i for i, name in enumerate(op.inputs)}}
    given = dict(enumerate(args))
    static = {name: value for name, value in params.items() if name in op.static or name == "out"}
    for name in params.keys() - static.keys():
        place = places.get(name, len(op.inputs))
        if op.variadic or place >= len(op.inputs) or place in given:
            raise ArgumentError(f"{op.name}: expected {_names(op)}, but got an argument {name!r}.") from None
        given[place] = params[name]
    needed = range(1) if op.variadic else range(len(op.inputs) - op.optional)
    if not set(needed) <= given.keys() or (len(given) > len(op.inputs) and not op.variadic):
        raise ArgumentError(f"{op.name}: expected {_names(op)}, but the number of arguments is {len(given)}.") from None
    if len(static) == len(params):
        _blame(op, args, params, error)
        return None
    return [given.get(i) for i in range(max(given) + 1)], static


def _blame(op: Primitive, args: Sequence[Any], params: dict[str, Any], error: TypeError) -> None:
    """Raise the error with the operation's name, unless it has one."""
    text = str(error)
    if isinstance(error, DTypeError) and text.startswith("Expected"):
        raise DTypeError(f"{op.name}: e{text[1:]}") from None
    if not isinstance(error, MiniganError):
        found = [_shown(a) for a in args] + [f"{name}={_shown(value)}" for name, value in params.items()]
        raise ArgumentError(
            f"{op.name}: expected {_names(op)}, each of a type that it takes, but got {', '.join(found)} ({text}). "
            "Change the one of another type."
        ) from None


def _shown(a: Any) -> str:
    return f"{a.dtype} {tuple(a.shape)}" if hasattr(a, "shape") and hasattr(a, "dtype") else repr(a)


def _names(op: Primitive) -> str:
    names = [f"any number of {op.inputs[0]}"] if op.variadic else list(op.inputs)
    return ", ".join([*names, *op.static])
