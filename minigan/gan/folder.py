"""Folders of runs: made, or taken back if a run cannot begin; and what killed writers left in them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from minigan.errors import RunError
from minigan.gan.lock import LOCK, Lock
from minigan.serialization import sync_folder

RUNS = Path("runs")  # where runs go that were given no folder
CONFIG = "config.toml"  # makes a folder a run: it is written last
SAMPLES, CHECKPOINTS = "samples", "checkpoints"
_LEFT = re.compile(r"\.(config\.toml|curves\.png|samples\.gif|epoch-\d+\.png|step-\d+\.safetensors)\.\d+\.tmp")


@contextlib.contextmanager
def new_folder(out: Path | None, name: str) -> Iterator[tuple[Path, Lock]]:
    """Make and lock the folder of a run, with the folders in it; if what is done inside fails, take them back.

    Args:
        out: the folder, which must be empty or not there; None for runs/NAME, or runs/NAME-2 and so on.
        name: what the run is called.

    Raises:
        RunError: the folder holds something already, or cannot be written. Nothing is left behind.
    """
    made: list[Path] = []  # by this process, in this order: never take back what is another's
    lock = None
    try:
        path = _make_free_folder(name, made) if out is None else _make_folder(out, made)
        lock = Lock(path)
        _check_empty(path)  # another run may have begun and ended meanwhile
        for inner in (path / SAMPLES, path / CHECKPOINTS):
            if not inner.is_dir():
                _make(inner, made)
        sweep(path)
        for folder in made:
            sync_folder(folder.parent)
        made.append(path / CONFIG)  # nobody else writes it: the folder is locked
        yield path, lock
    except BaseException as error:  # Ctrl-C, too
        if lock is not None:
            lock.release()
        _unmake(made)
        if isinstance(error, OSError):
            where = error.filename or out
            raise RunError(f"Cannot make the folder {where} ({error.strerror}); choose another with --out.") from None
        raise


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
    for parent in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another run may have made it meanwhile
            _make(parent, made)
    return path


def _make(folder: Path, made: list[Path]) -> None:
    folder.mkdir()
    made.append(folder)


def _check_empty(path: Path) -> None:
    if not path.is_dir():
        raise RunError(f"{path} is a file, but a folder was expected; choose another with --out.")
    try:
        found = sorted(name for name in os.listdir(path) if not _is_beginning(path / name))
    except OSError as error:
        raise RunError(f"Cannot look into {path} ({error.strerror}); choose another folder with --out.") from None
    if CONFIG in found:
        raise RunError(
            f"{path} already holds a run, which would be overwritten; choose another folder with --out, "
            f"or go on with it: minigan train --resume {path}"
        )
    if found:
        raise RunError(
            f"{path} is not empty (it holds {found[0]}), but a new run needs a folder of its own; "
            "choose another with --out."
        )


def _is_beginning(path: Path) -> bool:
    """Whether this may be left of a run that was killed before its config.toml was there: nothing of worth."""
    if path.name in (SAMPLES, CHECKPOINTS):
        return path.is_dir() and not os.listdir(path)
    return path.name == LOCK or bool(_LEFT.fullmatch(path.name))


def _unmake(made: list[Path]) -> None:
    """Take back what was made, the last first."""
    for path in reversed(made):
        with contextlib.suppress(OSError):  # it was never written, or another run has put something into it
            path.unlink() if path.is_file() else path.rmdir()


def sweep(path: Path) -> None:
    """Remove the temporary files of killed writers; whoever holds the lock may be sure that they are dead."""
    for folder in (path, path / SAMPLES, path / CHECKPOINTS):
        for left in list(folder.iterdir()):
            if _LEFT.fullmatch(left.name):
                left.unlink(missing_ok=True)


def numbered(folder: Path, name: str) -> list[tuple[int, Path]]:
    """The files in a folder whose names match, by the number in them; whatever else lies there is not ours."""
    found = [(match, path) for path in folder.iterdir() if (match := re.fullmatch(name, path.name))]
    # epoch-1000 comes after epoch-999
    return sorted((int(match[1]), path) for match, path in found if path.is_file())
