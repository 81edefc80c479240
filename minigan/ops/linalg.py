"""Matrix products. Their gradients are matrix products too, so the engine spends its time where it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.errors import ShapeError
from minigan.ops.promotion import same
from minigan.ops.shape import squeeze, transpose, unsqueeze
from minigan.tape import operand, primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


@primitive(
    x1=lambda gy, x2: _matmul(gy, transpose(x2, -1, -2)),
    x2=lambda gy, x1: _matmul(transpose(x1, -1, -2), gy),
    rule=same,
)
def _matmul(k: Backend, x1: Array, x2: Array) -> Array:
    """y = x1 x2 for matrices, or stacks of matrices whose leading dimensions broadcast."""
    return k.matmul(x1, x2)


def matmul(x1: Any, x2: Any) -> Tensor:
    """The matrix product; a vector is a row on the left and a column on the right, as in NumPy and PyTorch.

    Raises:
        ShapeError: the inner lengths differ, or an argument is 0-d.

    >>> mg.matmul(mg.tensor([[1.0, 2.0], [3.0, 4.0]]), mg.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    x1, x2 = operand(x1), operand(x2)
    row, column = len(x1.shape) == 1, len(x2.shape) == 1
    inner = x2.shape[0] if column else x2.shape[-2] if x2.shape else None
    if not x1.shape or not x2.shape or x1.shape[-1] != inner:
        raise ShapeError(
            f"matmul: expected the last length of the first to equal the last but one of the second, "
            f"but got shapes {x1.shape} and {x2.shape}."
        )
    y = _matmul(unsqueeze(x1, 0) if row else x1, unsqueeze(x2, 1) if column else x2)
    if row:
        y = squeeze(y, -2)
    return squeeze(y, -1) if column else y


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


def linear(x: Any, weight: Any, bias: Any = None) -> Tensor:
    """y = x weight^T + bias for x (..., in), weight (out, in), bias (out,).

    Raises:
        ShapeError: the last length of x is not that of weight.

    >>> mg.nn.functional.linear(mg.tensor([[1.0, 2.0]]), mg.tensor([[3.0, 4.0]]), mg.tensor([0.5]))
    tensor([[11.5000]])
    """
    x, weight = operand(x), operand(weight)
    if len(weight.shape) != 2 or not x.shape or x.shape[-1] != weight.shape[1]:
        raise ShapeError(f"linear: expected x (..., in) and weight (out, in), but got {x.shape} and {weight.shape}.")
    if len(x.shape) == 1:
        return squeeze(_linear(unsqueeze(x, 0), weight, bias), 0)
    return _linear(x, weight, bias)
