"""How long until digits can be read? Every preset that draws MNIST's digits, looked at a hundred times in its training.

Legible is when the classifier score of 2,000 samples by the judge for selection first is 8.0, a limit of our choice;
real test images have 9.8. That moment is chosen, so what is reported of it, and of the end, are scores of 10,000 other
samples by the other judge, with real images and noise beside them. The time is that of training as `minigan train` does
it, without the looks. Steps are counted, not seconds, between looks: so a run finds the same moment on each machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
from comparison import REPORTED_Z, Comparison, images_of, noise
from published_rows import Computed, How, OfPreset, Row, UnfinishedError
from published_runs import CPU, Stopwatch, facts, trained

from minigan.errors import ConfigError
from minigan.gan import Game, Run, Trainer, journal, load_preset, preset_names
from minigan.gan.games.reconstruction import DAMAGES
from minigan.metrics.evaluation.drawn import draw
from minigan.metrics.hashes import short
from minigan.metrics.judge import SHA256

LEGIBLE = 8.0
TRAINING = 60_000
IN_HAND = 2  # seconds that the last step may go beyond the minutes
JUDGE = short(SHA256["report"])
LOOKS = 100
AT_FIRST = "report_score"  # in the line of the look at which digits are legible first
FILE = "legible.jsonl"  # in the folder of a run: a line for each look
FEW, MANY, QUICK = 2000, 10_000, 100  # samples
SCORES = ("score", "frechet", "rarest")  # that all rows have
FIRST = ("first_step", "first_seconds", "first_score", "first_frechet")  # of the first legible digits


@cache
def comparison(judge: str, n: int) -> Comparison:
    """One for all runs: to look at all training images takes some seconds."""
    return Comparison(judge, n)


def looked_at(game: Game, n: int) -> dict[str, float]:
    """The scores of n samples of a game, by the judge for selection."""
    return comparison("selection", n).row(draw(game, n, 0).samples)


def reported(images: np.ndarray, quick: bool, asked: np.ndarray | None = None) -> dict[str, float]:
    """The scores of images by the judge for reporting, against all training images unless it has to be quick."""
    return comparison("report", QUICK if quick else TRAINING).row(images, asked)


def reported_of(game: Game, quick: bool) -> dict[str, float]:
    """The same of samples of a game, which are others than those that were looked at."""
    samples, asked = draw(game, QUICK if quick else MANY, REPORTED_Z)
    return reported(samples, quick, asked)


def looks(run: Run) -> Iterator[dict[str, float]]:
    """Those at a run so far."""
    return journal.lines(run.path / FILE)


def looking(run: Run) -> float:
    """Seconds that they took."""
    return sum(look["looking"] for look in looks(run))


class Reader(Stopwatch):
    """Looks at samples now and then, with the clock stopped, until training ends."""

    def __init__(self, run: Run, most: float, quick: bool) -> None:
        super().__init__(run, most)
        self.quick = quick

    def start(self, trainer: Trainer) -> None:
        """Forget what was seen after the checkpoint: it will be seen again."""
        journal.cut_after(self.run.path / FILE, trainer.step)
        self.legible = any(AT_FIRST in look for look in looks(self.run))
        super().start(trainer)

    def aside(self) -> float:
        """All looks so far."""
        return looking(self.run)

    def after_step(self, trainer: Trainer) -> None:
        """Look, if it is time to."""
        if looks_due(trainer.step, trainer.steps) > looks_due(trainer.step - 1, trainer.steps):
            self._look(trainer)
        super().after_step(trainer)

    def _look(self, trainer: Trainer) -> None:
        seconds, start = self.seconds(), perf_counter()
        line = {"step": trainer.step, "seconds": seconds, **looked_at(trainer.game, QUICK if self.quick else FEW)}
        if line["score"] >= LEGIBLE and not self.legible:
            self.legible = True
            line |= {f"report_{name}": value for name, value in reported_of(trainer.game, self.quick).items()}
        line["looking"] = perf_counter() - start
        self.begun += line["looking"]
        self.run.append(FILE, line)


def looks_due(step: int, steps: int) -> int:
    """How many there are after so many of all steps; of a short run each step is looked at."""
    return min(step, step * LOOKS // steps)


def moments(seen: Sequence[dict[str, float]]) -> dict[str, float]:
    """When digits were legible first, if ever, and how good they were then; and the best that any look saw."""
    best = {"best": max(look["score"] for look in seen)}
    first = next((look for look in seen if AT_FIRST in look), None)
    if first is None:
        return best
    numbers = first["step"], round(first["seconds"], 1), first[AT_FIRST], first["report_frechet"]
    return {**best, **dict(zip(FIRST, numbers, strict=True))}


@dataclass(frozen=True, kw_only=True)
class Legible(OfPreset):
    """A row that tells when digits are legible, and how good they are at the end."""

    judge: str = JUDGE
    needs: tuple[str, ...] = (*SCORES, "of", "best")

    def of_today(self, result: dict[str, Any]) -> bool:
        """See `Row.of_today`; of the first legible digits all is known, or nothing."""
        first = [name in result["numbers"] for name in FIRST]
        return super().of_today(result) and "steps" in result and all(first) == any(first)

    def measure(self, seed: int, how: How) -> dict[str, Any]:
        """See `Row.measure`; where training was stopped by its minutes, that is what is told.

        Raises:
            UnfinishedError: there was no time for a look.
            ConfigError: a part of the run was trained without looks, or all of it, for longer than these minutes.
        """
        config, folder = self.config(seed, how.quick), self.folder(seed, how)
        run = trained(folder, config, lambda run: Reader(run, 60 * how.minutes, how.quick))
        seconds = run.seconds() - looking(run)
        if run.finished and seconds > 60 * how.minutes + IN_HAND:
            raise ConfigError(
                f"{folder} is finished, after {seconds / 60:.1f} minutes, so nobody knows what it was like after "
                f"{how.minutes:g}. Measure that first, or choose another folder with --runs."
            )
        made, steps, seen = run.found.newest.step, config.training.steps, list(looks(run))
        if len(seen) != looks_due(made, steps):
            raise ConfigError(f"{folder} was trained without looks at its samples; choose another folder with --runs.")
        if not seen:
            raise UnfinishedError(f"{folder}: the first look is after step {steps // LOOKS:,}; give it more --minutes.")
        about = {"seconds": round(seconds, 1), "judge": self.judge}
        stopped = {"minutes": how.minutes} if made < steps else {}
        numbers = {"of": steps, **moments(seen), **reported_of(run.game(CPU), how.quick)}
        return {**facts(run), **about, **stopped, "numbers": numbers}


def draws_digits(preset: str) -> bool:
    """Whether samples of a preset are digits made of noise."""
    config = load_preset(preset)
    return config.data.source == "mnist" and config.game.task not in DAMAGES


def _seeds(preset: str) -> tuple[int, ...]:
    return (0, 1, 2, 3, 4) if preset == "default" else (0,)


def _calibration(name: str, about: str, images: Callable[[int], np.ndarray]) -> Computed:
    def compute(seed: int, quick: bool) -> dict[str, float]:
        return reported(images(QUICK if quick else MANY), quick)

    return Computed(name=name, about=about, compute=compute, time="about 10 s", needs=SCORES, judge=JUDGE)


ROWS: tuple[Row, ...] = (
    _calibration("real-digits", "scores of real test images, for comparison", lambda n: images_of("test", n)),
    *(
        Legible(
            name=f"legible-{preset}",
            about=f"time and score to legible digits, {preset}",
            preset=preset,
            seeds=_seeds(preset),
        )
        for preset in preset_names()
        if draws_digits(preset)
    ),
    _calibration("noise", "scores of noise, for comparison", noise),
)
