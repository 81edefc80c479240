"""Whether operations leave nodes on the tape: `no_grad`, `enable_grad` and `set_grad_enabled`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from minigan.errors import ArgumentError

_F = TypeVar("_F", bound=Callable[..., Any])


class _Mode(threading.local):
    """Whether operations are recorded: each thread for itself, as in PyTorch."""

    recording = True


mode = _Mode()


class _Switch(contextlib.ContextDecorator):
    """Inside, recording is on or off; then it is what it was before."""

    on: bool

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(set_recording(self.on))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        set_recording(self._before.pop())

    def _recreate_cm(self) -> Any:
        """For each call of a decorated function one of its own: calls of two threads must not restore each other's."""
        return type(self)()


class no_grad(_Switch):  # noqa: N801  (PyTorch's name)
    """Inside, operations leave nothing on the tape. Restores what was before, also when nested.

    >>> x = mg.ones(2, requires_grad=True)
    >>> with mg.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    on = False


class enable_grad(_Switch):  # noqa: N801  (PyTorch's name)
    """Inside, operations are recorded again, as inside a :class:`no_grad`. Restores what was before.

    >>> x = mg.ones(2, requires_grad=True)
    >>> with mg.no_grad(), mg.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    on = True


class set_grad_enabled(_Switch):  # noqa: N801  (PyTorch's name)
    """Switch recording on or off: from now on, or inside a ``with`` or a decorated function.

    Raises:
        ArgumentError: the mode is neither True nor False.

    >>> x = mg.ones(2, requires_grad=True)
    >>> with mg.set_grad_enabled(False):
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise ArgumentError(f"set_grad_enabled: expected True or False, but got {mode!r}.")
        super().__init__()
        self.on = mode
        self._at_first = set_recording(mode)

    def __enter__(self) -> None:
        super().__enter__()
        self._before[-1] = self._at_first

    def __call__(self, func: _F) -> _F:
        """As a decorator it switches nothing before the function is called."""
        set_recording(self._at_first)
        return super().__call__(func)

    def _recreate_cm(self) -> Any:
        return type(self)(self.on)


def set_recording(on: bool) -> bool:
    """Switch the tape on or off; returns what was before."""
    before, mode.recording = mode.recording, on
    return before


def recording() -> bool:
    """Whether operations leave nodes on the tape just now."""
    return mode.recording
