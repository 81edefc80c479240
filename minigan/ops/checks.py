"""What arguments must be, said once: whole numbers, numbers, tensors. The usual types pass by one comparison."""

from __future__ import annotations

import operator
from typing import Any

from minigan.backend import Array, get_backend
from minigan.capturing import checked
from minigan.errors import ArgumentError, DTypeError, IndexRangeError
from minigan.tape import operand
from minigan.variable import Variable


def whole(op: str, name: str, value: Any) -> int:
    """A whole number, such as one of NumPy's or a 0-d integer tensor, as an int.

    Raises:
        ArgumentError: it is none, or a truth value.

    >>> from minigan.ops.checks import whole
    >>> whole("softmax", "dim", np.int64(2))
    2
    """
    if type(value) is int:
        return value
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise ArgumentError(f"{op}: expected {name} to be a whole number, but got {_words(value)}.")
    return number


def real(op: str, name: str, value: Any) -> float:
    """A number, such as one of NumPy's or a 0-d tensor, as a float.

    Raises:
        ArgumentError: it is none.

    >>> from minigan.ops.checks import real
    >>> real("softplus", "beta", 2)
    2.0
    """
    if type(value) is float:
        return value
    try:
        number = None if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):  # the last of whole numbers beyond what a float holds
        number = None
    if number is None:
        raise ArgumentError(f"{op}: expected {name} to be a number, but got {_words(value)}.")
    return number


def operand_of(op: str, x: Any) -> Any:
    """A number as it is, and an array as a constant tensor.

    Raises:
        DTypeError: it is neither.
    """
    try:
        return operand(x)
    except DTypeError:
        raise DTypeError(
            f"{op}: expected a tensor, an array or a number, but got {_words(x)}. Convert it with mg.tensor(x)."
        ) from None


def tensor_of(op: str, x: Any) -> Any:
    """A tensor as it is, and an array as a constant tensor.

    Raises:
        DTypeError: it is neither, or its values are no numbers.

    >>> from minigan.ops.checks import tensor_of
    >>> tensor_of("matmul", np.zeros((2, 3))).shape
    (2, 3)
    """
    if isinstance(x, Variable):
        return x
    try:
        tensor = operand(x)
    except DTypeError:
        tensor = None
    if not isinstance(tensor, Variable):
        raise DTypeError(
            f"{op}: expected a tensor or an array of numbers, but got {_words(x)}. Convert it with mg.tensor(x)."
        )
    return tensor


def floating_tensor(op: str, x: Any) -> Any:
    """As :func:`tensor_of`, but of a floating point type.

    Raises:
        DTypeError: it is of another type.
    """
    x = tensor_of(op, x)
    if x.dtype.kind != "f":
        raise DTypeError(f"{op}: expected a floating point input, but got {x.dtype}. Convert it with x.float().")
    return x


def require_integers(op: str, index: Any) -> None:
    """Raise unless a tensor holds whole numbers, as indices are.

    Raises:
        DTypeError: it does not.
    """
    if index.dtype.kind not in "iu":
        raise DTypeError(f"{op}: expected whole numbers as indices, but got {index.dtype}. Convert them to mg.int64.")


def require_indices(op: str, index: Any, n: int | None, advice: str) -> None:
    """Raise unless a tensor holds indices from 0 to n - 1, or from 0 on if n is None.

    On a GPU only the type is looked at: the numbers would have to be waited for.

    Raises:
        DTypeError: it holds no whole numbers.
        IndexRangeError: it holds others.
    """
    require_integers(op, index)
    backend = get_backend(index._data)
    if backend.device_type != "cpu" or not index._data.size:
        return

    def check(numbers: Array) -> None:
        low, high = (int(extreme(numbers, None, False)) for extreme in (backend.amin, backend.amax))
        if low < 0 or (n is not None and high >= n):
            found, last = low if low < 0 else high, "" if n is None else n - 1
            raise IndexRangeError(f"{op}: expected indices from 0 to {last}, but got {found}. {advice}")

    checked(check, index._data)


def _words(value: Any) -> str:
    """The value, if it is short, and else its type."""
    text = repr(value)
    if len(text) < 80:
        return text
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
    dtype = getattr(value, "dtype", None)
    return f"an object of type {name}" + (f" and dtype {dtype}" if dtype is not None else "")
