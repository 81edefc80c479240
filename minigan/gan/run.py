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

import json
import os
import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from minigan.backend.device import CPU, Device
from minigan.errors import ConfigError, RunError
from minigan.gan.config import Config
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
    """

    path: Path
    config: Config
    checkpoint: dict[str, Any] | None = None

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
        """
        path = _free_folder(config.name) if out is None else Path(out)
        content = _config_text(config, command, device).encode()
        made = _make_folder(path)
        try:
            for name in ("samples", "checkpoints"):
                (path / name).mkdir()
            write_whole(path / CONFIG, content)
        except OSError as error:
            _unmake(path, made)
            raise RunError(f"Cannot write into {path} ({error.strerror}); choose another folder with --out.") from None
        except RunError:
            _unmake(path, made)
            raise
        return cls(path, config)

    @classmethod
    def open(cls, path: PathLike) -> Run:
        """Read the settings and the newest whole checkpoint of a run.

        Raises:
            RunError: there is no run, or no whole checkpoint in it.
        """
        path = Path(path)
        if not (path / CONFIG).is_file():
            raise RunError(f"{path} {_what_is_amiss(path)}; expected the folder of a run, such as runs/default.")
        run = cls(path, read_config(path / CONFIG))
        run.checkpoint = run._newest_checkpoint()
        return run

    def _newest_checkpoint(self) -> dict[str, Any]:
        """The newest that is whole; an earlier one if that was damaged, as by a failing disk."""
        damaged: RunError | None = None
        for path in reversed(self.checkpoints()):
            try:
                state = load(path)
                if "game" in state:
                    return state
                raise RunError(f"{path} is no checkpoint of a run.")
            except RunError as error:
                damaged = damaged or error
        if damaged is not None:
            raise RunError(f"{self.path} holds no whole checkpoint: {damaged}")
        raise RunError(
            f"{self.path} is a run without a checkpoint: it was stopped before the first was saved. Train again."
        )

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
            raise RunError(f"Cannot write {self.path / name}: {error.strerror}.") from None

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
        return sorted((self.path / "samples").glob("epoch-*.png"), key=_number)

    def checkpoints(self) -> list[Path]:
        """The checkpoints so far, oldest first."""
        return sorted((self.path / "checkpoints").glob("step-*.safetensors"), key=_number)

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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML file ({error}); expected settings such as a run's config.toml.") from None
    values.pop(RECORD, None)
    return Config.from_dict(values)


def _config_text(config: Config, command: str, device: Device) -> str:
    import tomli_w

    from minigan.info import environment

    started = datetime.now(UTC).isoformat(timespec="seconds")
    record = {"command": command, "started": started, **environment(device)}
    head = "# The settings of this run: `minigan train config.toml` repeats it. [record] only tells where it ran.\n"
    return head + tomli_w.dumps({**config.to_dict(), RECORD: record})


# ---- folders ---------------------------------------------------------------------------------------------


def _free_folder(name: str) -> Path:
    """runs/NAME, or the first of runs/NAME-2, runs/NAME-3, ... that is not there."""
    name = re.sub(r"[^\w.-]+", "-", name).strip(".-") or "custom"
    names = (name if i == 1 else f"{name}-{i}" for i in count(1))
    return next(RUNS / free for free in names if not os.path.lexists(RUNS / free))


def _make_folder(path: Path) -> list[Path]:
    """Make the folder and its parents; returns those that were not there, innermost first."""
    missing = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    if not missing:
        _check_empty(path)
        return []
    try:
        path.mkdir(parents=True)
    except OSError as error:
        _unmake(path, missing)
        raise RunError(f"Cannot make the folder {path} ({error.strerror}); choose another with --out.") from None
    return missing


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


def _unmake(path: Path, made: list[Path]) -> None:
    """Take back what was begun: the files of the run, and the folders that were made for it."""
    try:
        (path / CONFIG).unlink(missing_ok=True)
        for folder in (path / "samples", path / "checkpoints", *made):
            if folder.is_dir():
                folder.rmdir()
    except OSError:
        return  # what could not be written may well resist removal


def _what_is_amiss(path: Path) -> str:
    if not path.exists():
        return "does not exist"
    return f"holds no {CONFIG}" if path.is_dir() else "is a file"


def _number(path: Path) -> int:
    """The number at the end of a file name: epoch-1000 comes after epoch-999."""
    return int(re.findall(r"\d+", path.stem)[-1])
