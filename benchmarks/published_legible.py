"""How long until digits can be read? Every preset that draws MNIST's digits, looked at a hundred times in its training.

Legible is when the classifier score of 2,000 samples by the judge for selection first is 8.0, where a person can name
most of them at a glance; real test images have 9.8. That moment is chosen, so what is reported of it, and of the end,
are scores of 10,000 other samples by the other judge. The time is that of training as `minigan train` does it, without
the looks. Steps are counted, not seconds, between looks: so a run finds the same moment on each machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

from published_rows import How, Trained, UnfinishedError
from published_runs import CPU, Stopwatch, facts, trained
from scores import REPORTED_Z, Scorer

from minigan.errors import ConfigError
from minigan.gan import Game, Run, Trainer, journal, load_preset, preset_names
from minigan.metrics.evaluation.data import RESTORING, draw
from minigan.metrics.judge import SHA256

LEGIBLE = 8.0
LOOKS = 100
AT_FIRST = "report_score"  # in the line of the look at which digits are legible first
FILE = "legible.jsonl"  # in the folder of a run: a line for each look
FEW, MANY, QUICK = 2000, 10_000, 100  # samples


@cache
def scorer(judge: str, n: int) -> Scorer:
    """One for all runs: to look at all training images takes some seconds."""
    return Scorer(judge, n)


def looked_at(game: Game, n: int) -> dict[str, float]:
    """The scores of n samples of a game, by the judge for selection."""
    return _scores(scorer("selection", n), game, n, 0)


def reported(game: Game, n: int) -> dict[str, float]:
    """The scores of n others, by the judge for reporting."""
    return _scores(scorer("report", 60_000 if n == MANY else n), game, n, REPORTED_Z)


def _scores(scorer: Scorer, game: Game, n: int, seed: int) -> dict[str, float]:
    row = scorer.row(draw(game, n, seed).samples)
    return {name: row[name] for name in ("score", "frechet")}


def looks(run: Run) -> Iterator[dict[str, float]]:
    """Those at a run so far."""
    return journal.lines(run.path / FILE)


class Reader(Stopwatch):
    """Looks at samples now and then, with the clock stopped, until training ends."""

    def __init__(self, run: Run, most: float, quick: bool) -> None:
        super().__init__(run, most)
        self.few, self.many = (QUICK, QUICK) if quick else (FEW, MANY)

    def start(self, trainer: Trainer) -> None:
        """Forget what was seen after the checkpoint: it will be seen again."""
        journal.cut_after(self.run.path / FILE, trainer.step)
        self.legible = any(AT_FIRST in look for look in looks(self.run))
        super().start(trainer)

    def aside(self) -> float:
        """All looks so far."""
        return sum(look["looking"] for look in looks(self.run))

    def after_step(self, trainer: Trainer) -> None:
        """Look, if it is time to."""
        if looks_due(trainer.step, trainer.steps) > looks_due(trainer.step - 1, trainer.steps):
            self._look(trainer)
        super().after_step(trainer)

    def _look(self, trainer: Trainer) -> None:
        seconds, start = self.seconds(), perf_counter()
        line = {"step": trainer.step, "seconds": seconds, **looked_at(trainer.game, self.few)}
        if line["score"] >= LEGIBLE and not self.legible:
            self.legible = True
            line |= {f"report_{name}": value for name, value in reported(trainer.game, self.many).items()}
        looking = perf_counter() - start
        self.begun += looking
        self.run.append(FILE, {**line, "looking": looking})


def looks_due(step: int, steps: int) -> int:
    """How many there are after so many of all steps; of a short run each step is looked at."""
    return min(step, step * LOOKS // steps)


def at_end(run: Run, quick: bool) -> dict[str, float]:
    """Scores of a run as it is, by the judge for reporting."""
    return reported(run.game(CPU), QUICK if quick else MANY)


def moments(seen: Sequence[dict[str, float]]) -> dict[str, float]:
    """When digits were legible first, if ever, and how good they were then; and the best that any look saw."""
    best = {"best": max(look["score"] for look in seen)}
    first = next((look for look in seen if AT_FIRST in look), None)
    if first is None:
        return best
    return {
        **best,
        "first_step": first["step"],
        "first_seconds": round(first["seconds"], 1),
        "first_score": first[AT_FIRST],
        "first_frechet": first["report_frechet"],
    }


@dataclass(frozen=True, kw_only=True)
class Legible(Trained):
    """A row of the table of legible digits: it has no quantities, as it tells of moments."""

    score: Callable[[Run, bool], dict[str, float]] = at_end

    def measure(self, seed: int, how: How) -> dict[str, Any]:
        """See `Row.measure`; where training was stopped by its minutes, that is what is told.

        Raises:
            UnfinishedError: there was no time for a look.
            ConfigError: a part of the run was trained without looks.
        """
        config, folder = self.config(seed, how.quick), self.folder(seed, how)
        run = trained(folder, config, lambda run: Reader(run, 60 * how.minutes, how.quick))
        made, steps, seen = run.found.newest.step, config.training.steps, list(looks(run))
        if len(seen) != looks_due(made, steps):
            raise ConfigError(f"{folder} was trained without looks at its samples; choose another folder with --runs.")
        if not seen:
            raise UnfinishedError(f"{folder}: the first look is after step {steps // LOOKS:,}; give it more --minutes.")
        about = {"seconds": round(seen[-1]["seconds"], 1), "judge": SHA256["report"][:12]}
        return {**facts(run), **about, "numbers": {"of": steps, **moments(seen), **self.score(run, how.quick)}}


def draws_digits(preset: str) -> bool:
    """Whether samples of a preset are digits made of noise."""
    config = load_preset(preset)
    return config.data.source == "mnist" and config.game.task not in RESTORING


ROWS = tuple(
    Legible(name=f"legible-{preset}", about=f"time and score to legible digits, {preset}", preset=preset)
    for preset in preset_names()
    if draws_digits(preset)
)
