"""The page of the experiment ``step``."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np

from minigan.lab.experiments.step import Step
from minigan.lab.experiments.step_digits import Digits
from minigan.lab.experiments.step_function import Function
from minigan.lab.experiments.step_slopes import TRIES
from minigan.lab.experiments.step_tape import Tape
from minigan.lab.experiments.step_toy import Toy
from minigan.lab.page import Check, Page, Section
from minigan.lab.pages import step_digits, step_toy
from minigan.lab.pages.step_exhibit import not_checked, replayed, slopes_hold

LEAD = (
    "A GAN trains two networks against each other: G makes samples, D tells them from real ones. G never sees a real "
    "sample. All it learns comes through D, as one gradient for each number of each sample. This page follows that "
    "gradient through one training step, one operation at a time, and checks every number on the way."
)


def page(data: Step) -> Page:
    """The GANs, or the user's function."""
    if data.function is not None:
        return _function(data.function)
    toy, digits = data.toy, data.digits
    if toy is None or digits is None:
        raise ValueError("step: expected both GANs or a function, but got neither.")
    tapes = _tapes(toy, digits)
    return Page(
        "One training step, node by node",
        LEAD,
        (
            step_toy.section(toy),
            step_digits.section(digits),
            step_digits.handed_over(digits),
            _how_checked(tapes, "loss"),
        ),
        _checks(toy, digits),
    )


def _tapes(toy: Toy, digits: Digits) -> dict[str, Tape]:
    return {
        "small GAN, D's turn": toy.turn_D,
        "small GAN, G's turn": toy.turn_G,
        "digits, D's turn": digits.turn_D,
        "digits, G's turn": digits.turn_G,
    }


def _how_checked(tapes: Mapping[str, Tape], end: str) -> Section:
    return Section(
        "How every gradient is checked",
        (
            "A gradient is a promise: if a value <var>x</var> moves by a small <var>h u</var>, where <var>u</var> is a "
            f"direction of length 1, the {end} changes by <var>h</var> ⟨<var>g</var>, <var>u</var>⟩. So each value of "
            "each tape (results and parameters) is moved along a random <var>u</var>, forward and back, and everything "
            f"that was computed from it is computed again with numbers of 64 bits. The slope ({end}(<var>x</var> + "
            f"<var>h u</var>) − {end}(<var>x</var> − <var>h u</var>)) / 2<var>h</var> is put beside the promise of the "
            "gradient that this page shows.",
            "What the tape does not follow stays as it was: data, frozen parameters, what <code>detach()</code> cut "
            "off. Where a kink is so near that no <var>h</var> is short enough, as that of a ReLU at 0, another "
            f"direction is tried, up to {TRIES} in all. At the kink itself there is no slope, and the gradient is not "
            "checked.",
            "A gradient of 32 bits, or one behind a cast to 32 bits, can keep its promise no better than it is "
            "rounded. So the whole step is computed again with 64 bits, backward too, and these gradients are held "
            "against the same slopes more strictly.",
            *(f"<b>{escape(where)}:</b> {escape(each)}" for where, tape in tapes.items() for each in not_checked(tape)),
        ),
    )


def _checks(toy: Toy, digits: Digits) -> list[Check]:
    predicted = (digits.opinions.astype(np.float64) - 1) / digits.batch_size
    apart = abs(digits.logit_gradients - predicted) / np.maximum(-predicted, np.finfo(np.float32).tiny)
    worst = int(apart.argmax())
    return [
        *step_toy.checks(toy),
        *(check for where, tape in _tapes(toy, digits).items() for check in slopes_hold(where, tape)),
        Check(
            f"digits: the gradient of a logit is (D − 1) / N; the worst is fake {worst + 1}",
            float(predicted[worst]),
            float(digits.logit_gradients[worst]),
            1e-5,
            relative=bool(predicted[worst]),  # of a fake that fools D to the last bit, both are 0
        ),
        Check("digits, D's turn: gradients that came to G's values", 0, _came_to("G", digits.turn_D), 0),
        Check(
            "digits, G's turn: gradients that came to D's parameters", 0, _came_to("D", digits.turn_G, "parameter"), 0
        ),
    ]


def _came_to(player: str, tape: Tape, kind: str = "") -> int:
    """How many values of a player received a gradient."""
    return sum(box.gradient is not None for box in tape.boxes if box.player == player and kind in ("", box.kind))


# ---- a user's function -----------------------------------------------------------------------------------


def _function(data: Function) -> Page:
    name = escape(data.name)
    summed = (
        f" It returns several numbers, of shape {data.shape}; the gradients are those of their sum, the last operation."
        if data.shape not in ((), (1,))
        else ""
    )
    source = (f"</p><pre>{escape(data.source)}</pre><p>",) if data.source else ()
    exhibit = replayed(
        "function",
        f"The tape of {name}",
        data.tape,
        f"<p>Operations: {len(data.tape.forward)}; a gradient comes to {len(data.tape.backward)} of them.</p>",
        "Look at how each operation turns the gradient that it receives into one for each of its arguments, and at "
        "where a value is used more than once: there the gradients add up, because the value changes the result in "
        "more than one way.",
    )
    return Page(
        f"The tape of {name}",
        f"What <code>{name}</code> computes from the defaults of its parameters, and how its result changes with each."
        + summed,
        (Section("Forward and backward", source, (exhibit,)), _how_checked({data.name: data.tape}, "result")),
        list(slopes_hold(name, data.tape)),
        " ".join(not_checked(data.tape)),
    )
