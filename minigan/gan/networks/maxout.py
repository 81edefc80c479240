"""Maxout: units that learn their activation, the D of the first GAN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from minigan import nn
from minigan.gan.networks.discriminator import Discriminator
from minigan.gan.networks.layers import Shape, Shrink, dropout_layer, norm_layer
from minigan.gan.networks.mlp import flatten
from minigan.ops.extremes import amax
from minigan.tensor import Tensor


class Maxout(nn.Module):
    """y_i = max_j (w_ij . x + b_ij): each unit is the largest of several linear functions, its pieces.

    Such a unit is convex and piecewise linear; two of them suffice to approach any continuous function. Where pieces
    are equal, they share the gradient. Source: Goodfellow et al. 2013, "Maxout networks", section 3.

    Args:
        in_features: the length of x.
        out_features: how many units there are.
        pieces: how many linear functions each has.

    Attributes:
        linear: row j * out_features + i of its weight is w_ij: all first pieces, then all second ones, and so on, as
            largest values are found faster from row to row than within short rows.

    >>> from minigan.gan.networks import Maxout
    >>> Maxout(784, 240, pieces=5)(mg.zeros(2, 784)).shape
    (2, 240)
    """

    def __init__(self, in_features: int, out_features: int, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(in_features, pieces * out_features)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_features) to (N, out_features)."""
        return amax(self.linear(x).reshape(len(x), self.pieces, -1), 1)


def maxout_discriminator(
    shape: Shape,
    hidden: Sequence[int],
    *,
    pieces: int = 5,
    norm: str = "none",
    dropout: float = 0.0,
    input_dropout: float = 0.0,
    output: str = "logit",
    outputs: int = 1,
) -> Discriminator:
    """Samples (N, *shape) to (N, outputs) by layers of maxout units.

    Pixels are brought to [0, 1] first, as the articles have them. The same rates of SGD make the training diverge where
    they are from -1 to 1: as most are black, that is a large input for every image, and a dropped pixel is grey.

    Args:
        shape: of a sample: (C, H, W) or (F,).
        hidden: how many units each layer has.
        pieces: of each unit.
        norm: after each layer, see `Style`.
        dropout: probability for each unit.
        input_dropout: probability for each number of the sample.
        output: "logit", or "probability" for a Sigmoid at the end.
        outputs: how many results there are for a sample.

    Raises:
        ConfigError: a name in these settings that does not exist.

    The D of Goodfellow et al. 2014 for MNIST:

    >>> from minigan.gan.networks import maxout_discriminator
    >>> maxout_discriminator((1, 28, 28), [240, 240], dropout=0.5, input_dropout=0.2)(mg.zeros(2, 1, 28, 28)).shape
    (2, 1)
    """
    widths = (math.prod(shape), *hidden)
    layers = [*flatten(shape), *([Shrink()] if len(shape) > 1 else []), *dropout_layer(input_dropout)]
    for n_in, n_out in pairwise(widths):
        layers += [Maxout(n_in, n_out, pieces), *norm_layer((n_out,), norm), *dropout_layer(dropout)]
    return Discriminator(layers, widths[-1], output=output, outputs=outputs)
