"""Drawings by matplotlib: one look for all panels, as SVG that takes the colours of the page, and as PNG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.gan.pictures import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, YELLOW
from minigan.lab.page.numbers import power

WIDTH, HEIGHT = 4.2, 3.3  # inches: on a phone as wide as its screen, with letters that can be read
INK = "#1f2328"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)
POINTS = 72  # to an inch: the unit of SVG
DPI = {"png": 200, "gif": 90}

# In the page these are variables, which are others in the dark.
_VARIABLES = {
    INK: "--ink",
    PALE: "--pale",
    GREY: "--faint",
    **dict(zip(SERIES, ("--blue", "--orange", "--green", "--purple", "--sky", "--yellow"), strict=True)),
}

_LOOK: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "svg.fonttype": "none",  # letters stay letters: they can be found, copied and read aloud
    "svg.hashsalt": "minigan",  # the same drawing is the same file
}


def look() -> AbstractContextManager[None]:
    """The settings of matplotlib that all drawings share; inside, whatever is drawn has them."""
    import matplotlib

    settings: Any = {**matplotlib.rcParamsDefault, **_LOOK, "backend": matplotlib.get_backend()}
    return matplotlib.rc_context(settings)


def panel(
    title: str = "", xlabel: str = "", ylabel: str = "", width: float = WIDTH, height: float = HEIGHT, **axes: Any
) -> tuple[Any, Any]:
    """An empty drawing with one pair of axes: ``(figure, axes)``.

    Args:
        title: above it.
        xlabel: what the horizontal axis shows, with its unit.
        ylabel: the same of the vertical one.
        width: in inches. Panels wider than usual have to be ``wide`` in their exhibit.
        height: in inches.
        axes: settings of the axes, such as ``xscale="log"`` or ``aspect="equal"``.

    >>> from minigan.lab.page import panel
    >>> figure, axes = panel("a parabola", "x", "x squared")
    >>> lines = axes.plot([-1, 0, 1], [1, 0, 1])
    """
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, height), dpi=DPI["png"], layout="constrained")
        ax = figure.add_subplot()
        ax.set(title=title, xlabel=xlabel, ylabel=ylabel, **axes)
    return figure, ax


@dataclass(frozen=True)
class Drawing:
    """A frame that matplotlib draws."""

    figure: Any

    def markup(self, scope: str) -> str:
        """As SVG."""
        return themed(_saved(self.figure, "svg").decode(), scope)

    def png(self, kind: str = "png") -> bytes:
        """As the content of a PNG file, as large as pictures of this kind are: ``png`` or ``gif``."""
        return _saved(self.figure, "png", dpi=DPI[kind], facecolor="white")


class Mark(Protocol):
    """Something drawn in the coordinates of the axes: a path, dots, a heat map."""

    def svg(self, canvas: Canvas) -> str:
        """As a part of an SVG."""

    def draw(self, axes: Any) -> Sequence[Any]:
        """By matplotlib; returns what can be removed again."""


class Canvas:
    """Axes that are drawn once, to draw marks over again and again: hundreds of frames cost no more than their marks.

    Args:
        figure, axes: as `panel` makes them, with limits set, and whatever all frames have in common.

    >>> from minigan.lab.page import Canvas, Path, panel
    >>> canvas = Canvas(*panel(xlim=(-1, 1), ylim=(-1, 1)))
    >>> frames = [canvas.frame([Path([[0, 0], [x, x]])]) for x in (0.5, 1.0)]
    """

    def __init__(self, figure: Any, axes: Any) -> None:
        self.figure, self.axes = figure, axes
        axes.autoscale(False)
        _write_powers(figure)
        with look():
            figure.draw_without_rendering()  # a layout that fits is found now, and stays
        figure.set_layout_engine("none")

    def frame(self, marks: Sequence[Mark]) -> Overlaid:
        """The axes with these marks over them, the first below the others."""
        return Overlaid(self, tuple(marks))

    def markup(self, scope: str, overlays: str) -> str:
        """The axes, and over them what `Overlaid.overlay` gave, as SVG; what leaves the axes is cut off."""
        box, scale = self.axes.get_window_extent(), POINTS / self.figure.dpi
        place = f'x="{box.x0 * scale:.1f}" y="{self._height - box.y1 * scale:.1f}"'
        size = f'width="{box.width * scale:.1f}" height="{box.height * scale:.1f}"'
        inside = f'<clipPath id="inside"><rect {place} {size}/></clipPath>'
        svg = _saved(self.figure, "svg").decode()
        return themed(svg.replace("</svg>", f'{inside}<g clip-path="url(#inside)">{overlays}</g></svg>'), scope)

    def places(self, points: ArrayLike) -> NDArray[np.float64]:
        """Where points (N, 2) of the axes are in the picture, (N, 2), in the unit of SVG: from above."""
        x, y = self.axes.transData.transform(np.asarray(points, float)).T * (POINTS / self.figure.dpi)
        return np.stack([x, self._height - y], 1)

    @property
    def _height(self) -> float:
        return float(self.figure.get_figheight()) * POINTS


@dataclass(frozen=True)
class Overlaid:
    """A frame of a canvas."""

    canvas: Canvas
    marks: tuple[Mark, ...]

    def overlay(self) -> str:
        """The marks alone, as SVG for `Canvas.markup`."""
        return "".join(mark.svg(self.canvas) for mark in self.marks)

    def markup(self, scope: str) -> str:
        """The axes with the marks, as SVG."""
        return self.canvas.markup(scope, self.overlay())

    def png(self, kind: str = "png") -> bytes:
        """The same as the content of a PNG file."""
        drawn = [artist for mark in self.marks for artist in mark.draw(self.canvas.axes)]
        try:
            return Drawing(self.canvas.figure).png(kind)
        finally:
            for artist in drawn:
                artist.remove()


def _saved(figure: Any, kind: str, **settings: Any) -> bytes:
    _write_powers(figure)
    file = BytesIO()
    of_kind = {"metadata": {"Date": None}, "facecolor": "none"} if kind == "svg" else {}
    with look():
        figure.savefig(file, format=kind, **of_kind, **settings)
    return file.getvalue()


def _write_powers(figure: Any) -> None:
    """On logarithmic axes 10⁻³, in letters of the page's own font, where matplotlib would set a formula."""
    from matplotlib.ticker import LogFormatter

    for axis in [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]:
        if isinstance(axis.get_major_formatter(), LogFormatter):
            axis.set_major_formatter(_powers())
        if isinstance(axis.get_minor_formatter(), LogFormatter):
            axis.set_minor_formatter(_powers())


def _powers() -> Any:
    """A formatter that names the ticks that matplotlib would name."""
    from matplotlib.ticker import LogFormatterSciNotation

    class Powers(LogFormatterSciNotation):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return power(x) if super().__call__(x, pos) else ""

    return Powers()


def themed(svg: str, scope: str) -> str:
    """A picture of matplotlib as a part of a page: the page's colours, and ids that begin with ``scope``."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'^<svg\b[^>]*?viewBox="([\d.]+ [\d.]+ ([\d.]+) [\d.]+)"[^>]*>',
        r'<svg viewBox="\1" style="--natural: \2px" aria-hidden="true">',
        svg,
    )
    svg = re.sub(r'\bid="', f'id="{scope}-', svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{scope}-", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return svg
