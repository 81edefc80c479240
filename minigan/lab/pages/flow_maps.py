"""Gradient, ratio and silent units of each training as maps: layer by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.page import Drawing, Exhibit, Panel, Slider, panel
from minigan.lab.pages.flow_style import LEAST

Span = tuple[float, float]


def maps(data: Flow) -> Exhibit:
    """One position of the slider for each training."""
    courses = list(data.courses.values())
    gradients = [np.log10(np.clip(course.gradient, LEAST, None)) for course in courses]
    ratios = [np.log10(np.clip(course.update / course.weight, LEAST, None)) for course in courses]
    layers, activations = [c.layers for c in courses], [c.activations for c in courses]
    caption = (
        "Left: bright is a large gradient, dark a small one, on one scale for all trainings. Dark rows at the bottom "
        "and bright ones on top say that G gets little of what D has. Middle: the ratio of update and weight. Right: "
        "the share of silent units behind each layer, see the table below. Weights that are too small show as a dark "
        f"block at the left, which ends when D has grown; too large ones as a bright one that stays. {_again(data)}"
    )
    panels = [
        _maps(data, "gradients", "gradient, log₁₀ of the L2 norm", gradients, layers, _span(gradients)),
        _maps(data, "ratios", "update over weight, log₁₀", ratios, layers, _span(ratios)),
        _maps(data, "silent", "share of silent units", [c.silent for c in courses], activations, (0, 1)),
    ]
    return Exhibit("Layer by step", caption, panels, [Slider("training", list(data.courses))])


def _again(data: Flow) -> str:
    """Small weights may fall back once more: when D stops to tell real from fake."""
    if "N(0, .002)" not in data.courses:
        return ""
    course = data.courses["N(0, .002)"]
    grown = int(np.argmax(course.at_fake > 100 * course.at_fake[0]))
    faint = grown + int(np.argmin(course.at_fake[grown:]))
    real, fake = (course.report[key][faint] for key in ("D_x", "D_G_z"))
    if abs(real - fake) > 0.05:
        return ""
    return (
        f"With N(0, .002) the dark comes back around step {data.steps[faint]}: there D(x) is {real:.2f} and D(G(z)) "
        f"{fake:.2f}, and a D that says the same of everything has nothing to hand on."
    )


def _span(maps: Sequence[Any]) -> Span:
    """Of the colours: a few that are far below the others are cut off."""
    finite = np.concatenate([m[np.isfinite(m)] for m in maps])
    return float(np.percentile(finite, 2)), float(finite.max())


def _maps(data: Flow, name: str, title: str, maps: Sequence[Any], places: Sequence[Any], span: Span) -> Panel:
    frames = [
        _map(data, course, title, m, [place.name for place in rows], span)
        for course, m, rows in zip(data.courses, maps, places, strict=True)
    ]
    return Panel(name, frames, f"{title}, layer by step")


def _map(data: Flow, course: str, title: str, values: Any, rows: Sequence[str], span: Span) -> Drawing:
    figure, ax = panel(f"{title.split(',')[0]}: {course}", "step", "")
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
