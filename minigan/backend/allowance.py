"""A bound on what the factories may make, for building what a stranger describes."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar

from minigan.errors import ShapeError

_allowed: ContextVar[int | None] = ContextVar("allowed", default=None)
_OVERHEAD = 4096  # bytes that any array costs besides its numbers, with all that is kept of a layer


def cost(arrays: Iterable[tuple[Sequence[int], int]]) -> int:
    """What arrays of these (shape, size of a number) take out of an allowance."""
    return sum(math.prod(shape) * itemsize + _OVERHEAD for shape, itemsize in arrays)


@contextlib.contextmanager
def allowance(size: int) -> Iterator[None]:
    """Inside, `mg.zeros` and the other factories, which layers ask for their parameters, make so many bytes at most.

    >>> from minigan.backend.allowance import allowance
    >>> with allowance(10**6):
    ...     mg.nn.Linear(10**6, 10**6)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    minigan.errors.ShapeError: Found an array of shape (1000000, 1000000), expected one of at most 1,000,000 bytes; ...
    """
    before = _allowed.set(size)
    try:
        yield
    finally:
        _allowed.reset(before)


def spend(shape: Sequence[int], itemsize: int) -> None:
    """Take a new array out of the allowance, if there is one.

    Raises:
        ShapeError: it is larger than what is left.
    """
    left = _allowed.get()
    if left is None:
        return
    price = cost([(shape, itemsize)])
    if price > left:
        raise ShapeError(
            f"Found an array of shape {tuple(shape)}, expected one of at most {left:,} bytes; "
            "use settings that belong to the saved networks."
        )
    _allowed.set(left - price)
