"""A bound on what the factories may make, for building networks of settings that a person or a file gives."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from typing import NamedTuple

from minigan.errors import ShapeError


class _Allowance(NamedTuple):
    """How many bytes are left, and what to do where they are not enough."""

    left: int
    advice: str


_allowed: ContextVar[_Allowance | None] = ContextVar("allowed", default=None)
_OVERHEAD = 4096  # bytes that any array costs besides its numbers, with all that is kept of a layer


def cost(arrays: Iterable[tuple[Sequence[int], int]]) -> int:
    """What arrays of these (shape, size of a number) take out of an allowance."""
    return sum(math.prod(shape) * itemsize + _OVERHEAD for shape, itemsize in arrays)


@contextlib.contextmanager
def allowance(size: int, advice: str) -> Iterator[None]:
    """Inside, `mg.zeros` and the other factories, which layers ask for their parameters, make so many bytes at most.

    Inside another allowance the smaller one counts, and what is made is taken out of both.

    Args:
        size: in bytes.
        advice: what to do where they are not enough: the end of the error's message.

    >>> from minigan.backend.allowance import allowance
    >>> with allowance(10**6, "choose narrower layers"):
    ...     mg.nn.Linear(10**6, 10**6)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    minigan.errors.ShapeError: Found an array of shape (1000000, 1000000), expected one of at most 1,000,000 bytes; ...
    """
    outer = _allowed.get()
    inner = outer if outer is not None and outer.left < size else _Allowance(size, advice)
    _allowed.set(inner)
    try:
        yield
    finally:
        made = inner.left - _left()
        _allowed.set(outer and outer._replace(left=outer.left - made))


def _left() -> int:
    allowed = _allowed.get()
    assert allowed is not None, "an allowance ends where it began"
    return allowed.left


def spend(shape: Sequence[int], itemsize: int) -> None:
    """Take a new array out of the allowance, if there is one.

    Raises:
        ShapeError: it is larger than what is left.
    """
    allowed = _allowed.get()
    if allowed is None:
        return
    left, advice = allowed
    price = cost([(shape, itemsize)])
    if price > left:
        raise ShapeError(f"Found an array of shape {tuple(shape)}, expected one of at most {left:,} bytes; {advice}.")
    _allowed.set(_Allowance(left - price, advice))
