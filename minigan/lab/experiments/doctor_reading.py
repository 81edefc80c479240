"""What a run folder tells a doctor: its settings, its log, its newest checkpoint, and what of these is missing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigan.backend.device import CPU
from minigan.errors import MiniganError, RunError
from minigan.gan import journal
from minigan.gan.checkpoint import newest_whole, restored
from minigan.gan.config import Config
from minigan.gan.folder import CURVES, LOG, require_run
from minigan.gan.game import Game
from minigan.gan.record import read_config
from minigan.gan.run import Run
from minigan.lab.experiments.flow_watch import Array

POINTS = 2000  # lines of the log of each kind that are looked at, evenly spaced


@dataclass(frozen=True)
class Folder:
    """What was found in a run folder.

    Attributes:
        path: of the folder.
        config: the settings of the run.
        log: the lines, as arrays by name, with the steps; a number that a line does not have is NaN there.
        lines: how many there are.
        step: of the newest whole checkpoint; None without one.
        game: as that checkpoint left it.
        broke_off: whether training stopped before its end in the way that a NaN stops it: then the curves are drawn,
            but no checkpoint is saved.
        missing: what could not be read, in words.
    """

    path: Path
    config: Config
    log: dict[str, Array]
    lines: int
    step: int | None
    game: Game | None
    broke_off: bool
    missing: Sequence[str]

    @property
    def last_step(self) -> int:
        """The last one that is known to have been made."""
        steps = self.log.get("step", np.zeros(1))
        return int(max(steps[-1], self.step or 0))


def read_folder(path: str | os.PathLike[str]) -> Folder:
    """Read a run, which may be training meanwhile; nothing in it is changed.

    Raises:
        RunError: there is no run, or neither log nor checkpoint can be read.
        ConfigError: its settings cannot be read.
    """
    path = Path(path)
    require_run(path)
    run = Run(path, read_config(path / "config.toml"))
    missing: list[str] = []
    log = _log(run, missing)
    step, game = _newest(run, missing)
    if not log and game is None:
        raise RunError(
            f"{path} is a run with nothing to judge by: {' '.join(missing)} Train on, as with minigan train --resume, "
            "and ask again."
        )
    lines = len(log["step"]) if log else 0
    broke_off = _broke_off(run, int(log["step"][-1]) if log else 0, step)
    return Folder(path, run.config, log, lines, step, game, broke_off, missing)


def _log(run: Run, missing: list[str]) -> dict[str, Array]:
    try:
        lines = journal.thinned(journal.lines(run.path / LOG), POINTS)
    except RunError as error:
        missing.append(str(error))
        return {}
    if not lines:
        missing.append("There is no line in log.jsonl yet.")
        return {}
    names = dict.fromkeys(name for line in lines for name in line)
    return {name: np.array([line.get(name, np.nan) for line in lines], np.float64) for name in names}


def _newest(run: Run, missing: list[str]) -> tuple[int | None, Game | None]:
    found = newest_whole(run.checkpoints)
    missing += [f"{path.name} is damaged ({reason})" for path, reason in found.damaged]
    if found.newest is None:
        missing.append("There is no whole checkpoint.")
        return None, None
    try:
        return found.newest.step, restored(found.newest, CPU)
    except MiniganError as error:
        missing.append(str(error))
        return found.newest.step, None


def _broke_off(run: Run, logged: int, saved: int | None) -> bool:
    """A kill leaves no curves, and a stop by hand a checkpoint at the step of the last line."""
    unfinished = (saved or 0) < run.config.training.steps
    return unfinished and (run.path / CURVES).exists() and logged != (saved or 0)
