"""Kinds of lines, with their legend, and axes of steps: what drawings of several experiments have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minigan.lab.page import GREY, INK, Path, linestyle


class Stroke(NamedTuple):
    """How a line is drawn: lines that cross differ in more than their colour.

    Attributes:
        color: one of the series' colours.
        width: in points.
        dashes: lengths of strokes and gaps by turns, in points; none for a solid line.
    """

    color: str
    width: float = 1.5
    dashes: tuple[float, ...] = ()

    def path(self, points: ArrayLike, dot: float = 0.0) -> Path:
        """Through these points (N, 2), for a frame of a canvas."""
        return Path(points, self.color, self.width, dot, self.dashes)

    def settings(self) -> dict[str, Any]:
        """The same for matplotlib."""
        return {
            "color": self.color,
            "linewidth": self.width,
            "linestyle": linestyle(self.dashes, self.width),
            "dash_capstyle": "butt",
        }


BEST = Stroke(GREY, 4.0)  # what theory predicts, to be drawn below what was measured
MARK = Stroke(INK, 1.2, (6.0, 4.0))


def steps_axis(axes: Any, last: int) -> None:
    """Steps from 0 on, the first ones far apart as on a logarithmic scale."""
    axes.set_xscale("function", functions=(np.log1p, np.expm1))
    axes.set_xlim(0, last * 1.25)
    ticks = [0, *(10**power for power in range(len(str(last))))]
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()


def legend(figure: Any, names: Mapping[str, Stroke], columns: int | None = None) -> None:
    """Above the axes: what each line is."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=name, **stroke.settings()) for name, stroke in names.items()]
    columns = columns or len(names)
    figure.legend(handles=handles, loc="outside upper right", ncols=columns, columnspacing=1.2, handlelength=2.2)


def plain_log_ticks(axes: Any) -> None:
    """0.001 in place of a power of ten, up and down a logarithmic axis."""
    axes.yaxis.set_major_formatter("{x:g}")
