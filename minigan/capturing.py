"""What the engine tells a capture: all that a step does besides running kernels.

A captured function is run once while it is watched (`minigan.captured`); later its kernels alone run again. So whoever
computes a number in Python that changes from step to step, counts something, looks at a value, or depends on how a
leaf or a module is set, says so here. While nothing is captured, that costs one look at a thread's variable.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from minigan.backend import Backend
from minigan.backend.base.arrays import Array, Number


class Capture(Protocol):
    """What watches a function while it is captured."""

    def changing(self, numbers: Callable[[], tuple[float, ...]], backend: Backend, dtype: Any) -> tuple[Any, ...]:
        """The numbers as 0-d arrays that every replay writes anew."""

    def each_time(self, action: Callable[[], Any]) -> None:
        """Run the action at this place of every run, this one included."""

    def fixed(self, setting: Callable[[], Any]) -> None:
        """The program holds only while this setting is what it is now."""

    def touch(self, owner: Any, *names: str) -> None:
        """These attributes are about to be read or changed."""

    def run(self, op: Any, backend: Backend, arrays: Sequence[Any], params: dict[str, Any]) -> Any:
        """The forward of an operation, in place of `Primitive.run`."""

    def replace(self, owner: Any, name: str) -> None:
        """This attribute is about to be replaced, whatever it was."""

    def check(self, check: Callable[[Array], None], x: Array) -> None:
        """Every replay has to look at this array, too."""

    def bring(self, x: Any) -> None:
        """The user gives this, perhaps an array."""

    def refuse(self, what: str, advice: str) -> None:
        """This cannot be captured."""


class _Here(threading.local):
    capture: Capture | None = None


here = _Here()


def capturing() -> Capture | None:
    """What captures the function that this thread is in, if anything does."""
    return here.capture


def changing(numbers: Callable[[], tuple[float, ...]], backend: Backend, dtype: Any) -> tuple[Number, ...]:
    """Numbers for a kernel that change from step to step: as they are, or in memory while a step is captured."""
    return numbers() if here.capture is None else here.capture.changing(numbers, backend, dtype)


def each_time(action: Callable[[], Any]) -> None:
    """Run an action that no kernel does, such as counting a step, now and in every replay."""
    if here.capture is None:
        action()
    else:
        here.capture.each_time(action)


def fixed(setting: Callable[[], Any]) -> None:
    """What is run from here on depends on this setting: with another one, a step has to be captured anew."""
    if here.capture is not None:
        here.capture.fixed(setting)


def touch(owner: Any, *names: str) -> None:
    """The attributes of this object are about to be read or changed by something that only the first run does."""
    if here.capture is not None:
        here.capture.touch(owner, *names)


def replace(owner: Any, name: str) -> None:
    """This attribute of the object is about to be replaced by something that only the first run makes."""
    if here.capture is not None:
        here.capture.replace(owner, name)


def checked(check: Callable[[Array], None], x: Array) -> None:
    """Look at the values of an array, now and in every replay: ``check`` raises if they are wrong."""
    check(x)
    if here.capture is not None:
        here.capture.check(check, x)


def brought(x: Any) -> None:
    """The user gives this, perhaps an array: every replay would have the values that it has now."""
    if here.capture is not None:
        here.capture.bring(x)


def refuse(what: str, advice: str) -> None:
    """What has just been asked for cannot be part of a captured step; without a capture, nothing happens.

    Raises:
        CaptureError: a step is being captured.
    """
    if here.capture is not None:
        here.capture.refuse(what, advice)
