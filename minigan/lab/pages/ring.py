"""The page of `ring`: the game in the plane, the arrows of several losses, and the curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from html import escape
from itertools import cycle
from typing import Any

import numpy as np

from minigan.lab.experiments.ring import COUNTED, SPREAD, History, Ring
from minigan.lab.page import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SERIES,
    Check,
    Drawing,
    Exhibit,
    Page,
    Panel,
    Section,
    Table,
    number,
    panel,
)
from minigan.lab.pages import ring_views as views

SUREST = 60.0  # beyond this logit, e^s in a gradient is smaller than float32's numbers
PERFECT = 1 - math.exp(-4.5)  # of a Gaussian in the plane lies within three standard deviations
STYLES = ("-", "--", "-.", ":")  # of lines that cross each other
TICKS = (0, 0.05, 0.2, 0.5, 1)  # of the steps


def page(data: Ring) -> Page:
    """All of it."""
    return Page(
        "A GAN in the plane",
        f"A generator G learns to draw points from {len(data.centres)} Gaussians. In two dimensions nothing is hidden: "
        "what D says of every point of the plane, what the best possible D would say, where G's gradient sends each "
        "fake, and how G bends the plane to get there.",
        [_game(data), _losses_compared(data), _modes(data), _curves(data)],
        _checks(data),
    )


# ---- the game --------------------------------------------------------------------------------------------


def _game(data: Ring) -> Section:
    known = data.moments[0].best is not None
    before = Exhibit(
        "What both players start from",
        "<b>z</b>: orange lines have the same z₁, blue ones the same z₂. As many <var>z</var> lie between two lines as "
        "between any other two, so the lines are close together around 0, where <var>z</var> is likely. <b>Real "
        "points</b>: some of those that D is shown. <b>p</b>: their density, blurred as the comparison below needs it.",
        views.before_panels(data),
    )
    caption = (
        "Move the slider from the left: D finds G's first small cloud, and chases it across the plane. "
        f"{_when(data)} {SHORT if _calmed(data, [data.loss]) else ''}"
        f"{BANDS if data.training.all_from is not None else ''}{_softer(data) if known else ''}At the end "
        f"{_modes_of(data.moments[-1])}."
    )
    game = Exhibit("The game, step by step", caption, views.game_panels(data), [views.slider(data)])
    return Section("Watch it train", [*_players(data), _pictures(data, known)], [before, game])


SHORT = "Arrows become short as D flattens where the fakes are. "
BANDS = "The last bad fakes lie in thin bands between modes, as G is continuous and cannot tear the grid. "
"""Said only where it is so."""


def _softer(data: Ring) -> str:
    """Why D is not the best D; nothing where it is as sharp."""
    end = data.moments[-1]
    seen = np.isfinite(np.asarray(end.best))
    if np.std(end.D[seen]) >= np.std(np.asarray(end.best)[seen]):
        return ""
    why = "R1 makes D pay for its slope, and it has few steps" if data.r1_gamma else "it has few steps"
    return f"<b>D</b>'s edges are softer than those of <b>D*</b>: {why}. "


def _calmed(data: Ring, losses: Sequence[str]) -> bool:
    """Whether the arrows of all these losses are short in the end, beside what they have been."""
    lengths = [[moment.lengths[name] for moment in data.moments] for name in losses]
    return all(each[-1] < max(each) / 2 for each in lengths)


def _players(data: Ring) -> list[str]:
    """Who they are, and what they are compared with."""
    return [
        f"Real points come from {len(data.centres)} Gaussians of standard deviation σ = {data.std:g}. G turns "
        "<var>z</var>, two numbers drawn from N(0, 1), into a point <var>x</var> = G(<var>z</var>), a fake; D turns "
        f"a point into a number that says how real it looks. Both train by the loss “{escape(data.loss)}”, D first, "
        "then G. D also pays for its slope at real points (R1, ½ γ E ‖∇D(<var>x</var>)‖² with γ = "
        f"{data.r1_gamma:g}), and the learning rate falls to 0, so that the game can converge.",
        "With <var>p</var> the density of real points and <var>q</var> that of fakes, the best D says "
        "D*(<var>x</var>) = <var>p</var> ⁄ (<var>p</var> + <var>q</var>) (Goodfellow et al. 2014). <var>p</var> is "
        f"known; <var>q</var> is estimated from {SPREAD:,} fakes, each blurred by a Gaussian of standard deviation "
        f"{data.bandwidth:.3f}, the width of a cell of the heat maps. <var>p</var> is blurred by the same, and D is "
        "shown as it is.",
        "A Gaussian of the data is called a mode. A fake is <i>of high quality</i> within three standard deviations of "
        "the nearest one, and a mode is <i>caught</i> if at least one such fake is nearest to it.",
    ]


def _pictures(data: Ring, known: bool) -> str:
    """How to read them."""
    of_D = (
        "<b>D*</b> is the best D against the fakes of this moment: 1 where only real points come, 0 where only fakes "
        "come, blank where nothing comes. <b>D − D*</b> is what D has not learned: orange where it should trust more, "
        "purple where it should trust less."
        if known
        else f"<b>D</b> gives scores, for which the loss “{escape(data.loss)}” knows no best value."
    )
    return (
        "How to read the moving pictures. <b>The grid</b> of <var>z</var> is carried along by G: each cell holds the "
        "same share of all fakes, so small cells mean many fakes. <b>Arrows</b> are the negative gradient of G's loss "
        f"at each fake, which is all that G learns about real points; they lie along D's slope. {of_D} Small circles "
        "lie two standard deviations around the modes. Fakes beyond the edge of a picture are not seen."
    )


def _when(data: Ring) -> str:
    first = data.training.all_from
    if first is None:
        return "It never catches all modes at once."
    return f"After step {first} all modes are caught for the first time."


def _modes_of(moment: Any) -> str:
    found = moment.modes
    return f"{found.modes} of {found.of} modes are caught, and {found.high_quality:.0%} of all fakes are near one"


# ---- losses of G -----------------------------------------------------------------------------------------


def _losses_compared(data: Ring) -> Section:
    names = list(data.pull)
    panels = [
        *(views.arrow_panel(data, name, f"arrows-{name}", name) for name in names),
        Panel("pull", [_pull(data, names)], "pull of each loss by D's output"),
        Panel("arrow-lengths", [_lengths(data, names)], "median length of the arrows by step"),
    ]
    caption = (
        "The same D, the same fakes, another loss of G: the arrows keep their line, as each loss multiplies the same "
        "∇D(<var>x</var>) by a number of its own (<b>how strongly a fake is pulled</b>). That number decides how long "
        f"they are, and if it is below 0 it turns them around{_turned(data)}."
        f"{FALLS if _calmed(data, names) else ''}"
    )
    exhibit = Exhibit("Arrows of several losses, from the same state", caption, panels, [views.slider(data)])
    return Section("Which way each loss sends a fake", _factors(data), [exhibit])


FALLS = (
    " The <b>median length</b> jumps while D and G chase each other and falls once D flattens, for all losses alike: "
    "what changes then is D's slope, not the loss."
)


def _turned(data: Ring) -> str:
    """Which loss does that, and whether it does it here."""
    if "least-squares" not in data.pull:
        return ""
    seen = max(float(moment.outputs.max()) for moment in data.moments) > 1
    return f": least squares does so where <var>s</var> is above 1{'' if seen else ', which no fake here reaches'}"


def _factors(data: Ring) -> list[str]:
    """What each loss multiplies D's slope by."""
    scale, surest = views.arrow_scale(data), max(float(np.abs(moment.outputs).max()) for moment in data.moments)
    return [
        "Each loss looks at a fake <var>x</var> through D's output <var>s</var> alone, so its gradient is a number "
        "times the slope of D: <b>−∂L/∂x = (−dL/ds) · ∇D(x)</b>. Minimax lets go of fakes that D has seen through "
        "(<var>s</var> far below 0), and non-saturating pulls just those; their ratio is "
        "e<sup>−<var>s</var></sup>. A Wasserstein loss pulls all alike; least squares pulls harder the farther "
        "<var>s</var> is below 1, and pushes back above it.",
        f"At the fakes shown <var>s</var> stays within ±{surest:.1f}; what minimax does when D is surer is shown by "
        f"<code>minigan lab saturation</code>. Arrows are drawn in one scale: {scale:.2g} in the plane for a gradient "
        "of 1.",
    ]


