"""Tensors from data and from nothing. The types are PyTorch's: Python floats are float32, ints int64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import backend_of, device_of, get_backend
from minigan.backend.allowance import spend
from minigan.backend.device import device as resolve_device
from minigan.capturing import brought, refuse
from minigan.errors import ArgumentError, RangeError, ShapeError
from minigan.ops.device import transfer
from minigan.ops.exchange import from_dlpack
from minigan.ops.promotion import number_type
from minigan.ops.shape import sizes_of
from minigan.variable import Variable, constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def tensor(data: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of the data.

    Args:
        data: a number, nested lists of numbers, an array or a tensor. An array keeps its type and device.
        dtype: by default float32 for Python floats, int64 for ints, bool for bools.
        device: by default that of an array, and the default device for lists and numbers.
        requires_grad: record operations on the result.

    Raises:
        DTypeError: the data are not numbers, or ``requires_grad`` for a type that is not floating point.

    >>> mg.tensor([[1.0, 2.0], [3.0, 4.5]])
    tensor([[1.0000, 2.0000],
            [3.0000, 4.5000]])
    """
    shared = as_tensor(data, dtype, device)
    return constant(get_backend(shared._data).copy(shared._data)).requires_grad_(requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """As :func:`tensor`, but memory is shared with the data where their type and device allow it.

    A tensor stays on the tape, as in PyTorch.

    >>> mg.as_tensor(np.zeros(2)).dtype
    dtype('float64')
    """
    if isinstance(data, Variable):
        return data.to(device=device, dtype=dtype)  # type: ignore[attr-defined,no-any-return]
    if isinstance(data, np.ndarray | np.generic):
        array = np.asarray(data)  # a subclass such as memmap becomes the plain array
    elif not hasattr(data, "__dlpack__"):
        array = _from_python(data, dtype)
        device = resolve_device(device)
    else:
        array = data if type(data).__module__.split(".")[0] == "cupy" else from_dlpack(data)._data
    if not isinstance(data, np.generic) and hasattr(data, "__dlpack__"):
        brought(array)
    number_type(array.dtype)
    if dtype is not None and array.dtype != number_type(dtype):
        array = get_backend(array).cast(array, np.dtype(dtype))
    to = device_of(array) if device is None else resolve_device(device)
    return constant(array if to == device_of(array) else transfer(array, to))


def full(size: Any, fill_value: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor filled with one value: ``full((2, 3), 7.0)``.

    Raises:
        ArgumentError: a length is no whole number, or the value is not one number.
        ShapeError: a length is below 0, or too large.

    >>> mg.full((2,), 7.0)
    tensor([7., 7.])
    """
    return _full("full", (size,), _one_number(fill_value), dtype, device, requires_grad)


def _full(op: str, size: Sequence[Any], value: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    shape = sizes_of(op, size)
    dtype = _from_python(value).dtype if dtype is None else number_type(dtype)
    spend(shape, dtype.itemsize)
    backend = backend_of(resolve_device(device))
    try:
        x = backend.full(shape, value, dtype)
    except (ValueError, OverflowError) as error:
        raise ShapeError(f"{op}: cannot fill the shape {shape} with {value!r} of {dtype} ({error}).") from None
    return constant(x).requires_grad_(requires_grad)


def _one_number(value: Any) -> Any:
    value = value.item() if getattr(value, "shape", None) == () else value
    if not isinstance(value, bool | int | float):
        raise ArgumentError(f"full: expected fill_value to be one number, but got {value!r}.")
    return value


def zeros(*size: Any, dtype: Any = np.float32, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros.

    >>> mg.zeros(2, 2)
    tensor([[0., 0.],
            [0., 0.]])
    """
    return _full("zeros", size, 0, dtype or np.float32, device, requires_grad)


def ones(*size: Any, dtype: Any = np.float32, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones.

    >>> mg.ones(3)
    tensor([1., 1., 1.])
    """
    return _full("ones", size, 1, dtype or np.float32, device, requires_grad)


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... below end; ``arange(end)`` starts at 0.

    Raises:
        ArgumentError: one of them is no number.
        RangeError: the steps lead away from the end, or nowhere, or the end is not finite.

    >>> mg.arange(1, 4)
    tensor([1, 2, 3])
    """
    if end is None:
        start, end = 0, start
    if not all(isinstance(value, Real) for value in (start, end, step)):
        raise ArgumentError(f"arange: expected numbers, but got start {start!r}, end {end!r} and step {step!r}.")
    if not step or not all(math.isfinite(value) for value in (start, end, step)) or (end - start) / step < 0:
        raise RangeError(f"arange: expected finite steps from start to end, but got {start}, {end} and step {step}.")
    if dtype is None:
        whole = all(isinstance(value, int) for value in (start, end, step))
        dtype = np.int64 if whole else np.float32
    values = backend_of(resolve_device(device)).arange(start, end, step, np.dtype(dtype))
    return constant(values).requires_grad_(requires_grad)


def eye(
    n: int, m: int | None = None, dtype: Any = np.float32, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Ones on the diagonal of an (n, m) matrix of zeros; m is n by default.

    >>> mg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows, columns = sizes_of("eye", (n, n if m is None else m))
    values = backend_of(resolve_device(device)).eye(rows, columns, number_type(dtype))
    return constant(values).requires_grad_(requires_grad)


def _from_python(data: Any, dtype: Any = None) -> Any:
    """Numbers and nested lists as an array of PyTorch's default types, or exact if a type was asked for."""
    if isinstance(data, Sequence) and any(isinstance(part, Variable) for part in data):
        refuse("a list of tensors, whose values mg.tensor copies", "Use mg.stack or mg.cat.")
        data = [part._data.tolist() if isinstance(part, Variable) else part for part in data]
    try:
        array = np.asarray(data)
    except ValueError:
        raise ShapeError("Expected nested lists of one length on each level, but got lists of several.") from None
    number_type(array.dtype)
    return array.astype(np.float32) if dtype is None and (array.dtype == np.float64 or not array.size) else array
