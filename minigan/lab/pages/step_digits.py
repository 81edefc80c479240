"""The reference GAN's part of the page: two replays, the signal as images, and what was never computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.experiments.step_digits import Digits
from minigan.lab.experiments.step_tape import CUT, DATA, FROZEN, Tape
from minigan.lab.page import Drawing, Exhibit, Panel, Section, Slider, Table, number, panel
from minigan.lab.pages.step_exhibit import replayed
from minigan.lab.pages.step_replay import title

LITTLE = 1_000_000  # floating point operations

SIGNAL, MOVE = "D's gradient of it: the signal", "what G's move changed"
SIGNED, GRAY = "PuOr", "gray"

REASONS = {CUT: "cut by detach()", FROZEN: "frozen", DATA: "data"}


def section(data: Digits) -> Section:
    """Everything about it."""
    return Section(
        "The same on real digits",
        (
            "Now the reference GAN: G turns 100 numbers <var>z</var> into an image of 28 × 28 pixels, D turns an "
            "image into the probability that it is real. (In D, <code>mask</code> drops units at random; this is "
            f"called dropout.) The GAN has trained for {data.steps:,} steps on MNIST; here is the next one, with "
            f"{data.batch_size} real digits and {data.batch_size} fakes. The numbers on the boxes are L2 norms of "
            "whole arrays now, but each box still does what its twin in the small GAN does.",
        ),
        (_turn_D(data), _turn_G(data), _skipped(data)),
    )


def handed_over(data: Digits) -> Section:
    """The numbers that D hands to G, and why those."""
    pixels = data.fakes[0].size
    return Section(
        "The numbers that D hands to G",
        (
            f"At the green arrow {data.batch_size} × {pixels} numbers pass from D to G: one for each pixel of each "
            "fake, and no others. G sees no real digit, no weight of D and no loss of D. By the chain rule each of "
            "these numbers is a product, because a pixel can change the loss only through D's logit, the number "
            "before the sigmoid:",
            "<b>signal = ∂loss/∂pixel = ∂loss/∂logit · ∂logit/∂pixel = (D − 1) / N · ∂logit/∂pixel</b>",
            "The first factor comes from the loss, the mean of −ln D over the N fakes: one number for a whole fake, "
            "which says how far D is from being fooled. The second one comes from D: for each pixel, how the logit "
            "changes with it. It is what D has learned of real digits, and G's only source. From there on G does "
            "the same with its own layers, until each of its weights has a gradient, added up over all fakes.",
        ),
        (_signal(data), _factors(data)),
    )


def _turn_D(data: Digits) -> Exhibit:
    tape = data.turn_D
    return replayed(
        "digits-turn-D",
        "D's turn: real digits up, fakes down",
        tape,
        f"<p>D's loss is {data.loss_D:.4f}. Real digits and detached fakes go through D in one batch of "
        f"{2 * data.batch_size}.</p>",
        "Look at where the orange ends: at D's first linear layer. Neither the fakes (behind detach()) nor the real "
        "digits ask for a gradient, so nothing on the way from there to D's first layer is on the tape, and the "
        "largest product of the sweep, the gradient of the images, is never computed.",
    )


def _turn_G(data: Digits) -> Exhibit:
    tape = data.turn_G
    ((fake, _),) = tape.handed_over
    gradient = tape.boxes[fake].gradient
    size = gradient.size if gradient is not None else 0.0
    return replayed(
        "digits-turn-G",
        "G's turn: through D, down to the pixels, and on into G",
        tape,
        f"<p>G's loss is {data.loss_G:.4f}, by the D that has just moved. The signal, the gradient of the loss with "
        f"respect to the {data.batch_size} fakes, has L2 norm {size:.3g}.</p>",
        "Look at the green arrow, between G and D: on D's side of it the gradients belong to numbers inside D, at "
        "its other end to images. D's parameters get none, as they are frozen; D only hands on what passes through. "
        "The sizes fall and rise on the way because each layer multiplies by its weights, and each unit by its slope, "
        "or by 0 if it is dropped.",
    )


# ---- the signal as images --------------------------------------------------------------------------------


def _signal(data: Digits) -> Exhibit:
    n = len(data.fakes)
    reach = float(np.abs(data.signals).max()), float(np.abs(data.changes).max())
    return Exhibit(
        "The signal: what D tells G, pixel by pixel",
        f"Compare <b>{SIGNAL}</b> with <b>{MOVE}</b>: where one is purple, the other tends to be orange. The signal "
        "says how G's loss would rise if a pixel got brighter, so G does the opposite. It does so only roughly: the "
        f"cosine of the change and the signal turned around is {data.cosines.mean():.2f} on the average, not 1, "
        "because G can only move weights, and all pixels of all fakes share them; and because G moves by Adam here, "
        "not along the plain gradient as in the small GAN: Adam rescales the gradient of each weight by how large it "
        "has been lately. It is enough: the sum of signal "
        f"times change says that the loss changes by {number(data.slope_of_loss)}. It changed by "
        f"{number(data.change_of_loss)}; a gradient is exact for small changes only. Another seed gives other "
        "pictures, but the colours swap in each.",
        (
            Panel("signal-fake", [_picture(x, "a fake", GRAY, 1.0, "pixel, −1 to 1") for x in data.fakes]),
            Panel(
                "signal-gradient",
                [_picture(x, SIGNAL, SIGNED, reach[0], "∂loss / ∂pixel") for x in data.signals],
            ),
            Panel(
                "signal-change",
                [_picture(x, MOVE, SIGNED, reach[1], "change of the pixel") for x in data.changes],
            ),
        ),
        (Slider("fake", [f"{i + 1} of {n}" for i in range(n)]),),
    )


def _picture(image: Any, name: str, colors: str, reach: float, label: str) -> Drawing:
    figure, axes = panel(name, xticks=[], yticks=[])
    shown = axes.imshow(image, cmap=colors, vmin=-reach, vmax=reach, interpolation="nearest")
    axes.grid(visible=False)
    figure.colorbar(shown, ax=axes, label=label, shrink=0.9)
    return Drawing(figure)


def _factors(data: Digits) -> Table:
    n = data.batch_size
    shown = range(len(data.fakes))
    factors = data.logit_gradients[: len(shown)]
    return Table(
        "The factor of the loss, and the slope of D",
        ("fake", "D(G(z))", "factor (D − 1) / N", "factor on the tape", "slope of D's logit", "size of the signal"),
        [
            (
                str(i + 1),
                float(data.opinions[i]),
                float((data.opinions[i] - 1) / n),
                float(factors[i]),
                float(data.signal_sizes[i] / abs(factors[i])) if factors[i] else 0.0,
                float(data.signal_sizes[i]),
            )
            for i in shown
        ],
        f"The size of the signal is the factor without its sign times the slope, the L2 norm of all ∂logit/∂pixel of a "
        f"fake. Here N = {n}: the more D doubts a fake, the closer the factor is to −1/N = {number(-1 / n)}; once D is "
        "fooled, it is 0 and G is told nothing more. The direction is D's alone: that in which D's logit rises "
        "fastest. The factor is negative, so that the loss falls that way.",
    )


# ---- what was not computed -------------------------------------------------------------------------------


def _skipped(data: Digits) -> Table:
    rows = [row for name, tape in (("D", data.turn_D), ("G", data.turn_G)) for row in _rows(name, tape)]
    spared = {name: sum(a.spared for _, a in tape.skipped) for name, tape in _turns(data)}
    return Table(
        "What was never computed",
        ("turn", "operation", "gradient of", "shape", "why not", "MFLOP spared"),
        rows,
        "A gradient that nobody will use is not computed: an operation runs the VJP of an argument only if the tape "
        f"follows that argument. In D's turn this spares {spared['D'] / 1e6:.0f} million floating point operations, "
        f"nearly all of them for the gradient of the images; in G's turn {spared['G'] / 1e6:.0f} million, nearly all "
        "of them for D's weights. A tape that computed them would give the same step, later. (Left out here: "
        "gradients of the targets and of the masks that drop units, which are data, too.)",
    )


def _turns(data: Digits) -> list[tuple[str, Tape]]:
    return [("D", data.turn_D), ("G", data.turn_G)]


def _rows(turn: str, tape: Tape) -> list[tuple[Any, ...]]:
    return [
        (
            f"{turn}'s",
            f"<code>{title(tape.boxes[i])}</code>",
            f"<var>{argument.name}</var>",
            "×".join(map(str, tape.boxes[argument.box].value.shape)) if argument.box is not None else "",
            REASONS.get(argument.why_not, "no slope"),
            argument.spared / 1e6,
        )
        for i, argument in tape.skipped
        if argument.why_not != DATA or argument.spared > LITTLE
    ]
