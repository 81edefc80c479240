"""Operations that make several values one. ``dim`` is an int, a tuple, or None for all dimensions."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigan.backend import Array, Backend
from minigan.errors import DTypeError
from minigan.ops.elementwise import eq, sqrt, where
from minigan.ops.promotion import cast_to
from minigan.ops.shape import _expand, _reshape, normal_dim, normal_dims
from minigan.tape import operand, primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Dim = int | Sequence[int] | None
Dims = tuple[int, ...]
Shape = tuple[int, ...]


def spread(gy: Tensor, x_shape: Shape, dim: tuple[int, ...]) -> Tensor:
    """A reduced value at every place that it was made from: the way back of a sum."""
    kept = tuple(1 if d in dim else n for d, n in enumerate(x_shape))
    return _expand(_reshape(gy, shape=kept), shape=x_shape)


def count(x_shape: Shape, dim: tuple[int, ...]) -> int:
    """How many values become one."""
    n = 1
    for d in dim:
        n *= x_shape[d]
    return n


@primitive(x=lambda gy, x_shape, dim: spread(gy, x_shape, dim))
def _sum(k: Backend, x: Array, *, dim: Dims, keepdim: bool) -> Array:
    """y = sum of x over dim."""
    return k.sum(x, dim, keepdim)


def sum(x: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The sum over the given dimensions; integers add up in int64.

    >>> mg.sum(mg.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.])
    """
    if x.dtype.kind == "u":  # NumPy would give uint64
        x = cast_to(operand(x), np.dtype(np.int64))
    return _sum(x, dim=normal_dims(dim, len(x.shape), "sum"), keepdim=keepdim)


def _floating_operand(name: str, x: Any) -> Any:
    x = operand(x)
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: expected a floating point tensor, but got {x.dtype}. Convert it with x.float().")
    return x


@primitive(x=lambda gy, x_shape, dim: spread(gy / builtins.max(count(x_shape, dim), 1), x_shape, dim))
def _mean(k: Backend, x: Array, *, dim: Dims, keepdim: bool) -> Array:
    """y = sum of x over dim / number of values."""
    return k.mean(x, dim, keepdim)


