"""Sums of exponentials that cannot overflow, and the probabilities that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.ops.elementwise import exp
from minigan.ops.promotion import floating
from minigan.ops.reduce import Dim, Dims, _sum, reduced_dims, spread
from minigan.ops.shape import Shape, lengths, normal_dim
from minigan.tape import primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def _logsumexp_grad(gy: Tensor, x: Tensor, y: Tensor, x_shape: Shape, dim: Dims) -> Tensor:
    gy, y = (spread(z, x_shape=x_shape, dim=dim) for z in (gy, y))
    return gy * exp(x - y)


@primitive(x=_logsumexp_grad, rule=floating)
def _logsumexp(k: Backend, x: Array, *, dim: Dims, keepdim: bool) -> Array:
    """y = ln of the sum over dim of e^x."""
    return k.logsumexp(x, dim, keepdim)


def logsumexp(input: Any, dim: Dim, keepdim: bool = False) -> Tensor:
    """The logarithm of the sum of e^x over the given dimensions, exact for every x.

    >>> mg.logsumexp(mg.tensor([[2000.0, 0.0]]), dim=1)
    tensor([2000.])
    """
    return _logsumexp(input, dim=reduced_dims(dim, input, "logsumexp"), keepdim=keepdim)


@primitive(x=lambda gy, y, dim: y * (gy - _sum(gy * y, dim=dim, keepdim=True)), rule=floating)
def _softmax(k: Backend, x: Array, *, dim: Dims) -> Array:
    """y = e^x / sum over dim of e^x."""
    return k.softmax(x, dim)


def _one_dim(op: str, dim: int, x: Any) -> Dims:
    ndim = len(lengths(x, op))
    d = normal_dim(dim, ndim, op)
    return (d,) if ndim else ()


def softmax(input: Any, dim: int) -> Tensor:
    """Positive numbers that add up to 1 over ``dim``, in proportion to e^x.

    >>> mg.softmax(mg.tensor([0.0, 1000.0, 1000.0]), dim=0)
    tensor([0.0000, 0.5000, 0.5000])
    """
    return _softmax(input, dim=_one_dim("softmax", dim, input))


@primitive(x=lambda gy, y, dim: gy - exp(y) * _sum(gy, dim=dim, keepdim=True), rule=floating)
def _log_softmax(k: Backend, x: Array, *, dim: Dims) -> Array:
    """y = x - ln of the sum over dim of e^x."""
    return k.log_softmax(x, dim)


def log_softmax(input: Any, dim: int) -> Tensor:
    """The logarithm of :func:`softmax`, exact where that is too small for a number.

    >>> mg.log_softmax(mg.tensor([0.0, 1000.0]), dim=0)
    tensor([-1000.,     0.])
    """
    return _log_softmax(input, dim=_one_dim("log_softmax", dim, input))
