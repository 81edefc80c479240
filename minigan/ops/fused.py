"""What MLPs repeat, as one operation: Linear, leaky ReLU and dropout, with the bits of the three one by one.

After the matrix product its memory is worked on in place, and becomes the result. This is all that is saved for
backward, apart from the random words that decided about the dropout: 16 bits a number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend, get_backend
from minigan.ops.activation import leaky_relu_grad
from minigan.ops.linalg import _matmul, linear_weight_grad
from minigan.ops.random import _mask, decisions
from minigan.tape import primitive
from minigan.variable import Variable, constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor


@primitive(x=lambda gy, weight: _matmul(gy, weight), weight=linear_weight_grad, bias=lambda gy: gy)
def _linear_without_bias(k: Backend, x: Array, weight: Array, bias: Array = None) -> Array:
    """y = x weight^T. The next operation adds the bias, but its gradient, which is that of the sum, is taken here."""
    return k.linear(x, weight, None)


def _grad_of_grad(ggx: Tensor, y: Tensor, words: Any, negative_slope: float, threshold: int, scale: float) -> Tensor:
    """The slope first and then the mask: rounded as in the second derivative of the operations one by one."""
    ggy = leaky_relu_grad(ggx, y, negative_slope=negative_slope)
    if words is None:
        return ggy
    mask = get_backend(y._data).dropout_mask(words, y.shape, threshold, scale, y.dtype)
    return _mask(ggy, constant(mask))


@primitive(gy=_grad_of_grad)
def bias_leaky_relu_dropout_grad(
    k: Backend, gy: Array, y: Array, *, words: Any, negative_slope: float, threshold: int, scale: float
) -> Array:
    """gx = gy, times the mask of the dropout, times negative_slope where y <= 0."""
    return k.bias_leaky_relu_dropout_grad(gy, y, words, negative_slope, threshold, scale)


@primitive(x=bias_leaky_relu_dropout_grad)
def _bias_leaky_relu_dropout(
    k: Backend, x: Array, bias: Array = None, *, words: Any, negative_slope: float, threshold: int, scale: float
) -> Array:
    """y = dropout(leaky_relu(x + bias)), in the memory of the product x, which nobody else knows."""
    return k.bias_leaky_relu_dropout(x, bias, words, negative_slope, threshold, scale, out=x)


def can_be_fused(x: Any, weight: Any, bias: Any, negative_slope: Any, p: Any) -> bool:
    """Whether `linear_leaky_relu_dropout` takes these: what a layer has for several samples, and nothing unusual.

    The slope is to be above 0, so that a result tells on which side of it the sum lay, and at most 1.
    """
    tensors = (x, weight) if bias is None else (x, weight, bias)
    if not all(isinstance(tensor, Variable) for tensor in tensors):
        return False
    if not (isinstance(negative_slope, int | float) and isinstance(p, int | float)):
        return False
    given, wanted, dtype = x._data.shape, weight._data.shape, x._data.dtype
    return (
        0 < negative_slope <= 1
        and 0 <= p <= 1
        and dtype.kind == "f"
        and len(given) > 1
        and len(wanted) == 2
        and given[-1] == wanted[1]
        and weight._data.dtype == dtype
        and (bias is None or (bias._data.shape == wanted[:1] and bias._data.dtype == dtype))
    )


def linear_leaky_relu_dropout(
    x: Tensor, weight: Tensor, bias: Tensor | None, negative_slope: float, p: float
) -> Tensor:
    """y = dropout(leaky_relu(x weight^T + bias)): the same bits, and the same random numbers drawn.

    Args:
        x: (..., in).
        weight: (out, in).
        bias: (out,), or None.
        negative_slope: of the leaky ReLU.
        p: the probability of 0; if it is 0, no random numbers are drawn.

    >>> from minigan.ops.fused import linear_leaky_relu_dropout
    >>> x, weight = mg.tensor([[1.0, 2.0]]), mg.tensor([[3.0, 4.0], [-3.0, -4.0]])
    >>> linear_leaky_relu_dropout(x, weight, None, negative_slope=0.2, p=0.0)
    tensor([[11.0000, -2.2000]])
    """
    product = _linear_without_bias(x, weight, bias)
    words, threshold, scale = decisions(get_backend(product._data), product._data.size, p) if p else (None, 0, 1.0)
    slope = float(negative_slope)  # NumPy's would turn float32 into float64
    return _bias_leaky_relu_dropout(product, bias, words=words, negative_slope=slope, threshold=threshold, scale=scale)
