"""A few steps of a game that is thrown away: they show what does not fit together, and how long a step takes.

Both before anything is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np

from minigan.backend.device import Device
from minigan.data import Loader
from minigan.errors import ConfigError, ShapeError
from minigan.gan import Batch, Config, DataFacts, Game, build_game
from minigan.gan.reports import Report
from minigan.gan.source import batch_of

ROUNDS, STEPS = 3, 4


class Rehearsal(NamedTuple):
    """Seconds per step: the fewest and the most, which lie far apart where other programs are running."""

    fastest: float
    slowest: float


def rehearse(config: Config, facts: DataFacts, loader: Loader, device: Device) -> Rehearsal:
    """Play some steps.

    Raises:
        ConfigError: the settings make no sense together, or with these data, or a batch takes more memory than there
            is; says which one fits.
    """
    with contextlib.suppress(MemoryError):  # it keeps the arrays of the step: nothing can be tried before it is gone
        return _rehearse(config, facts, loader, device)
    n = loader.batch_size
    fits = next((size for size in _smaller(n) if _fits(size, config, facts, loader, device)), None)
    advice = "no smaller one fits, either" if fits is None else f"one of {fits:,} fits: --batch-size {fits}"
    raise ConfigError(f"A step on a batch of {n:,} takes more memory than {device} has left; {advice}.")


def _rehearse(config: Config, facts: DataFacts, loader: Loader, device: Device) -> Rehearsal:
    game, length = _game(config, facts, device), _length(config)
    with np.errstate(all="ignore"):  # if it diverges, the trainer will say so
        _play(game, loader, [0])
        _play_shortest(game, loader)
        if config.training.capture:
            game.capture()
            _play(game, loader, range(2 * length))  # as written, and recorded
        seconds = [_seconds_per_step(game, loader, length) for _ in range(ROUNDS)]
    return Rehearsal(min(seconds), max(seconds))


def _smaller(n: int) -> Iterator[int]:
    """Halves of it, down to 1."""
    while n > 1:
        n //= 2
        yield n


def _fits(size: int, config: Config, facts: DataFacts, loader: Loader, device: Device) -> bool:
    """Whether a step on a batch of this size has enough memory."""
    try:
        game, batch = _game(config, facts, device), batch_of(loader, 0, device)
        labels = None if batch.labels is None else batch.labels[:size]
        _step(game, Batch(batch.images[:size], labels))
    except MemoryError:
        return False
    return True


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

    Where they are due more rarely than on every 16th step, they matter too little to wait for.
    """
    rules = config.game
    penalties = rules.r1_gamma or rules.r2_gamma or rules.gradient_penalty or rules.dragan
    period = min(rules.penalty_every, 16) if penalties else 1
    return -(-STEPS // period) * period


def _seconds_per_step(game: Game, loader: Loader, length: int) -> float:
    begun = perf_counter()
    _play(game, loader, range(length))
    return (perf_counter() - begun) / length


def _play(game: Game, loader: Loader, numbers: Sequence[int]) -> None:
    """A step on each of these batches."""
    for number in numbers:
        batch = batch_of(loader, number % len(loader), next(game.generator.network.parameters()).device)
        report = _step(game, batch)
    report["loss_G"].item()  # waits for the device


def _step(game: Game, batch: Batch) -> Report:
    """One on this batch, again and again where a step takes several."""
    return game.step(*[batch] * game.batches_per_step)
