"""Ctrl-C and the signals that ask a program to end: what is in hand is finished and saved before it goes."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn


@contextlib.contextmanager
def on_stop_signal(stop: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Inside, the first Ctrl-C, SIGTERM or SIGHUP calls ``stop``; a Ctrl-C after it interrupts at once.

    Only in the main thread, where signals arrive, and only those that nobody else has taken into his hands: a SIGHUP
    that ``nohup`` ignores stays ignored.

    Args:
        stop: gets the signal.
    """
    usual = _ours() if threading.current_thread() is threading.main_thread() else {}
    heard: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and heard:
            raise KeyboardInterrupt
        if not heard:
            heard.append(number)
            stop(signal.Signals(number))

    for number in usual:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


class Stopped(KeyboardInterrupt):
    """A Ctrl-C, SIGTERM or SIGHUP ends what is being done; ``number`` says which."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def raise_on_stop_signal() -> Iterator[None]:
    """Inside, the first Ctrl-C, SIGTERM or SIGHUP raises `Stopped`, also within a training.

    A training alone would finish its step, save, and return as if all were well. So would a library that catches what
    is raised in the middle of it, or raises something else instead: `Stopped` comes in any case.
    """
    heard: list[signal.Signals] = []

    def stop(number: signal.Signals) -> NoReturn:
        heard.append(number)
        raise Stopped(number)

    _listening.append(heard)
    try:
        with on_stop_signal(stop):
            try:
                yield
            except Exception:
                if not heard:
                    raise
            if heard:
                raise Stopped(heard[0])
    finally:
        _listening.pop()


_listening: list[list[signal.Signals]] = []  # what each `raise_on_stop_signal` has heard so far, the innermost last


def raise_if_stopped() -> None:
    """Raise `Stopped` once more, if a signal came inside `raise_on_stop_signal` and was lost.

    What a destructor raises, Python prints and forgets. So this belongs before whatever cannot be taken back.
    """
    if lost := [number for heard in _listening for number in heard]:
        raise Stopped(lost[0])


def _ours() -> dict[signal.Signals, Any]:
    """The signals that end this program by default, and do so still; with what handles them."""
    known = {name: getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP")}  # Windows has no SIGHUP
    found = {number: signal.getsignal(number) for number in known.values() if number is not None}
    return {number: f for number, f in found.items() if f in (signal.SIG_DFL, signal.default_int_handler)}


def exit_code(number: int) -> int:
    """What a shell gives for a program that a signal ended.

    >>> import signal
    >>> from minigan.gan.signals import exit_code
    >>> exit_code(signal.SIGINT), exit_code(signal.SIGTERM)
    (130, 143)
    """
    return 128 + number
