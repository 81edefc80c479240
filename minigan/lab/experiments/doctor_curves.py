"""What a doctor reads off a curve of the log: how it is now, how large it is, and whether its swing grows."""

from __future__ import annotations

import math

import numpy as np

from minigan.lab.watching import Array

SETTLED = 0.1  # the share of the log, at its end, that says how the run is now
WARM = 0.1  # and the share at its start that is left out, as everything moves then


def last(values: Array) -> float:
    """How a number of the log is now."""
    finite = values[np.isfinite(values)]
    return float(finite[-max(1, math.ceil(SETTLED * len(finite))) :].mean()) if finite.size else math.nan


def halves(values: Array) -> tuple[Array, Array]:
    """Without what is not settled yet at the start."""
    settled = values[math.ceil(WARM * len(values)) :]
    return settled[: len(settled) // 2], settled[len(settled) // 2 :]


def size_of(values: Array) -> float:
    """Of the second half."""
    return _percentile(np.abs(halves(values)[1]), 95)


def swing(values: Array) -> float:
    """Of the second half."""
    return _spread(halves(values)[1])


def growth_of(values: Array) -> float:
    """By what the swing of the second half is larger than that of the first."""
    first, second = map(_spread, halves(values))
    return second / first if first > 0 else math.nan


def _spread(values: Array) -> float:
    return _percentile(values, 95) - _percentile(values, 5)


def _percentile(values: Array, q: float) -> float:
    """Of the finite ones; NaN without any."""
    finite = values[np.isfinite(values)]
    return float(np.percentile(finite, q)) if finite.size else math.nan
