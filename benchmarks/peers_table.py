"""The goals of peers.py, and its tables. Nothing is measured here."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import turns
from works import JAX, MINIGAN_CAPTURED, PRODUCTS, PYTORCH_BEST, PYTORCH_EAGER, PYTORCH_GRAPHS

from minigan.bench.spread import spread

MEMORY, START = "peak memory", "first step"
UNITS = {MEMORY: "MB", START: "s"}  # those of works are in ms

Row = Mapping[str, list[list[float]]]
"""What was measured of a work, or of memory or the start: by side, in each round, some numbers."""

# ---- the goals -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goal:
    """minigan, captured, takes at most so much of what another side takes.

    Attributes:
        row: a work, or what else is measured.
        against: the other side.
        at_most: the ratio that is allowed.
        elsewhere: that on CPUs on which the AVX-512 kernels of OpenBLAS are not much faster than the AVX2 ones.
    """

    row: str
    against: str
    at_most: float
    elsewhere: float | None = None

    def limit(self, fast_kernels: bool) -> float:
        """The ratio that is allowed on this CPU."""
        return self.at_most if fast_kernels or self.elsewhere is None else self.elsewhere


GOALS = {
    "cpu": (
        Goal("reference", PYTORCH_EAGER, 0.50, elsewhere=0.70),
        Goal("reference", PYTORCH_BEST, 0.60, elsewhere=0.85),
        Goal("reference", JAX, 1.0, elsewhere=1.0),
        Goal("reference", PRODUCTS, 1.4, elsewhere=1.2),
        Goal("ring-128", PYTORCH_EAGER, 0.50),
        Goal("ring-128", JAX, 1.0),
        Goal("ring-512", PYTORCH_EAGER, 0.50),
        Goal("ring-512", JAX, 1.0),
        Goal("dcgan-64", PYTORCH_EAGER, 0.80),
        Goal("dcgan-128", PYTORCH_EAGER, 0.80),
        Goal("r1", PYTORCH_EAGER, 0.80),
        Goal("wgan-gp", PYTORCH_EAGER, 0.80),
        Goal(MEMORY, PYTORCH_EAGER, 0.50),
        Goal(START, PYTORCH_EAGER, 0.50),
    ),
    "cuda": (
        Goal("reference", PYTORCH_EAGER, 0.25),
        Goal("reference", PYTORCH_GRAPHS, 1.0),
    ),
}

MUCH_FASTER = 1.3  # the AVX-512 kernels, where the first of two limits holds


def are_fast(speeds: Mapping[str, float]) -> bool:
    """Whether the AVX-512 kernels are much faster than the AVX2 ones, by the GFLOP/s of each set that was measured."""
    avx2 = [speed for kernels, speed in speeds.items() if kernels in ("Haswell", "Zen")]
    avx512 = [speed for kernels, speed in speeds.items() if kernels not in ("Haswell", "Zen")]
    return bool(avx2 and avx512) and max(avx512) >= MUCH_FASTER * max(avx2)


def verdicts(goals: Sequence[Goal], measured: Mapping[str, Row], fast_kernels: bool) -> list[dict[str, Any]]:
    """Of each goal in the rows that were measured: the ratio of the medians, its range over the rounds, met or not.

    Where a side was left out there is no ratio.
    """
    found = []
    for goal in goals:
        if goal.row in measured:
            row, limit = measured[goal.row], goal.limit(fast_kernels)
            verdict = {"row": goal.row, "against": goal.against, "at_most": limit, "ratio": None}
            if {MINIGAN_CAPTURED, goal.against} <= row.keys():
                verdict |= _compare(row[MINIGAN_CAPTURED], row[goal.against], limit)
            found.append(verdict)
    return found


def _compare(ours: list[list[float]], theirs: list[list[float]], limit: float) -> dict[str, Any]:
    ratio = turns.median(ours) / turns.median(theirs)
    rounds = [statistics.median(a) / statistics.median(b) for a, b in zip(ours, theirs, strict=True)]
    return {"ratio": ratio, "least": min(rounds), "most": max(rounds), "met": ratio <= limit}


def summary(rounds: list[list[float]]) -> dict[str, Any]:
    """Of what was measured of a side: the median, how far it spreads, and the median of each round."""
    low, high = spread([value for turn in rounds for value in turn])
    numbers = {"median": turns.median(rounds), "10%": low, "90%": high}
    by_round = [round(statistics.median(turn), 4) for turn in rounds]
    return {name: round(value, 4) for name, value in numbers.items()} | {"by_round": by_round}


# ---- the losses ----------------------------------------------------------------------------------------------

TOLERANCE = 1e-4


def difference(losses: Sequence[Sequence[float]], expected: Sequence[Sequence[float]]) -> float:
    """How far a side's losses, of D and G in each step, are from minigan's, relative to the larger one of the step.

    Not to each by itself: a Wasserstein loss may be next to zero, where its last digits are all that there is. A NaN
    is the answer where there is one among the losses.
    """
    ours, theirs = np.array(expected), np.array(losses)
    return float((np.abs(theirs - ours) / np.abs(ours).max(axis=1, keepdims=True)).max())


# ---- text ----------------------------------------------------------------------------------------------------

FIRST, COLUMN = 17, 12


def head(title: str, sides: Sequence[str]) -> str:
    """Of a table with a column for each side: their names, over as many lines as the longest one takes."""
    names = [textwrap.wrap(side, COLUMN - 2) for side in sides]
    height = max(map(len, names))
    columns = [[title], *names]
    lines = zip(*([""] * (height - len(column)) + column for column in columns), strict=True)
    return "\n".join(_line(first, rest) for first, *rest in lines)


def line(row: str, sides: Sequence[str], values: Mapping[str, str]) -> str:
    """Of the same table."""
    return _line(row, [values.get(side, "-") for side in sides])


def _line(first: str, rest: Sequence[str]) -> str:
    return f"{first:{FIRST}}" + "".join(f"{text:>{COLUMN}}" for text in rest)


def of_goals(found: Sequence[Mapping[str, Any]], measured: Mapping[str, Row]) -> str:
    """The table of the goals: what was measured, the ratio, its range over the rounds, the goal."""
    lines = [f"{'goal':{FIRST}}{'against':27}{'minigan':>9}{'this':>9}     {'ratio':>6}  {'by round':14}{'at most':>7}"]
    for verdict in found:
        row, against = verdict["row"], verdict["against"]
        if verdict["ratio"] is None:
            lines.append(f"{row:{FIRST}}{against:27}{'not available':>46}{verdict['at_most']:15.2f}")
            continue
        ours, theirs = (turns.median(measured[row][side]) for side in (MINIGAN_CAPTURED, against))
        spread = f"{verdict['least']:.2f} .. {verdict['most']:.2f}"
        lines.append(
            f"{row:{FIRST}}{against:27}{ours:9.2f}{theirs:9.2f} {UNITS.get(row, 'ms'):3} {verdict['ratio']:6.3f}  "
            f"{spread:14}{verdict['at_most']:7.2f}  {'met' if verdict['met'] else 'missed'}"
        )
    return "\n".join(lines)
