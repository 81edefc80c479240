"""The tape as a picture that does not move, drawn by matplotlib for a PNG file: values and gradients all at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.lab.page import GREEN, GREY, INK, ORANGE, PURPLE, SKY, Drawing, look
from minigan.lab.pages.step_plan import Plan, gradient_text, label_place, label_text, shape_text, value_text
from minigan.lab.pages.step_replay import Link, title
from minigan.observers.drawing import curve
from minigan.observers.layout import Point

INCH = 96.0  # pixels
LETTERS = {"fontfamily": ["DejaVu Sans Mono", "DejaVu Sans"], "fontsize": 9, "va": "baseline"}  # 12 pixels high
LETTER = 7.22  # pixels wide
TINTS = {"G": SKY, "D": PURPLE}
TINT, FADED = 0.2, 0.45  # opacities
LEGEND_WIDTH, LEGEND_LINE = 440.0, 18.0  # pixels


def picture(plan: Plan) -> Drawing:
    """The whole tape, and below it what its colours mean."""
    from matplotlib.figure import Figure

    handles = _legend(plan)
    width = max(plan.width, LEGEND_WIDTH)
    below = LEGEND_LINE * (len(handles) + 3) // 2
    height = plan.height + below
    with look():
        figure = Figure(figsize=(width / INCH, height / INCH))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        left = plan.left - (width - plan.width) / 2
        axes.set(xlim=(left, left + width), ylim=(height, 0))
        axes.axis("off")
        for link in plan.replay.links:
            _draw_link(axes, link, plan)
        for i in range(len(plan.boxes)):
            _draw_box(axes, i, plan)
        figure.legend(handles=handles, loc="lower center", ncols=2)
    return Drawing(figure)


def _legend(plan: Plan) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    links, boxes = plan.replay.links, plan.replay.tape.boxes
    players = [player for player in TINTS if any(box.player == player for box in boxes)]
    handles: list[Any] = [Patch(color=TINTS[player], alpha=TINT, label=f"of {player}") for player in players]
    handles.append(Line2D([], [], color=ORANGE, linewidth=1.4, label="a gradient (g) went back here"))
    if any(link.signal for link in links):
        handles.append(Line2D([], [], color=GREEN, linewidth=3.75, label="the signal: D's gradient becomes G's"))
    if any(link.argument.sent is None for link in links):
        handles.append(Line2D([], [], color=GREY, linewidth=0.9, linestyle=":", label="no gradient was sent"))
    return handles


def _draw_link(axes: Any, link: Link, plan: Plan) -> None:
    from matplotlib.patches import PathPatch, Polygon

    route = plan.routes[link.source, link.target]
    alpha = FADED if link.target in plan.replay.beyond else 1.0
    color, width = (GREEN, 3.75) if link.signal else (ORANGE, 1.4) if link.argument.sent is not None else (GREY, 0.9)
    style = "-" if link.argument.sent is not None else ":"
    line = PathPatch(_path(route), fill=False, edgecolor=color, linewidth=width, linestyle=style, alpha=alpha)
    axes.add_patch(line)
    x, y = route[-1]
    axes.add_patch(Polygon([(x, y), (x - 4, y - 7), (x + 4, y - 7)], color=GREY, linewidth=0, alpha=alpha))
    if link.cut or link.signal:
        place, right = label_place(route)
        axes.text(*place, label_text(link), ha="left" if right else "right", fontweight="bold", **LETTERS)


def _path(route: Sequence[Point]) -> Any:
    """The page's curve, which is written as SVG: a start, and three points for each piece."""
    from matplotlib.path import Path

    points = np.array(re.findall(r"-?[\d.]+", curve(route)), float).reshape(-1, 2)
    return Path(points, [Path.MOVETO, *[Path.CURVE4] * (len(points) - 1)])


def _draw_box(axes: Any, i: int, plan: Plan) -> None:
    from matplotlib.patches import FancyBboxPatch

    box, place = plan.replay.tape.boxes[i], plan.boxes[i]
    alpha = FADED if i in plan.replay.beyond else 1.0

    def add(**look: Any) -> None:
        style = f"round,pad=0,rounding_size={place.corner}" if place.corner else "square,pad=0"
        axes.add_patch(FancyBboxPatch((place.left, place.top), place.width, place.height, boxstyle=style, **look))

    add(fill=False, edgecolor=GREY, linewidth=0.75, linestyle="--" if box.kind == "data" else "-", alpha=alpha)
    if box.player:
        add(facecolor=TINTS[box.player], linewidth=0, alpha=TINT * alpha)
    _write_title(axes, title(box), shape_text(box), place.x, place.line(0), alpha)
    axes.text(place.x, place.line(1), value_text(box.value), ha="center", alpha=alpha, **LETTERS)
    if box.gradient is not None:
        bold = {"fontweight": "bold", "ha": "center", **LETTERS}
        axes.text(place.x, place.line(2), gradient_text(box.gradient), **bold)


def _write_title(axes: Any, name: str, shape: str, x: float, y: float, alpha: float) -> None:
    """The name in bold letters and the shape in faint ones, together in the middle."""
    start = x - LETTER * (len(name) + len(shape) + bool(shape)) / 2
    axes.text(start, y, name, color=INK, fontweight="bold", alpha=alpha, **LETTERS)
    axes.text(start + LETTER * (len(name) + 1), y, shape, color=GREY, alpha=alpha, **LETTERS)
