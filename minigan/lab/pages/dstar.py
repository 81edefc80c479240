"""The page of the experiment dstar."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from minigan.lab.experiments.dstar import DStar, LinearCritic, LinearLogit, Trained
from minigan.lab.experiments.dstar_pairs import LOG_4, Pair
from minigan.lab.page import Check, Exhibit, Page, Section, Table
from minigan.lab.pages.dstar_drawings import (
    critic_frames,
    critic_numbers,
    density_frames,
    discriminator_frames,
    discriminator_numbers,
    distance_drawing,
    gap_frames,
    jsd_drawing,
    logit_drawing,
    pull_drawing,
    sliders,
    value_frames,
)

LEAD = (
    "Hold G still and train D to its end. It ends at one function that can be written down, and what it is paid there "
    "is a distance between real samples and fakes. So G, which moves against D, makes that distance smaller. This page "
    "trains D, compares it with theory, and shows why that distance tells a G that is far away nothing, and what a "
    "Wasserstein critic tells it instead."
)


def page(data: DStar) -> Page:
    """What the experiment found, as a page."""
    sections = [_best(data), _linear(data), _saturation(data), _critic(data), _trap(data)]
    return Page("How far apart? What D measures", LEAD, sections, _checks(data))


# ---- sections --------------------------------------------------------------------------------------------


def _best(data: DStar) -> Section:
    far = max(data.trained, key=lambda one: one.pair.mean)
    text = [
        "D gives each <var>x</var> a number <var>D</var>(<var>x</var>) between 0 and 1, the probability that it is "
        "real. It is trained to make this as large as it can: <var>V</var>(<var>D</var>) = E log <var>D</var>(real) + "
        "E log(1 &minus; <var>D</var>(fake)), where E is the mean and log the natural logarithm, so that <var>V</var> "
        "is in nats. Let <var>p</var>(<var>x</var>) be how likely a real sample is at <var>x</var>, and "
        "<var>q</var>(<var>x</var>) the same for a fake. Then <var>V</var> is the integral over <var>x</var> of "
        "<var>p</var> log <var>D</var> + <var>q</var> log(1 &minus; <var>D</var>). Each <var>x</var> can be looked at "
        "alone: the derivative <var>p</var>/<var>D</var> &minus; <var>q</var>/(1 &minus; <var>D</var>) is 0 at "
        "<strong><var>D</var>* = <var>p</var>/(<var>p</var> + <var>q</var>)</strong>.",
        "Put <var>D</var>* into <var>V</var>, and what comes out is <strong><var>V</var>* = &minus;log 4 + 2 "
        "JSD</strong>. JSD is the Jensen-Shannon divergence: 0 if both distributions are the same, log 2 if no "
        "<var>x</var> can come from both. The two facts are proposition 1 and theorem 1 of Goodfellow et al. 2014.",
        "N(μ, <var>s</var>²) is the Gaussian with the mean μ and the standard deviation <var>s</var>. Here real "
        "samples are N(0, 1), and the fakes are another one. D is a small network with two hidden layers. It sees "
        f"{len(far.x)} points <var>x</var> at once, each as heavy as it is likely, so that no step differs from "
        "another by chance. With the last position of the first slider both have the same mean, but the fakes are "
        "twice as wide: D finds them at both sides.",
    ]
    caption = (
        "The first slider puts real samples and fakes further apart, the second trains D. It begins at ½ everywhere, "
        f"where <var>V</var> = &minus;log 4 = &minus;{LOG_4:.3f}, and ends on D* (grey): ½ where <var>p</var> and "
        "<var>q</var> cross, as D can only guess there. Far out D learns last, because an error where samples are rare "
        "costs next to nothing. At the distance "
        f"{far.pair.mean:g} D* is nearly a step, and <var>V</var> ends at &minus;{-far.values[-1]:.4f}, just below 0."
    )
    panels = [density_frames(data), discriminator_frames(data), value_frames(data), discriminator_numbers(data)]
    return Section("The best answer of D", text, [Exhibit("D learns p/(p + q)", caption, panels, sliders(data))])


def _linear(data: DStar) -> Section:
    text = [
        "A logit is the number before the sigmoid: <var>D</var> = 1/(1 + e<sup>&minus;<var>s</var></sup>). That of "
        "<var>D</var>* is <var>s</var> = log <var>p</var>/<var>q</var>. For N(0, 1) against N(μ, 1) the squares cancel "
        "and a straight line is left: &minus;μ<var>x</var> + μ²/2. So a D without any hidden layer, <var>s</var> = "
        "<var>w</var><var>x</var> + <var>b</var>, has to end exactly there.",
    ]
    steps = data.linear_at[-1]
    caption = (
        f"The path of <var>w</var> and <var>b</var> from 0 in {steps:,} steps, for four distances. All end on the "
        "parabola <var>b</var> = <var>w</var>²/2, at <var>w</var> = &minus;μ, in the large circles. The further apart, "
        "the longer the way: a D that separates better is surer, and to be sure takes large weights. If no "
        "<var>x</var> could come from both, the weights would grow without end."
    )
    rows = [(f"μ = {one.mean:g}", one.predicted[0], one.path[-1][0], one.predicted[1], one.path[-1][1])
            for one in data.logits]  # fmt: skip
    head = ("", "w = &minus;μ", "w, trained", "b = μ²/2", "b, trained")
    table = Table("Where a linear D ends", head, rows)
    return Section("A D that can be solved", text, [Exhibit("Two weights", caption, [logit_drawing(data)]), table])


def _saturation(data: DStar) -> Section:
    shifted = data.trained[:-1]
    far = max(shifted, key=lambda one: one.pair.mean)
    most = max(shifted, key=lambda one: one.pull.minimax)
    gap_slope = float(np.interp(far.pair.mean, data.curve.mean, data.curve.gap_slope))
    text = [
        "G cannot see <var>V</var>*. All it gets is a gradient: how the value changes when its fakes move. Take the "
        "simplest G there is, <var>G</var>(<var>z</var>) = μ + <var>z</var>: it can only shift its fakes, and the "
        "gradient with respect to μ says how hard D pulls them towards the real samples.",
        "The minimax pull is the slope of <var>V</var>* = &minus;log 4 + 2 JSD, twice that of JSD. The critic pulls by "
        "its own slope, the mean of &minus;<var>f</var>&prime; over the fakes: neither the slope of <var>W</var>, "
        f"which is 1, nor that of the best critic's gap, {gap_slope:.2f} at μ = {far.pair.mean:g}, as the critic "
        f"stands still meanwhile. Its penalty (λ = {data.gradient_penalty:g}, below) lets its slope exceed 1 a "
        "little, and its gap the distance.",
        "The non-saturating loss, E &minus;log <var>D</var>(fake), asks the same D another question: its pull even "
        "grows with the distance, as the slope of D's logit does. Where its dots lie below the line, D is sure already "
        "and is paid next to nothing for a steeper slope; how far below depends on the weights that D began with. "
        "<code>minigan lab saturation</code> looks into this loss.",
    ]
    caption = (
        "Lines are theory, dots what minigan trained and differentiated. <b>What D measures</b>: JSD lies flat at log "
        "2 from some distance on: “nothing in common”. <b>What a critic measures</b>: the Wasserstein distance is how "
        "far the mass has to be carried, and just grows. <b>What G gets</b>: the pull on it. Minimax's falls from "
        f"{most.pull.minimax:.2g} at μ = {most.pair.mean:g} to {far.pull.minimax:.2g} at μ = {far.pair.mean:g}, as it "
        "is the slope of a curve that is flat; the critic's "
        f"{'grows slowly, to' if far.pull.wasserstein > most.pull.wasserstein else 'is'} {far.pull.wasserstein:.2f}."
    )
    exhibit = Exhibit("A distance that stops growing", caption,
                      [jsd_drawing(data), distance_drawing(data), pull_drawing(data)])  # fmt: skip
    return Section("Why a perfect D teaches G nothing", text, [exhibit])


def _critic(data: DStar) -> Section:
    text = [
        "A critic <var>f</var> gives any number, not a probability. It is trained to make the gap E "
        "<var>f</var>(real) &minus; E <var>f</var>(fake) large. Without a rule it could just grow; if its slope may "
        "nowhere be above 1, the largest gap is the Wasserstein distance (Kantorovich and Rubinstein). WGAN-GP "
        "(Gulrajani et al. 2017) asks for the slope 1 by a penalty: λ (|<var>f</var>&prime;| &minus; 1)², on "
        "average over points between real samples and fakes.",
        "A penalty can be paid. Where the critic gains by it, it is steeper than 1: with λ and a straight line the "
        "slope is 1 + <var>W</var>/(2λ), and the gap <var>W</var>(1 + <var>W</var>/(2λ)) instead of <var>W</var>. For "
        "a free <var>f</var> the best slope is known for each <var>x</var>, and drawn in grey.",
    ]
    wide = data.trained[-1]
    missing = 1 - wide.gaps[-1] / wide.gap
    caption = (
        "The same two sliders, another question. The critic becomes a ramp that falls from the real samples to the "
        "fakes and does not flatten between them, however far apart they are: its slope is what G gets. Its gap passes "
        "the Wasserstein distance (dashed) and ends at what the penalty allows (grey). For wide fakes it becomes a "
        "tent. The best one gets steeper on its way outwards, but the sides of the trained one stay nearly straight, "
        f"and {missing:.1%} of the gap is missing for it."
    )
    panels = [density_frames(data, "critic-densities"), critic_frames(data), gap_frames(data), critic_numbers(data)]
    return Section("A critic in place of D", text, [Exhibit("A ramp that stays", caption, panels, sliders(data))])


def _trap(data: DStar) -> Section:
    rows = [
        (
            f"{one.mean:g}",
            f"{one.weight:g}",
            f"{one.start:g}",
            one.predicted_slope,
            one.slope,
            one.predicted_gap,
            one.gap,
        )
        for one in data.critics
    ]
    caption = (
        "The fakes lie to the right, so the slope should be negative; the larger λ, the nearer it is to &minus;1. "
        "Begun at +1, on the wrong side, it stays there and its gap is negative: near slope 0 the gap pulls with "
        "<var>W</var>, but the penalty pushes back with 2λ, and only a λ below <var>W</var>/2 lets it through. In more "
        "than one dimension a slope can turn round without passing 0, so this trap is one of toys."
    )
    head = ("distance μ", "λ", "slope at first", "slope, predicted", "slope, trained", "gap, predicted", "gap, trained")
    table = Table("Linear critics f(x) = w x + b", head, rows, caption)
    return Section("A straight critic, and a trap", (), [table])


# ---- checks ----------------------------------------------------------------------------------------------


def _checks(data: DStar) -> list[Check]:
    return [
        *(check for one in data.trained for check in _pair_checks(data, one)),
        *(check for one in data.logits for check in _logit_checks(one)),
        *(check for one in data.critics for check in _critic_checks(one)),
    ]


def _pair_checks(data: DStar, one: Trained) -> Iterator[Check]:
    name = f"N(0, 1) against {one.pair.name}"
    if one.pair.name in data.reference:
        known = f"V* of {name}, to six decimals (mathematics, integrated once more)"
        yield Check(known, data.reference[one.pair.name], one.value, 1e-6)
    yield Check(f"−log 4 + 2 JSD of {name}, and V of a trained D", 2 * one.jsd - LOG_4, float(one.values[-1]), 1e-3)
    yield Check(f"W of {name}, exact and by quadrature", _exact_distance(one.pair), one.wasserstein, 1e-9)
    if one.gap > 0:
        within = 0.05 if one.pair.std != 1 else 0.01  # a trained tent has sides that are too straight
        yield Check(f"critic's gap, {name}", one.gap, float(one.gaps[-1]), within, True)


def _exact_distance(pair: Pair) -> float:
    """E |x - y| where each z of N(0, 1) stands for x = z and y = mean + std z: on a line no other plan is cheaper."""
    if pair.std == 1:
        return abs(pair.mean)
    if pair.mean == 0:
        return abs(pair.std - 1) * math.sqrt(2 / math.pi)
    raise ValueError(f"expected pairs that differ in mean or width, but {pair.name} differs in both.")


def _logit_checks(one: LinearLogit) -> Iterator[Check]:
    for name, predicted, measured in zip("wb", one.predicted, one.path[-1], strict=True):
        yield Check(f"linear D, μ = {one.mean:g}: {name}", predicted, float(measured), 0.01, True)


def _critic_checks(one: LinearCritic) -> Iterator[Check]:
    name = f"linear critic, μ = {one.mean:g}, λ = {one.weight:g}, from slope {one.start:g}"
    yield Check(f"{name}: slope", one.predicted_slope, one.slope, 0.01, True)
    yield Check(f"{name}: gap", one.predicted_gap, one.gap, 0.01, True)
