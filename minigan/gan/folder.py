"""Folders of runs: the names in them; how they are made, or taken back if a run cannot begin; what may lie in them."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from minigan.errors import RunError
from minigan.gan.lock import LOCK, Lock
from minigan.serialization import sync_folder

RUNS = Path("runs")  # where runs go that were given no folder
CONFIG = "config.toml"  # makes a folder a run: it is written last
LOG, TIMING, SCORES = "log.jsonl", "timing.jsonl", "scores.jsonl"
CURVES, FILM, SCORE_CURVES = "curves.png", "samples.gif", "scores.png"  # what the end of a training writes
SAMPLES, CHECKPOINTS = "samples", "checkpoints"
_EPOCH, _STEP = r"epoch-([0-9]+)\.png", r"step-([0-9]+)\.safetensors"
_WHOLE = "|".join(
    [*map(re.escape, (CONFIG, CURVES, FILM, SCORE_CURVES)), _EPOCH, _STEP]
)  # what is written whole or not at all
_LEFT = re.compile(rf"\.({_WHOLE})\.[0-9]+\.tmp")


# ---- names -----------------------------------------------------------------------------------------------


def sample_name(epoch: int) -> str:
    """Of what G draws after an epoch, counted from 1."""
    return f"{SAMPLES}/epoch-{epoch:03d}.png"


def checkpoint_name(step: int) -> str:
    """Of the checkpoint after so many steps."""
    return f"{CHECKPOINTS}/step-{step:08d}.safetensors"


def samples(path: Path) -> list[tuple[int, Path]]:
    """The pictures of samples in a run, each with its epoch, by which they are in order."""
    return _numbered(path / SAMPLES, _EPOCH)


def checkpoints(path: Path) -> list[tuple[int, Path]]:
    """The checkpoints of a run, each with its step, by which they are in order."""
    return _numbered(path / CHECKPOINTS, _STEP)


def _numbered(folder: Path, name: str) -> list[tuple[int, Path]]:
    """The files in a folder whose names match, by the number in them; whatever else lies there is not ours."""
    if not folder.exists():  # copies leave out folders that are empty
        return []
    found = [(match, path) for path in folder.iterdir() if (match := re.fullmatch(name, path.name))]
    # epoch-1000 comes after epoch-999
    return sorted((int(match[1]), path) for match, path in found if path.is_file())


# ---- making ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def new_folder(out: Path | None, name: str) -> Iterator[tuple[Path, Lock]]:
    """Make and lock the folder of a run, with the folders in it; if what is done inside fails, take them back.

    Args:
        out: the folder, which must be empty or not there; None for runs/NAME, or runs/NAME-2 and so on.
        name: what the run is called.

    Raises:
        RunError: the folder holds something already, or cannot be written. Nothing is left behind.
    """
    outside: list[Path] = []  # made by this process, in this order: never take back what is another's
    inside: list[Path] = []
    lock = None
    try:
        path = _make_free_folder(name, outside) if out is None else _make_folder(out, outside)
        lock = Lock(path)
        _check_empty(path)  # another run may have begun and ended meanwhile
        make_folders_in(path, inside)
        sweep(path)
        for folder in (*outside, *inside):
            sync_folder(folder.parent)
        inside.append(path / CONFIG)  # nobody else writes it: the folder is locked
        yield path, lock
    except BaseException as error:  # Ctrl-C, too
        _unmake(inside)
        if lock is not None:
            lock.release()  # from here on another run may begin in this folder, which then is not empty any more
        _unmake(outside)
        if isinstance(error, OSError):
            raise RunError(f"Cannot make the folder {told(error, out)}; choose another with --out.") from None
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


def make_folders_in(path: Path, made: list[Path]) -> None:
    """Make those of the folders in a run that are not there; they are added to ``made``."""
    for inner in (path / SAMPLES, path / CHECKPOINTS):
        if not inner.is_dir():
            _make(inner, made)


def _make(folder: Path, made: list[Path]) -> None:
    folder.mkdir()
    made.append(folder)


def _check_empty(path: Path) -> None:
    if not path.is_dir():
        raise RunError(f"{path} is a file, but a folder was expected; choose another with --out.")
    try:
        found = sorted(name for name in os.listdir(path) if not _is_beginning(path / name))
    except OSError as error:
        raise RunError(f"Cannot look into {told(error, path)}; choose another folder with --out.") from None
    if CONFIG in found:
        raise RunError(
            f"{path} already holds a run, which would be overwritten; choose another folder with --out, "
            f"or go on with it: minigan train --resume {shlex.quote(str(path))}"
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


def told(error: OSError, path: Path | None) -> str:
    """With which file or folder something is wrong, and what; ``path`` where the system does not name it."""
    return f"{error.filename or path} ({error.strerror or error})"


# ---- what lies there --------------------------------------------------------------------------------------


def require_run(path: Path) -> None:
    """Make sure that this is the folder of a run.

    Raises:
        RunError: it is something else; says what.
    """
    try:
        if not (path / CONFIG).is_file():
            raise RunError(f"{path} {_what_else(path)}; expected the folder of a run, such as runs/default.")
    except OSError as error:
        raise RunError(f"Cannot read {path} ({error.strerror or error}); check its name and who may read it.") from None


def _what_else(path: Path) -> str:
    if not path.exists():
        return "does not exist"
    return f"holds no {CONFIG}" if path.is_dir() else "is a file"


def require_own(path: Path) -> None:
    """Make sure that what a training changes in place, or changes the content of, lies in the run itself.

    In the folder of a stranger a link may lead to any file of ours, which would be cut or removed.

    Raises:
        RunError: a folder or a file is a link or of another kind.
    """
    folders = dict.fromkeys((SAMPLES, CHECKPOINTS), Path.is_dir)
    for name, kind in {**folders, **dict.fromkeys((LOG, TIMING, SCORES), Path.is_file)}.items():
        own = path / name
        if os.path.lexists(own) and (own.is_symlink() or not kind(own)):
            what = "folder" if kind is Path.is_dir else "file"
            raise RunError(
                f"{own} is {'a link' if own.is_symlink() else f'no {what}'}; expected a {what} of the run's own, as a "
                f"training changes what it finds there. Put the real {what} in this place."
            )


def keep_samples(path: Path, step: int) -> Path:
    """Rename the folder of samples, which were drawn up to this step, and make an empty one; returns its new path.

    If there is a folder of this name, they have been kept already, and what is in the old place came later.
    """
    kept = path / f"{SAMPLES}-to-step-{step:08d}"
    if not os.path.lexists(kept):
        (path / SAMPLES).replace(kept)
        _make(path / SAMPLES, [])
    return kept


def epochs_drawn(path: Path) -> set[int]:
    """Of which epochs there is a picture in a run, or was one before `keep_samples`."""
    pictures = path.glob(f"{SAMPLES}*/epoch-*.png")
    return {int(match[1]) for picture in pictures if (match := re.fullmatch(_EPOCH, picture.name))}


def remove_old(path: Path, keep: int, best: Callable[[int], int | None]) -> None:
    """Remove the checkpoints of a run but the newest, and the best one.

    One more is kept if the newest is the best so far: a resume from an older one has to find what was best before.

    Args:
        path: of the run.
        keep: how many of the newest to keep.
        best: gives the step of the one that was best up to a step.
    """
    saved = checkpoints(path)
    if len(saved) <= keep:
        return
    spared = best(saved[-keep][0])
    old = [checkpoint for step, checkpoint in saved[:-keep] if step != spared]
    for checkpoint in old:
        checkpoint.unlink(missing_ok=True)
    if old:
        sync_folder(path / CHECKPOINTS)


def set_aside(path: Path) -> None:
    """Rename a damaged file, so that it is none of the run any more; nothing is thrown away."""
    names = (path.with_name(f"{path.name}.damaged{f'-{i}' if i > 1 else ''}") for i in count(1))
    path.replace(next(name for name in names if not os.path.lexists(name)))


def sweep(path: Path) -> None:
    """Remove the temporary files of killed writers; whoever holds the lock may be sure that they are dead."""
    for folder in (path, path / SAMPLES, path / CHECKPOINTS):
        for left in list(folder.iterdir()):
            if _LEFT.fullmatch(left.name):
                left.unlink(missing_ok=True)
