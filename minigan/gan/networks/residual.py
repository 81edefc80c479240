"""Residual networks: blocks that add to what they are given; as in WGAN-GP (Gulrajani et al. 2017) for images.

Norm and activation stand before each convolution (He et al. 2016, "Identity mappings"), and a block changes the size
and the channels of its images: G's blocks repeat pixels, D's take means of 2 x 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Unpack

from minigan import nn
from minigan.gan.networks.conv import small_images
from minigan.gan.networks.discriminator import Discriminator
from minigan.gan.networks.layers import Shape, Style, dropout_layer, hidden_layer, output_layer
from minigan.gan.networks.resizing import DoublingConv2d, HalvingConv2d
from minigan.gan.networks.sizes import halved
from minigan.tensor import Tensor


class Residual(nn.Module):
    """y = shortcut(x) + residual(x); source: He et al. 2015, equation 2.

    Args:
        shortcut: from x to what y is about.
        residual: from x to what y has besides.

    >>> from minigan.gan.networks import Residual
    >>> Residual(mg.nn.Sequential(), mg.nn.ReLU())(mg.tensor([-1.0, 1.0]))
    tensor([-1.,  2.])
    """

    def __init__(self, shortcut: nn.Module, residual: nn.Module) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Both ways, added up."""
        y: Tensor = self.shortcut(x) + self.residual(x)
        return y


def residual_generator(
    z_dim: int, hidden: Sequence[int], image_shape: Shape, *, output: str = "tanh", **style: Unpack[Style]
) -> nn.Sequential:
    """z (N, z_dim) to images (N, C, H, W): a Linear layer to small images, then each block doubles their size.

    Args:
        z_dim: the length of z.
        hidden: the channels that each block gives; the small images have those of the first.
        image_shape: (C, H, W), with H and W multiples of 2^k for k blocks.
        output: what bounds the pixels: "tanh", "sigmoid" (stretched to [-1, 1]), or "linear" for nothing.
        style: what stands before each convolution, see `Style`; WGAN-GP has "relu" and "batch".

    Raises:
        ConfigError: a name in these settings that does not exist, or no channels.
        ShapeError: the samples are no images, or of another size.

    >>> from minigan.gan.networks import residual_generator
    >>> residual_generator(100, [64, 32], (1, 28, 28), activation="relu", norm="batch")(mg.zeros(2, 100)).shape
    (2, 1, 28, 28)
    """
    channels = [*hidden[:1], *hidden]  # from the small images to the last block
    shapes = [*halved(image_shape, channels[-2::-1])[::-1], (channels[-1], *image_shape[1:])]
    layers = small_images(z_dim, shapes[0])
    for before, after in pairwise(shapes):
        layers.append(_doubling_block(before, after, style))
    last = nn.Conv2d(hidden[-1], image_shape[0], 3, padding=1)
    return nn.Sequential(*layers, *hidden_layer(shapes[-1], **style), last, *output_layer(output))


def residual_discriminator(
    image_shape: Shape,
    hidden: Sequence[int],
    *,
    input_dropout: float = 0.0,
    output: str = "logit",
    outputs: int = 1,
    **style: Unpack[Style],
) -> Discriminator:
    """Images (N, C, H, W) to (N, outputs): each block halves their size, a Linear layer judges what is left.

    Args:
        image_shape: (C, H, W), with H and W multiples of 2^k for k blocks.
        hidden: the channels that each block gives.
        input_dropout: probability for each number of the image.
        output: "logit", or "probability" for a Sigmoid at the end.
        outputs: how many results there are for an image.
        style: what stands before each convolution but the first, see `Style`.

    Raises:
        ConfigError: a name in these settings that does not exist, or no channels.
        ShapeError: the samples are no images, or of another size.

    >>> from minigan.gan.networks import residual_discriminator
    >>> residual_discriminator((1, 28, 28), [32, 64])(mg.zeros(2, 1, 28, 28)).shape
    (2, 1)
    """
    shapes = halved(image_shape, hidden)
    layers = dropout_layer(input_dropout)
    for i, (before, after) in enumerate(pairwise([image_shape, *shapes])):
        layers.append(_halving_block(before, after, style, hidden_layer(before, **style) if i else []))
    layers += [*hidden_layer(shapes[-1], **style), nn.Flatten()]
    return Discriminator(layers, math.prod(shapes[-1]), output=output, outputs=outputs)


def _doubling_block(before: Shape, after: Shape, style: Style) -> Residual:
    """The 1 x 1 convolution is cheaper before pixels are repeated, and the result is the same."""
    n_in, n_out = before[0], after[0]
    shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1), nn.Upsample(scale_factor=2))
    residual = nn.Sequential(
        *hidden_layer(before, **style), DoublingConv2d(n_in, n_out),
        *hidden_layer(after, **style), nn.Conv2d(n_out, n_out, 3, padding=1),
    )  # fmt: skip
    return Residual(shortcut, residual)


def _halving_block(before: Shape, after: Shape, style: Style, start: Sequence[nn.Module]) -> Residual:
    """The 1 x 1 convolution is cheaper after the means, and the result is the same.

    ``start`` are norm and activation, but not for images: an activation would take their negative pixels away.
    """
    n_in, n_out = before[0], after[0]
    shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(n_in, n_out, 1))
    residual = nn.Sequential(
        *start, nn.Conv2d(n_in, n_out, 3, padding=1),
        *hidden_layer((n_out, *before[1:]), **style), HalvingConv2d(n_out, n_out),
    )  # fmt: skip
    return Residual(shortcut, residual)
