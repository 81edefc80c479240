"""From settings to a game."""

from __future__ import annotations

from typing import Any

from minigan.backend.device import Device
from minigan.errors import ConfigError
from minigan.gan.config import Config
from minigan.gan.ema import EMA
from minigan.gan.game import Game, Player
from minigan.gan.losses import get_loss
from minigan.gan.networks import ImageShape, mlp_discriminator, mlp_generator
from minigan.gan.penalties import R1
from minigan.nn import Module
from minigan.ops.random import manual_seed
from minigan.optim import Adam


def build_game(config: Config, image_shape: ImageShape, device: Device) -> Game:
    """Networks with fresh weights from ``config.training.seed``, optimizers and rules.

    Args:
        config: the settings.
        image_shape: (C, H, W) of the data.
        device: where the networks live.

    Raises:
        ConfigError: settings that make no sense, such as R1 on probabilities.

    >>> from minigan.gan import build_game, load_preset
    >>> game = build_game(load_preset("reference"), (1, 28, 28), mg.device("cpu"))
    >>> game.generator.network.num_parameters(), game.discriminator.network.num_parameters()
    (1486352, 1460225)
    """
    g, d, rules = config.generator, config.discriminator, config.game
    if not 0 <= rules.label_smoothing < 1:
        raise ConfigError(
            f"game.label_smoothing: expected a number from 0 to below 1, but got {rules.label_smoothing}."
        )
    manual_seed(config.training.seed)
    G = mlp_generator(g.z_dim, g.hidden, image_shape, negative_slope=g.negative_slope, batch_norm=g.batch_norm)
    D = mlp_discriminator(image_shape, d.hidden, negative_slope=d.negative_slope, dropout=d.dropout, output=d.output)
    if rules.r1_gamma and d.output != "logit":
        raise ConfigError('game.r1_gamma: R1 is defined on logits; set discriminator.output="logit".')
    return Game(
        _player("G", G, g, device),
        _player("D", D, d, device),
        get_loss(rules.loss, d.output),
        g.z_dim,
        rules.label_smoothing,
        R1(rules.r1_gamma, rules.r1_every) if rules.r1_gamma else None,
        EMA(G, g.ema_decay) if g.ema_decay else None,
    )


def _player(name: str, network: Module, settings: Any, device: Device) -> Player:
    network.to(device)
    try:
        optimizer = Adam(network.parameters(), lr=settings.lr, betas=settings.betas)
    except ConfigError as error:
        raise ConfigError(f"{name}'s {error}") from None
    return Player(name, network, optimizer)
