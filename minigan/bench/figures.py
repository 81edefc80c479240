"""What the plots have in common: panels one below the other, over batch sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from minigan.bench.measure import Point
from minigan.gan.pictures import PALE

WIDTH, PANEL, ABOVE, BELOW, BETWEEN, LEFT = 8.5, 3.3, 0.65, 0.55, 0.75, 0.9  # inches
BATCH_SIZE = "batch size (real samples)"
NOTE = {"loc": "left", "fontsize": 9}  # above a panel


def panels(n: int, title: str, right: float = 0.2) -> tuple[Any, list[Any]]:
    """A figure with n panels, and this title above; ``right`` inches beside them are left for legends."""
    from matplotlib.figure import Figure

    height = ABOVE + n * PANEL + (n - 1) * BETWEEN + BELOW
    figure = Figure(figsize=(WIDTH, height), dpi=120)
    axes = list(figure.subplots(n, 1, squeeze=False)[:, 0])
    figure.suptitle(title, x=LEFT / WIDTH, y=1 - 0.12 / height, ha="left", va="top", fontsize=11, parse_math=False)
    figure.subplots_adjust(LEFT / WIDTH, BELOW / height, 1 - right / WIDTH, 1 - ABOVE / height, hspace=BETWEEN / PANEL)
    return figure, axes


def tidy(axes: Any, axis: str = "both") -> None:
    """Pale lines behind, and no frame at the top and on the right."""
    axes.grid(axis=axis, color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def logarithmic(axes: Any, sizes: Sequence[int]) -> None:
    """Logarithmic axes, of batch sizes with these ticks, and of plain numbers with two ticks at least."""
    axes.set(xscale="log", yscale="log", xlabel=BATCH_SIZE)
    axes.minorticks_off()
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_yticks(ticks(*axes.get_ylim()))
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:,.12g}")


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between these on a logarithmic axis: of each power of ten as few as make two or more.

    >>> from minigan.bench.figures import ticks
    >>> ticks(0.5, 2000), ticks(140, 900), ticks(1100, 1400)
    ([1.0, 10.0, 100.0, 1000.0], [200.0, 500.0], [1100.0, 1200.0, 1300.0, 1400.0])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ([1], [1, 2, 5], range(1, 10), range(10, 100), range(100, 1000)):
        scale = 10 ** (len(str(digits[0])) - 1)
        found = [float(f"{digit / scale}e{power}") for power in powers for digit in digits]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) > 1:
            return found
    return [low, high]


def sizes_of(points: Sequence[Point]) -> list[int]:
    """The batch sizes, in ascending order."""
    return sorted({point.batch_size for point in points})


def by_device(points: Sequence[Point]) -> dict[str, list[Point]]:
    """The points of each device."""
    devices = dict.fromkeys(point.device for point in points)
    return {device: [point for point in points if point.device == device] for device in devices}


def png(figure: Any) -> bytes:
    """The content of a PNG file."""
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
