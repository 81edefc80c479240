"""Matrix products. Their gradients are matrix products too, so the engine spends its time where it should."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.errors import ShapeError
from minigan.ops.checks import tensor_of
from minigan.ops.promotion import same
from minigan.ops.shape import _reshape, lengths, squeeze, unsqueeze
from minigan.tape import primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


@primitive(gy=lambda gg, x2: _matmul(gg, x2), x2=lambda gg, gy: _matmul_grad2(gy, gg))
def _matmul_grad1(k: Backend, gy: Array, x2: Array) -> Array:
    """gx1 = gy x2^T."""
    return k.matmul_grad1(gy, x2)


@primitive(gy=lambda gg, x1: _matmul(x1, gg), x1=lambda gg, gy: _matmul_grad1(gy, gg))
def _matmul_grad2(k: Backend, gy: Array, x1: Array) -> Array:
    """gx2 = x1^T gy."""
    return k.matmul_grad2(gy, x1)


@primitive(x1=_matmul_grad1, x2=_matmul_grad2, rule=same)
def _matmul(k: Backend, x1: Array, x2: Array) -> Array:
    """y = x1 x2 for matrices, or stacks of matrices whose leading dimensions broadcast."""
    return k.matmul(x1, x2)


def matmul(input: Any, other: Any) -> Tensor:
    """The matrix product; a vector is a row on the left and a column on the right, as in NumPy and PyTorch.

    Raises:
        ShapeError: the inner lengths differ, or an argument is 0-d.

    >>> mg.matmul(mg.tensor([[1.0, 2.0], [3.0, 4.0]]), mg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    x1, x2 = tensor_of("matmul", input), tensor_of("matmul", other)
    a, b = x1.shape, x2.shape
    if not a or not b or a[-1] != b[-2 if len(b) > 1 else 0]:
        raise ShapeError(
            f"matmul: expected the last length of the first to equal the last but one of the second, "
            f"but got shapes {a} and {b}."
        )
    if len(a) > 1 and len(b) == 2:  # one product for a whole stack
        return _matmul(x1, x2) if len(a) == 2 else _reshape(_matmul(_rows(x1), x2), shape=(*a[:-1], b[1]))
    y = _matmul(unsqueeze(x1, 0) if len(a) == 1 else x1, unsqueeze(x2, 1) if len(b) == 1 else x2)
    return _without_vectors(y, len(a) == 1, len(b) == 1)


def _rows(x: Any) -> Tensor:
    """A stack of matrices as one that holds all their rows."""
    return _reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


def _without_vectors(y: Tensor, row: bool, column: bool) -> Tensor:
    """A product without the dimension that a vector was given for it."""
    if row:
        y = squeeze(y, -2)
    return squeeze(y, -1) if column else y


def bmm(input: Any, mat2: Any) -> Tensor:
    """The products of two stacks of matrices (B, n, k) and (B, k, m): a stack (B, n, m).

    Raises:
        ShapeError: the shapes do not fit; for stacks that broadcast there is :func:`matmul`.

    >>> mg.bmm(mg.ones(2, 1, 3), mg.ones(2, 3, 1)).shape
    (2, 1, 1)
    """
    a, b = lengths(input, "bmm"), lengths(mat2, "bmm")
    if len(a) != 3 or len(b) != 3 or a[0] != b[0] or a[2] != b[1]:
        raise ShapeError(f"bmm: expected shapes (B, n, k) and (B, k, m), but got {a} and {b}.")
    return _matmul(input, mat2)


@primitive(gy=lambda gw, x: _linear(x, gw, None), x=lambda gw, gy: _matmul(gy, gw))
def linear_weight_grad(k: Backend, gy: Array, x: Array, *, out: Array = None) -> Array:
    """gw = sum over positions of gy x^T."""
    return k.linear_weight_grad(gy, x, out)


@primitive(
    x=lambda gy, weight: _matmul(gy, weight),
    weight=linear_weight_grad,
    bias=lambda gy: gy,
    rule=same,
)
def _linear(k: Backend, x: Array, weight: Array, bias: Array = None) -> Array:
    """y = x weight^T + bias."""
    return k.linear(x, weight, bias)


def linear(input: Any, weight: Any, bias: Any = None) -> Tensor:
    """y = x weight^T + bias for x (..., in), weight (out, in), bias (out,); a weight (in,) gives y (...).

    Raises:
        ShapeError: the last length of x is not that of weight, or the bias has another shape.

    >>> mg.nn.functional.linear(mg.tensor([[1.0, 2.0]]), mg.tensor([[3.0, 4.0]]), mg.tensor([0.5]))
    tensor([[11.5000]])
    """
    x, weight = tensor_of("linear", input), tensor_of("linear", weight)
    if len(weight.shape) == 1 and bias is None:
        return matmul(x, weight)
    if len(weight.shape) != 2 or not x.shape or x.shape[-1] != weight.shape[1]:
        raise ShapeError(f"linear: expected x (..., in) and weight (out, in), but got {x.shape} and {weight.shape}.")
    if len(x.shape) == 1:
        return squeeze(_linear(unsqueeze(x, 0), weight, bias), 0)
    return _linear(x, weight, bias)
