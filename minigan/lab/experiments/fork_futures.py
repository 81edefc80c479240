"""Futures of one checkpoint, played side by side, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU
from minigan.data.mixtures import MIXTURES
from minigan.errors import ConfigError
from minigan.gan.build import DataFacts, build_game
from minigan.gan.checkpoint import made_of, put_back
from minigan.gan.config import Config
from minigan.gan.finite import StopOnNaN
from minigan.gan.game import Game
from minigan.gan.means import Values
from minigan.gan.record import changed_settings
from minigan.gan.resume import changed_data, data_before, renew
from minigan.gan.run import Run
from minigan.gan.source import data_of, loader_of
from minigan.gan.trainer import Extension, Trainer
from minigan.gan.views import real_beside, view
from minigan.lab.experiments.short_runs import mixture_of
from minigan.lab.numbers import Numbers
from minigan.metrics import ModeCount, caught_modes
from minigan.nn import Parameter

AS_IT_WAS, CHANGED, AGAIN, NUDGED = "as it was", "changed", "again", "nudged"
FRAMES = 13
SHOWN = (AS_IT_WAS, CHANGED)
POINTS, IMAGES = 300, 16  # to look at
COUNTED = 2500  # points, by the protocol of those who count modes
SEED = 0  # of the z that is looked at


@dataclass(frozen=True, repr=False)
class Future(Numbers):
    """What became of the game.

    Attributes:
        reports: by name, what each step reported.
        samples: (frames, n, ...) what G draws from the same z, points, or images as whole numbers from -127 to 127; of
            the futures that are shown.
        modes: at each frame, of points whose modes are known.
        apart_G, apart_D: after each step, the distance of the weights from those of the future "as it was".
    """

    reports: Mapping[str, NDArray[np.float64]]
    samples: NDArray[Any]
    modes: tuple[ModeCount, ...]
    apart_G: NDArray[np.float64]
    apart_D: NDArray[np.float64]


def future_of(past: Run, config: Config, nudge: bool = False) -> Trainer:
    """A trainer that stands where the newest checkpoint of a run is, and goes on with these settings.

    This is how ``minigan train --resume --allow-changes`` goes on, but for the folder, which is only read.

    Args:
        past: the run.
        config: the settings to go on with.
        nudge: change D's first weight by its last bit.

    Raises:
        ConfigError: the data are not those that the run was trained on, or settings make no sense together.
        RunError: the checkpoint does not fit the settings.
    """
    newest = past.found.newest
    assert newest is not None, "Run.open says so otherwise"
    loader = loader_of(config, data_of(config))
    facts = past.data_facts(loader)
    if changes := changed_data(data_before(newest, facts), facts):
        raise ConfigError(f"{past.path} was trained on other data: {'; '.join(changes)}. Put these back.")
    game = build_game(config, DataFacts.of(loader, config), CPU)
    trainer = Trainer(game, loader, newest.step, [StopOnNaN(), Reports()], capture=config.training.capture)
    before, _ = made_of(newest)
    put_back(trainer, newest, changed_settings(replace(before, training=config.training), config))
    renew(game, before, config)
    game.ema = None  # an average of G would show what is new when it has long been old
    if nudge:
        _nudge(game.discriminator.trained[0])
    return trainer


def _nudge(weight: Parameter) -> None:
    numbers = weight.detach().numpy().copy()
    numbers.flat[0] = np.nextafter(numbers.flat[0], np.inf, dtype=numbers.dtype)
    weight.data = numbers


class Reports(Extension):
    """Keeps what the steps report."""

    def __init__(self) -> None:
        self.values: list[Values] = []

    def after_read(self, trainer: Trainer, step: int, values: Values) -> None:
        """Called for each step, in order."""
        self.values.append(values)

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """By name; NaN where a step reported no such number, as of a penalty that was not due."""
        names = dict.fromkeys(name for values in self.values for name in values)
        return {name: np.array([values.get(name, math.nan) for values in self.values]) for name in names}


class Looker:
    """Draws and measures what is looked at.

    Attributes:
        real: real samples that a picture needs; None if it needs none.
    """

    def __init__(self, game: Game, config: Config) -> None:
        self.real = real_beside(game, config, POINTS if config.data.source in MIXTURES else IMAGES)
        self.mixture = mixture_of(config)

    def samples(self, game: Game) -> NDArray[Any]:
        """From the same z each time."""
        drawn = view(game, SEED, CPU, self.real, n=POINTS if self.mixture is not None else IMAGES).samples
        return np.rint(127 * drawn).astype(np.int8) if drawn.ndim == 4 else drawn

    def modes(self, game: Game) -> ModeCount | None:
        """Of many more points."""
        if self.mixture is None:
            return None
        return caught_modes(view(game, SEED, CPU, self.real, n=COUNTED).samples, self.mixture)

    def lengths(self, trainer: Trainer) -> tuple[float, float]:
        """Of the vectors of G's and of D's weights."""
        G, D = (math.hypot(*(float(w.norm().item()) for w in player)) for player in _players(trainer))
        return G, D


def played(
    trainers: Mapping[str, Trainer], looker: Looker, start: int, frames: tuple[int, ...]
) -> tuple[dict[str, Future], int]:
    """All futures, and in how many numbers the one that was left alone differs from its repetition.

    Args:
        trainers: by name; the first is what the others are compared with.
        looker: draws and counts.
        start: the step of the checkpoint.
        frames: after how many steps to look; the last is the end.

    Raises:
        DivergedError: a number is NaN or infinite.
    """
    first = next(iter(trainers.values()))
    apart: dict[str, list[tuple[float, float]]] = {name: [] for name in trainers}
    seen: dict[str, list[Any]] = {name: [] for name in trainers}
    for step in range(frames[-1] + 1):
        for name, trainer in trainers.items():
            _go_to(trainer, start + step)
            apart[name].append(_distances(trainer, first))
            if step in frames:
                drawn = looker.samples(trainer.game) if name in SHOWN else ()
                seen[name].append((drawn, looker.modes(trainer.game)))
    futures = {name: _future(trainer, seen[name], np.array(apart[name])) for name, trainer in trainers.items()}
    return futures, _unequal(first.game.state_dict(), trainers[AGAIN].game.state_dict())


def _go_to(trainer: Trainer, step: int) -> None:
    if trainer.step == step:
        return
    trainer.steps = step
    trainer.run()


def _future(trainer: Trainer, seen: list[Any], apart: NDArray[np.float64]) -> Future:
    (reports,) = (each for each in trainer.extensions if isinstance(each, Reports))
    modes = tuple(count for _, count in seen if count is not None)
    return Future(reports.columns(), np.array([samples for samples, _ in seen]), modes, apart[:, 0], apart[:, 1])


def _distances(one: Trainer, other: Trainer) -> tuple[float, float]:
    """Between the weights of both G, and between those of both D."""
    G, D = (
        math.hypot(*(_distance(a, b) for a, b in zip(here, there, strict=True)))
        for here, there in zip(_players(one), _players(other), strict=True)
    )
    return G, D


def _distance(a: Parameter, b: Parameter) -> float:
    return float(np.linalg.norm(np.subtract(a.detach().numpy(), b.detach().numpy(), dtype=np.float64)))


def _players(trainer: Trainer) -> tuple[list[Parameter], list[Parameter]]:
    return trainer.game.generator.trained, trainer.game.discriminator.trained


def _unequal(one: Any, other: Any) -> int:
    """How many numbers differ in two nested dictionaries."""
    return sum(int((np.asarray(a) != np.asarray(b)).sum()) for a, b in zip(_leaves(one), _leaves(other), strict=True))


def _leaves(state: Any) -> Iterator[Any]:
    if isinstance(state, dict):
        for part in state.values():
            yield from _leaves(part)
    else:
        yield state
