"""What theory says of fresh weights: how large they are, how a gradient shrinks in a layer, how far Adam moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minigan.gan.config import Config, DiscriminatorConfig, GeneratorConfig
from minigan.lab.watching import Array, Layer
from minigan.nn.init import calculate_gain

MANY = 32  # units of a layer: the theory is about the mean over random weights, from which a few may be far


@dataclass(frozen=True, kw_only=True)
class Expected:
    """Predictions for the first step; NaN where the settings are others than the theory is about.

    Attributes:
        weight: the L2 norm of each layer's weight.
        update: of how far Adam moves it.
        kept: of each layer of D, the length of the gradient at the output of the layer before it (of the first: at
            the pixels) over that at its own output.
    """

    weight: Array
    update: Array
    kept: Array

    @property
    def ratio(self) -> Array:
        """Update over weight."""
        return self.update / self.weight

    @property
    def kept_by_D(self) -> float:
        """Of all layers of D together."""
        return float(self.kept.prod())


def expected(config: Config, layers: Sequence[Layer]) -> Expected:
    """Predictions for a game of these settings, whose layers are these.

    A layer whose weights are uncorrelated with standard deviation s turns a gradient of length r into one of length
    about s sqrt(fan_in) r (the mean of |W^T g|^2 is s^2 fan_in |g|^2; Glorot and Bengio 2010, He et al. 2015). PyTorch
    draws from U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), so that s sqrt(fan_in) = 1 / sqrt(3), whatever the size.

    The first step of Adam moves each weight by lr, however small its gradient is, as long as it is far above Adam's
    epsilon (Kingma and Ba 2015, section 2.1): all n together by lr sqrt(n).
    """
    players = [config.generator if layer.name.startswith("G") else config.discriminator for layer in layers]
    weight = [_std(player, layer) * math.sqrt(layer.numbers) for player, layer in zip(players, layers, strict=True)]
    update = [_adam(config, player) * math.sqrt(layer.numbers) for player, layer in zip(players, layers, strict=True)]
    kept = _kept(config, [layer for layer in layers if layer.name.startswith("D")])
    return Expected(weight=np.array(weight), update=np.array(update), kept=kept)


def _std(player: GeneratorConfig | DiscriminatorConfig, layer: Layer) -> float:
    """Of a fresh weight."""
    gain = calculate_gain("relu" if player.network == "maxout" else player.activation, player.negative_slope)
    return {
        "default": 1 / math.sqrt(3 * layer.fan_in),
        "normal": player.init_scale,
        "uniform": player.init_scale / math.sqrt(3),
        "xavier_uniform": math.sqrt(2 / (layer.fan_in + layer.fan_out)),
        "kaiming_normal": gain / math.sqrt(layer.fan_in),
        "orthogonal": 1 / math.sqrt(max(layer.fan_in, layer.numbers // layer.fan_in)),  # columns, or rows
    }[player.init]


def _adam(config: Config, player: GeneratorConfig | DiscriminatorConfig) -> float:
    """How far one weight moves in the first step."""
    one_move = config.game.rule in ("alternating", "simultaneous") and config.game.d_steps == config.game.g_steps == 1
    return player.lr if player.optimizer == "adam" and one_move and not config.game.clip_weights else math.nan


def _kept(config: Config, layers: Sequence[Layer]) -> Array:
    """See `Expected`; activation and dropout before a layer count as its own."""
    D = config.discriminator
    other = D.network != "mlp" or D.norm != "none" or D.spectral_norm or config.game.clip_weights
    if other or config.game.task != "generate" or min(D.hidden) < MANY:
        return np.full(len(layers), math.nan)
    linear = [_std(D, layer) * math.sqrt(layer.fan_in) for layer in layers]
    hidden = _slope(D) / math.sqrt(1 - D.dropout)  # what dropout leaves is made larger: its mean square by 1 / (1 - p)
    before = [1 / math.sqrt(1 - D.input_dropout), *[hidden] * (len(layers) - 1)]
    return np.multiply(linear, before)


def _slope(player: DiscriminatorConfig) -> float:
    """The root mean square of the activation's slope, when half of the units are below 0 and all near it."""
    rectifier = math.sqrt((1 + player.negative_slope**2) / 2)
    return {"leaky_relu": rectifier, "relu": math.sqrt(1 / 2), "tanh": 1.0, "sigmoid": 1 / 4}[player.activation]
