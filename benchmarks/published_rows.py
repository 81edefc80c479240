"""What a row of benchmarks/published.py is: a name, published values, and a way to measure them anew."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from published_runs import Stopwatch, facts, machine, settings, trained

from minigan.commands.announcement import duration
from minigan.commands.presets import COSTS
from minigan.gan import Config, Run, load_preset, set_fields
from minigan.info import environment

QUICK_STEPS = 2


class UnfinishedError(Exception):
    """A run was stopped by its time limit before its last step, so there is nothing to compare yet."""


@dataclass(frozen=True)
class How:
    """How rows are measured.

    Attributes:
        runs: the folder of their runs.
        quick: with a few steps and samples, to see that it works.
        minutes: the most that a run may be trained in all.
    """

    runs: Path
    quick: bool = False
    minutes: float = math.inf


@dataclass(frozen=True)
class Quantity:
    """One of the numbers that a row finds.

    Attributes:
        key: its name among these numbers.
        about: its name in the table.
        published: the value of an article ...
        expected: ... and what else it is held against: exact, of a perfect sampler, of another program, or a goal.
        form: how Python writes it.
        error: the key of its own error, for a row of one seed.
        over_seeds: what is told of several seeds: their mean with its standard error, or another function of them.
    """

    key: str
    about: str
    published: str = ""
    expected: str = ""
    form: str = ".2f"
    error: str = ""
    over_seeds: Callable[[Sequence[float]], float] | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One command, ``python benchmarks/published.py NAME``.

    Attributes:
        name: of the command.
        about: what it does.
        quantities: what it finds; rows of digits have other columns.
        seeds: with which, if nobody names others.
        needs: what else it finds, that other columns tell.
        judge: the first characters of the SHA-256 of the judge whose word it is; a result of another judge is none.
    """

    name: str
    about: str
    quantities: tuple[Quantity, ...] = ()
    seeds: tuple[int, ...] = (0,)
    needs: tuple[str, ...] = ()
    judge: str = ""

    def cost(self) -> str:
        """How long a seed takes, in words."""
        raise NotImplementedError

    def settings(self, seed: int) -> dict[str, Any]:
        """Of the run that is trained; a result of other settings is none."""
        return {}

    def measure(self, seed: int, how: How) -> dict[str, Any]:
        """A result: what was found, and what made it."""
        raise NotImplementedError

    def of_today(self, result: dict[str, Any]) -> bool:
        """Whether a result is what would be found again, but for rounding."""
        same = result.get("settings", {}) == self.settings(result["seed"])
        keys = [key for each in self.quantities for key in (each.key, each.error) if key]
        there = {*keys, *self.needs} <= {*result["numbers"]}
        return same and there and bool(result.get("judge", "") == self.judge)


@dataclass(frozen=True, kw_only=True)
class Computed(Row):
    """A row for which nothing needs to be trained for long.

    Attributes:
        compute: finds the numbers, given the seed, and whether to be quick.
        time: that it takes, in words.
    """

    compute: Callable[[int, bool], dict[str, float]]
    time: str

    def cost(self) -> str:
        """How long a seed takes, in words."""
        return self.time

    def measure(self, seed: int, how: How) -> dict[str, Any]:
        """See `Row.measure`."""
        start = time.perf_counter()
        numbers = self.compute(seed, how.quick)
        about = {"seconds": round(time.perf_counter() - start, 1), **machine(environment())}
        return {**about, **({"judge": self.judge} if self.judge else {}), "numbers": numbers}


@dataclass(frozen=True, kw_only=True)
class OfPreset(Row):
    """A row for which runs of a preset are trained.

    Attributes:
        preset: the settings ...
        changes: ... and what is different, as after `minigan train PRESET --set`.
    """

    preset: str
    changes: tuple[str, ...] = ()

    def config(self, seed: int, quick: bool = False) -> Config:
        """The settings of a run."""
        few = [f"training.steps={QUICK_STEPS}"] if quick else []
        return set_fields(load_preset(self.preset), [*self.changes, *few, f"training.seed={seed}"])

    def settings(self, seed: int) -> dict[str, Any]:
        """See `Row.settings`."""
        return settings(self.config(seed))

    def cost(self) -> str:
        """By benchmarks/presets.py, which has measured an epoch."""
        measured = json.loads(COSTS.read_text(encoding="utf-8"))["presets"].get(self.preset)
        if measured is None:
            return "not measured"
        seconds = self.config(0).training.steps / measured["steps_per_epoch"] * measured["seconds_per_epoch"]
        return duration(seconds, seconds)

    def folder(self, seed: int, how: How) -> Path:
        """Of the run."""
        return how.runs / f"{self.name}-{seed}"


@dataclass(frozen=True, kw_only=True)
class Trained(OfPreset):
    """A row that scores runs when they are finished.

    Attributes:
        score: finds the numbers of a run, given whether to be quick.
    """

    score: Callable[[Run, bool], dict[str, float]]

    def measure(self, seed: int, how: How) -> dict[str, Any]:
        """See `Row.measure`; it may take several calls, between which the run is kept.

        Raises:
            UnfinishedError: its minutes are over.
        """
        config, folder = self.config(seed, how.quick), self.folder(seed, how)
        run = trained(folder, config, lambda run: Stopwatch(run, 60 * how.minutes))
        if not run.finished:
            made = f"{run.found.newest.step:,} of {config.training.steps:,} steps"
            raise UnfinishedError(f"{folder}: {made} are made; the same command with more --minutes, or none, goes on.")
        return {**facts(run), "numbers": self.score(run, how.quick)}
