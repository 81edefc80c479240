"""The players' networks, built from their settings."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minigan import nn
from minigan.errors import ConfigError

ImageShape = tuple[int, int, int]


def mlp_generator(
    z_dim: int,
    hidden: Sequence[int],
    image_shape: ImageShape,
    *,
    negative_slope: float = 0.2,
    batch_norm: bool = False,
) -> nn.Sequential:
    """z (N, z_dim) through hidden layers of Linear, BatchNorm if wanted, and LeakyReLU, to images in (-1, 1).

    >>> from minigan.gan.networks import mlp_generator
    >>> mlp_generator(100, [256, 512, 1024], (1, 28, 28))(mg.zeros(2, 100)).shape
    (2, 1, 28, 28)
    """
    layers: list[nn.Module] = []
    for n_in, n_out in zip((z_dim, *hidden), hidden, strict=False):
        layers.append(nn.Linear(n_in, n_out))
        if batch_norm:
            layers.append(nn.BatchNorm1d(n_out))
        layers.append(nn.LeakyReLU(negative_slope))
    pixels = math.prod(image_shape)
    return nn.Sequential(*layers, nn.Linear(hidden[-1], pixels), nn.Tanh(), nn.Unflatten(1, image_shape))


def mlp_discriminator(
    image_shape: ImageShape,
    hidden: Sequence[int],
    *,
    negative_slope: float = 0.2,
    dropout: float = 0.0,
    output: str = "logit",
) -> nn.Sequential:
    """Images through hidden layers of Linear, LeakyReLU and Dropout if wanted, to (N, 1).

    Args:
        image_shape: (C, H, W).
        hidden: the widths of the hidden layers.
        negative_slope: of LeakyReLU.
        dropout: probability; 0 for none.
        output: "logit", or "probability" for a Sigmoid at the end.

    >>> from minigan.gan.networks import mlp_discriminator
    >>> mlp_discriminator((1, 28, 28), [1024, 512, 256])(mg.zeros(2, 1, 28, 28)).shape
    (2, 1)
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for n_in, n_out in zip((math.prod(image_shape), *hidden), hidden, strict=False):
        layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(negative_slope)]
        if dropout:
            layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(hidden[-1], 1))
    if output == "probability":
        layers.append(nn.Sigmoid())
    elif output != "logit":
        raise ConfigError(f'discriminator.output: expected "logit" or "probability", but got {output!r}.')
    return nn.Sequential(*layers)
