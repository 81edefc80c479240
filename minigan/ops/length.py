"""The length of vectors. Where it is 0 its gradient is 0, to every order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend
from minigan.errors import ConfigError, ShapeError
from minigan.ops.elementwise import abs, eq, not_0, pow, sign, where
from minigan.ops.extremes import amax, amin
from minigan.ops.reduce import Dim, Dims, count, only_floating, reduced_dims, spread, sum
from minigan.ops.shape import Shape
from minigan.tape import primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def _norm2_grad(gy: Tensor, x: Tensor, y: Tensor, x_shape: Shape, dim: Dims) -> Tensor:
    return x * spread(where(eq(y, 0), 0.0, gy / not_0(y)), x_shape=x_shape, dim=dim)


@primitive(x=_norm2_grad)
def _norm2(k: Backend, x: Array, *, dim: Dims, keepdim: bool) -> Array:
    """y = (sum over dim of x^2)^(1/2)."""
    return k.norm2(x, dim, keepdim)


def _norm_grad(gy: Tensor, x: Tensor, y: Tensor, x_shape: Shape, dim: Dims, p: float) -> Tensor:
    """gy sign(x) |x / y|^(p - 1), and 0 where x is 0."""
    share = not_0(abs(x)) / spread(not_0(y), x_shape=x_shape, dim=dim)
    return sign(x) * pow(share, p - 1) * spread(gy, x_shape=x_shape, dim=dim)


@primitive(x=_norm_grad)
def _norm(k: Backend, x: Array, *, dim: Dims, keepdim: bool, p: float) -> Array:
    """y = (sum over dim of |x|^p)^(1/p)."""
    return k.norm(x, dim, keepdim, p)


def norm(input: Any, p: float | str = "fro", dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The length of the vectors that lie along ``dim``: (sum of |x|^p)^(1/p), by default with p = 2.

    Args:
        input: floating point.
        p: any number, or "fro", which is 2; inf and -inf give the largest and the smallest |x|, and 0 counts
            what is not 0.
        dim: the dimensions of one vector; by default all.
        keepdim: whether they stay, with length 1.

    Raises:
        ConfigError: p is neither a number nor "fro".
        DTypeError: the input is not floating point.
        ShapeError: vectors of length 0 have no such norm.

    >>> mg.norm(mg.tensor([[3.0, 4.0], [0.0, 0.0]]), dim=1)
    tensor([5., 0.])
    """
    x, dims, power = only_floating("norm", [input])[0], reduced_dims(dim, input, "norm"), _power(p)
    if (power < 0 or power == math.inf) and not count(x.shape, dims):
        raise ShapeError(f"norm: expected vectors that are not empty for p={p}, but got {x.shape} along dim {dims}.")
    if power == 2:
        return _norm2(x, dim=dims, keepdim=keepdim)
    if power in _SPECIAL:
        return _SPECIAL[power](x, dims, keepdim)
    return _norm(x, dim=dims, keepdim=keepdim, p=power)


_SPECIAL = {
    0.0: lambda x, dim, keepdim: sum(abs(sign(x)), dim, keepdim),
    1.0: lambda x, dim, keepdim: sum(abs(x), dim, keepdim),
    math.inf: lambda x, dim, keepdim: amax(abs(x), dim, keepdim),
    -math.inf: lambda x, dim, keepdim: amin(abs(x), dim, keepdim),
}


def _power(p: Any) -> float:
    if isinstance(p, int | float | np.number):
        return float(p)
    if p != "fro":
        raise ConfigError(f'norm: expected p to be a number or "fro", but got {p!r}.')
    return 2.0
