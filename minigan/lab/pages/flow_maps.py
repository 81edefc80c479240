"""Gradient, ratio and inactive units of each training as maps: layer by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.page import Drawing, Exhibit, Panel, Slider, panel
from minigan.lab.pages.flow_style import LEAST

MUCH = 100  # times: what is seen on a scale of colours over many powers of ten
Span = tuple[float, float]


def maps(data: Flow) -> Exhibit:
    """One position of the slider for each training."""
    trainings = list(data.trainings.values())
    gradients = [np.log10(np.clip(training.gradient, LEAST, None)) for training in trainings]
    ratios = [np.log10(np.clip(training.ratio, LEAST, None)) for training in trainings]
    layers, activations = [c.layers for c in trainings], [c.activations for c in trainings]
    caption = (
        "Left: bright is a large gradient, dark a small one, on one scale for all trainings. Dark rows at the bottom "
        "and bright ones on top say that G gets little of what D has. Middle: the ratio of update and weight. Right: "
        f"the share of dead, inactive or saturated units, see the table below.{_blocks(data)}{_again(data)}"
    )
    panels = [
        _maps(data, "gradients", "gradient, log₁₀ of the L2 norm", gradients, layers, _span(gradients)),
        _maps(data, "ratios", "update over weight, log₁₀", ratios, layers, _span(ratios)),
        _maps(data, "inactive", "inactive units, share", [c.inactive for c in trainings], activations, (0, 1)),
    ]
    return Exhibit("Layer by step", caption, panels, [Slider("training", list(data.trainings))])


def _blocks(data: Flow) -> str:
    """What too small and too large weights look like, if they do."""
    preset, texts = data.trainings["preset"], []
    if small := data.trainings.get("N(0, .002)"):
        first, last = (np.median(small.gradient[:, t]) for t in (0, -1))
        if first < last / MUCH:
            texts.append("Weights that are too small show as a dark block at the left, which ends when D has grown.")
    if large := data.trainings.get("N(0, .2)"):
        shares = np.median(large.gradient, 0) / np.median(preset.gradient, 0)
        if shares.min() > 1:
            texts.append("Weights that are too large show as a map that is brighter than the preset's throughout.")
    return "".join(f" {text}" for text in texts)


def _again(data: Flow) -> str:
    """Small weights may fall back once more: when D stops to tell real from fake."""
    training = data.trainings.get("N(0, .002)")
    if training is None or not (training.at_fake > MUCH * training.at_fake[0]).any():
        return ""
    grown = int(np.argmax(training.at_fake > MUCH * training.at_fake[0]))
    faint = grown + int(np.argmin(training.at_fake[grown:]))
    real, fake = (training.report[key][faint] for key in ("D_x", "D_G_z"))
    if faint == grown or not abs(real - fake) <= 0.05 or training.at_fake[faint] > training.at_fake[grown:].max() / 10:
        return ""
    return (
        f" With N(0, .002) the dark comes back around step {data.steps[faint]}: there D(x) is {real:.2f} and D(G(z)) "
        f"{fake:.2f}, and a D that says the same of everything has nothing to hand on."
    )


def _span(maps: Sequence[Any]) -> Span:
    """Of the colours: a few that are far below the others are cut off."""
    finite = np.concatenate([m[np.isfinite(m)] for m in maps])
    return float(np.percentile(finite, 2)), float(finite.max())


def _maps(data: Flow, name: str, title: str, maps: Sequence[Any], places: Sequence[Any], span: Span) -> Panel:
    frames = [
        _map(data, training, title, m, [layer.name for layer in rows], span)
        for training, m, rows in zip(data.trainings, maps, places, strict=True)
    ]
    return Panel(name, frames, f"{title}, layer by step")


def _map(data: Flow, training: str, title: str, values: Any, rows: Sequence[str], span: Span) -> Drawing:
    figure, ax = panel(f"{title.split(',')[0]}: {training}", "step", "")
    ax.grid(False)
    image = ax.imshow(
        values,
        aspect="auto",
        origin="lower",
        cmap="viridis",
        vmin=span[0],
        vmax=span[1],
        extent=(-0.5, len(data.steps) - 0.5, -0.5, len(rows) - 0.5),
        interpolation="nearest",
    )
    ax.set_yticks(range(len(rows)), rows)
    at = np.linspace(0, len(data.steps) - 1, 4).round().astype(int)
    ax.set_xticks(at, [str(data.steps[t]) for t in at])
    figure.colorbar(image, ax=ax, label=title, extend="min" if float(np.nanmin(values)) < span[0] else "neither")
    return Drawing(figure)
