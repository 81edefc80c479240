"""What theory says of fresh weights: how large they are, how a gradient shrinks in a layer, how far Adam moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minigan.gan.config import Config, DiscriminatorConfig, GeneratorConfig
from minigan.lab.experiments.flow_watch import Array, Place
from minigan.nn.init import calculate_gain

MANY = 32  # units of a layer: the theory is about the mean over random weights, from which a few may be far


@dataclass(frozen=True)
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


def expected(config: Config, layers: Sequence[Place]) -> Expected:
    """Predictions for a game of these settings, whose layers are these.

    A layer whose weights are uncorrelated with standard deviation s turns a gradient of length r into one of length
    about s sqrt(fan_in) r (the mean of |W^T g|^2 is s^2 fan_in |g|^2; Glorot and Bengio 2010, He et al. 2015). PyTorch
    draws from U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), so that s sqrt(fan_in) = 1 / sqrt(3), whatever the size.

    The first step of Adam moves each weight by lr, however small its gradient is, as long as it is far above Adam's
    epsilon (Kingma and Ba 2015, section 2.1): all n together by lr sqrt(n).
    """
    players = [config.generator if place.name.startswith("G") else config.discriminator for place in layers]
    weight = [_std(player, place) * math.sqrt(place.numbers) for player, place in zip(players, layers, strict=True)]
    update = [_adam(config, player) * math.sqrt(place.numbers) for player, place in zip(players, layers, strict=True)]
    kept = _kept(config, [place for place in layers if place.name.startswith("D")])
    return Expected(np.array(weight), np.array(update), kept)


def _std(player: GeneratorConfig | DiscriminatorConfig, place: Place) -> float:
    """Of a fresh weight."""
    gain = calculate_gain("relu" if player.network == "maxout" else player.activation, player.negative_slope)
    return {
        "default": 1 / math.sqrt(3 * place.fan_in),
        "normal": player.init_scale,
        "uniform": player.init_scale / math.sqrt(3),
        "xavier_uniform": math.sqrt(2 / (place.fan_in + place.fan_out)),
        "kaiming_normal": gain / math.sqrt(place.fan_in),
        "orthogonal": 1 / math.sqrt(max(place.fan_in, place.numbers // place.fan_in)),  # columns, or rows
    }[player.init]


def _adam(config: Config, player: GeneratorConfig | DiscriminatorConfig) -> float:
    """How far one weight moves in the first step."""
    one_move = config.game.rule in ("alternating", "simultaneous") and config.game.d_steps == config.game.g_steps == 1
    return player.lr if player.optimizer == "adam" and one_move and not config.game.clip_weights else math.nan


def _kept(config: Config, layers: Sequence[Place]) -> Array:
    """See `Expected`; activation and dropout before a layer count as its own."""
    D = config.discriminator
    other = D.network != "mlp" or D.norm != "none" or D.spectral_norm or config.game.clip_weights
    if other or config.game.task != "generate" or min(D.hidden) < MANY:
        return np.full(len(layers), math.nan)
    linear = [_std(D, place) * math.sqrt(place.fan_in) for place in layers]
    hidden = _slope(D) / math.sqrt(1 - D.dropout)  # what dropout leaves is made larger: its mean square by 1 / (1 - p)
    before = [1 / math.sqrt(1 - D.input_dropout), *[hidden] * (len(layers) - 1)]
    return np.multiply(linear, before)


def _slope(player: DiscriminatorConfig) -> float:
    """The root mean square of the activation's slope, when half of the units are below 0 and all near it."""
    rectifier = math.sqrt((1 + player.negative_slope**2) / 2)
    return {"leaky_relu": rectifier, "relu": math.sqrt(1 / 2), "tanh": 1.0, "sigmoid": 1 / 4}[player.activation]
