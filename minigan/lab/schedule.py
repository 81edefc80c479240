"""When a training is looked at."""

from __future__ import annotations


def stops(steps: int) -> tuple[int, ...]:
    """The steps to look at: 0, 1, 2, 5, 10, 20, 50 and so on, and the last.

    >>> from minigan.lab.schedule import stops
    >>> stops(30)
    (0, 1, 2, 5, 10, 20, 30)
    """
    rungs = [digit * 10**power for power in range(len(str(steps))) for digit in (1, 2, 5)]
    return (0, *(rung for rung in rungs if rung < steps), steps)
