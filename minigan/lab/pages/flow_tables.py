"""The tables of the experiment flow."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_training import Course
from minigan.lab.page import Table
from minigan.lab.pages.flow_style import short


def layers(course: Course) -> Table:
    """Their sizes."""
    rows = [(place.name, place.kind, place.numbers) for place in course.layers]
    caption = "The first layer sees z, the last one of D gives the logit. Biases are not counted."
    return Table("The layers with weights", ("layer", "kind", "weights"), rows, caption)


# ---- the first step --------------------------------------------------------------------------------------------


def first(data: Flow) -> Table:
    """The signal when all weights are fresh."""
    rows = [
        (name, *map(short, (course.signal[-1, 0], course.at_fake[0], course.signal[0, 0])))
        for name, course in data.courses.items()
    ]
    shares = "".join(_share(data, name) for name in ("Sigmoid in D", "N(0, .2)", "N(0, .002)"))
    caption = f"L2 norm of the gradient of a sample's own loss.{shares}"
    return Table("The signal in the first step", ("training", "at D's logit", "at the pixels", "at G 1"), rows, caption)


def _share(data: Flow, name: str) -> str:
    if name not in data.courses:
        return ""
    share = data.courses[name].at_fake[0] / data.courses["preset"].at_fake[0]
    return f" With {name}, the pixels get {_times(share)} what they get in the preset."


def _times(share: float) -> str:
    if share >= 10:
        return f"{share:,.0f} times"
    return f"1/{1 / share:,.0f} of" if share < 0.1 else f"{share:.2g} of"


def kept(data: Flow) -> Table:
    """What each layer of D leaves of the signal."""
    names = [place.name for place in data.courses["preset"].layers if place.name.startswith("D")]
    rows = [(name, *_kept(course)) for name, course in data.courses.items()]
    draws = data.courses["preset"].kept.shape[1]
    caption = (
        f"The length of the gradient before a layer over that behind it: the root mean square over {draws} networks "
        f"with other fresh weights, whose D has not moved yet; in brackets what theory predicts, where it applies: "
        "<var>s</var> √fan_in, times the slope of the activation before the layer, over √(1 − <var>p</var>) for a "
        "dropout of <var>p</var>. D 1 hands to the pixels."
    )
    return Table("What fresh layers of D leave of the signal", ("training", *names[::-1], "all of D"), rows, caption)


def _kept(course: Course) -> list[str]:
    """Of each layer, in the order of the way back, and of all together."""
    measured, predicted = rms(course.kept)[::-1], course.expected.kept[::-1]
    each = [_beside(m, p) for m, p in zip(measured, predicted, strict=True)]
    return [*each, _beside(rms(course.kept.prod(0)), predicted.prod())]


def rms(values: Any) -> Any:
    """The root mean square over the draws."""
    return np.sqrt(np.square(values).mean(-1))


def _beside(measured: float, predicted: float) -> str:
    return short(measured) + ("" if np.isnan(predicted) else f" ({short(predicted)})")


# ---- the end ---------------------------------------------------------------------------------------------------


def silent(data: Flow) -> Table:
    """The share of silent units at the last watched step."""
    preset = data.courses["preset"]
    head = ("training", *(f"{place.name}, {place.kind}" for place in preset.activations))
    rows = [(name, *map(_percent, course.silent[:, -1])) for name, course in data.courses.items()]
    i = int(np.argmax(np.nan_to_num(preset.silent[:, -1])))
    caption = (
        "Behind each layer of the preset, with its activation. Of ReLU and LeakyReLU: the share of units that are "
        "below 0 for every sample of the step, real or fake (in networks of images: of channels). Behind a ReLU such a "
        "unit is dead: its slope is 0, and no gradient reaches its weights. Behind a LeakyReLU a part still passes, "
        f"and it can come back: {preset.activations[i].name} of the preset, where {_percent(preset.silent[i, -1])} are "
        "silent in the end, learns on. Of Tanh and Sigmoid: the share of outputs so near their end that the slope is "
        "below a tenth of the largest. Behind G's last Tanh this need not be a fault, as most pixels of MNIST are "
        "exactly −1. It is one when it comes before G draws digits, as in the training N(0, .2), whose pixels are "
        "stuck from the first step on."
    )
    return Table(f"Silent units at step {data.steps[-1]}", head, rows, caption)


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{100 * share:.0f}%"


def ends(data: Flow) -> Table:
    """Where each training got."""
    rows = []
    for name, course in data.courses.items():
        gradients = [_range(course.gradient[[p.name.startswith(who) for p in course.layers], -1]) for who in "GD"]
        D = [f"{course.report[key][-1]:.2f}" for key in ("D_x", "D_G_z")]
        rows.append((name, *gradients, short(course.at_fake[-1]), *D))
    caption = (
        "All differ by one setting and by nothing else: same seed, same images, same z. One step is one batch, so "
        "D(x) and D(G(z)) jump from step to step. What depends on chance is who is ahead at this very step; the order "
        "of magnitude of the gradients hardly does."
    )
    head = ("training", "gradients of G's layers", "of D's layers", "signal at the pixels", "D(x)", "D(G(z))")
    return Table(f"After {data.steps[-1] + 1} steps", head, rows, caption)


def _range(values: Any) -> str:
    return f"{short(values.min())} to {short(values.max())}"