def mean(x: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The mean over the given dimensions.

    Raises:
        DTypeError: x is not floating point, as in PyTorch.

    >>> mg.mean(mg.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([1.5000, 3.5000])
    """
    x = _floating_operand("mean", x)
    return _mean(x, dim=normal_dims(dim, len(x.shape), "mean"), keepdim=keepdim)


def _var_grad(gy: Tensor, x: Tensor, x_shape: Shape, dim: Dims, correction: float) -> Tensor:
    """2 (x - mean) / (n - correction), spread over x."""
    centred = x - _mean(x, dim=dim, keepdim=True)
    freedom = _freedom(x_shape, dim, correction)
    return centred * spread(gy * (2 / freedom if freedom else math.inf), x_shape, dim)


@primitive(x=_var_grad)
def _var(k: Backend, x: Array, *, dim: Dims, correction: float, keepdim: bool) -> Array:
    """y = sum over dim of (x - mean)^2 / (n - correction)."""
    return k.var(x, dim, _freedom(x.shape, dim, correction), keepdim)


def _freedom(x_shape: Shape, dim: Dims, correction: float) -> float:
    """What the sum of squared distances is divided by; never below 0."""
    return float(builtins.max(count(x_shape, dim) - correction, 0))


def var(x: Any, dim: Dim = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """The mean squared distance from the mean, with ``n - correction`` in place of n (Bessel's correction).

    >>> mg.var(mg.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    x = _floating_operand("var", x)
    return _var(x, dim=normal_dims(dim, len(x.shape), "var"), correction=correction, keepdim=keepdim)


def std(x: Any, dim: Dim = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """The square root of :func:`var`; where it is 0 the gradient is 0, as in PyTorch.

    >>> mg.std(mg.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    variance = var(x, dim, correction, keepdim)
    zero = eq(variance, 0)
    return where(zero, 0.0, sqrt(where(zero, 1.0, variance)))


def _extreme_grad(gy: Tensor, x: Tensor, y: Tensor, dim: tuple[int, ...]) -> Tensor:
    """gy, shared equally among the places that hold the extreme value."""
    tied: Tensor = cast_to(eq(x, spread(y.detach(), x.shape, dim)), gy.dtype)
    return tied * spread(gy / _sum(tied, dim=dim, keepdim=False).reshape(gy.shape), x.shape, dim)


@primitive(x=_extreme_grad)
def _amax(k: Backend, x: Array, *, dim: Dims, keepdim: bool) -> Array:
    """y = the largest x over dim."""
    return k.amax(x, dim, keepdim)


@primitive(x=_extreme_grad)
def _amin(k: Backend, x: Array, *, dim: Dims, keepdim: bool) -> Array:
    """y = the smallest x over dim."""
    return k.amin(x, dim, keepdim)


def amax(x: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The largest value; equal values share its gradient.

    >>> mg.amax(mg.tensor([[1.0, 5.0], [3.0, 4.0]]), dim=1)
    tensor([5., 4.])
    """
    return _amax(x, dim=normal_dims(dim, len(x.shape), "amax"), keepdim=keepdim)


def amin(x: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The smallest value; equal values share its gradient.

    >>> mg.amin(mg.tensor([[1.0, 5.0], [3.0, 4.0]]), dim=1)
    tensor([1., 3.])
    """
    return _amin(x, dim=normal_dims(dim, len(x.shape), "amin"), keepdim=keepdim)


@primitive()
def _argmax(k: Backend, x: Array, *, dim: int | None, keepdim: bool) -> Array:
    """The index of the first largest x."""
    return k.argmax(x, dim, keepdim)


@primitive()
def _argmin(k: Backend, x: Array, *, dim: int | None, keepdim: bool) -> Array:
    """The index of the first smallest x."""
    return k.argmin(x, dim, keepdim)


def argmax(x: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest value, the first of several.

    >>> mg.argmax(mg.tensor([1.0, 3.0, 3.0]))
    tensor(1)
    """
    return _argmax(x, dim=dim if dim is None else normal_dim(dim, x.ndim, "argmax"), keepdim=keepdim)


def argmin(x: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest value, the first of several.

    >>> mg.argmin(mg.tensor([1.0, 0.0, 3.0]))
    tensor(1)
    """
    return _argmin(x, dim=dim if dim is None else normal_dim(dim, x.ndim, "argmin"), keepdim=keepdim)


@primitive(gy=lambda gx, indices, dim: _take_along_dim(gx, indices, dim=dim))
def _take_along_dim_grad(k: Backend, gy: Array, indices: Array, *, shape: Shape, dim: int) -> Array:
    """Zeros of ``shape`` with gy added at the indices."""
    return k.take_along_dim_grad(gy, indices, shape, dim)


@primitive(x=lambda gy, indices, x_shape, dim: _take_along_dim_grad(gy, indices, shape=x_shape, dim=dim))
def _take_along_dim(k: Backend, x: Array, indices: Array, *, dim: int) -> Array:
    """y[i, j] = x[indices[i, j], j] for dim 0, and so on."""
    return k.take_along_dim(x, indices, dim)


class Extremes(NamedTuple):
    """What max and min over one dimension return."""

    values: Tensor
    indices: Tensor


def max(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The largest value of all, or over one dimension (values, indices), the first of several.

    >>> mg.max(mg.tensor([[1.0, 5.0], [3.0, 4.0]]), dim=1).indices
    tensor([1, 1])
    """
    return amax(x) if dim is None else _at(x, argmax(x, dim, keepdim=True), dim, keepdim)


def min(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest value of all, or over one dimension (values, indices), the first of several.

    >>> mg.min(mg.tensor([[1.0, 5.0], [3.0, 4.0]]), dim=1).values
    tensor([1., 3.])
    """
    return amin(x) if dim is None else _at(x, argmin(x, dim, keepdim=True), dim, keepdim)


def _at(x: Any, indices: Tensor, dim: int, keepdim: bool) -> Extremes:
    d = normal_dim(dim, x.ndim, "max")
    values = _take_along_dim(x, indices, dim=d) if x.ndim else x
    return Extremes(values, indices) if keepdim or not x.ndim else Extremes(values.squeeze(d), indices.squeeze(d))
