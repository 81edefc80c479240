"""The run folder: everything that one training leaves behind, under names that never change.

::

    config.toml                            settings that repeat the run, and a record of what it is
    log.jsonl                              losses and D's outputs: the same again in a repetition
    timing.jsonl                           when, and how fast: never the same again
    scores.jsonl  scores.png               how good the samples were, if the settings ask for it
    samples/epoch-001.png                  what G draws from the same z, after each epoch
    samples.gif  curves.png                all samples as a film; the log as curves
    checkpoints/step-00000469.safetensors  the newest two states to go on from, and the one with the best score

A checkpoint is written when all that belongs to its step is on the disk already; so a run that was killed is taken up
by cutting off what lies beyond its newest checkpoint, and playing on.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigan.backend.device import CPU, Device
from minigan.errors import RunError
from minigan.gan import folder, journal, resume
from minigan.gan.checkpoint import Checkpoint, Found, best_whole, describe, made_of, newest_whole, put_back, sampling
from minigan.gan.config import Config
from minigan.gan.finite import finite_state
from minigan.gan.folder import CHECKPOINTS, CONFIG, CURVES, FILM, LOG, SAMPLES, SCORE_CURVES, SCORES, TIMING
from minigan.gan.game import Game
from minigan.gan.lock import Lock
from minigan.gan.record import (
    changed_settings,
    config_bytes,
    first_record,
    has_checkpoint,
    is_agreed,
    read_config,
    read_record,
    with_agreement,
    with_checkpoint,
    with_resume,
)
from minigan.gan.score_log import ScoreLog
from minigan.serialization import save, sync_folder, write_whole

if TYPE_CHECKING:
    from minigan.data import Loader
    from minigan.gan.trainer import Trainer

PathLike = str | os.PathLike[str]


@dataclass
class Run:
    """A run folder. Made by :meth:`create`, by :meth:`resume` or, to read only, by :meth:`open`.

    Attributes:
        path: the folder.
        config: the settings.
        scores: what scores.jsonl says.
        found: the newest whole checkpoint when the run was opened, if there was one; or the best one.
        command: what was typed, for the record.
        environment: what it runs on, for the record; empty in a run that is only read.
        changed: what of the settings is different since the newest checkpoint, in words.
        allow_changes: whether to go on though settings or data are.
    """

    path: Path
    config: Config
    found: Found = field(default_factory=Found)
    command: str = ""
    environment: dict[str, Any] = field(default_factory=dict)
    changed: Sequence[str] = ()
    allow_changes: bool = False
    _record: dict[str, Any] = field(default_factory=dict)
    _lock: Lock | None = None
    _facts: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.scores = ScoreLog(self.path / SCORES)

    # ---- making and opening ------------------------------------------------------------------------------

    @classmethod
    def create(cls, out: PathLike | None, config: Config, command: str = "", device: Device = CPU) -> Run:
        """Make a run folder and write its config.toml. No other training may write there until :meth:`close`.

        Args:
            out: the folder, which must be empty or not there; None for runs/NAME, or runs/NAME-2 and so on.
            config: the settings.
            command: what was typed, for the record.
            device: where training runs, for the record.

        Raises:
            RunError: the folder holds something already, or cannot be written. Nothing is left behind.
            ConfigError: the command or a setting is no text.
        """
        from minigan.info import environment

        found = environment(device)
        record = first_record(command, found)
        content = config_bytes(config, record)
        with folder.new_folder(None if out is None else Path(out), config.name) as (path, lock):
            write_whole(path / CONFIG, content)
        return cls(path, config, command=command, environment=found, _record=record, _lock=lock)

    @classmethod
    def open(cls, path: PathLike, *, best: bool = False) -> Run:
        """Read the newest whole checkpoint of a run, which may be training meanwhile, and the settings that made it.

        These are the checkpoint's own: config.toml may have been edited since, or be those of a training that goes on.

        Args:
            path: the folder.
            best: take the checkpoint with the best score in place of the newest.

        Raises:
            RunError: there is no run, or no whole checkpoint in it, or none any more; or no scores.
        """
        run = cls._read(Path(path))
        if run.checkpoint is None:
            raise RunError(
                f"{path} is a run without a checkpoint: it was stopped before the first was saved. Go on with it: "
                f"minigan train --resume {shlex.quote(str(path))}"
            )
        if best:
            run.found = best_whole(run.path, run.checkpoints, run.scores.path)
        run.config = run._config_before()
        return run

    @classmethod
    def resume(
        cls,
        path: PathLike,
        config: Config | None = None,
        command: str = "",
        device: Device = CPU,
        allow_changes: bool = False,
    ) -> Run:
        """Open a run to go on with it; no other training may write there until :meth:`close`.

        Nothing is changed before :meth:`restore`.

        Args:
            path: the folder.
            config: the settings; None for those of its config.toml.
            command: what was typed, for the record.
            device: where training is to go on.
            allow_changes: go on though the settings or the data are not those of the checkpoint.

        Raises:
            RunError: see :meth:`reopen`.
            ConfigError: see :meth:`agree`.
        """
        run = cls.reopen(path, command, device)
        try:
            run.agree(config or run.config, allow_changes)
        except BaseException:
            run.close()
            raise
        return run

    @classmethod
    def reopen(cls, path: PathLike, command: str = "", device: Device = CPU) -> Run:
        """The first half of :meth:`resume`: lock a run, and read it. Then :meth:`agree` on the settings.

        Raises:
            RunError: there is no run, another training writes there, its files are not its own, or no checkpoint is
                whole or there any more.
        """
        from minigan.info import environment

        path = Path(path)
        folder.require_run(path)
        lock = Lock(path)
        try:
            folder.require_own(path)
            run = cls._read(path)
            run._lock, run.command, run.environment = lock, command, environment(device)
        except BaseException:
            lock.release()
            raise
        return run

    def agree(self, config: Config, allow_changes: bool = False) -> None:
        """The other half of :meth:`resume`: settle with which settings to go on.

        Where the machine or the libraries are not those of the checkpoint, a sentence on stderr says so.

        Raises:
            RunError: the checkpoint is of another kind or version.
            ConfigError: the settings differ from those of the checkpoint; says in what.
        """
        before = self._config_before()
        if self.found.newest is not None:
            resume.check_length(self.path, self.found.newest, config)
        self.changed, self.allow_changes = changed_settings(before, config), allow_changes
        if not (allow_changes or is_agreed(self._record, settings=(before.to_dict(), config.to_dict()))):
            resume.refuse(self.path, self.changed)
        resume.say_elsewhere(self.path, self._elsewhere())
        self.config = config

    def _config_before(self) -> Config:
        """The settings of the newest checkpoint; without one, those of the run."""
        return made_of(self.found.newest)[0] if self.found.newest else self.config

    def _elsewhere(self) -> list[str]:
        return resume.changed_machine(self.found.newest, self.environment) if self.found.newest else []

    @classmethod
    def _read(cls, path: Path) -> Run:
        folder.require_run(path)
        try:
            run = cls(path, read_config(path / CONFIG), _record=read_record(path / CONFIG))
            run.found = newest_whole(run.checkpoints)  # after the record: a training may save its first one meanwhile
        except OSError as error:
            raise RunError(f"Cannot read {folder.told(error, path)}; check its name and who may read it.") from None
        resume.say_damaged(path, run.found)
        resume.check_not_lost(path, run.found, run._record)
        return run

    def close(self) -> None:
        """Let other trainings write here."""
        if self._lock is not None:
            self._lock.release()

    # ---- going on ----------------------------------------------------------------------------------------

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The newest whole checkpoint, as it was read when the run was opened; without the game after `restore`."""
        return self.found.newest and self.found.newest.content

    @property
    def checkpoint_path(self) -> Path | None:
        """Its file."""
        return self.found.newest and self.found.newest.path

    @property
    def finished(self) -> bool:
        """Whether all steps had been made, and the last file written, when the run was opened."""
        step = self.found.newest.step if self.found.newest else 0
        return step >= self.config.training.steps and (self.path / CURVES).exists()

    def restore(self, trainer: Trainer) -> None:
        """Put a trainer where the newest checkpoint is, or at the start; what lies beyond it is cut off the folder.

        Args:
            trainer: with a game and a loader of the settings of this run.

        Raises:
            RunError: the checkpoint does not fit, the log is damaged, or the folder cannot be written.
            ConfigError: the data are not those of the checkpoint.
        """
        newest, before, now = self.found.newest, self._config_before(), self.data_facts(trainer.loader)
        data = (resume.data_before(newest, now), now)
        changed = [*self.changed, *self._changed_data(*data)]
        record = self._record
        if newest is not None:
            put_back(trainer, newest, changed)
            resume.renew(trainer.game, before, self.config)
            record = with_checkpoint(record)
        log_bytes, bytes_of_scores = self._bytes()
        journal.check(self.path / LOG, log_bytes)  # else its curves would fail, after all the training
        self.scores.lines(bytes_of_scores)
        record = with_resume(record, trainer.step, self.command, [*changed, *self._elsewhere()])
        self._write_config(with_agreement(record, settings=(before.to_dict(), self.config.to_dict()), data=data))
        self._cut_back(trainer)

    def _changed_data(self, before: dict[str, Any], now: dict[str, Any]) -> list[str]:
        changes = resume.changed_data(before, now)
        if not (self.allow_changes or is_agreed(self._record, data=(before, now))):
            resume.refuse(self.path, changes)
        return changes

    def _bytes(self) -> tuple[int, int]:
        """How much of the log and of the scores belongs to the newest checkpoint."""
        saved = self.checkpoint or {"log_bytes": 0}
        return saved["log_bytes"], saved.get("score_bytes", 0)  # of a version without scores there are none

    def _write_config(self, record: dict[str, Any]) -> None:
        write_whole(self.path / CONFIG, config_bytes(self.config, record))
        self._record = record

    def _cut_back(self, trainer: Trainer) -> None:
        """Take away what lies beyond the step where the trainer is: it will be made again, to the same bits."""
        log_bytes, bytes_of_scores = self._bytes()
        if journal.cut(self.path / LOG, log_bytes) < log_bytes:
            resume.say_shorter(self.path / LOG)
        if not self.scores.cut(bytes_of_scores):
            resume.say_shorter(self.path / SCORES)
        journal.cut_after(self.path / TIMING, trainer.step)
        try:
            self._remove_later_files(trainer)
        except OSError as error:
            raise RunError(f"Cannot change {folder.told(error, self.path)}; check who may write there.") from None
        if self.found.newest is not None:
            self.found = Found(self.found.newest.without_arrays())  # training needs the memory

    def _remove_later_files(self, trainer: Trainer) -> None:
        folder.make_folders_in(self.path, [])
        if self.found.newest is not None and resume.epochs_made(self.found.newest) > trainer.epoch:
            resume.say_kept(folder.keep_samples(self.path, trainer.step), trainer.step, trainer.epoch)
        lost = resume.lost_pictures(self.found.newest, folder.epochs_drawn(self.path)) if self.found.newest else []
        resume.say_lost(self.path, lost)
        for number, picture in folder.samples(self.path):
            if number > trainer.epoch:
                picture.unlink()
        drawn_again = (CURVES, *((SCORE_CURVES,) if self.config.score.every else ()), *(() if lost else (FILM,)))
        for name in drawn_again:
            (self.path / name).unlink(missing_ok=True)
        for damaged, _ in self.found.damaged:
            folder.set_aside(damaged)
        self.prune()
        folder.sweep(self.path)
        for changed in (self.path, self.path / SAMPLES, self.path / CHECKPOINTS):
            sync_folder(changed)

    def game(self, device: Device = CPU) -> Game:
        """The game as the newest checkpoint left it.

        Raises:
            RunError: there is none, it is of another kind or version, or its samples would be no numbers.
        """
        if self.found.newest is None:
            raise RunError(f"{self.path} has no checkpoint yet; open the run again when one has been saved.")
        return sampling(self.found.newest, device)

    # ---- reading and writing -----------------------------------------------------------------------------

    def write(self, name: str, content: bytes) -> Path:
        """Write a file of the run, whole or not at all; returns its path."""
        write_whole(self.path / name, content)
        return self.path / name

    def append(self, name: str, line: dict[str, Any]) -> None:
        """Add a line to a .jsonl file of the run."""
        journal.append(self.path / name, line)

    def log(self, most: int | None = None) -> list[dict[str, float]]:
        """The lines of log.jsonl so far; of each kind at most so many, evenly spaced.

        Raises:
            RunError: it cannot be read, or was damaged.
        """
        lines = journal.lines(self.path / LOG)
        return list(lines) if most is None else journal.thinned(lines, most)

    def flush(self) -> None:
        """Return when all lines so far are on the disk."""
        for name in (LOG, TIMING, SCORES):
            journal.flush(self.path / name)

    def seconds(self) -> float:
        """How long training took so far, by timing.jsonl."""
        return max((line.get("seconds", 0.0) for line in journal.lines(self.path / TIMING)), default=0.0)

    def samples(self) -> list[Path]:
        """The pictures of samples so far, oldest first."""
        return [path for _, path in folder.samples(self.path)]

    def checkpoints(self) -> list[Path]:
        """The checkpoints so far, oldest first."""
        return [path for _, path in folder.checkpoints(self.path)]

    def save_checkpoint(self, trainer: Trainer) -> Path:
        """Write checkpoints/step-STEP.safetensors, and remove old ones when it is on the disk; returns its path.

        The trainer knows it from then on as its ``checkpoint``.

        Raises:
            DivergedError: a number is NaN or infinite; nothing is written.
            RunError: the folder cannot be written.
        """
        trainer.game.release_memory()  # the copies in a checkpoint take the place of what a step needs
        state = finite_state(trainer)
        path = self.path / folder.checkpoint_name(trainer.step)
        self.flush()  # what the checkpoint says of the log must hold after a power cut, too
        sizes = {"log_bytes": journal.length(self.path / LOG), "score_bytes": journal.length(self.path / SCORES)}
        facts = {"data": self.data_facts(trainer.loader), "environment": self.environment}
        save({**state, "config": self.config.to_dict(), **facts, **sizes}, path)
        trainer.checkpoint = path
        if not has_checkpoint(self._record):
            self._write_config(with_checkpoint(self._record))
        self.prune()
        return path

    def prune(self) -> None:
        """Remove all but the newest checkpoints, of which the settings say how many to keep, and the best one."""
        folder.remove_old(self.path, self.config.training.keep, self.scores.best)

    def data_facts(self, loader: Loader) -> dict[str, Any]:
        """What the data of this run are, with their SHA-256, which is computed once."""
        if self._facts is None:
            self._facts = describe(loader)
        return self._facts
