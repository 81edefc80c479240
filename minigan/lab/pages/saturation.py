"""The page of the experiment saturation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from minigan.lab.experiments.saturation import Chase, Duel, Saturation
from minigan.lab.page import Check, Exhibit, Page, Panel, Section, Slider, Table, number, power
from minigan.lab.pages.saturation_drawings import (
    chase_drawing,
    histogram_frames,
    layer_frames,
    loss_frames,
    picture_frames,
    points_drawing,
    positions,
    signal_numbers,
    slope_frames,
    slope_numbers,
    total_frames,
)

LEAD = (
    "At first D wins: fakes are easy to tell from real samples. That is the moment at which G has most to learn, and "
    "the loss that the theory of the game asks for tells it least. This page puts that loss, minimax, beside the one "
    "that everybody trains with, non-saturating: the same G, the same fakes, the same D, two gradients."
)
TOLERANCES = {"float64": 1e-12, "float32": 1e-5}
"""Of a gradient that went back through D, as a share of it: what the precision allows."""


def page(data: Saturation) -> Page:
    """What the experiment found, as a page."""
    sections = [_losses(data), _toy(data), *([_mnist(data)] if data.mnist else []), _chases(data)]
    return Page("Which loss still learns when D is sure?", LEAD, sections, list(_checks(data)))


# ---- sections --------------------------------------------------------------------------------------------


def _losses(data: Saturation) -> Section:
    curves = data.per_logit
    names = [_whole(curves.logits[i]) for i in positions(curves)]
    text = [
        "D's last layer gives a number <var>s</var>, the logit; <var>D</var> = 1/(1 + e<sup>&minus;<var>s</var></sup>) "
        "is the probability that it stands for. G sees D only through this number: by the chain rule its gradient is "
        "(derivative of the loss with respect to <var>s</var>) · (derivative of <var>s</var> with respect to G's "
        "weights), added up over all fakes. The second factor is D's and G's affair; the loss has only the first.",
        "<strong>Minimax</strong>: G makes log(1 &minus; <var>D</var>) small, the very term that D makes large. Its "
        "derivative with respect to <var>s</var> is &minus;<var>D</var>. <strong>Non-saturating</strong>: G makes "
        "&minus;log <var>D</var> small. Its derivative is &minus;(1 &minus; <var>D</var>). Both push <var>s</var> up. "
        "But the first factor is the probability that the fake <em>fools</em> D, the second that it <em>does "
        "not</em>. One divided by the other is <var>D</var>/(1 &minus; <var>D</var>) = e<sup><var>s</var></sup>.",
        "Beside them: the Wasserstein loss, &minus;<var>s</var>, has a gradient of size 1 everywhere, and so has G's "
        "hinge loss. Least squares pulls the harder the further <var>s</var> is from 1, on both sides.",
    ]
    at_8 = curves.ratios[list(curves.told).index(-8.0)]
    caption = (
        "Move the slider to the left: D becomes sure that this is a fake. Minimax turns flat (it saturates): its "
        "gradient falls by a factor e for each 1 in <var>s</var>, because it is D itself. At <var>s</var> = &minus;8 "
        f"it is 1/{1 / at_8:,.0f} of the non-saturating one, which is nearly 1, as much as it can be. Non-saturating "
        "is flat on the other side, where the fake is good already."
    )
    panels = [loss_frames(curves), slope_frames(curves), slope_numbers(curves)]
    slider = Slider("Logit s of a fake", names, names.index(_whole(-8)))
    rows = [(_whole(s), ratio, float(np.exp(s))) for s, ratio in zip(curves.told, curves.ratios, strict=True)]
    table = Table(
        "Minimax beside non-saturating", ("logit s", "ratio of the gradients, by autograd", "e<sup>s</sup>"), rows
    )
    return Section(
        "Two losses, one factor", text, [Exhibit("G's losses, logit by logit", caption, panels, [slider]), table]
    )


def _toy(data: Saturation) -> Section:
    toy = data.toy
    first, last = toy.signals[0], toy.signals[-1]
    text = [
        "Now with networks. Real samples are points on a ring of eight Gaussians. G has never been trained and stands "
        "still; D is trained against it, further and further. At each stop the same fakes are shown to D once, and the "
        "gradient of each loss is followed back to each layer of G. D was trained by the usual loss for probabilities; "
        "Wasserstein, hinge and least squares are asked of the same D here, only to compare what a loss makes of it. "
        "The upright line of the last picture marks the step of the slider. In the mean minimax keeps a little more "
        "than the mean logit says, as the fakes that fool D best count most.",
    ]
    caption = (
        f"Move the slider: D pulls the logits apart, to {_logit(last.fake.mean())} for the mean fake after "
        f"{toy.at[-1]:,} steps. D's slope grows, and with it G's gradient: look at the Wasserstein line, which has no "
        "factor of its own. Non-saturating keeps nearly all of that, and minimax falls to "
        f"{_share(last.ratio)} of it ({first.ratio:.2f} at the start), close to e<sup>mean <var>s</var></sup> (thin "
        "line). All layers lose about the same share, because the factor is applied before the signal enters D."
    )
    return Section(
        "D gets better, G stands still",
        text,
        [Exhibit("A toy", caption, [points_drawing(toy), *_panels([toy], "toy", more=False)], [_steps(toy)])],
    )


def _mnist(data: Saturation) -> Section:
    fresh, later = data.mnist
    soon = next((i for i, one in enumerate(later.signals) if one.ratio < 0.01), len(later.at) - 1)
    end = fresh.signals[-1]
    caption = (
        "The first slider chooses G, the second trains D alone. D sees through a fresh G in a few dozen steps: after "
        f"{fresh.at[-1]} the mean logit of its fakes is {_logit(end.fake.mean())}, and minimax passes "
        f"{_share(end.ratio)} of what non-saturating passes. A trained G fares no better: after {later.at[soon]} steps "
        f"it is {_logit(later.signals[soon].fake.mean())} and {_share(later.signals[soon].ratio)}, because G does not "
        "answer. In a real training it does, as long as its loss lets it."
    )
    panels = [picture_frames(data.mnist), *_panels(data.mnist, "mnist", more=True)]
    sliders = [Slider("G", [duel.name for duel in data.mnist]), _steps(fresh)]
    return Section("On MNIST", _networks(data), [Exhibit("The reference networks", caption, panels, sliders)])


def _networks(data: Saturation) -> list[str]:
    """Those on MNIST, and the rows that their table has besides."""
    fresh, later = data.mnist
    first, last = fresh.signals[-1], later.signals[-1]
    return [
        "The same with the reference networks on MNIST (G with three hidden layers, D with three and dropout, which is "
        "off while we look). Once with a G that makes noise, and once with a G that has been trained for "
        f"{later.name.split()[2]} steps and makes strokes that are no digits yet. How fast D sees through them depends "
        "on the seed; that it is fast does not.",
        "The table has two new rows. The <em>cosine</em> says whether both gradients point the same way: "
        f"{first.cosine:.3f} for a fresh G, whose fakes are all alike, but {last.cosine:.3f} for the other one, as "
        "minimax listens to the fakes that fool D best and non-saturating to the others. <em>Below eps</em> is the "
        f"share of G's weights whose gradient is smaller than {power(later.eps)}: Adam divides a gradient by its own "
        "size plus that eps, so these weights move by less than half of the learning rate. In the end they are "
        f"{last.below_eps['minimax']:.0%} of the later G's with minimax, and {last.below_eps['non-saturating']:.0%} "
        "with non-saturating.",
    ]


def _chases(data: Saturation) -> Section:
    of = {(chase.loss, chase.optimizer): chase for chase in data.chases}
    slow, fast, runaway = of["minimax", "SGD"], of["non-saturating", "SGD"], of["minimax", "Adam"]
    text = [
        "What does a lost factor cost? Take the toy at the end of its slider, where D is sure of all fakes, hold D "
        "still, and let G learn from this state: by each loss, with plain gradient descent (SGD), and with Adam, which "
        "divides each weight's gradient by its own usual size. A very high logit is no better sample: it is what a D "
        "that stands still can be cheated into. In a game D would answer.",
    ]
    caption = (
        f"All begin at the mean logit {_logit(slow.logits[0])}. With SGD, non-saturating is above 0, where D takes the "
        f"mean fake for real, after {_crossing(fast)}; minimax is at {_logit(slow.logits[-1])} after "
        f"{len(slow.logits) - 1:,} steps. With Adam both rise alike at first, because it divides away a factor that "
        "all weights share. Above 0 non-saturating is flat, while minimax pulls on without end (with Adam to "
        f"about {_rounded(runaway.logits[-1])})."
    )
    return Section(
        "What G makes of it", text, [Exhibit("The same state, four ways on", caption, [chase_drawing(data)])]
    )


def _panels(duels: Sequence[Duel], name: str, more: bool) -> list[Panel]:
    return [
        histogram_frames(duels, f"{name}-logits"),
        layer_frames(duels, f"{name}-layers"),
        total_frames(duels, f"{name}-steps"),
        signal_numbers(duels, f"{name}-numbers", more),
    ]


def _steps(duel: Duel) -> Slider:
    return Slider("Steps of D alone", [f"{step:,}" for step in duel.at], len(duel.at) - 1)


_whole, _logit = partial(number, form="g"), partial(number, form=".1f")


def _share(ratio: float) -> str:
    return f"1/{_rounded(1 / ratio)}"


def _rounded(x: float) -> str:
    """To two digits: the others depend on chance."""
    return f"{float(f'{x:.2g}'):,.0f}"


def _crossing(chase: Chase) -> str:
    """After how many steps the mean fake passes."""
    above = np.flatnonzero(chase.logits > 0)
    return f"{above[0]} steps" if len(above) else f"more than {len(chase.logits) - 1} steps"


# ---- checks ----------------------------------------------------------------------------------------------


def _checks(data: Saturation) -> Iterator[Check]:
    for s, ratio in zip(data.per_logit.told, data.per_logit.ratios, strict=True):
        yield Check(f"ratio of the gradients at s = {_whole(s)}: exp(s)", float(np.exp(s)), float(ratio), 1e-12, True)
    for name, duel in (("toy", data.toy), *(("MNIST", duel) for duel in data.mnist)):
        seen = sum(len(one.fake) for one in duel.signals)
        what = (
            f"{name}, {duel.name}: minimax gradient at D's logit and at the fake, over exp(s) times the other, less 1"
        )
        yield Check(f"{what}; the worst of {seen:,} fakes", 0.0, duel.error, TOLERANCES[duel.precision])
