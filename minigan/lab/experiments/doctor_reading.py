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
from minigan.gan.checkpoint import Found, Saved, made_of, newest_whole, restored
from minigan.gan.config import Config
from minigan.gan.folder import CONFIG, CURVES, LOG, require_run
from minigan.gan.game import Game
from minigan.gan.record import changed_settings, has_checkpoint, read_config, read_record
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
            but no checkpoint is saved; None where that cannot be told from a run that has lost a checkpoint.
        notes: what could not be read, what was read in spite of it, and what does not fit together, in words.
    """

    path: Path
    config: Config
    log: dict[str, Array]
    lines: int
    step: int | None
    game: Game | None
    broke_off: bool | None
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
    if not os.fspath(path):
        raise RunError('run: expected the folder of a run, such as runs/default, but got "".')
    path = Path(path)
    require_run(path)
    run = Run(path, read_config(path / "config.toml"))
    notes: list[str] = []
    lines = _Lines(path / LOG)
    log = _log(lines, notes)
    found = newest_whole(run.checkpoints)
    saved = _newest(found, notes)
    game = _game(saved, notes)
    if not log and game is None:
        raise RunError(
            f"{path} is a run with nothing to judge by: {' '.join(notes)} Train on, as with minigan train --resume, "
            "and ask again."
        )
    config = run.config if saved is None or game is None else _config(run, saved, notes)
    step = saved.step if saved else None
    if saved is not None and log and saved.step - lines.last >= config.training.log_every:
        notes.append(f"log.jsonl ends at step {lines.last:,}, before {saved.path.name}: its last lines are lost.")
    return Folder(path, config, log, lines.count, step, game, _broke_off(run, lines.last, found), notes)


class _Lines:
    """Those of a log up to a damaged one, and what is known when they have been read.

    Attributes:
        count: how many there are.
        last: the step of the last one; 0 without one.
        notes: what is wrong with them, in words.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count, self.last = 0, 0
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[dict[str, float]]:
        try:
            for line in journal.lines(self.path):
                self._look(int(line["step"]))
                yield line
        except RunError as error:
            read = "Read was the 1 line" if self.count == 1 else f"Read were the {self.count:,} lines"
            self.notes.append(f"{error} {read} before it." if self.count else f"{error} No line stands before it.")

    def _look(self, step: int) -> None:
        self.count += 1
        if step < self.last and not self.notes:
            self.notes.append(
                f"The steps in log.jsonl do not rise: line {self.count:,} is of step {step:,}, the one before it of "
                f"step {self.last:,}. There may be lines of two runs in it."
            )
        self.last = step


def _log(lines: _Lines, notes: list[str]) -> dict[str, Array]:
    kept = journal.thinned(lines, POINTS)
    notes += lines.notes
    if not kept:
        notes.append("There is no line in log.jsonl to judge by.")
        return {}
    names = dict.fromkeys(name for line in kept for name in line)
    return {name: np.array([line.get(name, np.nan) for line in kept], np.float64) for name in names}


def _newest(found: Found, notes: list[str]) -> Saved | None:
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


def _broke_off(run: Run, logged: int, found: Found) -> bool | None:
    """A kill leaves no curves, and a stop by hand a checkpoint at the step of the last line.

    So does the last step; if that checkpoint is damaged or was removed, nobody knows why it is not there.
    """
    saved = found.newest.step if found.newest else 0
    if saved >= run.config.training.steps or not (run.path / CURVES).exists() or logged == saved:
        return False
    removed = found.newest is None and has_checkpoint(read_record(run.path / CONFIG))
    return None if found.damaged or removed or logged >= run.config.training.steps else True
