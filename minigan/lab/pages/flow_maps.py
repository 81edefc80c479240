"""Gradient, ratio and inactive units of each training as maps: layer by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_training import WatchedTraining
from minigan.lab.page import Drawing, Exhibit, Panel, Slider, panel
from minigan.lab.pages.flow_style import LEAST

MUCH = 100  # times: what is seen on a scale of colours over many powers of ten
Span = tuple[float, float]
GRADIENT, RATIO, INACTIVE = "Gradient", "Update over weight", "Inactive units"  # titles


def maps(data: Flow) -> Exhibit:
    """One position of the slider for each training."""
    trainings = list(data.trainings.values())
    gradients = [np.log10(np.clip(training.gradient, LEAST, None)) for training in trainings]
    ratios = [np.log10(np.clip(training.ratio, LEAST, None)) for training in trainings]
    inactive = [_of_all_layers(training) for training in trainings]
    caption = (
        f"<b>{GRADIENT}</b>: bright is a large one, dark a small one, on one scale for all trainings. Dark rows at the "
        f"bottom and bright ones on top say that G gets little of what D has. <b>{RATIO}</b>: their ratio. "
        f"<b>{INACTIVE}</b>: the share of those that are dead, inactive or saturated, see the table below; a row is "
        f"empty where no activation follows the layer.{_blocks(data)}{_again(data)}"
    )
    panels = [
        _maps(data, "gradients", GRADIENT, "log₁₀ of the L2 norm", gradients, _span(gradients)),
        _maps(data, "ratios", RATIO, "log₁₀ of the ratio", ratios, _span(ratios)),
        _maps(data, "inactive", INACTIVE, "share", inactive, (0, 1)),
    ]
    return Exhibit("Layer by step", caption, panels, [Slider("training", list(data.trainings))])


def _blocks(data: Flow) -> str:
    """What too small and too large weights look like, if they do."""
    preset, texts = data.trainings["preset"], []
    if small := data.trainings.get("N(0, .002²)"):
        first, last = (np.median(small.gradient[:, t]) for t in (0, -1))
        if first < last / MUCH:
            texts.append("Weights that are too small show as a dark block at first, which ends when D has grown.")
    if large := data.trainings.get("N(0, .2²)"):
        shares = np.median(large.gradient, 0) / np.median(preset.gradient, 0)
        if shares.min() > 1:
            texts.append("Weights that are too large show as a map that is brighter than the preset's throughout.")
    return "".join(f" {text}" for text in texts)


def _again(data: Flow) -> str:
    """Small weights may fall back once more: when D stops to tell real from fake."""
    training = data.trainings.get("N(0, .002²)")
    if training is None or not (training.at_fake > MUCH * training.at_fake[0]).any():
        return ""
    grown = int(np.argmax(training.at_fake > MUCH * training.at_fake[0]))
    faint = grown + int(np.argmin(training.at_fake[grown:]))
    real, fake = (training.report[key][faint] for key in ("D_x", "D_G_z"))
    if faint == grown or not abs(real - fake) <= 0.05 or training.at_fake[faint] > training.at_fake[grown:].max() / 10:
        return ""
    return (
        f" With N(0, .002²) the dark comes back around step {data.steps[faint]}: there D(x) is {real:.2f} and D(G(z)) "
        f"{fake:.2f}, and a D that says the same of everything has nothing to hand on."
    )


def _span(maps: Sequence[Any]) -> Span:
    """Of the colours: a few that are far below the others are cut off."""
    finite = np.concatenate([m[np.isfinite(m)] for m in maps])
    return float(np.percentile(finite, 2)), float(finite.max())


def _of_all_layers(training: WatchedTraining) -> Any:
    """The shares with an empty row for each layer that has no activation, so that the rows of all maps line up."""
    shares = {layer.name: row for layer, row in zip(training.activations, training.inactive, strict=True)}
    empty = np.full(training.inactive.shape[1], np.nan)
    return np.stack([shares.get(layer.name, empty) for layer in training.layers])


def _maps(data: Flow, name: str, title: str, label: str, maps: Sequence[Any], span: Span) -> Panel:
    frames = [
        _map(data, f"{title}: {name}", label, m, [layer.name for layer in training.layers], span)
        for (name, training), m in zip(data.trainings.items(), maps, strict=True)
    ]
    return Panel(name, frames, f"{title}, layer by step")


def _map(data: Flow, title: str, label: str, values: Any, rows: Sequence[str], span: Span) -> Drawing:
    figure, ax = panel(title, "step", "")
    half = data.steps[-1] / (len(data.steps) - 1) / 2  # of a column: watched steps are as far apart as they can be
    ax.grid(False)
    image = ax.imshow(
        values,
        aspect="auto",
        origin="lower",
        cmap="viridis",
        vmin=span[0],
        vmax=span[1],
        extent=(-half, data.steps[-1] + half, -0.5, len(rows) - 0.5),
        interpolation="nearest",
    )
    ax.set_yticks(range(len(rows)), rows)
    figure.colorbar(image, ax=ax, label=label, extend="min" if float(np.nanmin(values)) < span[0] else "neither")
    return Drawing(figure)