def _pull(data: Ring, names: list[str]) -> Drawing:
    figure, axes = panel("how strongly a fake is pulled uphill", "D's output s", "−dL/ds", ylim=(-1, 5))
    for color, style, name in zip(SERIES, cycle(STYLES), names, strict=False):
        axes.plot(data.pull_at, data.pull[name], style, color=color, label=name)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.legend(loc="upper right", handlelength=2.8)
    return Drawing(figure)


def _lengths(data: Ring, names: list[str]) -> Drawing:
    figure, axes = _by_step(data, "median length of the arrows", "L2 norm of ∂L/∂x")
    steps = [moment.step for moment in data.moments]
    for color, style, name in zip(SERIES, cycle(STYLES), names, strict=False):
        axes.plot(steps, [moment.lengths[name] for moment in data.moments], style, color=color, label=name)
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right", handlelength=2.8)
    return Drawing(figure)


# ---- modes -----------------------------------------------------------------------------------------------


def _modes(data: Ring) -> Section:
    trainings = [data.training, *data.repeats]
    of = len(data.centres)
    all_caught = sum(training.modes[-1].modes == of for training in trainings)
    panels = [
        _counts(data, "caught", "modes caught", "modes", lambda found: found.modes, float(of)),
        _counts(data, "quality", "fakes near a mode", "share of high quality", lambda f: f.high_quality, PERFECT),
        _counts(data, "uneven", "how uneven the modes are", "KL to uniform, nats", lambda found: found.kl, 0.0),
    ]
    caption = (
        "Each line is a training from another seed, the broad one that of the pictures above; the level dashed line is "
        f"a perfect G. Of {len(trainings)} trainings {all_caught} end with all {of} modes. Modes are caught long "
        "before the fakes are good, because one good fake is enough to catch a mode: look at all three. A perfect G "
        f"reaches {PERFECT:.1%}, as a Gaussian has points beyond three standard deviations."
    )
    text = [
        f"The usual count (VEEGAN 2017, PacGAN 2018): of {COUNTED:,} fakes, those of high quality, and the modes that "
        "they catch. Whether the modes get equal shares is told by the KL divergence from the uniform distribution: "
        f"0 for equal shares, ln {of} = {math.log(of):.2f} if one mode has all. <code>mg.metrics.caught_modes</code> "
        "counts. Before any fake is near a mode there is no KL.",
    ]
    rows = [_row(training, of) for training in trainings]
    head = ("seed", "modes", "high quality", "KL, nats", "all modes from step", "loss of D", "loss of G")
    table = Table("At the end", head, rows, "Losses are means over the last tenth of the steps.")
    return Section("Did it find all modes?", text, [Exhibit("Modes over time", caption, panels), table])


