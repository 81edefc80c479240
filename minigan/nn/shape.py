"""Flatten and Unflatten: between images and rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence

from minigan.errors import ConfigError, ShapeError
from minigan.nn.checks import require_array
from minigan.nn.module import Module
from minigan.ops import shape
from minigan.tensor import Tensor


class Flatten(Module):
    """One dimension in place of those from start_dim to end_dim: (N, 1, 28, 28) to (N, 784).

    Raises:
        ShapeError: the input has no such dimensions.

    >>> mg.nn.Flatten()(mg.zeros(16, 1, 28, 28)).shape
    (16, 784)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """The same values, flat."""
        require_array(self, "the input", x)
        return shape.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Several dimensions in place of one: ``Unflatten(1, (1, 28, 28))`` takes (N, 784) to (N, 1, 28, 28).

    Raises:
        ShapeError: the input has no such dimension, or one of another length.

    >>> mg.nn.Unflatten(1, (1, 28, 28))(mg.zeros(16, 784)).shape
    (16, 1, 28, 28)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(unflattened_size, Sequence):
            raise ConfigError(f"Unflatten: expected a tuple of lengths, but got {unflattened_size!r}.")
        self.dim = dim
        self.unflattened_size = shape.sizes_of("Unflatten", (unflattened_size,), -1)

    def forward(self, x: Tensor) -> Tensor:
        """The same values, in the new shape."""
        require_array(self, "the input", x)
        d = shape.normal_dim(self.dim, x.ndim, "Unflatten")
        try:
            return shape.reshape(x, x.shape[:d] + self.unflattened_size + x.shape[d + 1 :])
        except ShapeError:
            raise ShapeError(
                f"{self!r} expected dimension {d} to have the length of {self.unflattened_size}, "
                f"but got an input of shape {x.shape}."
            ) from None

    def extra_repr(self) -> str:
        """The dimension and what it becomes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
