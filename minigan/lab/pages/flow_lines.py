"""Signal, gradient and ratio by layer, at each watched step: a line for each training of a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_training import WatchedTraining
from minigan.lab.page import GREY, Canvas, Exhibit, Panel, Path, Slider, panel
from minigan.lab.pages.flow_style import COLORS, DASHES, LEAST, TALL, few, legend, limits, styles, width


class _Kind(NamedTuple):
    """One panel: its name, its title, the label of its axis, and a line to compare with."""

    name: str
    title: str
    label: str
    line: float | None = None


SIGNAL = _Kind("signal", "The signal on its way back", "L2 norm for a sample")
GRADIENT = _Kind("gradient", "Gradient of each layer's weights", "L2 norm")
RATIO = _Kind("ratio", "Update over weight", "ratio of L2 norms", 1e-3)


def step_by_step(data: Flow, group: str, title: str, caption: str) -> Exhibit:
    """The trainings of a group beside each other."""
    trainings = [data.trainings[name] for name in data.groups[group]]
    layers = [layer.name for layer in trainings[0].layers]
    panels = [
        _lines(data, group, SIGNAL, _places(trainings[0]), [way_back(training) for training in trainings]),
        _lines(data, group, GRADIENT, layers, [training.gradient for training in trainings]),
        _lines(data, group, RATIO, layers, [training.ratio for training in trainings]),
    ]
    return Exhibit(title, caption, panels, [Slider("step", [str(step) for step in data.steps])])


def _count(training: WatchedTraining) -> int:
    """G's layers."""
    return sum(layer.name.startswith("G") for layer in training.layers)


def _places(training: WatchedTraining) -> list[str]:
    """From the logit to G's first layer."""
    names, G = [layer.name for layer in training.layers], _count(training)
    return [*names[G:][::-1], "pixels", *names[:G][::-1]]


def way_back(training: WatchedTraining) -> Any:
    """The signal at these places (places, times)."""
    G = _count(training)
    return np.concatenate([training.signal[G:][::-1], training.at_fake[None], training.signal[:G][::-1]])


def _lines(data: Flow, group: str, kind: _Kind, places: Sequence[str], tracks: Sequence[Any]) -> Panel:
    """``tracks`` are (places, times), one for each training."""
    figure, ax = panel(
        kind.title, "", kind.label, height=TALL, yscale="log", ylim=limits(*tracks), xlim=(-0.4, len(places) - 0.6)
    )
    ax.set_xticks(range(len(places)), places, rotation=90 if len(places) > 6 else 0)
    few(ax.yaxis)
    if kind.line is not None:
        ax.axhline(kind.line, color=GREY, linewidth=1, linestyle=":")
    for style in styles(data.groups[group]).values():
        ax.plot([], [], **style)
    legend(figure)
    canvas = Canvas(figure, ax)
    frames = [canvas.frame(_paths([track[:, t] for track in tracks])) for t in range(len(data.steps))]
    return Panel(f"{kind.name}-{group}", frames, f"{kind.title}, for each training")


def _paths(lines: Sequence[Any]) -> list[Path]:
    return [
        Path(points, color=color, width=width(color), dashes=dashes)
        for line, color, dashes in zip(lines, COLORS, DASHES, strict=False)
        if len(points := _finite(line))
    ]


def _finite(values: Any) -> Any:
    """Points of a line, without those that are no numbers."""
    places = np.flatnonzero(np.isfinite(values))
    return np.stack([places, np.clip(values[places], LEAST, None)], 1)
