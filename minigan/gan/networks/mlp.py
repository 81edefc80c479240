"""MLPs: Linear layers, which see no difference between an image and a row of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

from minigan import nn
from minigan.gan.networks.discriminator import Discriminator
from minigan.gan.networks.layers import Shape, Style, dropout_layer, linear_layers, output_layer


def mlp_generator(
    z_dim: int, hidden: Sequence[int], shape: Shape, *, output: str = "tanh", **style: Unpack[Style]
) -> nn.Sequential:
    """z (N, z_dim) to samples (N, *shape) by Linear layers.

    Args:
        z_dim: the length of z.
        hidden: the widths of the hidden layers.
        shape: of a sample: (C, H, W) or (F,).
        output: what bounds the numbers: "tanh", "sigmoid" (stretched to [-1, 1]), or "linear" for nothing.
        style: what follows each hidden Linear, see `Style`.

    Raises:
        ConfigError: a name in these settings that does not exist.

    >>> from minigan.gan.networks import mlp_generator
    >>> mlp_generator(100, [256, 512, 1024], (1, 28, 28), norm="batch")(mg.zeros(2, 100)).shape
    (2, 1, 28, 28)
    """
    widths = (z_dim, *hidden)
    unflatten = [nn.Unflatten(1, shape)] if len(shape) > 1 else []
    last = nn.Linear(widths[-1], math.prod(shape)), *output_layer(output), *unflatten
    return nn.Sequential(*linear_layers(widths, style), *last)


def mlp_discriminator(
    shape: Shape,
    hidden: Sequence[int],
    *,
    input_dropout: float = 0.0,
    output: str = "logit",
    outputs: int = 1,
    **style: Unpack[Style],
) -> Discriminator:
    """Samples (N, *shape) to (N, outputs) by Linear layers.

    Args:
        shape: of a sample: (C, H, W) or (F,).
        hidden: the widths of the hidden layers.
        input_dropout: probability for each number of the sample.
        output: "logit", or "probability" for a Sigmoid at the end.
        outputs: how many results there are for a sample.
        style: what follows each hidden Linear, see `Style`.

    Raises:
        ConfigError: a name in these settings that does not exist.

    >>> from minigan.gan.networks import mlp_discriminator
    >>> mlp_discriminator((1, 28, 28), [1024, 512, 256], dropout=0.3)(mg.zeros(2, 1, 28, 28)).shape
    (2, 1)
    """
    widths = (math.prod(shape), *hidden)
    layers = [*flatten(shape), *dropout_layer(input_dropout), *linear_layers(widths, style)]
    return Discriminator(layers, widths[-1], output=output, outputs=outputs)


def flatten(shape: Shape) -> list[nn.Module]:
    """What makes rows of numbers of samples, as a list; empty where they are that already."""
    return [nn.Flatten()] if len(shape) > 1 else []
