"""The run folder: everything that one training leaves behind, under names that never change.

::

    config.toml                            settings that repeat the run, and a record of where it ran
    log.jsonl                              losses and D's outputs: the same again in a repetition
    timing.jsonl                           when, and how fast: never the same again
    samples/epoch-001.png                  what G draws from the same 64 z, after each epoch
    samples.gif  curves.png                all samples as a film; the log as curves
    checkpoints/step-00000469.safetensors  the newest two states to go on from
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from minigan.backend.device import CPU, Device
from minigan.errors import ConfigError, MiniganError, RunError, StateError
from minigan.gan.build import build_game
from minigan.gan.config import Config, check_whole
from minigan.gan.game import Game
from minigan.serialization import load, save, write_whole

PathLike = str | os.PathLike[str]
RUNS = Path("runs")  # where runs go that were given no folder
CONFIG = "config.toml"
RECORD = "record"  # the table in config.toml that is no setting


@dataclass
class Run:
    """A run folder. Made by :meth:`create` or :meth:`open`.

    Attributes:
        path: the folder.
        config: the settings.
        checkpoint: the newest whole checkpoint, as :meth:`save_checkpoint` got it; None in a fresh run.
        checkpoint_path: its file.
    """

    path: Path
    config: Config
    checkpoint: dict[str, Any] | None = None
    checkpoint_path: Path | None = None

    # ---- making and opening ------------------------------------------------------------------------------

    @classmethod
    def create(cls, out: PathLike | None, config: Config, command: str = "", device: Device = CPU) -> Run:
        """Make a run folder and write its config.toml.

        Args:
            out: the folder, which must be empty or not there; None for runs/NAME, or runs/NAME-2 and so on.
            config: the settings.
            command: what was typed, for the record.
            device: where training runs, for the record.

        Raises:
            RunError: the folder holds something already, or cannot be written. Nothing is left behind.
            ConfigError: the command or a setting is no text.
        """
        content = _config_bytes(config, command, device)
        made: list[Path] = []  # by this process, in this order: never take back what is another's
        try:
            path = _make_free_folder(config.name, made) if out is None else _make_folder(Path(out), made)
            for name in ("samples", "checkpoints"):
                _make(path / name, made)
            made.append(path / CONFIG)  # nobody else writes it: the folders in here are ours
            write_whole(path / CONFIG, content)
        except OSError as error:
            _unmake(made)
            where = error.filename or out
            raise RunError(f"Cannot make the folder {where} ({error.strerror}); choose another with --out.") from None
        except BaseException:  # Ctrl-C, too
            _unmake(made)
            raise
        return cls(path, config)

    @classmethod
    def open(cls, path: PathLike) -> Run:
        """Read the settings and the newest whole checkpoint of a run.

        Raises:
            RunError: there is no run, or no whole checkpoint in it.
        """
        path = Path(path)
        try:
            if not (path / CONFIG).is_file():
                raise RunError(f"{path} {_what_is_amiss(path)}; expected the folder of a run, such as runs/default.")
            run = cls(path, read_config(path / CONFIG))
            run.checkpoint_path, run.checkpoint = run._newest_checkpoint()
        except OSError as error:
            where = error.filename or path
            raise RunError(f"Cannot read {where} ({error.strerror}); check its name and who may read it.") from None
        return run

    def _newest_checkpoint(self) -> tuple[Path, dict[str, Any]]:
        """The newest that is whole; an earlier one if that was damaged, as by a failing disk."""
        damaged: RunError | None = None
        for path in reversed(self.checkpoints()):
            try:
                state = load(path)
                if isinstance(state, dict) and "game" in state:
                    return path, state
                raise RunError(f"{path} is no checkpoint of a run.")
            except RunError as error:
                damaged = damaged or error
        if damaged is not None:
            raise RunError(f"{self.path} holds no whole checkpoint: {damaged}")
        raise RunError(
            f"{self.path} is a run without a checkpoint: it was stopped before the first was saved. Train again."
        )

    def game(self, device: Device = CPU) -> Game:
        """The game as the newest checkpoint left it.

        Raises:
            RunError: there is none, it is of another kind or version, or its images would be no numbers.
        """
        if self.checkpoint is None:
            raise RunError(f"{self.path} has no checkpoint yet; open the run again when one has been saved.")
        try:
            game = _restored(self.checkpoint, device)
        except (MiniganError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise RunError(
                f"{self.checkpoint_path} is a checkpoint of another kind or version; "
                "use the version of minigan that wrote it, or train again."
            ) from error
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

    def append(self, name: str, record: dict[str, Any]) -> None:
        """Add a line to a .jsonl file of the run."""
        try:
            with (self.path / name).open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise RunError(
                f"Cannot write {self.path / name}: {error.strerror}; make room or choose another place."
            ) from None

    def log(self) -> list[dict[str, Any]]:
        """The lines of log.jsonl so far."""
        path = self.path / "log.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []

    def log_bytes(self) -> int:
        """The length of log.jsonl."""
        path = self.path / "log.jsonl"
        return path.stat().st_size if path.exists() else 0

    def samples(self) -> list[Path]:
        """The sample grids so far, oldest first."""
        return _numbered(self.path / "samples", r"epoch-([0-9]+)\.png")

    def checkpoints(self) -> list[Path]:
        """The checkpoints so far, oldest first."""
        return _numbered(self.path / "checkpoints", r"step-([0-9]+)\.safetensors")

    def save_checkpoint(self, step: int, state: dict[str, Any], keep: int = 2) -> Path:
        """Write checkpoints/step-STEP.safetensors, and remove all but the newest ``keep``; returns its path."""
        path = self.path / "checkpoints" / f"step-{step:08d}.safetensors"
        save(state, path)
        for old in self.checkpoints()[:-keep]:
            old.unlink(missing_ok=True)
        return path


def read_config(path: PathLike) -> Config:
    """The settings in a config.toml of a run, or in one that a person wrote.

    Raises:
        ConfigError: the file is missing, is no TOML, or holds what is no setting.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read the settings in {path} ({error.strerror}); check the path.") from None
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or thousands of digits or brackets
        raise ConfigError(f"{path} is no TOML file ({error}); expected settings such as a run's config.toml.") from None
    values.pop(RECORD, None)
    return Config.from_dict(values)


