"""stdout and stderr may be closed, full, or unable to show a character: none of that may end a training.

What cannot be written is passed over at the time, and told by `finish`, when the command has done its work.
"""

from __future__ import annotations

import io
import os
import sys

_failures: dict[str, OSError] = {}  # by the name of the stream, the first of each


def prepare() -> None:
    """Give a closed stream (``2>&-``) a place to write to, and let every stream spell out what it cannot show."""
    _failures.clear()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  (open until the program ends)
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str, to: str = "stdout", end: str = "\n") -> None:
    """Print a text now, if anybody can read it."""
    try:
        print(text, file=getattr(sys, to), end=end, flush=True)
    except OSError as error:
        _failures.setdefault(to, error)


def finish() -> OSError | None:
    """Close the case of a stream that failed; returns what went wrong with stdout, if anything did."""
    for name in _failures:  # Python flushes both at the end, and would complain about what is still in their buffers
        os.dup2(os.open(os.devnull, os.O_WRONLY), getattr(sys, name).fileno())
    return _failures.get("stdout")
