"""What the plots have in common: panels one below the other, over batch sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from typing import Any

from minigan.bench.measure import Point
from minigan.errors import RunError
from minigan.gan.pictures import PALE

WIDTH, PANEL, ABOVE, BELOW, BETWEEN, LEFT = 8.5, 3.3, 0.65, 0.55, 0.75, 0.9  # inches
BATCH_SIZE = "batch size (real samples)"
LABELS = 16  # of batch sizes, so many fill an axis
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
    """Logarithmic axes, of these batch sizes, with as many ticks as there is room for, and of plain numbers.

    Around a single size there is some room, too; of the numbers there are two ticks at least.
    """
    axes.set(xscale="log", yscale="log", xlabel=BATCH_SIZE)
    axes.minorticks_off()
    margin = max(2**0.5, (sizes[-1] / sizes[0]) ** 0.04)
    axes.set_xlim(sizes[0] / margin, sizes[-1] * margin)
    named = [sizes[i] for i in spaced([math.log(size) for size in sizes], LABELS)]
    axes.set_xticks(named, [str(size) for size in named])
    axes.set_yticks(ticks(*axes.get_ylim()))
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:,.12g}")


def spaced(places: Sequence[float], most: int) -> list[int]:
    """Which of these places, in ascending order, to label where there is room for so many labels between the ends.

    >>> from minigan.bench.figures import spaced
    >>> spaced([0, 1, 2, 3], most=4), spaced([0, 1, 2, 3], most=2)
    ([0, 1, 2, 3], [0, 2])
    """
    least = (places[-1] - places[0]) / most
    chosen = [0]
    for i in range(1, len(places)):
        if places[i] - places[chosen[-1]] >= least:
            chosen.append(i)
    return chosen


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


def check_drawing(look: Callable[[], AbstractContextManager[Any]] = nullcontext) -> None:
    """Draw an empty plot: who cannot do that need not measure anything.

    Args:
        look: makes a context in which plots are drawn.

    Raises:
        RunError: matplotlib cannot be used.
    """
    try:
        with look():
            png(panels(1, "")[0])
    except Exception as error:  # a damaged installation, or a setting that makes no sense, raises anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RunError(
            f"matplotlib, which draws the plots, cannot be used ({reason}); install it anew, or mend its settings, "
            "such as the variable MPLBACKEND."
        ) from None


def png(figure: Any) -> bytes:
    """The content of a PNG file."""
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
