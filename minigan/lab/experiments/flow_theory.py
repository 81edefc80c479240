"""What theory says of the first step of a training: how gradients shrink in fresh layers, how far Adam moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minigan.gan.config import Config, PlayerConfig
from minigan.lab.experiments.flow_watch import Array, Place

MANY = 32  # units of a layer: the theory is about the mean over random weights, from which a few may be far
FRESH = 0.05  # D's first move comes before G's turn: if it is larger than this beside the weights, they are not random


@dataclass(frozen=True)
class Expected:
    """Predictions for the first step; NaN where the settings are others than the theory is about.

    Attributes:
        weight: the L2 norm of each layer's weight.
        update: of how far Adam moves it.
        kept: what is left of the signal on its way from D's logit to the pixels.
    """

    weight: Array
    update: Array
    kept: float


def expected(config: Config, layers: Sequence[Place]) -> Expected:
    """Predictions for a game of these settings, whose layers are these.

    A layer whose weights are independent with standard deviation s turns a gradient of length r into one of length
    about s sqrt(fan_in) r (the mean of |W^T g|^2 is s^2 fan_in |g|^2; Glorot and Bengio 2010, He et al. 2015). PyTorch
    draws from U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), so that s sqrt(fan_in) = 1 / sqrt(3), whatever the size.

    The first step of Adam moves each weight by lr, however small its gradient is, as long as it is far above Adam's
    epsilon (Kingma and Ba 2015, section 2.1): all n together by lr sqrt(n).
    """
    players = [config.generator if place.name.startswith("G") else config.discriminator for place in layers]
    weight = [_std(player, place) * math.sqrt(place.numbers) for player, place in zip(players, layers, strict=True)]
    update = [_adam(config, player) * math.sqrt(place.numbers) for player, place in zip(players, layers, strict=True)]
    return Expected(np.array(weight), np.array(update), _kept(config, [p for p in layers if p.name.startswith("D")]))


def _std(player: PlayerConfig, place: Place) -> float:
    if player.init == "default":
        return 1 / math.sqrt(3 * place.fan_in)
    return player.init_scale / (math.sqrt(3) if player.init == "uniform" else 1)


def _adam(config: Config, player: PlayerConfig) -> float:
    """How far one weight moves in the first step."""
    one_move = config.game.rule in ("alternating", "simultaneous") and config.game.d_steps == config.game.g_steps == 1
    return player.lr if player.optimizer == "adam" and one_move and not config.game.clip_weights else math.nan


def _kept(config: Config, layers: Sequence[Place]) -> float:
    D = config.discriminator
    if min(D.hidden) < MANY:
        return math.nan
    if D.network != "mlp" or D.norm != "none" or D.spectral_norm or config.game.task != "generate":
        return math.nan
    if not _adam(config, D) < FRESH * min(_std(D, place) for place in layers):
        return math.nan
    linear = math.prod(_std(D, place) * math.sqrt(place.fan_in) for place in layers)
    between = _slope(D) / math.sqrt(
        1 - D.dropout
    )  # what dropout leaves is made larger: its mean square, by 1 / (1 - p)
    return linear * between ** (len(layers) - 1) / math.sqrt(1 - D.input_dropout)


def _slope(player: PlayerConfig) -> float:
    """The root mean square of the activation's slope, when half of the units are below 0 and all near it."""
    rectifier = math.sqrt((1 + player.negative_slope**2) / 2)
    return {"leaky_relu": rectifier, "relu": math.sqrt(1 / 2), "tanh": 1.0, "sigmoid": 1 / 4}[player.activation]
