"""The folder that a command writes its results to: it is there, and can be written to, before any work is done."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from minigan.errors import ConfigError, RunError


@contextlib.contextmanager
def results_folder(out: str | None, usual: str) -> Iterator[Path]:
    """This folder, which is empty or new; if it stays empty, what was made for it is taken back.

    Args:
        out: what was typed after ``--out``.
        usual: where results go if nothing was: the first of ``usual``, ``usual-2``, ``usual-3`` that is free.

    Raises:
        ConfigError: an empty name.
        RunError: there is something in it, or it cannot be made or written to.
    """
    if out is not None and not out.strip():
        raise ConfigError(f"--out {out!r}: expected the name of a folder; name a new one, or leave --out away.")
    made: list[Path] = []
    try:
        path = _take_free(usual, made) if out is None else _take(Path(out), made)
        _check_writable(path)
        yield path
    finally:
        with contextlib.suppress(OSError):  # something is in it, and so in all folders above it
            for folder in reversed(made):
                folder.rmdir()


def _take_free(usual: str, made: list[Path]) -> Path:
    """A folder that this process made: of two that look for one at once, each gets its own."""
    names = (Path(usual if i == 1 else f"{usual}-{i}") for i in count(1))
    return next(path for path in names if not path.exists() and path in _make(path, made))


def _take(path: Path, made: list[Path]) -> Path:
    _check_empty(path)
    _make(path, made)
    return path


def _check_empty(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise RunError(f"--out {path}: this is a file, but a folder was expected; choose another.")
    found = min((each.name for each in path.iterdir()), default=None)
    if found is not None:
        raise RunError(f"--out {path}: this folder is not empty (it holds {found}); choose one that is empty or new.")


def _make(path: Path, made: list[Path]) -> list[Path]:
    """The folder and all above it; adds to the list those that were not there, outermost first, and returns it."""
    try:
        for folder in reversed((path, *path.parents)):
            if not folder.exists():
                with contextlib.suppress(FileExistsError):  # somebody was quicker
                    folder.mkdir()
                    made.append(folder)
    except OSError as error:
        raise RunError(f"Cannot make the folder {path} ({error.strerror}); choose another with --out.") from None
    return made


def _check_writable(path: Path) -> None:
    """By writing: permissions do not tell it of a disk that is mounted to be read only."""
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"?")
    except OSError as error:
        raise RunError(f"Cannot write to the folder {path} ({error.strerror}); choose another with --out.") from None