def _counts(data: Ring, name: str, title: str, ylabel: str, value: Any, perfect: float) -> Panel:
    figure, axes = _by_step(data, title, ylabel)
    looks = zip(cycle(SERIES), cycle(STYLES), [data.training, *data.repeats], strict=False)
    for color, style, training in looks:
        counts = list(map(value, training.modes))
        width = 2.6 if training is data.training else 1.3
        axes.plot(training.steps, counts, style, color=color, linewidth=width, label=f"seed {training.seed}")
    axes.axhline(perfect, color=INK, linestyle="--", linewidth=1)
    axes.legend(loc="lower right" if perfect else "upper right", handlelength=2.8)
    return Panel(name, [Drawing(figure)], title)


def _row(training: History, of: int) -> tuple[Any, ...]:
    found, first = training.modes[-1], training.all_from
    kl = float(f"{found.kl:.2g}")  # more digits would be chance
    caught = f"{found.modes} of {of}", found.high_quality, kl, "never" if first is None else first
    return str(training.seed), *caught, *training.late


# ---- curves ----------------------------------------------------------------------------------------------


def _curves(data: Ring) -> Section:
    end = data.moments[-1]
    panels = [Panel("losses", [_losses(data)], "the losses of both players by step")]
    caption = (
        "<b>Losses</b>: neither falls as a classifier's does, because each player moves the other's target. At the end "
        f"they pay {' and '.join(_signed(x) for x in data.training.late)}; dashed is what they would pay if fakes "
        "were like real points and D the same everywhere."
    )
    if end.value is not None:
        panels.append(Panel("value", [_value(data)], "the value of the game by step"))
        caption += (
            f" <b>The value</b>: D reaches {_signed(end.value)} and could reach {_signed(end.reachable)}"
            f"{HARDLY if end.value + math.log(4) < end.reachable - end.value else ''}. "
            "<b>Losses that stand still do not prove that G is good.</b>"
        )
    return Section("What the losses say", _at_equilibrium(data), [Exhibit("Losses and value", caption, panels)])


HARDLY = ": fakes can still be told apart, but hardly by this D"


def _at_equilibrium(data: Ring) -> list[str]:
    """What both pay there, and the value of the game."""
    of_D, of_G = data.at_equilibrium
    of_G_in_words = f"G {_signed(of_G)}" if of_G is not None else "G any number, as only gaps of scores count"
    text = [f"At the equilibrium, where fakes are like real points, D would pay {_signed(of_D)} and {of_G_in_words}."]
    if data.moments[-1].value is not None:
        text.append(
            "The value of the game is <var>V</var> = E log D(<var>x</var>) + E log(1 − D(G(<var>z</var>))), which D "
            "maximises; the best D would reach −log 4 + 2 JSD(<var>p</var>, <var>q</var>), over the blurred densities. "
            f"At the end JSD, the distance that is left between fakes and real points, is "
            f"{data.moments[-1].distance:.3f} nats."
        )
    return text


