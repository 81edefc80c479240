"""The plot of where the time of a step goes: to which kernels, and to the Python between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan.bench.figures import BATCH_SIZE, NOTE, by_device, panels, png, spaced, tidy
from minigan.bench.measure import Point
from minigan.bench.table import short
from minigan.bench.work import CAPTURED, EAGER
from minigan.gan.pictures import BLUE, GREEN, GREY, ORANGE, PALE, PURPLE, SKY, YELLOW

KERNELS = {  # the same colour in every plot; whatever is not here, or hardly to be seen, is among the others
    "linear": BLUE,
    "linear_weight_grad": SKY,
    "matmul": "#003f6b",
    "conv2d": GREEN,
    "conv2d_input_grad": "#7fcbb5",
    "conv2d_weight_grad": "#00543d",
    "bias_leaky_relu_dropout": YELLOW,
    "bias_leaky_relu_dropout_grad": "#f5d79c",
    "adam_": ORANGE,
    "normal": PURPLE,
    "dropout_mask": "#ecc6dc",
    "gather_pixels": "#7a4a12",
}
OTHERS, OUTSIDE = "other kernels", "outside kernels"
FILLS: dict[str, dict[str, Any]] = {
    **{name: {"color": color} for name, color in KERNELS.items()},
    OTHERS: {"color": GREY},
    OUTSIDE: {"facecolor": "white", "edgecolor": PALE, "hatch": "////"},
}
SEEN = 0.02  # of an eager step
BARS = 14  # to be labelled: more have no room
OUTSIDE_LABEL = f"""{OUTSIDE}:
what these leave of the step
when nobody times them"""
CAPTURED_LABEL = """a captured step ends here;
its kernels can be faster than
those shown, which are timed
in the eager step"""


def kernel_plot(points: Sequence[Point], names: Mapping[str, str]) -> bytes:
    """The content of a PNG file, with a panel for each device.

    Args:
        points: of one preset.
        names: of the devices, for people.
    """
    devices = by_device(points)
    title = f"{points[0].preset}: where the time of an eager step goes, and how long a captured step takes beside it"
    figure, all_axes = panels(len(devices), title, right=2.35)
    for axes, (device, own) in zip(all_axes, devices.items(), strict=True):
        _draw(axes, own)
        axes.set_title(f"{names[device]}; above the bars: ms of an eager step", **NOTE)
    return png(figure)


def shares(point: Point) -> dict[str, float]:
    """The part of an eager step that each kernel takes, and what they leave to Python and to starting kernels."""
    parts = {**{kernel.name: kernel.seconds for kernel in point.kernels}, OUTSIDE: point.outside}
    total = sum(parts.values())
    return {name: seconds / total for name, seconds in parts.items()}


def _draw(axes: Any, points: Sequence[Point]) -> None:
    places, bottom = np.arange(len(points)), np.zeros(len(points))
    for name, heights in _layers([shares(point) for point in points]).items():
        label = OUTSIDE_LABEL if name == OUTSIDE else name
        axes.bar(places, 100 * heights, 0.8, 100 * bottom, label=label, **FILLS[name])
        bottom += heights
    _draw_captured(axes, points)
    named = spaced(range(len(points)), BARS)
    for i in named:
        axes.text(i, 101, short(1e3 * points[i].timings[EAGER].median), ha="center", va="bottom", fontsize=7)
    axes.set_xticks(named, [str(points[i].batch_size) for i in named])
    axes.set(xlabel=BATCH_SIZE, ylabel="% of an eager step", ylim=(0, max(107, axes.get_ylim()[1])))
    tidy(axes, "y")
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)


def _layers(bars: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The share of each name in each bar, from the bottom to the top: kernels that can be seen, and all the others."""
    seen = [name for name in KERNELS if max(bar.get(name, 0.0) for bar in bars) >= SEEN]
    layers = {name: np.array([bar.get(name, 0.0) for bar in bars]) for name in (*seen, OUTSIDE)}
    others = np.maximum(0.0, 1 - sum(layers.values()))
    return {**{name: layers[name] for name in seen}, OTHERS: others, OUTSIDE: layers[OUTSIDE]}


def _draw_captured(axes: Any, points: Sequence[Point]) -> None:
    """A mark across each bar where a captured step ends."""
    both = [(i, point.timings) for i, point in enumerate(points) if CAPTURED in point.timings]
    if both:
        places, timings = zip(*both, strict=True)
        heights = [100 * timing[CAPTURED].median / timing[EAGER].median for timing in timings]
        low, high = np.array(places) - 0.45, np.array(places) + 0.45
        axes.hlines(heights, low, high, color="black", linewidth=2, label=CAPTURED_LABEL)
