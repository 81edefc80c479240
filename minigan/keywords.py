"""Calls by keyword, as programs for PyTorch make them: ``mg.add(x, other=y)``, ``mg.exp(input=x)``.

Only a call that failed comes here, so a call by position pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigan.errors import ArgumentError

if TYPE_CHECKING:
    from minigan.tape import Primitive

_PYTORCHS = {"input": 0, "other": 1}


def by_position(op: Primitive, args: Sequence[Any], params: dict[str, Any]) -> tuple[list[Any], dict[str, Any]] | None:
    """The arguments in their places and the static parameters; None if the call was made like that already.

    Raises:
        ArgumentError: a keyword that the operation does not have, or too many or too few arguments.
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
    return None if len(static) == len(params) else ([given.get(i) for i in range(max(given) + 1)], static)


def _names(op: Primitive) -> str:
    names = [f"any number of {op.inputs[0]}"] if op.variadic else list(op.inputs)
    return ", ".join([*names, *op.static])
