"""Files of lines, each a JSON object: log.jsonl and timing.jsonl. A kill may tear the last line, and no other."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from minigan.errors import RunError
from minigan.serialization import open_itself, sync, sync_folder

LONGEST = 1 << 16  # bytes of a line
_LARGEST = 1e39  # more than any float32; with the largest float64 there are no axes to be drawn


def append(path: Path, record: dict[str, Any]) -> None:
    """Add a line.

    Raises:
        RunError: it cannot be written; a part of it may be there.
    """
    try:
        with open_itself(path, "ab") as file:
            file.write(json.dumps(record).encode() + b"\n")
    except OSError as error:
        raise _cannot_write(path, error) from None


def lines(path: Path) -> Iterator[dict[str, float]]:
    """The whole lines of a file; none if it is not there.

    Raises:
        RunError: it cannot be read, or a line is no object of numbers with a step.
    """
    for number, text in enumerate(whole_lines(path), 1):
        yield _parsed(text, path, number)


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file as bytes, without a last one that was not written to its end; none if it is not there.

    Raises:
        RunError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            while (text := file.readline(LONGEST)).endswith(b"\n") or len(text) == LONGEST:
                yield text
    except FileNotFoundError:
        return
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"Cannot read {path} ({reason}); check what it is and who may read it.") from None


def _parsed(text: bytes, path: Path, number: int) -> dict[str, float]:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    if not (isinstance(line, dict) and type(line.get("step")) is int and all(map(_is_number, line.values()))):
        raise RunError(f"Line {number} of {path} is no line of a log; restore the file, or remove it.")
    return line


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and not abs(value) > _LARGEST  # NaN is a number in JSON, too


def thinned(items: Iterable[dict[str, float]], most: int) -> list[dict[str, float]]:
    """Of each kind, that is of lines with the same names, at most so many, evenly spaced; in the order of their steps.

    However many there are, the memory is that of what is kept.

    >>> from minigan.gan.journal import thinned
    >>> [line["step"] for line in thinned(({"step": k} for k in range(100)), most=5)]
    [0, 32, 64, 96]
    """
    kinds: dict[tuple[str, ...], list[dict[str, float]]] = {}
    strides: dict[tuple[str, ...], int] = {}
    seen: dict[tuple[str, ...], int] = {}
    for item in items:
        kind = tuple(item)
        kept, stride, i = kinds.setdefault(kind, []), strides.setdefault(kind, 1), seen.setdefault(kind, 0)
        seen[kind] = i + 1
        if i % stride == 0:
            kept.append(item)
        if len(kept) > most:
            kinds[kind], strides[kind] = kept[::2], 2 * stride
    return sorted((item for kept in kinds.values() for item in kept), key=lambda item: item["step"])


def length(path: Path) -> int:
    """The bytes of a file; 0 if it is not there."""
    return path.stat().st_size if path.exists() else 0


def flush(path: Path) -> None:
    """Return when all lines are on the disk.

    Raises:
        RunError: the disk fails.
    """
    try:
        if path.exists():
            with open_itself(path, "ab") as file:
                sync(file)
    except OSError as error:
        raise _cannot_write(path, error) from None
    sync_folder(path.parent)


def check(path: Path, size: int) -> None:
    """Make sure that the whole lines in the first ``size`` bytes are what :func:`lines` can read.

    Raises:
        RunError: one is not, or the file cannot be read.
    """
    for number, text in enumerate(whole_lines(path), 1):
        size -= len(text)
        if size < 0:
            break
        _parsed(text, path, number)


def cut(path: Path, size: int) -> int:
    """Leave the first ``size`` bytes, or as many of them as there are in whole lines; returns how many are left.

    Raises:
        RunError: it cannot be written.
    """
    try:
        if not path.exists():
            return 0
        size = min(size, length(path))
        with open_itself(path, "r+b") as file:
            start = max(0, size - LONGEST)
            file.seek(start)
            left = start + file.read(size - start).rfind(b"\n") + 1
            file.truncate(left)
            sync(file)
    except OSError as error:
        raise _cannot_write(path, error) from None
    return left


def cut_after(path: Path, step: int) -> None:
    """Leave the lines up to that step, and what comes after them away; a damaged line counts as coming after.

    Raises:
        RunError: it cannot be read or written.
    """
    size = 0
    with contextlib.suppress(RunError):
        for number, text in enumerate(whole_lines(path), 1):
            if _parsed(text, path, number)["step"] > step:
                break
            size += len(text)
    cut(path, size)


def _cannot_write(path: Path, error: OSError) -> RunError:
    return RunError(f"Cannot write {path}: {error.strerror or error}; make room or choose another place.")
