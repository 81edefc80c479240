"""Mistakes 3, 6 and 7 on the page of `bugs`: what goes wrong around the losses."""

from __future__ import annotations

import math

import numpy as np

from minigan.data import ring
from minigan.lab.experiments.bugs import Bugs, Comparison, Shadowed
from minigan.lab.experiments.bugs_programs import clipping, decay_that_restarts, shadowed_loss, shape_as_data
from minigan.lab.page import GREY, Canvas, Check, Exhibit, Overlaid, Panel, Path, Section, Slider, Table, panel
from minigan.lab.pages.bugs_drawing import MENDED, WIDTHS, WRONG, code, curves, last, program, told

LR = decay_that_restarts.LR
NOISE_FLOOR = math.sqrt(LR / (2 - LR))
SHOWN = 40  # fakes of a batch

# Titles, by which captions name a panel.
RATE, AWAY = "The learning rate", "How far the weights are from 0, their goal"
LARGEST, USED, ESTIMATE = "The largest weight", "The gradient that a step uses", "What is called the distance"
FAKES, LOSS = "Fakes on the ring", "The log hardly shows it"


# ---- 3 ---------------------------------------------------------------------------------------------------


def decay(found: Comparison[decay_that_restarts.Seen]) -> Section:
    """A rate that never decays."""
    wrong, mended = found.wrong, found.mended
    panels = [
        code("decay-code", decay_that_restarts.wrong, decay_that_restarts.mended, decay_that_restarts.train),
        curves(
            "decay-rate", RATE, "learning rate", wrong.lr, mended.lr,
            "The learning rate by step: constant in the wrong program.", ylim=(0, 1.15 * LR), loc="center right",
        ),
        curves(
            "decay-distance", AWAY, "root mean square", wrong.distance,
            mended.distance, "The distance by step: the wrong program stops at the height that theory knows.",
            level=(NOISE_FLOOR, f"√(h / (2 − h)) = {NOISE_FLOOR:.3f}"), yscale="log", loc="upper right",
        ),
    ]  # fmt: skip
    caption = told(
        symptom=f"Print the rate: it is {wrong.lr[-1]:g} in the last step as in the first (<b>{RATE}</b>). In the "
        f"loss curve it shows as noise that never settles: the weights stay {last(wrong.distance):.3f} from their "
        f"goal, those of the mended program come to {last(mended.distance):.3f} (<b>{AWAY}</b>) and go on.",
        why=f"<code>i</code> counts the batches of one epoch and begins again at 0 in the next, so "
        f"<code>i // STEPS_PER_EPOCH</code> is 0 always. Each step adds noise of the standard deviation h to a weight, "
        f"and pulls it back by the share h: both balance at √(h / (2 − h)), for h = {LR:g} at {NOISE_FLOOR:.3f} "
        f"(dashed). Only a smaller h comes nearer.",
        mend="Count what goes on: the epoch, or all steps. A scheduler such as <code>LambdaLR</code> counts by itself.",
    )
    return Section(
        "3. A decay that starts anew",
        [
            f"lr / (i // steps_per_epoch + 1) is meant to halve, third, quarter the rate, epoch by epoch. "
            f"To run it: {program(decay_that_restarts.wrong)}."
        ],
        [Exhibit("The rate never decays", caption, panels)],
    )


def _expected(rates: list[float]) -> float:
    """The root mean square after these steps, of weights that start as N(0, 1): v becomes (1 - h)^2 v + h^2."""
    square = 1.0
    for h in rates:
        square = (1 - h) ** 2 * square + h**2
    return math.sqrt(square)


# ---- 6 ---------------------------------------------------------------------------------------------------


def clipped(found: Comparison[clipping.Seen]) -> Section:
    """Weights or gradients."""
    bounds = Exhibit("One bounds the steps, the other the weights", _bounds(found), _clipped_curves(found))
    return Section(
        "6. Weight clipping called gradient clipping",
        [
            "A mistake of wording, which becomes one of code as soon as somebody writes down what was said. "
            f"To run it: {program(clipping.wrong)}."
        ],
        [bounds, _histograms(found)],
    )


