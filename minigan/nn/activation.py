"""Activations as modules."""

from __future__ import annotations

import numpy as np

from minigan.errors import ConfigError
from minigan.nn.module import Module
from minigan.ops import activation, softmax
from minigan.tensor import Tensor


class ReLU(Module):
    """y = max(x, 0).

    Args:
        inplace: accepted for PyTorch's sake; the input stays as it is.

    >>> mg.nn.ReLU()(mg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return activation.relu(x)


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope x.

    Args:
        negative_slope: any number.
        inplace: accepted for PyTorch's sake; the input stays as it is.

    >>> mg.nn.LeakyReLU(0.5)(mg.tensor([-1.0, 2.0]))
    tensor([-0.5000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        if not isinstance(negative_slope, int | float | np.number):
            raise ConfigError(f"LeakyReLU: expected negative_slope to be a number, but got {negative_slope!r}.")
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return activation.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"negative_slope={self.negative_slope}"


class Softplus(Module):
    """y = ln(1 + e^(beta x)) / beta, and x itself where beta x > threshold.

    >>> mg.nn.Softplus()(mg.tensor([-100.0, 0.0, 100.0]))
    tensor([3.7835e-44, 6.9315e-01, 1.0000e+02])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return activation.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Its two settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Tanh(Module):
    """y = tanh x.

    >>> mg.nn.Tanh()(mg.tensor([-100.0, 0.0]))
    tensor([-1.,  0.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return activation.tanh(x)


class Sigmoid(Module):
    """y = 1 / (1 + e^-x).

    >>> mg.nn.Sigmoid()(mg.tensor([-1000.0, 0.0]))
    tensor([0.0000, 0.5000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return activation.sigmoid(x)


class _OverOneDimension(Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        """The dimension."""
        return f"dim={self.dim}"


class Softmax(_OverOneDimension):
    """Positive numbers that add up to 1 over ``dim``, in proportion to e^x.

    >>> mg.nn.Softmax(dim=0)(mg.tensor([0.0, 1000.0, 1000.0]))
    tensor([0.0000, 0.5000, 0.5000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return softmax.softmax(x, self.dim)


class LogSoftmax(_OverOneDimension):
    """The logarithm of :class:`Softmax`, exact where that is too small for a number.

    >>> mg.nn.LogSoftmax(dim=0)(mg.tensor([0.0, 1000.0]))
    tensor([-1000.,     0.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return softmax.log_softmax(x, self.dim)
