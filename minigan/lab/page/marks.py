"""What is drawn over axes again and again, position by position: paths, dots, arrows, nets of lines and heat maps.

Each mark is a few hundred bytes to some kilobytes of SVG, where a drawing by matplotlib would be many times that.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.gan.pictures import BLUE
from minigan.lab.page.drawing import INK, Canvas

HEAD, SPREAD = 0.35, 0.45  # of an arrow: the length of its head and the angle of each barb, as a share and in radians
LEVELS = 64  # of colour: a palette makes the picture of a heat map a third as large

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Path:
    """A line in the coordinates of the axes.

    Attributes:
        points: (N, 2).
        color: one of the series' colours.
        width: in points.
        dot: the radius of a dot at its end, in points; 0 for none.
        dashes: lengths of strokes and gaps by turns, in points; none for a solid line.
    """

    points: ArrayLike
    color: str = BLUE
    width: float = 1.5
    dot: float = 0.0
    dashes: tuple[float, ...] = ()

    def svg(self, canvas: Canvas) -> str:
        """A line, and a circle for the dot."""
        places = canvas.places(self.points)
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        dashes = f"; stroke-dasharray: {' '.join(f'{length:g}' for length in self.dashes)}" if self.dashes else ""
        line = f'<polyline points="{corners}" style="{_stroke(self.color, self.width)}{dashes}"/>'
        if not self.dot:
            return line
        x, y = places[-1]
        return f'{line}<circle cx="{x:.1f}" cy="{y:.1f}" r="{self.dot:g}" style="fill: {self.color}"/>'

    def draw(self, axes: Any) -> Sequence[Any]:
        """As a line with a marker."""
        points, style = np.asarray(self.points, float), linestyle(self.dashes, self.width)
        line = axes.plot(*points.T, color=self.color, linewidth=self.width, linestyle=style)
        return [*line, *(axes.plot(*points[-1:].T, "o", color=self.color, markersize=2 * self.dot) if self.dot else ())]


def linestyle(dashes: Sequence[float], width: float) -> Any:
    """Dashes, which are in points, as matplotlib counts them: in widths of the line; a legend needs it, too.

    >>> from minigan.lab.page import linestyle
    >>> linestyle((6, 3), width=1.5), linestyle((), width=1.5)
    ((0, (4.0, 2.0)), '-')
    """
    return (0, tuple(length / width for length in dashes)) if dashes else "-"


@dataclass(frozen=True)
class Dots:
    """Points (N, 2) as dots of this radius, in points."""

    points: Floats
    color: str
    radius: float = 1.2

    def svg(self, canvas: Canvas) -> str:
        """One path of lines without length, whose round ends are the dots."""
        starts = "".join(f"M{x:.1f},{y:.1f}h0" for x, y in canvas.places(self.points))
        return f'<path d="{starts}" style="{_stroke(self.color, 2 * self.radius)}; stroke-linecap: round"/>'

    def draw(self, axes: Any) -> Sequence[Any]:
        """As a scatter plot."""
        size = (2 * self.radius) ** 2
        return [axes.scatter(*self.points.T, s=size, color=self.color, linewidths=0, zorder=4)]


@dataclass(frozen=True)
class Lines:
    """Lines (L, N, 2)."""

    points: Floats
    color: str
    width: float = 0.8

    def svg(self, canvas: Canvas) -> str:
        """One path of all."""
        lines = "".join(_line(canvas, line) for line in self.points)
        return f'<path d="{lines}" style="{_stroke(self.color, self.width)}"/>'

    def draw(self, axes: Any) -> Sequence[Any]:
        """As a collection of lines."""
        from matplotlib.collections import LineCollection

        lines = LineCollection(list(self.points), colors=self.color, linewidths=self.width, zorder=3)
        return [axes.add_collection(lines, autolim=False)]


def arrows(tails: Floats, vectors: Floats, color: str, width: float = 1.0) -> Lines:
    """Arrows from tails (N, 2) along vectors (N, 2), in axes of one scale."""
    tips = tails + vectors
    barbs = [tips - HEAD * _turned(vectors, sign * SPREAD) for sign in (1, -1)]
    return Lines(np.stack([tails, tips, barbs[0], tips, barbs[1]], 1), color, width)


def _turned(vectors: Floats, angle: float) -> Floats:
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned: Floats = vectors @ turn
    return turned


@dataclass(frozen=True)
class Label:
    """A word at a point, for films: on the page the slider says where it is."""

    point: tuple[float, float]
    text: str

    def svg(self, canvas: Canvas) -> str:
        """Nothing."""
        return ""

    def draw(self, axes: Any) -> Sequence[Any]:
        """As text."""
        return [axes.text(*self.point, self.text, color=INK, zorder=5)]


@dataclass(frozen=True)
class Heat:
    """Numbers (rows from below, columns) as colours of a square from -half to half; NaN as none.

    Attributes:
        values: the numbers.
        half: half the side of the square.
        colors: a colour map of matplotlib.
        low, high: where it begins and ends.
    """

    values: Floats
    half: float
    colors: str
    low: float
    high: float

    def svg(self, canvas: Canvas) -> str:
        """As a small PNG, one pixel a cell; the browser makes it as large as the square."""
        (left, top), (right, bottom) = canvas.places([[-self.half, self.half], [self.half, -self.half]])
        return (
            f'<image x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
            f'preserveAspectRatio="none" style="image-rendering: pixelated" '
            f'href="data:image/png;base64,{b64encode(self._picture()).decode()}"/>'
        )

    def draw(self, axes: Any) -> Sequence[Any]:
        """As an image."""
        extent = (-self.half, self.half, -self.half, self.half)
        colors = {"cmap": self.colors, "vmin": self.low, "vmax": self.high}
        return [axes.imshow(self.values, extent=extent, origin="lower", zorder=1, **colors)]

    def _picture(self) -> bytes:
        from matplotlib import colormaps
        from PIL import Image

        share = np.clip((self.values - self.low) / (self.high - self.low), 0, 1)
        levels = np.where(np.isnan(share), LEVELS, np.round(np.nan_to_num(share) * (LEVELS - 1))).astype(np.uint8)
        colors = (colormaps[self.colors](np.linspace(0, 1, LEVELS))[:, :3] * 255).round().astype(np.uint8)
        picture = Image.fromarray(levels[::-1].copy(), mode="P")
        picture.putpalette([*colors.ravel().tolist(), 0, 0, 0])
        file = BytesIO()
        picture.save(file, "PNG", optimize=True, transparency=LEVELS)
        return file.getvalue()


def _line(canvas: Canvas, points: Floats) -> str:
    """A line through the points, each after the first by its distance from the one before."""
    places = canvas.places(points).round(1)
    steps = "".join(f"{x:.1f}{'' if y < 0 else ' '}{y:.1f}l" for x, y in np.diff(places, axis=0).round(1) + 0.0)
    return f"M{places[0, 0]:.1f},{places[0, 1]:.1f}l{steps}".removesuffix("l")


def _stroke(color: str, width: float) -> str:
    return f"fill: none; stroke: {color}; stroke-width: {width:g}"
