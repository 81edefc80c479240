"""The plot of where the time of a step goes: to which kernels, and to the Python between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from minigan.bench.figures import BATCH_SIZE, NOTE, by_device, panels, png, tidy
from minigan.bench.measure import Point
from minigan.bench.table import short
from minigan.bench.work import CAPTURED, EAGER
from minigan.gan.pictures import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, YELLOW

COLORS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)  # of as many kernels; all others share one
OTHERS, OUTSIDE = "other kernels", "outside kernels"
FILLS: dict[str, dict[str, Any]] = {
    OTHERS: {"color": GREY},
    OUTSIDE: {"facecolor": "white", "edgecolor": PALE, "hatch": "////"},
}


def kernel_plot(points: Sequence[Point], names: Mapping[str, str]) -> bytes:
    """The content of a PNG file, with a panel for each device.

    Args:
        points: of one preset.
        names: of the devices, for people.
    """
    shown = _slowest(points)
    devices = by_device(points)
    title = f"{points[0].preset}: where the time of an eager step goes, and what is left of it when captured"
    figure, all_axes = panels(len(devices), title, right=2.35)
    for axes, (device, own) in zip(all_axes, devices.items(), strict=True):
        _draw(axes, own, shown)
        axes.set_title(f"{names[device]}; above the bars: ms of an eager step", **NOTE)
    return png(figure)


def shares(point: Point) -> dict[str, float]:
    """The part of an eager step that each kernel takes, and what is left for Python and for starting kernels."""
    parts = {**{kernel.name: kernel.seconds for kernel in point.kernels}, OUTSIDE: point.outside}
    total = sum(parts.values())
    return {name: seconds / total for name, seconds in parts.items()}


def _slowest(points: Sequence[Point]) -> list[str]:
    """The kernels with the largest shares, all points together."""
    sums: Counter[str] = Counter()
    for point in points:
        sums.update(shares(point))
    del sums[OUTSIDE]
    return [name for name, _ in sums.most_common(len(COLORS))]


def _draw(axes: Any, points: Sequence[Point], shown: Sequence[str]) -> None:
    places = np.arange(len(points))
    parts = [shares(point) for point in points]
    layers = {name: [part.get(name, 0.0) for part in parts] for name in shown}
    known = {*shown, OUTSIDE}
    layers[OTHERS] = [sum(share for name, share in part.items() if name not in known) for part in parts]
    layers[OUTSIDE] = [part[OUTSIDE] for part in parts]
    tops = np.cumsum([[0.0] * len(points), *layers.values()], axis=0)
    fills = [{"color": color} for color in COLORS[: len(shown)]] + [FILLS[OTHERS], FILLS[OUTSIDE]]
    for name, fill, (low, high) in zip(layers, fills, pairwise(tops), strict=True):
        axes.bar(places, 100 * (high - low), 0.8, 100 * low, label=name, **fill)
    _draw_captured(axes, points)
    for place, point in zip(places, points, strict=True):
        axes.text(place, 101, short(1e3 * point.timings[EAGER].median), ha="center", va="bottom", fontsize=7)
    axes.set_xticks(places, [f"{point.batch_size:,}" for point in points])
    axes.set(xlabel=BATCH_SIZE, ylabel="% of an eager step", ylim=(0, 107))
    tidy(axes, "y")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)


def _draw_captured(axes: Any, points: Sequence[Point]) -> None:
    """A mark across each bar where a captured step ends."""
    both = [(i, point.timings) for i, point in enumerate(points) if CAPTURED in point.timings]
    if both:
        places, timings = zip(*both, strict=True)
        heights = [100 * timing[CAPTURED].median / timing[EAGER].median for timing in timings]
        low, high = np.array(places) - 0.45, np.array(places) + 0.45
        axes.hlines(heights, low, high, color="black", linewidth=2, label="a captured step")
