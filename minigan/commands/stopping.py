"""A command that a signal ends leaves nothing half-done behind, and says which signal it was."""

from __future__ import annotations

from collections.abc import Callable

from minigan.streams import say


def until_stopped(work: Callable[[], int]) -> int:
    """Do what takes long; a Ctrl-C, SIGTERM or SIGHUP ends it at once, in good order.

    Args:
        work: returns the exit code of the command.

    Returns:
        That, or the one that a shell gives for a program that the signal ended.

    >>> from minigan.commands.stopping import until_stopped
    >>> until_stopped(lambda: 0)
    0
    """
    from minigan.gan.signals import Stopped, exit_code, raise_on_stop_signal

    try:
        with raise_on_stop_signal():
            return work()
    except Stopped as stopped:
        say(f"minigan: Interrupted by {stopped.number.name}.", to="stderr")
        return exit_code(stopped.number)
