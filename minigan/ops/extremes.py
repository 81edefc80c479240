"""The largest and the smallest values, and where they are. Equal values share the gradient, as in PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigan.backend import Array, Backend
from minigan.ops import elementwise
from minigan.ops.elementwise import eq, ne
from minigan.ops.indexing import _gather
from minigan.ops.promotion import cast_to
from minigan.ops.reduce import Dim, Dims, _sum, reduced_dims, spread
from minigan.ops.shape import Shape, lengths, normal_dim, reshape, squeeze
from minigan.tape import operand, primitive
from minigan.variable import Variable

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def _share(gy: Tensor, x: Tensor, y: Tensor, x_shape: Shape, dim: Dims, nan_ties: bool) -> Tensor:
    """gy, shared equally among the places that hold the extreme value."""
    ties = eq(x, spread(y.detach(), x_shape=x_shape, dim=dim))
    if nan_ties:
        ties = elementwise.maximum(ties, ne(x, x))
    holds: Tensor = cast_to(ties, gy.dtype)
    share = gy / _sum(holds, dim=dim, keepdim=len(gy.shape) == len(x_shape))
    shares = spread(share, x_shape=x_shape, dim=dim)
    # Where the share is nan or infinite, PyTorch's max leaves 0 at the other places, and its amax nan.
    return elementwise.where(ties, shares, 0.0) if nan_ties else holds * shares


@primitive(x=_share)
def _amax(k: Backend, x: Array, *, dim: Dims, keepdim: bool, nan_ties: bool) -> Array:
    """y = the largest x over dim; nan if one of them is, which then has the gradient, if nan_ties says so."""
    return k.amax(x, dim, keepdim)


@primitive(x=_share)
def _amin(k: Backend, x: Array, *, dim: Dims, keepdim: bool, nan_ties: bool) -> Array:
    """y = the smallest x over dim; nan if one of them is, which then has the gradient, if nan_ties says so."""
    return k.amin(x, dim, keepdim)


def amax(input: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The largest value; equal values share its gradient.

    >>> mg.amax(mg.tensor([[1.0, 5.0], [3.0, 4.0]]), dim=1)
    tensor([5., 4.])
    """
    return _amax(input, dim=reduced_dims(dim, input, "amax"), keepdim=keepdim, nan_ties=False)


def amin(input: Any, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """The smallest value; equal values share its gradient.

    >>> mg.amin(mg.tensor([[1.0, 5.0], [3.0, 4.0]]), dim=1)
    tensor([1., 3.])
    """
    return _amin(input, dim=reduced_dims(dim, input, "amin"), keepdim=keepdim, nan_ties=False)


# ---- where they are --------------------------------------------------------------------------------------


@primitive()
def _argmax(k: Backend, x: Array, *, dim: int | None, keepdim: bool) -> Array:
    """The index of the first largest x, or of the first nan."""
    return k.argmax(x, dim, keepdim)


@primitive()
def _argmin(k: Backend, x: Array, *, dim: int | None, keepdim: bool) -> Array:
    """The index of the first smallest x, or of the first nan."""
    return k.argmin(x, dim, keepdim)


def _one_dim(dim: int | None, input: Any, op: str) -> int | None:
    shape = lengths(input, op)
    return None if dim is None else normal_dim(dim, len(shape), op)


def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest value, the first of several.

    >>> mg.argmax(mg.tensor([1.0, 3.0, 3.0]))
    tensor(1)
    """
    return _argmax(input, dim=_one_dim(dim, input, "argmax"), keepdim=keepdim)


def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest value, the first of several.

    >>> mg.argmin(mg.tensor([1.0, 0.0, 3.0]))
    tensor(1)
    """
    return _argmin(input, dim=_one_dim(dim, input, "argmin"), keepdim=keepdim)


class Extremes(NamedTuple):
    """What max and min over one dimension return."""

    values: Tensor
    indices: Tensor


def max(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest value of all, or over one dimension (values, indices), the first of several.

    With a second tensor in place of ``dim`` it is :func:`maximum`.

    >>> mg.max(mg.tensor([[1.0, 5.0], [3.0, 4.0]]), dim=1).indices
    tensor([1, 1])
    """
    if isinstance(dim, Variable | np.ndarray):
        return elementwise.maximum(input, dim)
    if dim is None:
        return _amax(input, dim=reduced_dims(None, input, "max"), keepdim=False, nan_ties=True)
    return _at(input, argmax(input, dim, keepdim=True), dim, keepdim)


def min(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest value of all, or over one dimension (values, indices), the first of several.

    With a second tensor in place of ``dim`` it is :func:`minimum`.

    >>> mg.min(mg.tensor([[1.0, 5.0], [3.0, 4.0]]), dim=1).values
    tensor([1., 3.])
    """
    if isinstance(dim, Variable | np.ndarray):
        return elementwise.minimum(input, dim)
    if dim is None:
        return _amin(input, dim=reduced_dims(None, input, "min"), keepdim=False, nan_ties=True)
    return _at(input, argmin(input, dim, keepdim=True), dim, keepdim)


def _at(input: Any, indices: Tensor, dim: int, keepdim: bool) -> Extremes:
    x = operand(input)
    if not x.shape:
        return Extremes(reshape(x, ()), indices)
    d = normal_dim(dim, len(x.shape), "max")
    values = _gather(x, indices, dim=d)
    return Extremes(values, indices) if keepdim else Extremes(squeeze(values, d), squeeze(indices, d))
