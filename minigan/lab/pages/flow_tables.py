"""The tables of the experiment flow."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_training import WatchedTraining
from minigan.lab.page import Table
from minigan.lab.pages.flow_style import short

MOST = 0.5  # of the units


def layers(training: WatchedTraining) -> Table:
    """Their sizes."""
    rows = [(layer.name, layer.kind, layer.numbers) for layer in training.layers]
    caption = "The first layer sees z, the last one of D gives the logit. Biases are not counted."
    return Table("The layers with weights", ("layer", "kind", "weights"), rows, caption)


# ---- the first step --------------------------------------------------------------------------------------------


def first(data: Flow) -> Table:
    """The signal when all weights are fresh."""
    rows = [
        (name, *map(short, (training.signal[-1, 0], training.at_fake[0], training.signal[0, 0])))
        for name, training in data.trainings.items()
    ]
    shares = "".join(_share(data, name) for name in ("Sigmoid in D", "N(0, .2²)", "N(0, .002²)"))
    caption = f"L2 norm of the gradient of a sample's own loss.{shares}"
    return Table("The signal in the first step", ("training", "at D's logit", "at the pixels", "at G 1"), rows, caption)


def _share(data: Flow, name: str) -> str:
    if name not in data.trainings:
        return ""
    share = _times(data.pixels_beside_preset[name])
    return f" With {name}, the pixels get {share} what they get in the preset."


def _times(share: float) -> str:
    if share >= 10:
        return f"{_two_digits(share)} times"
    return f"1/{_two_digits(1 / share)} of" if share < 0.1 else f"{share:.2g} of"


def _two_digits(x: float) -> str:
    """The others are zeros."""
    return f"{float(f'{x:.2g}'):,.0f}"


def kept(data: Flow) -> Table:
    """What each layer of D leaves of the signal."""
    names = [layer.name for layer in data.trainings["preset"].layers if layer.name.startswith("D")]
    rows = [(name, *_kept(training)) for name, training in data.trainings.items()]
    draws = data.trainings["preset"].kept.shape[1]
    caption = (
        "Gradient at the layer's input divided by that at its output, in length; the activation before a layer counts "
        f"as a part of it. Shown is the root mean square over {draws} networks with other fresh weights, whose D has "
        "not moved yet; in brackets what theory predicts, where it applies: "
        "<var>s</var> √fan_in, times the slope of the activation before the layer, over √(1 − <var>p</var>) for a "
        "dropout of <var>p</var>. D 1 hands to the pixels."
    )
    return Table("What fresh layers of D leave of the signal", ("training", *names[::-1], "all of D"), rows, caption)


def _kept(training: WatchedTraining) -> list[str]:
    """Of each layer, in the order of the way back, and of all together."""
    wanted = training.expected
    each = [_beside(m, p) for m, p in zip(training.kept_rms[::-1], wanted.kept[::-1], strict=True)]
    return [*each, _beside(training.kept_by_D, wanted.kept_by_D)]


def _beside(measured: float, predicted: float) -> str:
    return short(measured) + (f" ({short(predicted)})" if np.isfinite(predicted) else "")


# ---- the end ---------------------------------------------------------------------------------------------------


def inactive(data: Flow) -> Table:
    """The share of dead, inactive and saturated units at the last watched step."""
    preset = data.trainings["preset"]
    head = ("training", *(f"{layer.name}, {layer.kind}" for layer in preset.activations))
    rows = [(name, *map(_percent, training.inactive[:, -1])) for name, training in data.trainings.items()]
    caption = (
        "Behind each layer of the preset, with its activation. Of ReLU and LeakyReLU: the share of units that are "
        "below 0 for every sample of the step, real or fake (in networks of images: of channels). Behind a ReLU such a "
        "unit is <b>dead</b>: its slope is 0, and no gradient reaches its weights. Behind a LeakyReLU it is "
        f"<b>inactive</b>: a part still passes, and it can come back{_learns_on(preset)}. Of Tanh and Sigmoid: the "
        "share of outputs that are <b>saturated</b>, so near their end that the slope is below a tenth of the largest. "
        "Behind G's last Tanh this need not be a fault, as most pixels of MNIST are exactly −1. It is one when it "
        f"comes before G draws digits{_stuck(data)}."
    )
    return Table(f"Dead, inactive and saturated units at step {data.steps[-1]}", head, rows, caption)


def _learns_on(preset: WatchedTraining) -> str:
    """An example of a layer with many inactive units whose weights still get a gradient."""
    leaky = np.array([layer.kind == "LeakyReLU" for layer in preset.activations])
    shares = np.where(leaky, np.nan_to_num(preset.inactive[:, -1]), 0.0)
    layer = preset.activations[int(np.argmax(shares))].name
    gradient = next(g[-1] for place, g in zip(preset.layers, preset.gradient, strict=True) if place.name == layer)
    if not (shares.max() and gradient):
        return ""
    return (
        f": {layer} of the preset, where {_percent(shares.max())} are inactive in the end, gets a gradient of length "
        f"{short(gradient)} all the same"
    )


def _stuck(data: Flow) -> str:
    """Weights that are too large push pixels to the end of the Tanh before there is anything to see."""
    training = data.trainings.get("N(0, .2²)")
    if training is None:
        return ""
    of_G = [i for i, layer in enumerate(training.activations) if layer.name.startswith("G") and layer.kind == "Tanh"]
    if not of_G or training.inactive[of_G[-1], 0] < MOST:
        return ""
    return f", as in the training N(0, .2²), where {_percent(training.inactive[of_G[-1], 0])} are at step 0"


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{100 * share:.0f}%"


def ends(data: Flow) -> Table:
    """Where each training got."""
    rows = []
    for name, training in data.trainings.items():
        gradients = [_range(training.gradient[[p.name.startswith(who) for p in training.layers], -1]) for who in "GD"]
        D = [f"{training.report[key][-1]:.2f}" for key in ("D_x", "D_G_z")]
        rows.append((name, *gradients, short(training.at_fake[-1]), *D))
    caption = (
        "All differ by one setting and by nothing else: same seed, same images, same z. One step is one batch, so "
        "D(x) and D(G(z)) jump from step to step. What depends on chance is who is ahead at this very step; the order "
        "of magnitude of the gradients hardly does."
    )
    head = ("training", "gradients of G's layers", "of D's layers", "signal at the pixels", "D(x)", "D(G(z))")
    return Table(f"After {data.steps[-1] + 1} steps", head, rows, caption)


def _range(values: Any) -> str:
    return f"{short(values.min())} to {short(values.max())}"
