"""MaxPool2d and AvgPool2d: smaller images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.nn.checks import require_array
from minigan.nn.module import Module
from minigan.ops import pool
from minigan.tensor import Tensor

Size = int | Sequence[int]


class MaxPool2d(Module):
    """The largest value of each window; arguments and errors are those of `minigan.nn.functional.max_pool2d`.

    >>> mg.nn.MaxPool2d(2)(mg.zeros(16, 3, 28, 28)).shape
    (16, 3, 14, 14)
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Any:
        """(N, C, H, W) to (N, C, Ho, Wo), or both without N; with ``return_indices`` also where the maxima are."""
        require_array(self, "the input", x)
        return pool.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class AvgPool2d(Module):
    """The mean of each window; arguments and errors are those of `minigan.nn.functional.avg_pool2d`.

    >>> mg.nn.AvgPool2d(2)(mg.zeros(16, 3, 28, 28)).shape
    (16, 3, 14, 14)
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, Ho, Wo), or both without N."""
        require_array(self, "the input", x)
        return pool.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """The settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
