"""Which data type a result has when its arguments differ: PyTorch's rules, which are not NumPy's.

Tensors with dimensions outweigh 0-d tensors, and those outweigh Python numbers; a lighter operand changes the
result only if it is of a higher category (bool < integer < floating point). So ``float32 tensor * 2.0``,
``float32 tensor * np.float64(2)`` and ``float32 tensor * 0-d float64 tensor`` are all float32.

The rules here run only when something is unusual: arguments that differ in type, or that are not floating point.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.backend import Array, Backend
from minigan.errors import DTypeError
from minigan.tape import primitive
from minigan.variable import Variable

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}
_DEFAULT = {bool: np.dtype(bool), int: np.dtype(np.int64), float: np.dtype(np.float32)}


@primitive(x=lambda gy, source: cast(gy, dtype=source, source=gy.dtype))
def cast(k: Backend, x: Array, *, dtype: Any, source: Any) -> Array:
    """x with data type ``dtype``; its gradient gets the type ``source`` that x had."""
    return k.cast(x, dtype)


def cast_to(x: Any, dtype: np.dtype[Any]) -> Any:
    """x if it is a number or has this type already, else a cast of it."""
    if not isinstance(x, Variable) or x.dtype == dtype:
        return x
    if dtype.kind != "f":  # integers and booleans take no gradient
        return cast(x.detach(), dtype=dtype, source=x.dtype)  # type: ignore[attr-defined]
    return cast(x, dtype=dtype, source=x.dtype)


def agree(x1: Any, x2: Any) -> bool:
    """Whether two operands have one type as they are: tensors of one, or a number beside a floating point tensor."""
    if not isinstance(x1, Variable):
        x1, x2 = x2, x1
    dtype = x1._data.dtype
    return dtype is x2._data.dtype if isinstance(x2, Variable) else dtype.kind == "f"


def promote(name: str, args: list[Any]) -> list[Any]:
    """All arguments with the one type that PyTorch would give the result."""
    dtype = result_type(args)
    return [cast_to(x, dtype) for x in args]


def numbers(name: str, args: list[Any]) -> list[Any]:
    """As :func:`promote`, but truth values are no numbers."""
    if result_type(args).kind == "b":
        raise DTypeError(f"{name}: expected numbers, but got bool. Convert it with x.to(mg.int64).")
    return promote(name, args)


def floating(name: str, args: list[Any]) -> list[Any]:
    """As :func:`promote`, and integers become float32: for exp, division and their like."""
    dtype = result_type(args)
    if dtype.kind != "f":
        dtype = np.dtype(np.float32)
    return [cast_to(x, dtype) for x in args]


def same(name: str, args: list[Any]) -> list[Any]:
    """Nothing is converted: tensors of different types are an error, as PyTorch's matmul has it."""
    dtypes = {x.dtype for x in args if isinstance(x, Variable)}
    if len(dtypes) > 1:
        raise DTypeError(
            f"{name}: expected all tensors to have one data type, but found {' and '.join(sorted(map(str, dtypes)))}. "
            "Convert one of them, for example with x.to(mg.float32)."
        )
    return args


def number_type(dtype: Any) -> np.dtype[Any]:
    """The data type of this name, if its values are numbers that a tensor can hold.

    Raises:
        DTypeError: they are complex, text, objects, or in foreign byte order.
    """
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"Expected a data type such as mg.float32, but got {dtype!r}.") from None
    if found.kind not in _CATEGORY or not found.isnative:
        raise DTypeError(f"Expected numbers (bool, integer or floating point), but got data of type {found}.")
    return found


def result_type(args: list[Any]) -> np.dtype[Any]:
    """The type of a result of these tensors and numbers (`torch.result_type`)."""
    full = [x.dtype for x in args if isinstance(x, Variable) and x.shape]
    scalar = [x.dtype for x in args if isinstance(x, Variable) and not x.shape]
    numbers = [_DEFAULT[type(x)] for x in args if type(x) in _DEFAULT]
    dtype: np.dtype[Any] | None = None
    for group in (full, scalar, numbers):
        if group:
            lighter = _widest(group)
            if dtype is None or _CATEGORY[lighter.kind] > _CATEGORY[dtype.kind]:
                dtype = lighter
    assert dtype is not None, "a primitive has at least one tensor argument"
    return dtype


def _widest(dtypes: list[np.dtype[Any]]) -> np.dtype[Any]:
    """The type that holds all those of the highest category: int64 beside float32 does not ask for float64."""
    try:
        highest = max(_CATEGORY[dtype.kind] for dtype in dtypes)
    except KeyError:
        raise DTypeError(f"Expected numbers, but got data of type {' and '.join(map(str, dtypes))}.") from None
    return np.result_type(*[dtype for dtype in dtypes if _CATEGORY[dtype.kind] == highest])
