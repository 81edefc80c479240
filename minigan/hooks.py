"""Hooks: functions of the user's that are called as values or gradients pass, until their handle is removed.

Gradients that a hook waits for belong together if they came in one sweep; sweeps are numbered for that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Any

Hook = Callable[..., Any]
Hooks = dict[int, Hook]

_numbers = count()


class _Here(threading.local):
    sweep = 0


_here = _Here()


class RemovableHandle:
    """What registering a hook gives: ``remove()`` takes the hook away again, and so does the end of a ``with``.

    >>> x = mg.ones(2, requires_grad=True)
    >>> with x.register_hook(lambda gx: gx * 10):
    ...     x.sum().backward()
    >>> x.sum().backward()
    >>> x.grad
    array([11., 11.], dtype=float32)
    """

    def __init__(self, hooks: Hooks, number: int) -> None:
        self._hooks = hooks
        self._number = number

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def register(hooks: Hooks, hook: Hook) -> RemovableHandle:
    """Add a hook to those that are called before it; any number of them, in the order of their registration."""
    number = next(_numbers)
    hooks[number] = hook
    return RemovableHandle(hooks, number)


def start_sweep() -> int:
    """Backward begins; returns the number of the sweep that it interrupts, such as one whose hook differentiates."""
    before, _here.sweep = _here.sweep, next(_numbers)
    return before


def finish_sweep(before: int) -> None:
    """Backward is over; the sweep of this number goes on."""
    _here.sweep = before


def sweep_number() -> int:
    """The number of the sweep that is on in this thread."""
    return _here.sweep