_signed = partial(number, form=".3f")


def _losses(data: Ring) -> Drawing:
    figure, axes = _by_step(data, "losses, without penalties", "loss, nats" if data.moments[0].value else "loss")
    ways = ((data.training.smooth_D, BLUE, "D"), (data.training.smooth_G, ORANGE, "G"))
    for (losses, color, name), rest in zip(ways, data.at_equilibrium, strict=True):
        axes.plot(data.training.smooth_steps, losses, color=color, label=name, linewidth=1)
        if rest is not None:
            axes.axhline(rest, color=color, linestyle="--", linewidth=1)
    axes.legend(loc="upper right", ncols=2)
    axes.margins(y=0.15)
    return Drawing(figure)


def _value(data: Ring) -> Drawing:
    figure, axes = _by_step(data, "value of the game", "V, nats")
    steps = [moment.step for moment in data.moments]
    axes.plot(steps, [moment.reachable for moment in data.moments], color=PURPLE, label="best D")
    axes.plot(steps, [moment.value for moment in data.moments], color=BLUE, label="D")
    axes.axhline(-math.log(4), color=INK, linestyle="--", linewidth=1, label="−log 4")
    axes.legend(loc="upper right")
    return Drawing(figure)


def _by_step(data: Ring, title: str, ylabel: str) -> tuple[Any, Any]:
    """Axes over the steps, stretched at the beginning."""
    steps = data.moments[-1].step
    figure, axes = panel(title, "step (stretched at the beginning)", ylabel)
    axes.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    axes.set_xlim(0, steps)
    axes.set_xticks(sorted({round(steps * share) for share in TICKS}))
    return figure, axes


# ---- checks ----------------------------------------------------------------------------------------------


def _checks(data: Ring) -> list[Check]:
    trainings, of, end = [data.training, *data.repeats], len(data.centres), data.moments[-1]
    caught = sum(training.modes[-1].modes == of for training in trainings)
    checks = [
        Check("modes caught at the end", of, end.modes.modes, 0, by="earlier runs"),
        Check("trainings that end with all modes", len(trainings), caught, 0, by="earlier runs"),
        Check("share of real points near a mode, 1 − e^(−4.5)", PERFECT, data.real_modes.high_quality, 0.007),
        Check("share of the fakes in the square at the end: V leaves out the rest", 1, end.fakes_in_view, 0.01),
        *(check for name in data.pull for check in _falls(data, name)),
    ]
    names = ("loss of D at the end", "loss of G at the end")
    for name, rest, late in zip(names, data.at_equilibrium, data.training.late, strict=True):
        if rest:
            checks.append(Check(name, rest, late, 0.03, relative=True, by="earlier runs"))
    if {"minimax", "non-saturating"} <= set(data.pull):
        checks.append(_ratio(data))
    return checks


def _falls(data: Ring, loss: str) -> list[Check]:
    """That the arrows are the gradient: along them the loss falls as fast as they are long; where it is not 0."""
    lengths = [float(np.hypot(*moment.arrows[loss].T).mean()) for moment in data.moments]
    pairs = [(length, m.descent[loss], m.step) for length, m in zip(lengths, data.moments, strict=True) if length > 0]
    if not pairs:
        return []
    length, fall, step = max(pairs, key=lambda pair: abs(pair[1] - pair[0]) / pair[0])
    name = f"{loss}: mean length of the arrows at step {step:,}, and how fast G's loss falls along them"
    return [Check(name, length, fall, 1e-4, relative=True)]


def _ratio(data: Ring) -> Check:
    """Of the two losses of 2014, at the fake of which D is surest, as far as float32 holds both gradients."""
    sure = [np.where(np.abs(moment.outputs) < SUREST, np.abs(moment.outputs), 0) for moment in data.moments]
    moment, sizes = max(zip(data.moments, sure, strict=True), key=lambda pair: float(pair[1].max()))
    k = int(sizes.argmax())
    strong, weak = (np.hypot(*moment.arrows[name][k]) for name in ("non-saturating", "minimax"))
    s = float(moment.outputs[k])
    name = f"non-saturating arrow by minimax arrow, e^(−s) at s = {_signed(s)}"
    return Check(name, math.exp(-s), float(strong / weak), 1e-5, relative=True)
