"""The rule of thumb for update over weight: by layer, against the gradient, and over time."""

from __future__ import annotations

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_compared import BETWEEN, PRESET, START
from minigan.lab.page import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, Drawing, Panel, panel
from minigan.lab.pages.flow_style import LEAST, TALL, few, legend, limits

EPSILON = 1e-8  # Adam's
GROUPS = {START: (ORANGE, "other initialisations"), BETWEEN: (SKY, "other layers between"), PRESET: (INK, "the preset")}


def thumb(data: Flow) -> list[Panel]:
    """Three panels."""
    return [
        Panel("thumb", [_by_layer(data)], "update over weight by layer"),
        Panel("adam", [_against_gradient(data)], "update against gradient, for every layer, training and step"),
        Panel("thumb-time", [_over_time(data)], "update over weight over the steps"),
    ]


def _by_layer(data: Flow) -> Drawing:
    preset = data.courses[PRESET]
    ratio, x = preset.update / preset.weight, np.arange(len(preset.layers))
    figure, ax = panel("the preset's layers", "", "update over weight", height=TALL, yscale="log")
    ax.plot(x, preset.expected.update / preset.expected.weight, color=GREY, label="predicted, step 0", linestyle=":")
    ax.plot(x, ratio[:, 0], "o", color=GREEN, label="step 0")
    ax.plot(x, np.median(ratio[:, ratio.shape[1] // 2 :], 1), "s", color=PURPLE, label="second half, median")
    ax.axhline(1e-3, color=GREY, linestyle="--", linewidth=1, label="rule of thumb")
    ax.set_ylim(limits(ratio, [1e-3]))
    ax.set_xticks(x, [place.name for place in preset.layers], rotation=90 if len(x) > 6 else 0)
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)


def _against_gradient(data: Flow) -> Drawing:
    figure, ax = panel(
        "Adam: update against gradient", "gradient of a weight (RMS)", "update of a weight (RMS)",
        height=TALL, xscale="log", yscale="log",
    )  # fmt: skip
    rms = []
    for group, (color, label) in GROUPS.items():
        names = [PRESET] if group == PRESET else data.groups[group][1:]
        found = [_rms(data, name) for name in names]
        rms += found
        ax.plot(*np.concatenate(found, axis=1), ".", color=color, markersize=2.5, label=label)
    low, high = limits(*(g for g, _ in rms))
    grid = np.geomspace(low, high, 100)
    ax.plot(grid, data.lr[0] * grid / (grid + EPSILON), color=GREY, linestyle="--", linewidth=1, label="lr g / (g + ε)")
    ax.set(xlim=(low, high), ylim=limits(*(u for _, u in rms)))
    few(ax.xaxis)
    few(ax.yaxis)
    legend(figure, markerscale=3)
    return Drawing(figure)


def _rms(data: Flow, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Gradients and updates of a weight, of all layers and steps of a training."""
    course = data.courses[name]
    root = np.sqrt([place.numbers for place in course.layers])[:, None]
    gradients, updates = (np.clip(x / root, LEAST, None).ravel() for x in (course.gradient, course.update))
    return gradients, updates


def _over_time(data: Flow) -> Drawing:
    preset = data.courses[PRESET]
    figure, ax = panel("over the training", "step", "update over weight, median", height=TALL, yscale="log")
    for who, color, style in (("G", ORANGE, "-"), ("D", BLUE, "-.")):
        rows = [place.name.startswith(who) for place in preset.layers]
        median = np.median((preset.update / preset.weight)[rows], 0)
        ax.plot(data.steps, median, style, color=color, label=f"layers of {who}")
    ax.axhline(1e-3, color=GREY, linestyle="--", linewidth=1, label="rule of thumb")
    ax.set_ylim(limits(preset.update / preset.weight, [1e-3]))
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)
