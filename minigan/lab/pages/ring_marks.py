"""What is drawn over axes again and again, position by position: heat maps, dots, arrows and nets of lines.

Each mark is a few hundred bytes to some kilobytes of SVG, where a drawing by matplotlib would be many times that.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from minigan.lab.page import INK, Canvas, Drawing, Overlaid
from minigan.lab.page.drawing import POINTS

HEAD, SPREAD = 0.35, 0.45  # of an arrow: the length of its head and the angle of each barb, as a share and in radians
LEVELS = 64  # of colour: a palette makes the picture of a heat map a third as large

Floats = NDArray[np.float64]


class Mark(Protocol):
    """Something drawn in the coordinates of the axes."""

    def svg(self, canvas: Canvas) -> str:
        """As a part of an SVG."""

    def draw(self, axes: Any) -> Any:
        """By matplotlib; returns what can be removed again."""


@dataclass(frozen=True)
class Marked(Overlaid):
    """A frame of a canvas that shows marks, the first below the others."""

    marks: Sequence[Mark] = ()

    def overlay(self) -> str:
        """The marks alone, as SVG."""
        return "".join(mark.svg(self.canvas) for mark in self.marks)

    def png(self, kind: str = "png") -> bytes:
        """The whole frame as the content of a PNG file."""
        drawn = [mark.draw(self.canvas.axes) for mark in self.marks]
        try:
            return Drawing(self.canvas.figure).png(kind)
        finally:
            for artist in drawn:
                artist.remove()


def marked(canvas: Canvas, *marks: Mark) -> Marked:
    """The axes with these marks over them."""
    return Marked(canvas, (), marks)


# ---- marks -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dots:
    """Points (N, 2) as dots of this radius, in points."""

    points: Floats
    color: str
    radius: float = 1.2

    def svg(self, canvas: Canvas) -> str:
        """One path of lines without length, whose round ends are the dots."""
        starts = "".join(f"M{x:.1f},{y:.1f}h0" for x, y in _places(canvas, self.points))
        return f'<path d="{starts}" style="{_stroke(self.color, 2 * self.radius)}; stroke-linecap: round"/>'

    def draw(self, axes: Any) -> Any:
        """As a scatter plot."""
        return axes.scatter(*self.points.T, s=(2 * self.radius) ** 2, color=self.color, linewidths=0, zorder=4)


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

    def draw(self, axes: Any) -> Any:
        """As a collection of lines."""
        from matplotlib.collections import LineCollection

        return axes.add_collection(
            LineCollection(list(self.points), colors=self.color, linewidths=self.width, zorder=3), autolim=False
        )


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

    def draw(self, axes: Any) -> Any:
        """As text."""
        return axes.text(*self.point, self.text, color=INK, zorder=5)


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
        (left, top), (right, bottom) = _places(canvas, np.array([[-self.half, self.half], [self.half, -self.half]]))
        return (
            f'<image x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
            f'preserveAspectRatio="none" style="image-rendering: pixelated" '
            f'href="data:image/png;base64,{b64encode(self._picture()).decode()}"/>'
        )

    def draw(self, axes: Any) -> Any:
        """As an image."""
        extent = (-self.half, self.half, -self.half, self.half)
        return axes.imshow(
            self.values, cmap=self.colors, vmin=self.low, vmax=self.high, extent=extent, origin="lower", zorder=1
        )

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


# ---- coordinates -----------------------------------------------------------------------------------------


def _places(canvas: Canvas, points: Floats) -> Floats:
    """Where points (N, 2) of the axes are in the picture, in the unit of SVG: from above."""
    places = canvas.axes.transData.transform(points) * (POINTS / canvas.figure.dpi)
    return np.stack([places[:, 0], canvas.figure.get_figheight() * POINTS - places[:, 1]], 1)


def _line(canvas: Canvas, points: Floats) -> str:
    """A line through the points, each after the first by its distance from the one before."""
    places = _places(canvas, points).round(1)
    steps = "".join(f"{x:.1f}{'' if y < 0 else ' '}{y:.1f}l" for x, y in np.diff(places, axis=0).round(1) + 0.0)
    return f"M{places[0, 0]:.1f},{places[0, 1]:.1f}l{steps}".removesuffix("l")


def _stroke(color: str, width: float) -> str:
    return f"fill: none; stroke: {color}; stroke-width: {width:g}"
