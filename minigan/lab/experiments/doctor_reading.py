"""What a run folder tells a doctor: its settings, its log, its newest checkpoint, and what of these cannot be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigan.backend.device import CPU
from minigan.errors import MiniganError, RunError
from minigan.gan import journal
from minigan.gan.checkpoint import Saved, made_of, newest_whole, restored
from minigan.gan.config import Config
from minigan.gan.folder import CURVES, LOG, require_run
from minigan.gan.game import Game
from minigan.gan.record import changed_settings, read_config
from minigan.gan.run import Run
from minigan.lab.watching import Array

POINTS = 2000  # lines of the log of each kind that are looked at, evenly spaced
CHANGES = 5  # settings that differ are named


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
        notes: what could not be read, what was read in spite of it, and what does not fit together, in words.
    """

    path: Path
    config: Config
    log: dict[str, Array]
    lines: int
    step: int | None
    game: Game | None
    broke_off: bool
    notes: Sequence[str]

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
    notes: list[str] = []
    log = _log(run, notes)
    saved = _newest(run, notes)
    game = _game(saved, notes)
    if not log and game is None:
        raise RunError(
            f"{path} is a run with nothing to judge by: {' '.join(notes)} Train on, as with minigan train --resume, "
            "and ask again."
        )
    config = run.config if saved is None or game is None else _config(run, saved, notes)
    step = saved.step if saved else None
    lines = len(log["step"]) if log else 0
    broke_off = _broke_off(run, int(log["step"][-1]) if log else 0, step)
    return Folder(path, config, log, lines, step, game, broke_off, notes)


def _log(run: Run, notes: list[str]) -> dict[str, Array]:
    lines = journal.thinned(_lines(run.path / LOG, notes), POINTS)
    if not lines:
        notes.append("There is no line in log.jsonl to judge by.")
        return {}
    names = dict.fromkeys(name for line in lines for name in line)
    return {name: np.array([line.get(name, np.nan) for line in lines], np.float64) for name in names}


def _lines(path: Path, notes: list[str]) -> Iterator[dict[str, float]]:
    """Up to a damaged one."""
    count = 0
    try:
        for line in journal.lines(path):
            yield line
            count += 1
    except RunError as error:
        notes.append(f"{error} Read were the {count:,} lines before it.")


def _newest(run: Run, notes: list[str]) -> Saved | None:
    found = newest_whole(run.checkpoints)
    notes += [f"{path.name} is damaged ({reason})" for path, reason in found.damaged]
    if found.newest is None:
        notes.append("There is no whole checkpoint.")
    elif found.damaged:
        notes.append(f"Read in its place was {found.newest.path.name}.")
    return found.newest


def _game(saved: Saved | None, notes: list[str]) -> Game | None:
    """As the checkpoint left it."""
    try:
        return restored(saved, CPU) if saved else None
    except MiniganError as error:
        notes.append(str(error))
        return None


def _config(run: Run, saved: Saved, notes: list[str]) -> Config:
    """The settings that the checkpoint was trained with: those of config.toml, or it is told which are others."""
    trained, _ = made_of(saved)
    changes = changed_settings(trained, run.config)
    if changes:
        told = "; ".join(changes[:CHANGES]) + (f"; and {len(changes) - CHANGES} more" if changes[CHANGES:] else "")
        notes.append(
            f"config.toml is not what {saved.path.name} was trained with ({told}): it may belong to another run, or "
            "was changed since. The run is judged by the settings in the checkpoint."
        )
    return trained


def _broke_off(run: Run, logged: int, saved: int | None) -> bool:
    """A kill leaves no curves, and a stop by hand a checkpoint at the step of the last line."""
    unfinished = (saved or 0) < run.config.training.steps
    return unfinished and (run.path / CURVES).exists() and logged != (saved or 0)
