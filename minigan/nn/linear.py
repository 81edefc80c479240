"""Linear: the fully connected layer."""

from __future__ import annotations

from typing import Any

from minigan.errors import ShapeError
from minigan.nn import init
from minigan.nn.checks import require_array, require_dtype, require_size
from minigan.nn.module import Module, Parameter
from minigan.ops import linalg
from minigan.ops.creation import zeros
from minigan.tensor import Tensor


class Linear(Module):
    """y = x weight^T + bias.

    Attributes:
        weight: (out_features, in_features), drawn from U(-1/sqrt(in_features), 1/sqrt(in_features)).
        bias: (out_features,), drawn alike; None without bias.

    Raises:
        ShapeError: the last length of the input is not in_features.
        DTypeError: the input's type is not the weight's.

    >>> mg.nn.Linear(784, 1)(mg.zeros(16, 784)).shape
    (16, 1)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        require_size("Linear", "in_features", in_features)
        require_size("Linear", "out_features", out_features)
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(zeros(out_features, in_features, device=device, dtype=dtype))
        self.bias = Parameter(zeros(out_features, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.start_(self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        require_array(self, "the input", x)
        if not x.shape or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"{self!r} expected an input of shape (..., {self.in_features}), but got {tuple(x.shape)}. "
                "Change the layer's in_features, or flatten or reshape the input."
            )
        require_dtype(self, x, self.weight)
        return linalg.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The layer's sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
