"""RUN/scores: what an evaluation finds out about a run, which the next one replaces as a whole."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from minigan.errors import RunError
from minigan.gan.signals import raise_if_stopped

SCORES = "scores.json"  # names the files beside it, in "files"
OLD = "old"  # what is replaced, for the moment


@contextlib.contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside ``path`` to write into, which takes its place at the end; after an error it is gone.

    Raises:
        RunError: in the place is something that no evaluation wrote, or nothing can be written there.
    """
    check_replaceable(path)
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}-{os.getpid()}-", dir=path.parent))
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        new = aside / path.name  # whom the run is open to may look into this one; into the one around it nobody else
        new.mkdir()
        yield new
        raise_if_stopped()
        _exchange(new, path, aside / OLD)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_replaceable(path: Path) -> None:
    """Make sure that a folder may be written here, and that nothing of anybody else's would be lost.

    What an evaluation left behind that was killed is cleared up first.

    Raises:
        RunError: something would be, or nothing may be written.
    """
    _clear_up(path)
    if not os.access(path.parent, os.W_OK):
        raise RunError(f"Cannot write into the folder {path.parent}; choose another for the scores with --out.")
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        raise RunError(f"{path} is no folder of scores; move it away, or choose another place with --out.")
    if strange := _strange(path):
        raise RunError(
            f"{path} holds {strange[0]}, which no evaluation wrote, and would be lost; move it away, or choose another "
            "place with --out."
        )


def _strange(path: Path) -> list[str]:
    """What is in a folder of scores that no evaluation wrote."""
    own = _own(path)
    return sorted(each.name for each in path.iterdir() if each.name not in own or not _is_plain(each))


def _own(path: Path) -> set[str]:
    """The files of an earlier evaluation, by its own account."""
    try:
        listed = json.loads((path / SCORES).read_bytes())["files"]
        return {str(name) for name in listed} | {SCORES}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        raise RunError(
            f"{path / SCORES} is damaged, so that nobody knows what else in there would be lost; move {path} away, or "
            "choose another place with --out."
        ) from None


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _clear_up(path: Path) -> None:
    """Folders of evaluations that were killed: between its two renames, the new scores were complete.

    One that holds anything else is somebody's, whatever its name.
    """
    for left in path.parent.glob(f".{path.name}-*"):
        process = re.fullmatch(rf"\.{re.escape(path.name)}-(\d+)-[a-z0-9_]{{8}}", left.name)
        if process is None or _is_running(int(process[1])) or not _is_left_over(left, path.name):
            continue
        if not os.path.lexists(path) and (left / OLD).is_dir():
            try:
                (left / path.name).rename(path)
            except OSError:  # then these scores are all that there are
                continue
        shutil.rmtree(left, ignore_errors=True)


def _is_left_over(folder: Path, name: str) -> bool:
    """Whether it holds nothing but a folder for new scores and, at most, the scores that these were to replace."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    with contextlib.suppress(OSError, RunError):
        old = folder / OLD
        return {each.name for each in folder.iterdir()} <= {name, OLD} and not (old.exists() and _strange(old))
    return False


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    return True


def _exchange(new: Path, path: Path, old: Path) -> None:
    """A moment without the folder is the price: POSIX renames no folder over a full one."""
    try:
        with contextlib.suppress(FileNotFoundError):
            path.rename(old)
        new.rename(path)
    except BaseException:  # a signal, too: the earlier one is all that there is
        with contextlib.suppress(OSError):
            old.rename(path)
        raise


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(f"Cannot write {path} ({error.strerror or error}); choose another place with --out.")
