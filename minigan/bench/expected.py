"""What is to be expected of the measurements of a preset: how long they take, and which batches fit into memory.

Time and memory of a step are straight lines over the batch size, a part for the weights and one for each sample; a look
at two small sizes tells both.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from minigan.backend.device import Device
from minigan.bench.measure import BLOCKS, BLOCKS_IN_TIME, LEAD_IN, LOOKS_IN_TIME, Point, measure
from minigan.bench.work import Work
from minigan.errors import ConfigError, ShapeError
from minigan.roofline import Limits

SMALL = 64  # at most: a batch size to look at
LOOKS = 3  # steps of which the fastest counts: what else the machine does can only make a step slower


class Line(NamedTuple):
    """y = at_zero + slope x."""

    at_zero: float
    slope: float

    @classmethod
    def through(cls, first: tuple[float, float], second: tuple[float, float]) -> Line:
        """The line through two points (x, y), or as close as one comes that does not fall.

        >>> from minigan.bench.expected import Line
        >>> Line.through((1, 5), (3, 9))
        Line(at_zero=3.0, slope=2.0)
        """
        (x1, y1), (x2, y2) = first, second
        slope = max(0.0, (y2 - y1) / (x2 - x1)) if x1 != x2 else 0.0
        return cls(max(0.0, y2 - slope * x2), slope)

    def at(self, x: float) -> float:
        """y there."""
        return self.at_zero + self.slope * x


class Expectation(NamedTuple):
    """Lines over the batch size.

    Attributes:
        seconds: of a step, eager and captured together.
        nbytes: of a training, eager and captured together: they are measured side by side.
        look: seconds of a look itself, with all that it takes to build two games and to make their first steps.
    """

    seconds: Line
    nbytes: Line
    look: Line

    def duration(self, work: Work, seconds: float) -> float:
        """How long it takes to time each mode at each size for so many seconds, with all that has to be done besides.

        That is what a look does, too, and to meter kernels in as many steps as there are blocks.
        """
        timed = (2 * (1 + 1 / LEAD_IN) + BLOCKS_IN_TIME / LOOKS_IN_TIME) * seconds
        total = 0.0
        for batch_size in work.batch_sizes:
            step = self.seconds.at(batch_size) * work.period
            total += self.look.at(batch_size) + max(timed + BLOCKS_IN_TIME / 2 * step, 1.5 * (BLOCKS - LOOKS) * step)
        return total

    def largest(self, nbytes: int) -> float:
        """The largest batch size for which so much memory is enough."""
        over = nbytes - self.nbytes.at_zero
        return over / self.nbytes.slope if self.nbytes.slope else (float("inf") if over >= 0 else 0)


NOTHING = Expectation(*[Line(0.0, 0.0)] * 3)  # is known


def expect(work: Work, device: Device, limits: Limits) -> Expectation:
    """From a look at two sizes, or at one if larger ones are not asked for.

    Where these cannot be measured nothing is known: some of the others may be, and each has its own reason if not.
    """
    high = min(SMALL, work.batch_sizes[-1])
    low = max(high // 8 * 2, min(high, 2))  # even, as packed samples come in pairs
    try:
        looks = [_look(work, size, device, limits) for size in (low, high)]
    except (MemoryError, ShapeError, ConfigError):
        return NOTHING
    quantities = [[(point.batch_size, quantity(point)) for point, _ in looks] for quantity in (_seconds, _bytes)]
    of_look = [(point.batch_size, seconds) for point, seconds in looks]
    return Expectation(*(Line.through(*two) for two in (*quantities, of_look)))


def _look(work: Work, batch_size: int, device: Device, limits: Limits) -> tuple[Point, float]:
    """What is found, and how long that takes."""
    start = time.perf_counter()
    point = measure(work, batch_size, device, limits, seconds=0, blocks=LOOKS)
    return point, time.perf_counter() - start


def _seconds(point: Point) -> float:
    return sum(min(timing.seconds) for timing in point.timings.values())


def _bytes(point: Point) -> float:
    return sum(timing.peak_bytes for timing in point.timings.values())
