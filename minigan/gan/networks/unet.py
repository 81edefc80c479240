"""The U-Net: images of images, for what is to be repaired or refined."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Unpack

from minigan import nn
from minigan.gan.networks.layers import Shape, Style, hidden_layer, output_layer
from minigan.gan.networks.sizes import halved
from minigan.ops.joining import cat
from minigan.tensor import Tensor


class UNet(nn.Module):
    """Images to images of the same shape: halved block by block, and doubled again beside what was there on the way.

    A block on the way up sees the result of the one below and, as further channels, that of the block of its size on
    the way down: so the small images need not carry what the large ones know. Two convolutions of 3 x 3 at the bottom
    let each pixel see far. Source: Ronneberger, Fischer and Brox 2015; with the blocks of 4 x 4 and stride 2 of Isola
    et al. 2017 ("pix2pix").

    Args:
        image_shape: (C, H, W), with H and W multiples of 2^k for k blocks.
        hidden: the channels after each block on the way down, from the image to the bottom.
        output: what bounds the pixels: "tanh", "sigmoid" (stretched to [-1, 1]), or "linear" for nothing.
        style: what follows each convolution but the last, see `Style`; after the first there is no norm. In front of
            "batch" and "instance", which take the mean of each channel away, convolutions have no bias.

    Raises:
        ConfigError: a name in these settings that does not exist, or no channels.
        ShapeError: the samples are no images, or of another size.

    >>> from minigan.gan.networks import UNet
    >>> UNet((1, 28, 28), [32, 64], norm="batch")(mg.zeros(2, 1, 28, 28)).shape
    (2, 1, 28, 28)
    """

    def __init__(
        self, image_shape: Shape, hidden: Sequence[int], *, output: str = "tanh", **style: Unpack[Style]
    ) -> None:
        super().__init__()
        shapes = [image_shape, *halved(image_shape, hidden)]
        first: Style = {**style, "norm": "none"}
        self.down = nn.ModuleList(
            _halving(before, after, style if i else first) for i, (before, after) in enumerate(pairwise(shapes))
        )
        self.bottom = nn.Sequential(_same_size(shapes[-1], style), _same_size(shapes[-1], style))
        self.up = nn.ModuleList(_doubling(after, before, style) for before, after in _upwards(shapes))
        self.last = nn.Sequential(_doubled(shapes[1], shapes[0]), *output_layer(output))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H, W)."""
        seen = []
        for block in self.down:
            x = block(x)
            seen.append(x)
        x = self.bottom(x)
        for block in (*self.up, self.last):
            x = block(cat([x, seen.pop()], 1))
        return x


def _upwards(shapes: Sequence[Shape]) -> list[tuple[Shape, Shape]]:
    """(larger, smaller) for each block on the way up but the last."""
    return list(pairwise(shapes))[:0:-1]


def _halving(before: Shape, after: Shape, style: Style) -> nn.Sequential:
    convolution = nn.Conv2d(before[0], after[0], 4, stride=2, padding=1, bias=_has_bias(style))
    return nn.Sequential(convolution, *hidden_layer(after, **style))


def _same_size(shape: Shape, style: Style) -> nn.Sequential:
    convolution = nn.Conv2d(shape[0], shape[0], 3, padding=1, bias=_has_bias(style))
    return nn.Sequential(convolution, *hidden_layer(shape, **style))


def _doubling(smaller: Shape, larger: Shape, style: Style) -> nn.Sequential:
    return nn.Sequential(_doubled(smaller, larger, _has_bias(style)), *hidden_layer(larger, **style))


def _doubled(smaller: Shape, larger: Shape, bias: bool = True) -> nn.ConvTranspose2d:
    """From the smaller images and as many channels from the way down."""
    return nn.ConvTranspose2d(2 * smaller[0], larger[0], 4, stride=2, padding=1, bias=bias)


def _has_bias(style: Style) -> bool:
    """A bias would move nothing in front of a norm that takes the mean of each channel away."""
    return style.get("norm") not in ("batch", "instance")
