"""A few steps of a game that is thrown away: they show what does not fit together, and how long a step takes.

Both before anything is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np

from minigan.backend.device import Device
from minigan.data import Loader
from minigan.errors import ConfigError, ShapeError
from minigan.gan import Config, DataFacts, Game, build_game
from minigan.gan.source import batch_of

ROUNDS, STEPS = 3, 4


class Rehearsal(NamedTuple):
    """Seconds per step: the fewest and the most, which lie far apart where other programs are running."""

    fastest: float
    slowest: float


def rehearse(config: Config, facts: DataFacts, loader: Loader, device: Device) -> Rehearsal:
    """Play some steps.

    Raises:
        ConfigError: the settings make no sense together, or with these data.
    """
    game, length = _game(config, facts, device), _length(config)
    with np.errstate(all="ignore"):  # if it diverges, the trainer will say so
        _play(game, loader, [0])
        _play_shortest(game, loader)
        if config.training.capture:
            game.capture()
            _play(game, loader, range(2 * length))  # as written, and recorded
        seconds = [_seconds_per_step(game, loader, length) for _ in range(ROUNDS)]
    return Rehearsal(min(seconds), max(seconds))


def _game(config: Config, facts: DataFacts, device: Device) -> Game:
    try:
        return build_game(config, facts, device)
    except ShapeError as error:
        raise ConfigError(
            f"{error} Change these settings with --set: data.size for a folder of pictures, generator.hidden and "
            "discriminator.hidden for any data."
        ) from None


def _play_shortest(game: Game, loader: Loader) -> None:
    """Training would meet the last batch of an epoch, which may be shorter, only at the end of it."""
    last = len(loader) - 1
    n = len(loader.indices_of(last))
    if n == loader.batch_size:
        return
    try:
        _play(game, loader, [last])
    except (ShapeError, ConfigError) as error:
        raise ConfigError(
            f"The last batch of an epoch has {n} of {loader.batch_size} samples, with which a step fails: {error} "
            "Choose another --batch-size, or leave that batch out with --set data.drop_last=true."
        ) from None


def _length(config: Config) -> int:
    """Of a round, in steps: whole periods of the penalties, as a step with one costs far more than one without.

    Where they are due more rarely than on every 8th step, they matter too little to wait for.
    """
    rules = config.game
    penalties = rules.r1_gamma or rules.r2_gamma or rules.gradient_penalty or rules.dragan
    period = min(rules.penalty_every, 8) if penalties else 1
    return -(-STEPS // period) * period


def _seconds_per_step(game: Game, loader: Loader, length: int) -> float:
    begun = perf_counter()
    _play(game, loader, range(length))
    return (perf_counter() - begun) / length


def _play(game: Game, loader: Loader, numbers: Sequence[int]) -> None:
    """A step on each of these batches; on the same one again where a step takes several."""
    for number in numbers:
        batch = batch_of(loader, number % len(loader), next(game.generator.network.parameters()).device)
        report = game.step(*[batch] * game.batches_per_step)
    report["loss_G"].item()  # waits for the device
