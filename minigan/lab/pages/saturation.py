"""The page of the experiment saturation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from minigan.lab.experiments.saturation import Chase, Duel, Saturation
from minigan.lab.experiments.saturation_signal import EPS
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
    ]
    at_8 = curves.ratios[list(curves.told).index(-8.0)]
    caption = (
        "Move the slider to the left: D becomes sure that this is a fake. Minimax turns flat (it saturates), and on "
        "the logarithmic scale its gradient falls along a straight line, by a factor e for each 1 in <var>s</var>. At "
        f"<var>s</var> = &minus;8 it passes {_share(at_8)} of what non-saturating passes, which is 1 by then, as "
        "much as it can be. Non-saturating is flat on the other side: there the fake is good already. The Wasserstein "
        "loss, &minus;<var>s</var>, has the gradient 1 everywhere, and so has G's hinge loss. Least squares pulls the "
        "harder the further <var>s</var> is from 1, on both sides; at 1 it pulls not at all."
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
        "Wasserstein, hinge and least squares are asked of the same D here, only to compare what a loss makes of it.",
    ]
    caption = (
        f"Move the slider: D pulls the logits of real samples and fakes apart, to {_logit(last.fake.mean())} for the "
        f"mean fake after {toy.at[-1]:,} steps. (The upright line marks that step in the last picture.) Two things "
        "happen to G's gradient. Through a better D it becomes larger, as D's slope grows: look at the Wasserstein "
        "line, which has no factor of its own. And the loss multiplies it by its factor. Non-saturating keeps nearly "
        f"all of it. Minimax falls to {_share(last.ratio)} of that, close to e<sup>mean <var>s</var></sup> (the thin "
        f"line): at the start the ratio was {first.ratio:.2f}. Every layer loses about the same share, because the "
        "factor is applied before the signal enters D, and all layers lie behind it. In the mean minimax keeps a "
        "little more than the mean logit says, as the fakes that fool D best count most."
    )
    return Section(
        "D gets better, G stands still",
        text,
        [Exhibit("A toy", caption, [points_drawing(toy), *_panels([toy], "toy", more=False)], [_steps(toy)])],
    )


def _mnist(data: Saturation) -> Section:
    fresh, later = data.mnist
    soon = next((i for i, one in enumerate(later.signals) if one.ratio < 0.01), len(later.at) - 1)
    text = [
        "The same with the reference networks on MNIST (G with three hidden layers, D with three and dropout, which is "
        "off while we look). Once with a G that makes noise, and once with a G that has been trained for "
        f"{later.name.split()[2]} steps and makes strokes that are no digits yet.",
    ]
    end, ends = fresh.signals[-1], later.signals[-1]
    caption = (
        "Move the first slider to choose G, the second to train D alone. D sees through a fresh G in a few dozen "
        f"steps: after {fresh.at[-1]} the mean logit of its fakes is {_logit(end.fake.mean())}, and minimax passes "
        f"{_share(end.ratio)} of what non-saturating passes. That is no matter of a fresh G: leave D alone with one "
        f"that was trained, and {later.at[soon]} steps later the mean logit is "
        f"{_logit(later.signals[soon].fake.mean())} and the ratio {_share(later.signals[soon].ratio)}. (How fast "
        "depends on the seed; that it is fast does not.) In a real training G moves meanwhile, and D does not get so "
        "far as long as G's loss lets G answer. The table has two new rows. The cosine says whether both gradients "
        f"point the same way: {end.cosine:.3f} for a fresh G, whose fakes are all alike, but {ends.cosine:.3f} for "
        "the other one, as minimax listens to the fakes that fool D best and non-saturating to the others. The other "
        f"one is the share of G's weights whose gradient is smaller than eps = {power(EPS)}. Adam, the usual "
        "optimizer, divides a gradient by its own size plus eps: under a gradient that stays as it is a weight moves "
        "by nearly the whole learning rate if the gradient is far above eps, and by less than half of it if it is "
        f"below. After all steps of the slider {ends.below_eps['minimax']:.0%} of the later G's weights are below with "
        f"minimax, and {ends.below_eps['non-saturating']:.0%} with non-saturating."
    )
    sliders = [Slider("G", [duel.name for duel in data.mnist]), _steps(fresh)]
    return Section(
        "On MNIST",
        text,
        [
            Exhibit(
                "The reference networks",
                caption,
                [picture_frames(data.mnist), *_panels(data.mnist, "mnist", more=True)],
                sliders,
            )
        ],
    )


def _chases(data: Saturation) -> Section:
    of = {(chase.loss, chase.optimizer): chase for chase in data.chases}
    slow, fast, runaway = of["minimax", "SGD"], of["non-saturating", "SGD"], of["minimax", "Adam"]
    text = [
        "What does a lost factor cost? Take the toy at the end of its slider, where D is sure of all fakes, hold D "
        "still, and let G learn from this state: by each loss, with plain gradient descent (SGD), and with Adam, which "
        "divides each weight's gradient by its own usual size.",
    ]
    caption = (
        f"All begin at the mean logit {_logit(slow.logits[0])}. With SGD, non-saturating is above 0, where D takes "
        f"the mean fake for real, after {_crossing(fast)}; minimax is at {_logit(slow.logits[-1])} after "
        f"{len(slow.logits) - 1:,} steps. With Adam both rise alike at first: a factor that is the same for all "
        "weights is divided away, as long as what is left is larger than eps. Above 0 the roles are exchanged. There "
        "non-saturating is flat and slows down, while minimax pulls with all its strength at fakes that fool D "
        f"already, without end (with Adam it leaves the picture and ends at {runaway.logits[-1]:,.0f}). So high a "
        "logit is no better sample: it is what a D that stands still can be cheated into. In a game D would answer."
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
    return f"1/{1 / ratio:,.0f}"


def _crossing(chase: Chase) -> str:
    """After how many steps the mean fake passes."""
    above = np.flatnonzero(chase.logits > 0)
    return f"{above[0]} steps" if len(above) else f"more than {len(chase.logits) - 1} steps"


# ---- checks ----------------------------------------------------------------------------------------------


def _checks(data: Saturation) -> Iterator[Check]:
    for s, ratio in zip(data.per_logit.told, data.per_logit.ratios, strict=True):
        yield Check(f"ratio of the gradients at s = {s:g}: exp(s)", float(np.exp(s)), float(ratio), 1e-12, True)
    for name, duel in (("toy", data.toy), *(("MNIST", duel) for duel in data.mnist)):
        seen = sum(len(one.fake) for one in duel.signals)
        what = (
            f"{name}, {duel.name}: minimax gradient at D's logit and at the fake, over exp(s) times the other, less 1"
        )
        yield Check(f"{what}; the worst of {seen:,} fakes", 0.0, duel.error, TOLERANCES[duel.precision])
