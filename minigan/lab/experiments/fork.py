"""fork: from one checkpoint, two futures that differ in one setting, on the same batches and the same z.

Random numbers and the order of the data are functions of seed and step, and a checkpoint holds all else; so whatever is
different afterwards comes of the setting. Beside the two there are two more: one with nothing changed, which must be
the same bit for bit, and one in which one weight is changed by its last bit, which shows what a difference as small as
rounding comes to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from minigan.gan.config import Config, load_preset
from minigan.gan.run import Run
from minigan.gan.signals import raise_on_stop_signal
from minigan.lab.experiments.fork_futures import (
    AGAIN,
    AS_IT_WAS,
    CHANGED,
    FRAMES,
    NUDGED,
    Future,
    Looker,
    future_of,
    played,
)
from minigan.lab.experiments.fork_settings import Assignment, usual, with_other
from minigan.lab.experiments.short_runs import train_run
from minigan.lab.numbers import Numbers
from minigan.lab.options import Steps, checked
from minigan.ops.random import fork_rng

PAST = 1000  # steps of the run that is trained where none is given
STD = 0.05  # of its data


@dataclass(frozen=True, repr=False)
class Fork(Numbers):
    """What the experiment found.

    Attributes:
        run: the folder of the run, or "" for one of its own.
        setting: in which the futures differ.
        before, after: its values.
        step: after which they part.
        past: by name, the log up to there; "step" is one of the names.
        frames: after how many steps samples were drawn.
        futures: "as it was", "changed", "again" (nothing changed) and "nudged" (one weight by its last bit).
        weights: how long the vectors of G's and of D's weights are at the fork.
        unequal: how many numbers of the whole state differ in the end between "as it was" and "again".
        real: some real points; none for images.
    """

    run: str
    setting: str
    before: Any
    after: Any
    step: int
    past: Mapping[str, NDArray[np.float64]]
    frames: tuple[int, ...]
    futures: Mapping[str, Future]
    weights: tuple[float, float]
    unequal: int
    real: NDArray[np.float32] | None


@checked
def fork(
    run: str | os.PathLike[str] | None = None,
    /,
    *,
    set: Annotated[str, Assignment()] | None = None,
    steps: Steps = 600,
) -> Fork:
    """Two futures of one checkpoint that differ in one setting. The run is only read.

    Args:
        run: folder of a run; without one, the ring preset is trained for 1,000 steps.
        set: the setting in which the futures differ, as KEY=VALUE; without one generator.betas=[0.9, 0.999], or where
            a run has that already, half of its generator.lr.
        steps: how long both go on.

    Raises:
        RunError: the folder is no run, or has no checkpoint.
        ConfigError: there is no such setting, two futures cannot differ in it, or a value is out of its range.
        DataError: the data of the run are missing.
        DivergedError: a future comes to numbers that are none.
    """
    with raise_on_stop_signal():
        if run is None:
            return _of_its_own(set, steps)
        past = Run.open(run)
        return _forked(past, os.fspath(run), set or usual(past.config), steps)


def _of_its_own(set: str | None, steps: int) -> Fork:
    from threadpoolctl import threadpool_limits

    config = _own()
    set = set or usual(config)
    with_other(config, set)  # before anything is trained
    # Networks this small gain nothing by threads, and lose much where others want the cores, too. Those of a run may be
    # large, and its futures are to be played as it was: with all threads. So this experiment is not `repeatable`.
    with TemporaryDirectory() as folder, fork_rng(), threadpool_limits(1, "blas"):
        past = Path(folder) / "past"
        train_run(config, past)
        return _forked(Run.open(past), "", set, steps)


def _own() -> Config:
    """The ring preset with wider Gaussians, of which it can be counted at each moment who is caught."""
    config = load_preset("ring")
    training = replace(config.training, steps=PAST, checkpoint_epochs=PAST)
    return replace(config, data=replace(config.data, std=STD), training=training)


def _forked(past: Run, name: str, assignment: str, steps: int) -> Fork:
    assert past.checkpoint is not None, "Run.open says so otherwise"
    step = int(past.checkpoint["step"])
    config = _long_enough(past.config, step + steps)
    path, other = with_other(config, assignment)
    with fork_rng():
        trainers = {
            AS_IT_WAS: future_of(past, config),
            CHANGED: future_of(past, other),
            AGAIN: future_of(past, config),
            NUDGED: future_of(past, config, nudge=True),
        }
        looker = Looker(trainers[AS_IT_WAS].game, config)
        frames = tuple(sorted({round(k) for k in np.linspace(0, steps, FRAMES)}))
        lengths = looker.lengths(trainers[AS_IT_WAS])
        futures, unequal = played(trainers, looker, step, frames)
    (before, after) = config.differences(other)[path]
    return Fork(name, path, before, after, step, _columns(past, step), frames, futures, lengths, unequal, looker.real)


def _long_enough(config: Config, steps: int) -> Config:
    """Schedules end where the run ends: it ends later only if it has to."""
    return replace(config, training=replace(config.training, steps=max(steps, config.training.steps)))


def _columns(past: Run, step: int) -> dict[str, NDArray[np.float64]]:
    """The log up to the checkpoint, by name."""
    lines = [line for line in past.log() if line["step"] <= step]
    names = [name for name in (lines[-1] if lines else ()) if name != "epoch"]
    return {name: np.array([line.get(name, np.nan) for line in lines]) for name in names}
