"""A line on a terminal that says what is being measured, in place; nothing where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from minigan.streams import say

Tell = Callable[[str], object]
"""Takes what is being done now; "" for nothing any more."""

_ANEW = "\r\x1b[K"  # back to the beginning of the line, and empty it


@contextmanager
def progress() -> Iterator[Tell]:
    """The line, on stderr; it is gone at the end."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    try:
        yield lambda text: say(f"{_ANEW}{text}", to="stderr", end="")
    finally:
        say(_ANEW, to="stderr", end="")


def at(tell: Tell, where: str) -> Tell:
    """Tells the same, and where."""
    return lambda text: tell(f"{where}: {text}")