def _clipped_curves(found: Comparison[clipping.Seen]) -> list[Panel]:
    """The code, and three numbers by step."""
    wrong, mended = found.wrong, found.mended
    named = ("gradient clipping", "weight clipping")
    return [
        code("clipping-code", clipping.wrong, clipping.mended, clipping.train),
        curves(
            "clipping-largest", LARGEST, "largest |weight|", wrong.largest, mended.largest,
            "The largest weight by step: bounded by weight clipping alone.", named=named, yscale="log",
            level=(clipping.LIMIT, f"limit {clipping.LIMIT:g}"), loc="center right",
        ),
        curves(
            "clipping-gradient", USED, "L2 norm", wrong.used, mended.used,
            "The norm of the gradient by step: bounded by gradient clipping alone.", named=named,
            level=(clipping.MOST, f"limit {clipping.MOST:g}"), loc="upper right",
        ),
        curves(
            "clipping-estimate", ESTIMATE, "E D(x) − E D(G(z))", wrong.estimate, mended.estimate,
            "The estimate of the distance by step: without bound under gradient clipping.", named=named,
            yscale="symlog",
            level=(clipping.APART, f"the distance, {clipping.APART:g}"), loc="upper left", ylim=(-0.2, 2e4),
        ),
    ]  # fmt: skip


def _bounds(found: Comparison[clipping.Seen]) -> str:
    wrong, mended = found.wrong, found.mended
    bound = clipping.HIDDEN * clipping.LIMIT**2
    return told(
        symptom=f"The critic's estimate of the distance between two Gaussians that are {clipping.APART:g} apart grows "
        f"to {last(wrong.estimate):.0f} and goes on (<b>{ESTIMATE}</b>): it should be a distance. The critic's "
        f"steepest slope is {last(wrong.slope):.0f}.",
        why=f"The Wasserstein distance is the largest E D(x) − E D(G(z)) of all critics with a slope of at most 1. "
        f"Without a bound on the slope, twice as steep is twice as good, and there is no largest. Gradient clipping "
        f"bounds each step (<b>{USED}</b>), and many bounded steps lead anywhere (<b>{LARGEST}</b>). Weight clipping "
        f"bounds the weights, and so the slope: {clipping.HIDDEN} paths of {clipping.LIMIT:g} · {clipping.LIMIT:g} "
        f"give at most {bound:.2f}, and the critic is at {last(mended.slope):.3f}. Its estimate is that many times the "
        f"distance, or less.",
        mend="For WGAN clip the weights after the step, or penalise the slope, as WGAN-GP does. Clipping gradients "
        "before the step is a remedy for single steps that are too long.",
    )


def _histograms(found: Comparison[clipping.Seen]) -> Exhibit:
    """Of the weights of both critics."""
    wide, tight = 1.1 * max(found.wrong.largest), 1.3 * clipping.LIMIT
    panels = [
        Panel("clipping-g", _weights("Under gradient clipping", found.wrong, WRONG, wide), "under gradient clipping"),
        Panel("clipping-w", _weights("Under weight clipping", found.mended, MENDED, tight), "under weight clipping"),
    ]
    at_limit = np.mean(np.abs(np.array(found.mended.weights[-1])) >= clipping.LIMIT * (1 - 1e-6))
    caption = (
        f"Move the slider, and look at the axes: the two differ by a factor of {wide / tight:.0f}. Under weight "
        f"clipping {at_limit:.0%} of the weights end exactly at the limit, because the critic wants to be steeper than "
        "it may. Such piles are the sign of weight clipping, and a reason why gradient penalties replaced it: a critic "
        "of such weights can have only simple forms."
    )
    steps = range(0, clipping.EVERY * len(found.wrong.weights), clipping.EVERY)
    return Exhibit("What the weights look like", caption, panels, [Slider("step", [str(step) for step in steps])])


def _weights(title: str, seen: clipping.Seen, color: str, width: float) -> list[Overlaid]:
    """Histograms of all weights, step by step."""
    edges = np.linspace(-width, width, 42)
    counts = [np.histogram(weights, edges)[0] for weights in seen.weights]
    canvas = Canvas(*panel(title, "weight", "number of weights", xlim=(-width, width), ylim=(0, 1.05 * np.max(counts))))
    x = np.repeat(edges, 2)
    return [
        canvas.frame([Path(np.stack([x, [0, *np.repeat(count, 2), 0]], 1), color, WIDTHS[color])]) for count in counts
    ]  # fmt: skip


# ---- 7 ---------------------------------------------------------------------------------------------------


def names(found: Shadowed, shape: Comparison[shape_as_data.Seen]) -> Section:
    """A shadowed loss, and a shape that is data."""
    return Section(
        "7. A name and a shape that are not what they seem",
        [
            "A loss function that is overwritten by its own value, and a shape that is passed as data. To run them: "
            f"{program(shadowed_loss.wrong)} and {program(shape_as_data.wrong)}."
        ],
        [_shadowed(found), _meaning(found), _shape(shape)],
    )


def _shadowed(found: Shadowed) -> Exhibit:
    caption = told(
        symptom=f"The first step works, the second one ends with <q>{found.error}</q>. In a notebook it is the second "
        f"run of the cell.",
        why="<code>loss = loss(…)</code> makes the name mean the number; the function has no name any more, and a "
        "number cannot be called. The message speaks of a Tensor, and the mistake is in the line before.",
        mend="Two things, two names. A type checker finds it without running anything.",
    )
    lines = code("shadowed-code", shadowed_loss.wrong, shadowed_loss.mended)
    return Exhibit("A loss that works once", caption, [lines])


