"""What the pictures of the experiment flow share: colours of the trainings, legends, logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minigan.lab.page import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, YELLOW, linestyle, power

COLORS = (INK, ORANGE, GREEN, SKY, PURPLE, BLUE, YELLOW)  # of the trainings of a group, the preset first
LONG, SHORT, MIXED = (7.0, 2.0), (2.5, 1.5), (7.0, 1.5, 1.2, 1.5)
DASHES = ((), SHORT, LONG, (), MIXED, LONG, ())  # of the same, so that lines that cross are told apart without colour
LEAST = 1e-14  # what is smaller than this is drawn here: on a logarithmic axis 0 has no place
TALL = 4.3  # inches: panels with a legend of several trainings below


def width(color: str) -> float:
    """Of a line: the preset stands out."""
    return 2.2 if color == INK else 1.5


def styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How the line of each training of a group is drawn, its name included."""
    return {
        name: {"color": color, "linewidth": width(color), "linestyle": linestyle(dashes, width(color)), "label": name}
        for name, color, dashes in zip(names, COLORS, DASHES, strict=False)
    }


def legend(figure: Any, **settings: Any) -> None:
    """The names of what is drawn, below the axes."""
    figure.legend(loc="outside lower center", ncols=2, handlelength=3, **settings)


def few(axis: Any) -> None:
    """On an axis of many powers of ten: a tick at some, and no small ones."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_major_locator(LogLocator(numticks=8))
    axis.set_minor_locator(NullLocator())


def limits(*values: ArrayLike) -> tuple[float, float]:
    """Of a logarithmic axis that has room for all of these, and for two powers of ten."""
    numbers = np.concatenate([np.ravel(v) for v in values])
    numbers = np.log10(np.clip(numbers[np.isfinite(numbers)], LEAST, None))
    low, high = float(numbers.min()) - 0.2, float(numbers.max()) + 0.2
    room = max(0.0, 2.1 - (high - low)) / 2
    return float(10 ** (low - room)), float(10 ** (high + room))


def short(x: float) -> str:
    """A number of two digits; nothing where there is none.

    >>> from minigan.lab.pages.flow_style import short
    >>> short(0.0123), short(4.2e-7), short(13.7), short(float("nan"))
    ('0.012', '4·10⁻⁷', '14', '')
    """
    return power(float(f"{x:.2g}")) if np.isfinite(x) else ""
