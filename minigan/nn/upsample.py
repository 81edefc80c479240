"""Upsample and PixelShuffle: larger images without weights."""

from __future__ import annotations

from collections.abc import Sequence

from minigan.nn.checks import require_array
from minigan.nn.module import Module
from minigan.ops import resample
from minigan.tensor import Tensor


class Upsample(Module):
    """Pixels repeated; arguments and errors are those of `minigan.nn.functional.interpolate`.

    >>> mg.nn.Upsample(scale_factor=2)(mg.zeros(16, 3, 14, 14)).shape
    (16, 3, 28, 28)
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor = scale_factor
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same with other lengths in space."""
        require_array(self, "the input", x)
        return resample.interpolate(x, self.size, self.scale_factor, self.mode)

    def extra_repr(self) -> str:
        """The size or the factor, and the mode."""
        given = f"scale_factor={self.scale_factor}" if self.size is None else f"size={self.size}"
        return f"{given}, mode={self.mode!r}"


class PixelShuffle(Module):
    """r^2 channels become one that is r times as high and wide; see `minigan.nn.functional.pixel_shuffle`.

    >>> mg.nn.PixelShuffle(2)(mg.zeros(16, 12, 14, 14)).shape
    (16, 3, 28, 28)
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        """(..., C r^2, H, W) to (..., C, H r, W r)."""
        require_array(self, "the input", x)
        return resample.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"
