"""The rule of thumb for update over weight: by layer, against the gradient, and over time."""

from __future__ import annotations

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_compared import BETWEEN, PRESET, START
from minigan.lab.page import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, SKY, Drawing, Panel, panel
from minigan.lab.pages.flow_style import LEAST, TALL, few, legend, limits

RULE = 1e-3  # update over weight, as people say
BY_LAYER, AGAINST, OVER_TIME = "The preset's layers", "Update against gradient", "Over the training"  # titles
GROUPS = {START: (ORANGE, "other initialisations"), BETWEEN: (SKY, "other layers between"), PRESET: (INK, "the preset")}


def thumb(data: Flow) -> list[Panel]:
    """Three panels."""
    return [
        Panel("thumb", [_by_layer(data)], "update over weight by layer"),
        Panel("adam", [_against_gradient(data)], "update against gradient, for every layer, training and step"),
        Panel("thumb-time", [_over_time(data)], "update over weight over the steps"),
    ]


def _by_layer(data: Flow) -> Drawing:
    preset = data.trainings[PRESET]
    ratio, x = preset.ratio, np.arange(len(preset.layers))
    figure, ax = panel(BY_LAYER, "", "update over weight", height=TALL, yscale="log")
    ax.plot(x, preset.expected.ratio, color=GREY, label="predicted, step 0", linestyle=":")
    ax.plot(x, ratio[:, 0], "o", color=GREEN, label="step 0")
    ax.plot(x, preset.ratio_late, "s", color=PURPLE, label="second half, median")
    ax.axhline(RULE, color=GREY, linestyle="--", linewidth=1, label="rule of thumb")
    ax.set_ylim(limits(ratio, [RULE]))
    ax.set_xticks(x, [layer.name for layer in preset.layers], rotation=90 if len(x) > 6 else 0)
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)


def _against_gradient(data: Flow) -> Drawing:
    figure, ax = panel(
        AGAINST, "gradient of a weight (RMS)", "update of a weight (RMS)",
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
    eps = data.trainings[PRESET].adam_eps
    if np.isfinite(eps):
        ax.plot(grid, data.lr[0] * grid / (grid + eps), color=GREY, linestyle="--", linewidth=1, label="lr g / (g + ε)")
    ax.set(xlim=(low, high), ylim=limits(*(u for _, u in rms)))
    few(ax.xaxis)
    few(ax.yaxis)
    legend(figure, markerscale=3)
    return Drawing(figure)


def _rms(data: Flow, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Gradients and updates of a weight, of all layers and steps of a training."""
    training = data.trainings[name]
    gradients, updates = (np.clip(x, LEAST, None).ravel() for x in (training.gradient_rms, training.update_rms))
    return gradients, updates


def _over_time(data: Flow) -> Drawing:
    preset = data.trainings[PRESET]
    figure, ax = panel(OVER_TIME, "step", "update over weight, median", height=TALL, yscale="log")
    for who, color, style in (("G", ORANGE, "-"), ("D", BLUE, "-.")):
        rows = [layer.name.startswith(who) for layer in preset.layers]
        median = np.median(preset.ratio[rows], 0)
        ax.plot(data.steps, median, style, color=color, label=f"layers of {who}")
    ax.axhline(RULE, color=GREY, linestyle="--", linewidth=1, label="rule of thumb")
    ax.set_ylim(limits(preset.ratio, [RULE]))
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)
