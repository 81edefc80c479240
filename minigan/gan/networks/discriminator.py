"""D: hidden layers, and a last one that judges what they found."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from minigan import nn
from minigan.errors import ConfigError
from minigan.tensor import Tensor


class Discriminator(nn.Sequential):
    """Hidden layers in a row, then a Linear layer, whose results are logits, and a Sigmoid if wanted.

    Args:
        hidden: the layers that find features (N, features).
        features: how many these are.
        output: "logit", or "probability" for a Sigmoid at the end.
        outputs: how many results there are for a sample.

    Raises:
        ConfigError: there is no such output.

    >>> from minigan.gan.networks import Discriminator
    >>> D = Discriminator([mg.nn.Linear(2, 8), mg.nn.ReLU()], features=8, outputs=3)
    >>> D(mg.zeros(5, 2)).shape, D.features(mg.zeros(5, 2)).shape
    ((5, 3), (5, 8))
    """

    def __init__(self, hidden: Sequence[nn.Module], features: int, *, output: str = "logit", outputs: int = 1) -> None:
        if output not in ("logit", "probability"):
            raise ConfigError(f'output: expected "logit" or "probability", but got {output!r}.')
        sigmoid = [nn.Sigmoid()] if output == "probability" else []
        super().__init__(*hidden, nn.Linear(features, outputs), *sigmoid)
        self.depth = len(hidden)

    def features(self, x: Tensor) -> Tensor:
        """What the last Linear layer sees of samples x: (N, features), for games that compare features."""
        for layer in islice(self, self.depth):
            x = layer(x)
        return x
