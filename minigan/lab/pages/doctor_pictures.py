"""What is drawn on the page of the experiment doctor: for each patient the same panels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigan.gan.pictures import grid
from minigan.lab.experiments.doctor import Patient
from minigan.lab.experiments.doctor_findings import FAINT, SURE
from minigan.lab.page import BLUE, GREY, INK, ORANGE, PALE, Drawing, Frame, Panel, Text, panel

LARGE = 50.0  # losses beyond this are drawn on an axis that is logarithmic far from 0
TALL = 3.6  # inches: with a legend below
PROBABILITIES = ("minimax", "non-saturating")  # losses whose D gives a logit, and costs nats
Picture = Callable[[Patient], Drawing | None]


def pictures(patients: Sequence[Patient]) -> list[Panel]:
    """One panel for each kind of evidence, with a frame for each patient."""
    kinds: dict[str, tuple[Picture, str]] = {
        "losses": (_losses, "both losses over the steps"),
        "opinion": (_opinion, "D's outputs over the steps"),
        "outputs": (_outputs, "D's outputs on real samples and on fakes at the checkpoint"),
        "gradients": (_gradients, "each layer's gradient over its weights"),
        "samples": (_samples, "samples in evaluation mode"),
        "variety": (_variety, "how many samples fall to each mode or digit"),
        "training-mode": (_in_training, "samples in training mode"),
    }
    drawn = {name: [draw(patient) for patient in patients] for name, (draw, _) in kinds.items()}
    return [
        Panel(name, [frame or _nothing(name, kinds[name][1]) for frame in frames], kinds[name][1])
        for name, frames in drawn.items()
        if any(frames)
    ]


def _nothing(name: str, what: str) -> Frame:
    same = "No picture in training mode: G works the same in both modes, or there is no checkpoint."
    return Text(f"<p>{same if name == 'training-mode' else f'Nothing to draw: {what}.'}</p>")


def _below(figure: Any) -> Drawing:
    """With the legend below the axes."""
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)


# ---- the log ------------------------------------------------------------------------------------------------------


def _losses(patient: Patient) -> Drawing | None:
    names = [name for name in ("loss_D", "loss_G") if name in patient.log]
    if not names:
        return None
    unit = "nats" if patient.settings[2] in PROBABILITIES else "units of the score"
    figure, ax = panel("losses", "step", f"loss, {unit}", height=TALL)
    for name, color, style in zip(names, (BLUE, ORANGE), ("-", "--"), strict=False):
        ax.plot(patient.log["step"], patient.log[name], style, color=color, label=name)
    _far(ax, *(patient.log[name] for name in names))
    return _below(figure)


def _far(ax: Any, *values: Any) -> None:
    """Over whole steps; where values are large, logarithmic far from 0."""
    ax.xaxis.get_major_locator().set_params(integer=True)
    if max(np.abs(each[np.isfinite(each)]).max(initial=0) for each in values) > LARGE:
        ax.set_yscale("symlog", linthresh=10)


def _opinion(patient: Patient) -> Drawing | None:
    if "D_x" not in patient.log:
        return None
    probabilities = patient.settings[2] in PROBABILITIES
    figure, ax = panel("D's opinion", "step", "probability of being real" if probabilities else "score", height=TALL)
    if probabilities:
        ax.axhspan(SURE, 1, color=PALE, linewidth=0)
        ax.axhspan(0, 1 - SURE, color=PALE, linewidth=0)
        ax.set_ylim(0, 1)
    ax.plot(patient.log["step"], patient.log["D_x"], color=BLUE, label="D(x), real")
    ax.plot(patient.log["step"], patient.log["D_G_z"], "--", color=ORANGE, label="D(G(z)), fakes")
    _far(ax, patient.log["D_x"], patient.log["D_G_z"])
    return _below(figure)


# ---- the checkpoint -----------------------------------------------------------------------------------------------


def _outputs(patient: Patient) -> Drawing | None:
    if patient.measures is None:
        return None
    real, fake = (x[np.isfinite(x)] for x in (patient.measures.on_real, patient.measures.on_fake))
    if not (real.size and fake.size):
        return None
    low, high = np.percentile(np.concatenate([real, fake]), [1, 99])
    bins = np.linspace(low, max(high, low + 1e-6), 40)
    unit = "logit" if patient.settings[2] in PROBABILITIES else "score"
    figure, ax = panel("D's outputs at the checkpoint", unit, "number of samples", height=TALL)
    ax.hist(real.clip(bins[0], bins[-1]), bins, color=BLUE, alpha=0.5, label="real")
    ax.hist(fake.clip(bins[0], bins[-1]), bins, histtype="step", color=ORANGE, linewidth=1.5, label="fakes")
    return _below(figure)


def _gradients(patient: Patient) -> Drawing | None:
    if patient.measures is None:
        return None
    gradients = patient.measures.gradients
    with np.errstate(all="ignore"):
        ratio, x = np.clip(gradients.gradient / gradients.weight, 1e-12, None), np.arange(len(gradients.layers))
    finite = ratio[np.isfinite(ratio)]
    if not finite.size:
        return None
    figure, ax = panel("gradient over weights", "", "ratio of L2 norms", height=TALL, yscale="log")
    of_G = np.array([name.startswith("G") for name in gradients.layers])
    ax.plot(x[of_G], ratio[of_G], "o", color=ORANGE, label="layers of G")
    ax.plot(x[~of_G], ratio[~of_G], "s", color=BLUE, label="layers of D")
    ax.axhline(FAINT, color=GREY, linestyle="--", linewidth=1, label="starved below")
    ax.set_xticks(x, gradients.layers, rotation=90 if len(x) > 8 else 0)
    ax.set_ylim(min(finite.min(), FAINT) / 5, max(finite.max(), 1) * 5)
    return _below(figure)


# ---- samples ------------------------------------------------------------------------------------------------------


def _samples(patient: Patient) -> Drawing | None:
    if patient.measures is None:
        return None
    return _drawn(
        patient.measures.samples, patient.measures.real, f"{len(patient.measures.samples)} samples, evaluation mode"
    )


def _in_training(patient: Patient) -> Drawing | None:
    measures = patient.measures
    if measures is None or not measures.two_modes:
        return None
    return _drawn(measures.in_training, measures.real, "the same z in training mode")


def _drawn(samples: Any, real: Any, title: str) -> Drawing | None:
    """Images as a grid, points over real ones; what is neither is not drawn."""
    if samples.ndim == 4 and samples.shape[1] in (1, 3):
        figure, ax = panel(title)
        ax.imshow(grid(samples / 127.5 - 1, scale=1), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        ax.set_axis_off()
        return Drawing(figure)
    if samples.ndim != 2 or samples.shape[1] != 2:
        return None
    figure, ax = panel(title, "x₁", "x₂", height=TALL, aspect="equal")
    ax.plot(*real.T, "+", color=GREY, label="real", markersize=6)
    ax.plot(*samples.T, "o", color=ORANGE, label="generated", markersize=3)
    return _below(figure)


def _variety(patient: Patient) -> Drawing | None:
    measures = patient.measures
    if measures is None or measures.variety is None or not measures.variety.kind:
        return None
    variety = measures.variety
    name = "digit, as the judge reads it" if variety.kind == "digits" else "mode nearest to the sample"
    figure, ax = panel("variety", name, "number of samples", height=TALL)
    x = np.arange(len(variety.counts))
    ax.bar(x - 0.2, variety.counts, 0.4, color=ORANGE, label="generated")
    ax.bar(x + 0.2, variety.real_counts, 0.4, color=GREY, label="real")
    ax.set_xticks(x if len(x) <= 10 else x[:: len(x) // 5])
    ax.axhline(0, color=INK, linewidth=0.8)
    return _below(figure)
