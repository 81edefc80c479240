"""LayerNorm: all values of a sample together to mean 0 and variance 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.errors import ShapeError
from minigan.nn.checks import require_array, require_dtype, require_size
from minigan.nn.module import Module, Parameter
from minigan.ops import norm
from minigan.ops.checks import real
from minigan.ops.creation import ones, zeros
from minigan.tensor import Tensor


class LayerNorm(Module):
    """Normalisation over the last dimensions; source: Ba, Kiros and Hinton 2016.

    It looks at one sample at a time, so it may stand in a critic with a gradient penalty, where BatchNorm may not
    (Gulrajani et al. 2017).

    Args:
        normalized_shape: the lengths of the dimensions that are normalised together, or the last one alone.
        eps: added to the variance.
        elementwise_affine: learn a scale ``weight`` of this shape.
        bias: learn a shift ``bias`` of this shape, too.

    Raises:
        ShapeError: the input does not end in normalized_shape.
        DTypeError: the input's type is not the layer's.

    >>> mg.nn.LayerNorm(3)(mg.randn(8, 3)).shape
    (8, 3)
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        shape = tuple(normalized_shape) if isinstance(normalized_shape, Sequence) else (normalized_shape,)
        for size in shape:
            require_size("LayerNorm", "normalized_shape", size)
        if not shape:
            raise ShapeError("LayerNorm: expected a normalized_shape of at least one length, but got ().")
        self.normalized_shape = shape
        self.eps = real("LayerNorm", "eps", eps)
        self.elementwise_affine = elementwise_affine
        self.weight = Parameter(ones(shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.bias = Parameter(zeros(shape, device=device, dtype=dtype)) if elementwise_affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., *normalized_shape) to the same shape."""
        require_array(self, "the input", x)
        if tuple(x.shape[-len(self.normalized_shape) :]) != self.normalized_shape:
            raise ShapeError(
                f"{self!r} expected an input whose shape ends in {self.normalized_shape}, but got {tuple(x.shape)}. "
                "Change the layer's normalized_shape or the input."
            )
        require_dtype(self, x, self.weight)
        return norm.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
