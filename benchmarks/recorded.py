"""What benchmarks found: a file with a JSON object in each line, to which every measurement adds one."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from minigan.errors import DataError

Result = dict[str, Any]


def read(path: Path, *names: str, whole: Callable[[Result], bool] = bool) -> list[Result]:
    """The results in a file, in the order in which they were found; none if it is not there.

    Args:
        path: of the file.
        names: what each result has.
        whole: what else has to hold of it.

    Raises:
        DataError: it cannot be read, or a line is no such result.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    except OSError as error:
        raise DataError(f"Cannot read {path} ({error.strerror}); check what it is and who may read it.") from None
    return [_parsed(line, number, path, names, whole) for number, line in enumerate(lines, 1)]


def _parsed(line: bytes, number: int, path: Path, names: Sequence[str], whole: Callable[[Result], bool]) -> Result:
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or any(name not in found for name in names) or not whole(found):
        raise DataError(
            f"Line {number} of {path} is no whole result, expected a JSON object with {', '.join(names)}; restore the "
            "file, or remove the line."
        )
    return found


def check_addable(path: Path) -> None:
    """Make sure, before what takes long, that `add` will be able to write.

    Raises:
        DataError: it will not.
    """
    try:
        path.open("ab").close()
    except OSError as error:
        raise DataError(f"Cannot write {path} ({error.strerror}); check where it is and who may write it.") from None


def add(path: Path, result: Result) -> None:
    """Add a result at the end of a file: `read` it before the measurement, so that what takes long is not in vain.

    Several programs may add to a file at the same time: a line is written as a whole, behind what others have added.

    Raises:
        DataError: it cannot be written; the file is as it was.
    """
    line, written = (json.dumps(result) + "\n").encode(), 0
    with path.open("ab", buffering=0) as file:
        try:
            written = file.write(line)
            if written < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if written:  # else nothing is behind what was there, or what others have added since
                file.truncate(file.tell() - written)
            raise DataError(f"Cannot add to {path} ({error.strerror}); make room, and repeat the command.") from None
