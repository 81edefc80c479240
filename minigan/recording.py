"""Whether operations leave nodes on the tape: `no_grad` and what it switches."""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType


class _Mode(threading.local):
    """Whether operations are recorded: each thread for itself, as in PyTorch."""

    recording = True


mode = _Mode()


class no_grad(contextlib.ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Inside, operations leave nothing on the tape. Restores what was before, also when nested.

    >>> x = mg.ones(2, requires_grad=True)
    >>> with mg.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        set_recording(False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        set_recording(self._before.pop())


def set_recording(on: bool) -> bool:
    """Switch the tape on or off; returns what was before."""
    before, mode.recording = mode.recording, on
    return before


def recording() -> bool:
    """Whether operations leave nodes on the tape just now."""
    return mode.recording
