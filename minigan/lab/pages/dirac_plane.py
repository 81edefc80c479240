"""Drawings of the Dirac-GAN: the plane of θ and ψ with its arrows, radii over time, and eigenvalues."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.dirac_runs import Field, distance
from minigan.lab.page import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, Canvas, Path, linestyle, panel

RULE_COLORS = {"simultaneous": ORANGE, "alternating": BLUE, "extragradient": GREEN, "optimistic": PURPLE}
DASHES = {
    ORANGE: (),
    BLUE: (7.0, 2.0),
    GREEN: (3.5, 1.5),
    PURPLE: (7.0, 1.5, 1.2, 1.5),
}  # of lines that cross
PLANE_REACH = 2.2  # of a plane, on all sides of the equilibrium
LOW, HIGH = 1e-6, 20.0  # radii that are shown
HEAD = 0.35  # of an arrow, as a share of its length
_TURN = np.linspace(0, 2 * np.pi, 24, endpoint=False)
CORNERS = {
    "o": np.stack([np.cos(_TURN), np.sin(_TURN)], 1),
    "s": np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]),
    "D": np.array([[-1, 0], [0, -1], [1, 0], [0, 1]]) * np.sqrt(2),
}
"""Of open marks of radius 1, by the names that matplotlib gives them."""

Points = NDArray[np.floating[Any]]


# ---- names of what frames draw ---------------------------------------------------------------------------


def legend(figure: Any, entries: Sequence[Any]) -> None:
    """Below the axes: what each of these is."""
    figure.legend(handles=entries, loc="outside lower center", ncols=2 if len(entries) == 4 else 3, handlelength=2.5)


def lines(colors: Mapping[str, str]) -> list[Any]:
    """For a legend: lines by name."""
    return [entry(name, color) for name, color in colors.items()]


def entry(name: str, color: str, form: str = "", size: float = 3.6, line: bool = True, filled: bool = False) -> Any:
    """For a legend: a line, or a mark of this form and radius in points, or both."""
    from matplotlib.lines import Line2D

    style: Any = linestyle(DASHES.get(color, ()), 1.5) if line else "none"
    fill: Any = "full" if filled else "none"
    return Line2D([], [], color=color, linestyle=style, label=name, marker=form, markersize=2 * size, fillstyle=fill)


# ---- planes ----------------------------------------------------------------------------------------------


def plane(
    title: str,
    field: Field | None = None,
    reach: float = PLANE_REACH,
    axes: tuple[str, str] = ("θ", "ψ"),
    entries: Sequence[Any] = (),
) -> Canvas:
    """Axes for the paths of runs, with the equilibrium and, below, the arrows of a field."""
    limits = (-reach, reach)
    figure, ax = panel(title, *axes, xlim=limits, ylim=limits, aspect="equal")
    if field is not None:
        ax.plot(*_arrows(field), color=GREY, linewidth=0.7)
    ax.plot(0, 0, "+", color=INK, markersize=9)
    if entries:
        legend(figure, entries)
    return Canvas(figure, ax)


def _arrows(field: Field) -> Points:
    """All arrows as one line with gaps, (2, N): where both players would go, the longer the faster."""
    speed = np.hypot(*field.vectors)
    length = 0.8 * (field.places[1] - field.places[0]) * np.sqrt(speed / speed.max())
    along = field.vectors / np.maximum(speed, 1e-300) * length
    across = np.stack([-along[1], along[0]])
    tail = np.stack(np.meshgrid(field.places, field.places, indexing="ij")) - along / 2
    tip = tail + along
    left, right = (tip - HEAD * along + side * HEAD / 2 * across for side in (1, -1))
    gap = np.full_like(tail, np.nan)
    return np.stack([tail, tip, left, tip, right, gap], -1).reshape(2, -1)


def trajectory(path: Points, color: str, reach: float = PLANE_REACH) -> Path:
    """The path of a run (K, 2), with a dot where it is: until it has left for good."""
    inside = np.flatnonzero(np.abs(path).max(1) <= reach)
    path = np.clip(path[: (inside[-1] if len(inside) else 0) + 2], -2 * reach, 2 * reach)
    return Path(simplified(path, reach / 600), color, 1.2, dot=3.0, dashes=DASHES[color])


def simplified(points: Points, tolerance: float) -> Points:
    """Points (K, 2) of a line without those that its others show already; source: Douglas and Peucker 1973."""
    if len(points) < 3:
        return points
    ends = points[-1] - points[0]
    relative, length = points - points[0], np.hypot(*ends)
    off = np.abs(relative[:, 0] * ends[1] - relative[:, 1] * ends[0]) / length if length else np.hypot(*relative.T)
    farthest = int(off.argmax())
    if off[farthest] <= tolerance:
        return points[[0, -1]]
    before, after = simplified(points[: farthest + 1], tolerance), simplified(points[farthest:], tolerance)
    return np.concatenate([before[:-1], after])


def radii(
    title: str,
    end: float,
    xlabel: str = "time (steps × h)",
    limits: tuple[float, float] = (LOW, HIGH),
    entries: Sequence[Any] = (),
) -> Canvas:
    """Axes for the radius over time, logarithmic: what falls by the same factor in each step is a straight line."""
    figure, ax = panel(title, xlabel, "distance from (0, 0)", yscale="log", xlim=(0, end), ylim=limits)
    ax.set_yticks([10.0**k for k in range(math.ceil(math.log10(limits[0])), math.floor(math.log10(limits[1])) + 1, 2)])
    ax.minorticks_off()
    legend(figure, entries)
    return Canvas(figure, ax)


def radius_line(path: Points, times: Points, color: str, dot: float = 0.0) -> Path:
    """The radius of a run (K, 2) at these times (K,), as far as it is shown; with a dot where it is."""
    r = distance(path)
    until = np.argmax((r < LOW) | (r > HIGH)) or len(r)
    r, times = np.clip(r[: until + 1], LOW / 10, 10 * HIGH), times[: until + 1]
    size = np.array([times[-1] or 1.0, math.log(HIGH / LOW)])  # of the axes, about
    seen = simplified(np.stack([times, np.log(r)], 1) / size, 1 / 400) * size
    return Path(np.stack([seen[:, 0], np.exp(seen[:, 1])], 1), color, 1.3, dot, DASHES[color])


# ---- eigenvalues -----------------------------------------------------------------------------------------


def circle(title: str, entries: Sequence[Any], note: str = "", reach: float = 1.5) -> Canvas:
    """Axes for eigenvalues of a step, with the circle inside of which a run closes in; a note if there are none."""
    limits = (-reach, reach)
    figure, ax = panel(title, "real part", "imaginary part", xlim=limits, ylim=limits, aspect="equal")
    angle = np.linspace(0, 2 * np.pi, 181)
    ax.fill(np.cos(angle), np.sin(angle), color=BLUE, alpha=0.08, linewidth=0)
    ax.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.9)
    ax.text(0, 0, note, ha="center", va="center")
    legend(figure, entries)
    return Canvas(figure, ax)


def marks(values: NDArray[np.complex128], color: str) -> list[Path]:
    """What was measured: dots."""
    return [Path([[value.real, value.imag]], color, 1.0, 3.6) for value in values]


def crosses(values: NDArray[np.complex128], arm: float) -> list[Path]:
    """What was predicted: crosses, each one line, whose arms are so long in the units of the axes."""
    line = np.array([[-1, 0], [1, 0], [0, 0], [0, -1], [0, 1]]) * arm
    return [Path(line + np.array([value.real, value.imag]), INK, 1.1) for value in values]


@dataclass(frozen=True)
class Outline:
    """An open mark at a point: one of `CORNERS`, with this radius in points; several at one point can be told apart."""

    point: tuple[float, float]
    form: str
    color: str
    radius: float

    def svg(self, canvas: Canvas) -> str:
        """A polygon."""
        corners = canvas.places([self.point]) + self.radius * CORNERS[self.form]
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        return f'<polygon points="{places}" style="fill: none; stroke: {self.color}; stroke-width: 1.3"/>'

    def draw(self, axes: Any) -> Sequence[Any]:
        """The same mark of matplotlib."""
        look = {"color": self.color, "markersize": 2 * self.radius, "fillstyle": "none", "markeredgewidth": 1.3}
        drawn: list[Any] = axes.plot(*self.point, self.form, **look)
        return drawn