def _restored(checkpoint: dict[str, Any], device: Device) -> Game:
    """The game in a checkpoint; raises almost anything if that is none of ours."""
    channels, height, width = (check_whole("image_shape", length) for length in checkpoint["image_shape"])
    game = build_game(Config.from_dict(checkpoint["config"]), (channels, height, width), device)
    state = checkpoint["game"]
    if (game.ema is None) != (state["ema"] is None):
        raise StateError("The settings and the state disagree on whether there is an average of G.")
    game.load_state_dict(state)
    check_whole("steps", game.steps, 0)
    return game


def _config_bytes(config: Config, command: str, device: Device) -> bytes:
    import tomli_w

    from minigan.info import environment

    started = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"command": command, "started": started, **environment(device)}
    head = "# The settings of this run: `minigan train config.toml` repeats it. [record] only tells where it ran.\n"
    try:
        return (head + tomli_w.dumps({**config.to_dict(), RECORD: record})).encode()
    except UnicodeEncodeError as error:
        wrong = error.object[error.object.rfind(" ", 0, error.start) + 1 :].split()[0].strip("'\"")
        raise ConfigError(f"Expected names of files in UTF-8, but got {wrong!r}; choose another.") from None


# ---- folders ---------------------------------------------------------------------------------------------


def _free_folder(name: str) -> Path:
    """runs/NAME, or the first of runs/NAME-2, runs/NAME-3, ... that is not there."""
    name = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "custom"
    names = (name if i == 1 else f"{name}-{i}" for i in count(1))
    return next(RUNS / free for free in names if not os.path.lexists(RUNS / free))


def _make_free_folder(name: str, made: list[Path]) -> Path:
    with contextlib.suppress(FileExistsError):
        _make(RUNS, made)
    while True:
        path = _free_folder(name)
        with contextlib.suppress(FileExistsError):  # another run has just taken the name: try the next
            _make(path, made)
            return path


def _make_folder(path: Path, made: list[Path]) -> Path:
    """Make the folder and its parents; those that were not there are added to ``made``."""
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    if not missing:
        _check_empty(path)
    for parent in missing[:0:-1]:
        with contextlib.suppress(FileExistsError):  # another run may have made it meanwhile
            _make(parent, made)
    if missing:
        _make(path, made)
    return path


def _make(folder: Path, made: list[Path]) -> None:
    folder.mkdir()
    made.append(folder)


def _check_empty(path: Path) -> None:
    if not path.is_dir():
        raise RunError(f"{path} is a file, but a folder was expected; choose another with --out.")
    try:
        found = sorted(os.listdir(path))
    except OSError as error:
        raise RunError(f"Cannot look into {path} ({error.strerror}); choose another folder with --out.") from None
    if CONFIG in found:
        raise RunError(f"{path} already holds a run, which would be overwritten; choose another folder with --out.")
    if found:
        raise RunError(
            f"{path} is not empty (it holds {found[0]}), but a new run needs a folder of its own; "
            "choose another with --out."
        )


def _unmake(made: list[Path]) -> None:
    """Take back what was made, the last first."""
    for path in reversed(made):
        with contextlib.suppress(OSError):  # it was never written, or another run has put something into it
            path.unlink() if path.is_file() else path.rmdir()


def _what_is_amiss(path: Path) -> str:
    if not path.exists():
        return "does not exist"
    return f"holds no {CONFIG}" if path.is_dir() else "is a file"


def _numbered(folder: Path, name: str) -> list[Path]:
    """The files in a folder whose names match, by the number in them; whatever else lies there is not ours."""
    found = [(match, path) for path in folder.iterdir() if (match := re.fullmatch(name, path.name))]
    # epoch-1000 comes after epoch-999
    return [path for _, path in sorted((int(match[1]), path) for match, path in found if path.is_file())]
