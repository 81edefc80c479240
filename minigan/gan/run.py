"""The run folder: everything that one training leaves behind, under names that never change.

::

    config.toml                            settings that repeat the run, and a record of what it is
    log.jsonl                              losses and D's outputs: the same again in a repetition
    timing.jsonl                           when, and how fast: never the same again
    samples/epoch-001.png                  what G draws from the same z, after each epoch
    samples.gif  curves.png                all samples as a film; the log as curves
    checkpoints/step-00000469.safetensors  the newest two states to go on from

A checkpoint is written when all that belongs to its step is on the disk already; so a run that was killed is taken up
by cutting off what lies beyond its newest checkpoint, and playing on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend.device import CPU, Device
from minigan.errors import RunError
from minigan.gan import journal
from minigan.gan.checkpoint import Checkpoint, Found, describe, newest_whole, restored, take
from minigan.gan.config import Config
from minigan.gan.folder import CHECKPOINTS, CONFIG, SAMPLES, new_folder, numbered
from minigan.gan.game import Game
from minigan.gan.lock import Lock
from minigan.gan.record import config_bytes, first_record, read_config
from minigan.gan.resume import Terms, agree, cut_back, settle, tell_damaged
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
        found: the newest whole checkpoint, if there is one.
        environment: what it runs on, for the record; empty in a run that is only read.
        terms: on which it is resumed, if it is.
    """

    path: Path
    config: Config
    found: Found = field(default_factory=Found)
    environment: dict[str, Any] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)
    _lock: Lock | None = None
    _data: dict[str, Any] | None = None

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
        content = config_bytes(config, first_record(command, found))
        with new_folder(None if out is None else Path(out), config.name) as (path, lock):
            write_whole(path / CONFIG, content)
        return cls(path, config, environment=found, _lock=lock)

    @classmethod
    def open(cls, path: PathLike) -> Run:
        """Read the settings and the newest whole checkpoint of a run, which may be training meanwhile.

        Raises:
            RunError: there is no run, or no whole checkpoint in it.
        """
        run = cls._read(Path(path))
        if run.checkpoint is None:
            raise RunError(
                f"{path} is a run without a checkpoint: it was stopped before the first was saved. Go on with it: "
                f"minigan train --resume {path}"
            )
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

        Nothing is changed before :meth:`restore`. Where the machine or the libraries are not those of the checkpoint,
        a sentence on stderr says so.

        Args:
            path: the folder.
            config: the settings; None for those of its config.toml.
            command: what was typed, for the record.
            device: where training is to go on.
            allow_changes: go on though the settings or the data are not those of the checkpoint.

        Raises:
            RunError: there is no run, another training writes there, or no checkpoint is whole.
            ConfigError: the settings differ from those of the checkpoint; says in what.
        """
        from minigan.info import environment

        path = Path(path)
        _require_run(path)
        lock = Lock(path)
        try:
            run = cls._read(path)
            run._lock, run.environment = lock, environment(device)
            before, run.config = run.config, config or run.config
            run.terms = agree(run, before, command, allow_changes)
        except BaseException:
            lock.release()
            raise
        return run

    @classmethod
    def _read(cls, path: Path) -> Run:
        _require_run(path)
        try:
            run = cls(path, read_config(path / CONFIG))
            run.found = newest_whole(run.checkpoints)
        except OSError as error:
            where = error.filename or path
            raise RunError(f"Cannot read {where} ({error.strerror}); check its name and who may read it.") from None
        tell_damaged(path, run.found)
        return run

    def close(self) -> None:
        """Let other trainings write here."""
        if self._lock is not None:
            self._lock.release()

    # ---- going on ----------------------------------------------------------------------------------------

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The newest whole checkpoint, as it was read when the run was opened."""
        return self.found.newest and self.found.newest.content

    @property
    def checkpoint_path(self) -> Path | None:
        """Its file."""
        return self.found.newest and self.found.newest.path

    @property
    def finished(self) -> bool:
        """Whether all steps had been made, and the last file written, when the run was opened."""
        step = self.checkpoint["step"] if self.checkpoint else 0
        return step >= self.config.training.steps and (self.path / "curves.png").exists()

    def restore(self, trainer: Trainer) -> None:
        """Put a trainer where the newest checkpoint is, or at the start; what lies beyond it is cut off the folder.

        Args:
            trainer: with a game and a loader of the settings of this run.

        Raises:
            RunError: the checkpoint does not fit, or the folder cannot be written.
            ConfigError: the data are not those of the checkpoint.
        """
        settle(self, trainer, self.data_of(trainer.loader))
        cut_back(self, trainer)

    def game(self, device: Device = CPU) -> Game:
        """The game as the newest checkpoint left it.

        Raises:
            RunError: there is none, it is of another kind or version, or its samples would be no numbers.
        """
        if self.found.newest is None:
            raise RunError(f"{self.path} has no checkpoint yet; open the run again when one has been saved.")
        game = restored(self.found.newest, device)
        for name, array in game.sampler.state_dict().items():
            if not np.isfinite(array).all():
                raise RunError(
                    f"{self.checkpoint_path} holds a NaN or an infinity in {name} of the generator; "
                    "train again, as with lower learning rates."
                )
        return game

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
        lines = journal.lines(self.path / "log.jsonl")
        return list(lines) if most is None else journal.thinned(lines, most)

    def flush(self) -> None:
        """Return when log.jsonl is on the disk."""
        journal.flush(self.path / "log.jsonl")

    def seconds(self) -> float:
        """How long training took so far, by timing.jsonl."""
        return max((line.get("seconds", 0.0) for line in journal.lines(self.path / "timing.jsonl")), default=0.0)

    def samples(self) -> list[Path]:
        """The pictures of samples so far, oldest first."""
        return [path for _, path in numbered(self.path / SAMPLES, r"epoch-([0-9]+)\.png")]

    def checkpoints(self) -> list[Path]:
        """The checkpoints so far, oldest first."""
        return [path for _, path in numbered(self.path / CHECKPOINTS, r"step-([0-9]+)\.safetensors")]

    def save_checkpoint(self, trainer: Trainer) -> Path:
        """Write checkpoints/step-STEP.safetensors, and remove old ones when it is on the disk; returns its path."""
        path = self.path / CHECKPOINTS / f"step-{trainer.step:08d}.safetensors"
        self.flush()  # what the checkpoint says of the log must hold after a power cut, too
        size = journal.length(self.path / "log.jsonl")
        facts = {"data": self.data_of(trainer.loader), "environment": self.environment}
        save({**take(trainer), "config": self.config.to_dict(), **facts, "log_bytes": size}, path)
        self.prune()
        return path

    def prune(self) -> None:
        """Remove all but the newest checkpoints; the settings say how many to keep."""
        old = self.checkpoints()[: -self.config.training.keep]
        for path in old:
            path.unlink(missing_ok=True)
        if old:
            sync_folder(self.path / CHECKPOINTS)

    def data_of(self, loader: Loader) -> dict[str, Any]:
        """What the data of this run are, with their SHA-256, which is computed once."""
        if self._data is None:
            self._data = describe(loader)
        return self._data


def _require_run(path: Path) -> None:
    try:
        if not (path / CONFIG).is_file():
            raise RunError(f"{path} {_what_is_amiss(path)}; expected the folder of a run, such as runs/default.")
    except OSError as error:
        raise RunError(f"Cannot read {path} ({error.strerror}); check its name and who may read it.") from None


def _what_is_amiss(path: Path) -> str:
    if not path.exists():
        return "does not exist"
    return f"holds no {CONFIG}" if path.is_dir() else "is a file"
