"""Convolutions of 3 x 3 that double or halve images, each in one step of 4 x 4 with stride 2.

Repeating pixels and then convolving reads every pixel four times over; convolving and then taking means computes
four numbers to keep one. Both are one convolution with overlapping copies of the kernel added up: the same function of
the same parameters, for 4/9 of the multiplications. Source: Karras et al. 2018, "Progressive growing of GANs", whose
code calls it fused scale.
"""

from __future__ import annotations

from minigan import nn
from minigan.nn.functional import conv2d, conv_transpose2d, pad
from minigan.tensor import Tensor


class DoublingConv2d(nn.Conv2d):
    """Pixels repeated, 2 x 2, and then a convolution of 3 x 3 that keeps the size.

    Args:
        in_channels: C.
        out_channels: O.

    >>> from minigan.gan.networks.resizing import DoublingConv2d
    >>> DoublingConv2d(8, 4)(mg.zeros(2, 8, 7, 7)).shape
    (2, 4, 14, 14)
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, 2H, 2W)."""
        kernel = _overlapping(self.weight).flip((2, 3)).transpose(0, 1)
        return conv_transpose2d(x, kernel, self.bias, stride=2, padding=1)


class HalvingConv2d(nn.Conv2d):
    """A convolution of 3 x 3 that keeps the size, and then means over 2 x 2 pixels.

    Args:
        in_channels: C.
        out_channels: O.

    >>> from minigan.gan.networks.resizing import HalvingConv2d
    >>> HalvingConv2d(4, 8)(mg.zeros(2, 4, 14, 14)).shape
    (2, 8, 7, 7)
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 2H, 2W) to (N, O, H, W)."""
        return conv2d(x, _overlapping(self.weight) / 4, self.bias, stride=2, padding=1)


def _overlapping(kernel: Tensor) -> Tensor:
    """Four copies of kernels (O, C, 3, 3), each shifted by one row, one column, both or neither, added up: 4 x 4."""
    k = pad(kernel, (1, 1, 1, 1))
    return k[:, :, 1:, 1:] + k[:, :, 1:, :-1] + k[:, :, :-1, 1:] + k[:, :, :-1, :-1]
