"""Activations. Each one's gradient is a kernel, and so a primitive with gradients of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.ops.checks import real, tensor_of
from minigan.ops.elementwise import gt, where
from minigan.ops.promotion import floating, numbers
from minigan.tape import primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


@primitive(gy=lambda ggx, y: tanh_grad(ggx, y), y=lambda ggx, gy, y: ggx * gy * y * -2.0)
def tanh_grad(k: Backend, gy: Array, y: Array) -> Array:
    """gx = gy (1 - y^2) for y = tanh x."""
    return k.tanh_grad(gy, y)


@primitive(x=tanh_grad, rule=floating)
def tanh(k: Backend, x: Array) -> Array:
    """y = tanh x."""
    return k.tanh(x)


@primitive(gy=lambda ggx, y: sigmoid_grad(ggx, y), y=lambda ggx, gy, y: ggx * gy * (1 - y * 2))
def sigmoid_grad(k: Backend, gy: Array, y: Array) -> Array:
    """gx = gy y (1 - y) for y = sigmoid x."""
    return k.sigmoid_grad(gy, y)


@primitive(x=sigmoid_grad, rule=floating)
def sigmoid(k: Backend, x: Array) -> Array:
    """y = 1 / (1 + e^-x)."""
    return k.sigmoid(x)


def _softplus_slope_grad(ggx: Tensor, gy: Tensor, x: Tensor, beta: float, threshold: float) -> Tensor:
    """gx = ggx gy beta s (1 - s) for s = sigmoid(beta x), and 0 above the threshold."""
    scaled = x * beta
    return where(gt(scaled, threshold), 0.0, sigmoid_grad(ggx * gy * beta, sigmoid(scaled)))


@primitive(gy=lambda ggx, x, beta, threshold: softplus_grad(ggx, x, beta=beta, threshold=threshold),
           x=_softplus_slope_grad)  # fmt: skip
def softplus_grad(k: Backend, gy: Array, x: Array, *, beta: float, threshold: float) -> Array:
    """gx = gy sigmoid(beta x), and gy where beta x > threshold."""
    return k.softplus_grad(gy, x, beta, threshold)


@primitive(x=softplus_grad, rule=floating)
def _softplus(k: Backend, x: Array, *, beta: float, threshold: float) -> Array:
    """y = ln(1 + e^(beta x)) / beta, and x where beta x > threshold."""
    return k.softplus(x, beta, threshold)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """y = ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold.

    >>> mg.nn.functional.softplus(mg.tensor([-100.0, 0.0, 100.0]))
    tensor([3.7835e-44, 6.9315e-01, 1.0000e+02])
    """
    return _softplus(input, beta=real("softplus", "beta", beta), threshold=real("softplus", "threshold", threshold))


@primitive(x=lambda gy, x: gy * sigmoid(-x), rule=floating)
def logsigmoid(k: Backend, x: Array) -> Array:
    """y = ln sigmoid x = -ln(1 + e^-x), exact for every x."""
    return k.logsigmoid(x)


@primitive(gy=lambda ggx, y: relu_grad(ggx, y))
def relu_grad(k: Backend, gy: Array, y: Array) -> Array:
    """gx = gy where y, which is never below 0, is not 0; so it passes where y is nan, as in PyTorch."""
    return k.relu_grad(gy, y)


@primitive(x=relu_grad, rule=numbers)
def _relu(k: Backend, x: Array) -> Array:
    """y = max(x, 0); the gradient at 0 is 0."""
    return k.relu(x)


def relu(input: Any, inplace: bool = False) -> Tensor:
    """y = max(x, 0); the gradient at 0 is 0.

    Args:
        input: any tensor of numbers.
        inplace: accepted for PyTorch's sake; the input stays as it is.

    >>> mg.relu(mg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return _relu(input)


@primitive(gy=lambda ggx, y, negative_slope: leaky_relu_grad(ggx, y, negative_slope=negative_slope))
def leaky_relu_grad(k: Backend, gy: Array, y: Array, *, negative_slope: float) -> Array:
    """gx = gy where y > 0, else negative_slope gy: for slopes >= 0, y has the sign of x."""
    return k.leaky_relu_grad(gy, y, negative_slope)


@primitive(x=leaky_relu_grad, rule=floating)
def _leaky_relu(k: Backend, x: Array, *, negative_slope: float) -> Array:
    """y = x where x > 0, else negative_slope x."""
    return k.leaky_relu(x, negative_slope)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """y = x where x > 0, else negative_slope x.

    Args:
        input: any tensor of numbers.
        negative_slope: any number.
        inplace: accepted for PyTorch's sake; the input stays as it is.

    >>> mg.nn.functional.leaky_relu(mg.tensor([-1.0, 2.0]), 0.2)
    tensor([-0.2000,  2.0000])
    """
    negative_slope = real("leaky_relu", "negative_slope", negative_slope)  # NumPy's would turn float32 into float64
    if negative_slope < 0:  # the sign of y does not tell that of x: remember x instead
        x = tensor_of("leaky_relu", input)
        return where(gt(x, 0), x, x * negative_slope)
    return _leaky_relu(input, negative_slope=negative_slope)