def _shape(shape: Comparison[shape_as_data.Seen]) -> Exhibit:
    panels = [
        code("shape-code", shape_as_data.wrong, shape_as_data.mended, shape_as_data.train),
        Panel("shape-fakes", _fakes(shape), "Fakes of both programs on the ring, step by step", film=True),
        curves(
            "shape-loss", LOSS, "loss of G (nats)", shape.wrong.loss_G, shape.mended.loss_G,
            "The loss of G by step: near log 2 in both programs.", level=(math.log(2), "log 2"), loc="upper right",
        ),
    ]  # fmt: skip
    caption = told(
        symptom=f"All fakes of a batch are one point, which runs about among the modes (<b>{FAKES}</b>, "
        f"{shape_as_data.N} samples of the wrong program and {SHOWN} of the mended one), while G's loss swings "
        f"around log 2 = {math.log(2):.2f}, as in the mended program (<b>{LOSS}</b>). It looks like the worst mode "
        f"collapse, and no setting helps. Print <code>z.shape</code>: <code>({shape_as_data.Z_DIM},)</code> in place "
        f"of <code>{(shape_as_data.N, shape_as_data.Z_DIM)}</code>.",
        why="A function that makes a tensor <em>of</em> numbers was given the numbers of a shape. z is the same two "
        "numbers in every step, so G has nothing to make different samples of. The layer does not mind: it maps two "
        "numbers, as it should. With a z of any other length there is an error.",
        mend="Ask for noise of that shape: <code>mg.randn(64, 2)</code>. And look at a batch of samples before a "
        "curve of losses.",
    )
    slider = Slider("step", [str(step) for step in shape.wrong.steps])
    return Exhibit("A shape is not noise", caption, panels, [slider])


def _meaning(found: Shadowed) -> Table:
    """What the names mean, step by step."""
    rows = []
    for step, value in enumerate(found.losses.mended):
        done = found.losses.wrong[step : step + 1]
        before = "the function" if step == 0 else f"the number {found.losses.wrong[-1]:.3f}"
        after = f"the number {done[0]:.3f}" if done else found.error
        rows.append((str(step), before, after, "the function", f"the number {value:.3f}"))
        if not done:
            break
    head = ("step", "wrong: loss is", "after the call", "mended: criterion is", "loss is after the call")
    return Table("What the names mean", head, rows)


def _fakes(shape: Comparison[shape_as_data.Seen]) -> list[Overlaid]:
    figure, ax = panel(FAKES, "x", "y", xlim=(-2.1, 2.1), ylim=(-1.4, 1.9), aspect="equal")
    ax.plot(*ring().centres.T, "o", color=GREY, alpha=0.35, markersize=14, label="modes of the data", zorder=0)
    ax.plot([], [], "o", color=WRONG, markersize=14, label="wrong")
    ax.plot([], [], "o", color=MENDED, markersize=6, label="mended")
    ax.legend(loc="upper center", ncols=3, markerscale=0.6, columnspacing=1, handletextpad=0.3)
    canvas = Canvas(figure, ax)
    return [
        canvas.frame(
            [Path(point[np.newaxis], MENDED, dot=2) for point in mended[:SHOWN]]
            + [Path(point[np.newaxis], WRONG, dot=5) for point in wrong]
        )
        for wrong, mended in zip(shape.wrong.fakes, shape.mended.fakes, strict=True)
    ]


def checks(data: Bugs) -> list[Check]:
    """Of these three."""
    wrong, mended = data.decay.wrong, data.decay.mended
    late = np.array(wrong.distance[len(wrong.distance) // 2 :])
    return [
        Check("3: distance at a constant rate", NOISE_FLOOR, float(np.sqrt(np.mean(late**2))), 0.02, relative=True),
        Check("3: distance at the end, mended", _expected(mended.lr), last(mended.distance), 0.05, relative=True),
        Check("6: largest weight under weight clipping", clipping.LIMIT, max(data.clipping.mended.largest), 1e-7),
        Check(
            "6: steepest slope under weight clipping",
            clipping.HIDDEN * clipping.LIMIT**2,
            last(data.clipping.mended.slope),
            1e-6,
        ),
        Check("6: largest gradient used under gradient clipping", clipping.MOST, max(data.clipping.wrong.used), 1e-5),
        Check(
            "7: different fakes in a batch of the wrong program",
            1,
            len(np.unique(data.shape.wrong.fakes[-1], axis=0)),
            0,
        ),
    ]
