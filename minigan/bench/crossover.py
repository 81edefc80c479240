"""From which batch size on a GPU is ahead of the CPU."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from minigan.bench.measure import Point
from minigan.bench.work import MODES


class Crossover(NamedTuple):
    """Two devices that were measured with the same preset, in the same mode.

    Attributes:
        preset, mode, cpu, gpu: which.
        ratios: speed of the GPU over that of the CPU, by batch size.
        batch_size: from which on the GPU is ahead, see :func:`crossing`; None if it is not.
    """

    preset: str
    mode: str
    cpu: str
    gpu: str
    ratios: dict[int, float]
    batch_size: float | None

    def __str__(self) -> str:
        sizes = list(self.ratios)
        measured = f"from {sizes[0]:,} to {sizes[-1]:,}" if len(sizes) > 1 else f"at {sizes[0]:,}"
        if self.batch_size is None:
            return f"{self.preset}, {self.mode}: {self.cpu} is ahead of {self.gpu} at batch size {sizes[-1]:,}"
        if self.batch_size == sizes[0]:
            return f"{self.preset}, {self.mode}: {self.gpu} is ahead of {self.cpu} at all batch sizes {measured}"
        return f"{self.preset}, {self.mode}: {self.gpu} overtakes {self.cpu} at batch size {rounded(self.batch_size)}"


def crossovers(points: Iterable[Point]) -> list[Crossover]:
    """Every GPU beside the CPU, for each preset and mode that both were measured with."""
    speeds: dict[tuple[str, str, str], dict[int, float]] = {}
    for point in points:
        for mode in point.timings:
            speeds.setdefault((point.preset, mode, point.device), {})[point.batch_size] = point.samples_per_s(mode)
    return [
        Crossover(preset, mode, cpu, gpu, ratios, crossing(ratios))
        for preset in dict.fromkeys(preset for preset, _, _ in speeds)
        for mode in MODES
        for cpu, gpu in _pairs([device for name, how, device in speeds if (name, how) == (preset, mode)])
        if (ratios := _ratios(speeds[preset, mode, cpu], speeds[preset, mode, gpu]))
    ]


def _pairs(devices: Sequence[str]) -> list[tuple[str, str]]:
    return [("cpu", gpu) for gpu in devices if gpu != "cpu"] if "cpu" in devices else []


def _ratios(cpu: Mapping[int, float], gpu: Mapping[int, float]) -> dict[int, float]:
    return {size: gpu[size] / cpu[size] for size in sorted(cpu.keys() & gpu.keys())}


def rounded(batch_size: float) -> str:
    """As many digits as the measurement tells.

    >>> from minigan.bench.crossover import rounded
    >>> rounded(3.456), rounded(1234.5)
    ('3.5', '1,234')
    """
    return f"{batch_size:.1f}" if batch_size < 10 else f"{batch_size:,.0f}"


def crossing(ratios: Mapping[int, float]) -> float | None:
    """The x from which on y is above 1, on straight lines between the points (x, y) where both axes are logarithmic.

    The first x if y is above 1 everywhere; None if it is not at the last.

    >>> from minigan.bench.crossover import crossing
    >>> round(crossing({1: 0.25, 4: 0.5, 16: 2.0, 64: 4.0}), 6)
    8.0
    """
    points = list(ratios.items())
    if points[-1][1] <= 1:
        return None
    below = [i for i, (_, y) in enumerate(points) if y <= 1]
    if not below:
        return float(points[0][0])
    (x1, y1), (x2, y2) = points[below[-1]], points[below[-1] + 1]
    part = -math.log(y1) / (math.log(y2) - math.log(y1))
    return float(x1 * (x2 / x1) ** part)
