"""What benchmarks found: a file with a JSON object in each line, to which every measurement adds one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minigan.errors import DataError

Result = dict[str, Any]


def read(path: Path, *names: str) -> list[Result]:
    """The results in a file, in the order in which they were found; none if it is not there.

    Args:
        path: of the file.
        names: what each result has.

    Raises:
        DataError: it cannot be read, or a line is no such result.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    except OSError as error:
        raise DataError(f"Cannot read {path} ({error.strerror}); check what it is and who may read it.") from None
    return [_parsed(line, number, path, names) for number, line in enumerate(lines, 1)]


def _parsed(line: bytes, number: int, path: Path, names: Sequence[str]) -> Result:
    try:
        found = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or any(name not in found for name in names):
        raise DataError(
            f"Line {number} of {path} is no whole result, expected a JSON object with {', '.join(names)}; restore the "
            "file, or remove the line."
        )
    return found


def add(path: Path, result: Result) -> None:
    """Add a result at the end of a file: `read` it before the measurement, so that what takes long is not in vain."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")
