"""Operations that make several values one. ``dim`` is an int, a tuple, or None for all dimensions."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend
from minigan.ops.checks import floating_tensor, real
from minigan.ops.elementwise import eq, not_0, where
from minigan.ops.promotion import cast_to
from minigan.ops.shape import Shape, _expand, lengths, normal_dims
from minigan.tape import operand, primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Dim = int | Sequence[int] | None
Dims = tuple[int, ...]


def reduced_dims(dim: Dim, x: Any, op: str) -> Dims:
    """The dimensions that a reduction of x runs over; None and an empty tuple mean all of them, as in PyTorch."""
    if dim is None or (type(dim) in (tuple, list) and not dim):
        return tuple(range(len(lengths(x, op))))
    return normal_dims(dim, len(lengths(x, op)), op)


def count(x_shape: Shape, dim: Dims) -> int:
    """How many values become one."""
    return math.prod([x_shape[d] for d in dim])


def _spread_grad(ggx: Tensor, gy_shape: Shape, x_shape: Shape, dim: Dims) -> Tensor:
    return _sum(ggx, dim=dim, keepdim=len(gy_shape) == len(x_shape))


@primitive(gy=_spread_grad)
def spread(k: Backend, gy: Array, *, x_shape: Shape, dim: Dims) -> Array:
    """A reduced value at every place that it was made from: the way back of a sum."""
    return k.expand(k.reshape(gy, tuple([1 if d in dim else n for d, n in enumerate(x_shape)])), x_shape)


# ---- sums ------------------------------------------------------------------------------------------------


def _no_unsigned(name: str, args: list[Any]) -> list[Any]:
    """Unsigned integers add up in int64, too."""
    x = operand(args[0])
    return [cast_to(x, np.dtype(np.int64)) if x.dtype.kind == "u" else x]


@primitive(x=spread, rule=_no_unsigned)
def _sum(k: Backend, x: Array, *, dim: Dims, keepdim: bool) -> Array:
    """y = sum of x over dim."""
    return k.sum(x, dim, keepdim)


@primitive(x=lambda gy, x_shape: _expand(gy, shape=x_shape))
def sum_to(k: Backend, x: Array, *, shape: Shape) -> Array:
    """y = sum of x over all that broadcasting from this shape repeats: the way back of `_expand`."""
    return k.sum_to(x, shape)


def sum(input: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The sum over the given dimensions; integers add up in int64.

    >>> mg.sum(mg.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.])
    """
    return _sum(input, dim=reduced_dims(dim, input, "sum"), keepdim=keepdim)


def only_floating(name: str, args: list[Any]) -> list[Any]:
    """A rule: integers have no mean, norm or deviation, as PyTorch has it."""
    return [floating_tensor(name, args[0])]


@primitive(
    x=lambda gy, x_shape, dim: spread(gy / builtins.max(count(x_shape, dim), 1), x_shape=x_shape, dim=dim),
    rule=only_floating,
)
def _mean(k: Backend, x: Array, *, dim: Dims, keepdim: bool) -> Array:
    """y = sum of x over dim / number of values."""
    return k.mean(x, dim, keepdim)


def mean(input: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The mean over the given dimensions.

    Raises:
        DTypeError: the input is not floating point, as in PyTorch.

    >>> mg.mean(mg.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([1.5000, 3.5000])
    """
    return _mean(input, dim=reduced_dims(dim, input, "mean"), keepdim=keepdim)


# ---- how far values are from their mean ------------------------------------------------------------------


def _var_grad(gy: Tensor, x: Tensor, x_shape: Shape, dim: Dims, correction: float) -> Tensor:
    """2 (x - mean) / (n - correction), spread over x."""
    centred = x - _mean(x, dim=dim, keepdim=True)
    freedom = _freedom(x_shape, dim, correction)
    return centred * spread(gy * (2 / freedom if freedom else math.inf), x_shape=x_shape, dim=dim)


@primitive(x=_var_grad, rule=only_floating)
def _var(k: Backend, x: Array, *, dim: Dims, correction: float, keepdim: bool) -> Array:
    """y = sum over dim of (x - mean)^2 / (n - correction)."""
    return k.var(x, dim, _freedom(x.shape, dim, correction), keepdim)


def _freedom(x_shape: Shape, dim: Dims, correction: float) -> float:
    """What the sum of squared distances is divided by; never below 0."""
    return float(builtins.max(count(x_shape, dim) - correction, 0))


def var(
    input: Any, dim: Dim = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """The mean squared distance from the mean, with ``n - correction`` in place of n (Bessel's correction).

    Args:
        input: at least ``correction + 1`` values, else the result is nan or infinite.
        dim: the dimensions that become one value.
        unbiased: whether the correction is 1 or 0, where it is not given.
        keepdim: whether the dimensions stay, with length 1.
        correction: any number.

    >>> mg.var(mg.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    if isinstance(dim, bool):  # var(x, unbiased)
        return var(input, None, dim, keepdim, correction=correction)
    dims = reduced_dims(dim, input, "var")
    correction = float(bool(unbiased)) if correction is None else real("var", "correction", correction)
    return _var(input, dim=dims, correction=correction, keepdim=keepdim)


def std(
    input: Any, dim: Dim = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
) -> Tensor:
    """The square root of :func:`var`; where it is 0 the gradient is 0, as in PyTorch.

    >>> mg.std(mg.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return root(var(input, dim, unbiased, keepdim, correction=correction))


def _root_grad(gy: Tensor, y: Tensor) -> Tensor:
    return where(eq(y, 0), 0.0, gy / (not_0(y) * 2))


@primitive(x=_root_grad)
def root(k: Backend, x: Array) -> Array:
    """y = x^(1/2) for sums of squares: at 0, where x cannot become less, the gradient is 0."""
    return k.sqrt(x)
