"""Convolutional networks after DCGAN (Radford, Metz and Chintala 2015) and InfoGAN (Chen et al. 2016, table 1).

Each block has a kernel of 4 x 4 and a stride of 2, which divides it: so a transposed convolution adds up equally many
terms in every pixel, but for the border, and G draws no checkerboard (Odena, Dumoulin and Olah 2016, "Deconvolution
and checkerboard artifacts").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Unpack

from minigan import nn
from minigan.gan.networks.discriminator import Discriminator
from minigan.gan.networks.layers import Shape, Style, dropout_layer, hidden_layer, linear_layers, output_layer
from minigan.gan.networks.sizes import halved


def conv_generator(
    z_dim: int,
    hidden: Sequence[int],
    image_shape: Shape,
    *,
    dense: Sequence[int] = (),
    output: str = "tanh",
    **style: Unpack[Style],
) -> nn.Sequential:
    """z (N, z_dim) to images (N, C, H, W): a Linear layer to small images, then each block doubles their size.

    Args:
        z_dim: the length of z.
        hidden: the channels of the small images and of all larger ones but the last; k of them double k times.
        image_shape: (C, H, W), with H and W multiples of 2^k.
        dense: widths of Linear layers between z and the small images; DCGAN has none, InfoGAN one of 1,024.
        output: what bounds the pixels: "tanh", "sigmoid" (stretched to [-1, 1]), or "linear" for nothing.
        style: what follows each layer but the last, see `Style`; DCGAN has "relu" and "batch".

    Raises:
        ConfigError: a name in these settings that does not exist, or no channels.
        ShapeError: the samples are no images, or of another size.

    >>> from minigan.gan.networks import conv_generator
    >>> conv_generator(100, [128, 64], (1, 28, 28), activation="relu", norm="batch")(mg.zeros(2, 100)).shape
    (2, 1, 28, 28)
    """
    shapes = halved(image_shape, hidden[::-1])[::-1]
    widths = [z_dim, *dense]
    layers = [*linear_layers(widths, style), *small_images(widths[-1], shapes[0]), *hidden_layer(shapes[0], **style)]
    for (n_in, *_), shape in pairwise(shapes):
        layers += [_double(n_in, shape[0]), *hidden_layer(shape, **style)]
    return nn.Sequential(*layers, _double(hidden[-1], image_shape[0]), *output_layer(output))


def conv_discriminator(
    image_shape: Shape,
    hidden: Sequence[int],
    *,
    dense: Sequence[int] = (),
    input_dropout: float = 0.0,
    output: str = "logit",
    outputs: int = 1,
    **style: Unpack[Style],
) -> Discriminator:
    """Images (N, C, H, W) to (N, outputs): each block halves their size, a Linear layer judges what is left.

    Args:
        image_shape: (C, H, W), with H and W multiples of 2^k for k blocks.
        hidden: the channels after each block.
        dense: widths of Linear layers that see the whole image, between the last block and the judgement; DCGAN has
            none, InfoGAN one of 1,024.
        input_dropout: probability for each number of the image.
        output: "logit", or "probability" for a Sigmoid at the end.
        outputs: how many results there are for an image.
        style: what follows each convolution, see `Style`; after the first there is no norm, as in DCGAN.

    Raises:
        ConfigError: a name in these settings that does not exist, or no channels.
        ShapeError: the samples are no images, or of another size.

    >>> from minigan.gan.networks import conv_discriminator
    >>> conv_discriminator((1, 28, 28), [32, 64], dropout=0.3)(mg.zeros(2, 1, 28, 28)).shape
    (2, 1)
    """
    shapes = halved(image_shape, hidden)
    widths = [math.prod(shapes[-1]), *dense]
    blocks = [*dropout_layer(input_dropout), *halving_blocks(image_shape, shapes, style)]
    layers = [*blocks, nn.Flatten(), *linear_layers(widths, style)]
    return Discriminator(layers, widths[-1], output=output, outputs=outputs)


def small_images(z_dim: int, shape: Shape) -> list[nn.Module]:
    """z (N, z_dim) to images of this shape (C, H, W)."""
    return [nn.Linear(z_dim, math.prod(shape)), nn.Unflatten(1, shape)]


def halving_blocks(image_shape: Shape, shapes: Sequence[Shape], style: Style) -> list[nn.Module]:
    """Convolutions from the image to each of these shapes (C, H, W) in turn; no norm after the first."""
    first: Style = {**style, "norm": "none"}
    layers: list[nn.Module] = []
    for i, ((n_in, *_), shape) in enumerate(pairwise([image_shape, *shapes])):
        layers += [nn.Conv2d(n_in, shape[0], 4, stride=2, padding=1), *hidden_layer(shape, **(style if i else first))]
    return layers


def _double(n_in: int, n_out: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(n_in, n_out, 4, stride=2, padding=1)
