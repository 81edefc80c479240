"""What happens at each position of a replay, in words, formulas and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from minigan.lab.experiments.step_slopes import Slope
from minigan.lab.experiments.step_tape import CUT, DATA, FLAT, FROZEN, Argument, ArraySummary, Box
from minigan.lab.page import Text, listed, number
from minigan.lab.pages.step_formulas import Formula, formula_of, worked_backward, worked_forward
from minigan.lab.pages.step_replay import Replay, title

WHY = {
    CUT: "<code>detach()</code> cut the tape there: nobody asks how that value should change",
    FROZEN: "the parameter is frozen: in this turn it does not move, so its gradient would be thrown away",
    DATA: "it is data: nobody wants to change it",
    FLAT: "the operation has no slope there, or nobody asked for it",
}
"""Why a gradient was not computed."""

SHOWN = 4  # numbers in a text; of larger arrays the L2 norm


def texts(replay: Replay, overview: str) -> list[Text]:
    """One for each position; ``overview`` is for the first, where all is shown at once."""
    written = {"forward": _forward, "backward": _backward}
    players = PLAYERS if any(box.player for box in replay.tape.boxes) else ""
    first = Text(f"<h4>All at once</h4>{overview}{LEGEND.format(players=players, end=replay.end)}")
    return [first, *(Text(written[direction](replay, i)) for direction, i in replay.positions[1:])]


PLAYERS = (
    " Blue boxes belong to G, purple ones to D; <code>D.0 linear</code> is what layer 0 of D, a linear one, gives."
)

LEGEND = """
<ul>
<li>A box is a value: its name and shape, below it the value itself (of more than three numbers the L2 norm, the root
of the sum of their squares), and below that <b>g</b>, the gradient of the {end} with respect to it.</li>
<li>Square boxes are results of operations, round ones parameters, dashed ones data.{players}</li>
<li>Orange arrows carried a gradient back; through dotted ones none was sent. Faded boxes lie beyond a cut.</li>
</ul>
<p>Move the slider, with the arrow keys if you like: first the values appear in the order in which they were computed
(blue), then the gradients flow back (orange).</p>"""


# ---- forward ---------------------------------------------------------------------------------------------


def _forward(replay: Replay, i: int) -> str:
    box = replay.tape.boxes[i]
    values = _values(replay, box)
    formula = _formula(replay, box)
    lines = worked_forward(box, values)
    parts = [
        f"<h4>Forward: {_title(box)}{_layer(box)}</h4>",
        f"<p><var>y</var> = {formula.y}</p>",
        f'<p class="note">Here {formula.note}.</p>' if formula.note else "",
        _worked(lines) if lines else f"<p><var>y</var>: {_told(box.value)}</p>",
        _list([f"<var>{a.name}</var>: {_from(replay, a)}" for a in box.arguments]),
        f"<p>{_remembered(box, beyond=i in replay.beyond)}</p>",
    ]
    return "".join(parts)


def _remembered(box: Box, beyond: bool) -> str:
    """What the forward pass leaves for the sweep."""
    if not box.followed:
        return "None of its arguments takes a gradient, so nothing of it is on the tape."
    what = "Its gradient needs no value, so none is kept."
    if box.keeps:
        what = f"Its gradient will need {listed([f'<var>{name}</var>' for name in box.keeps])}, so that is kept."
    return f"{what} But no gradient comes here in this turn: it lies beyond the cut." if beyond else what


# ---- backward --------------------------------------------------------------------------------------------


def _backward(replay: Replay, i: int) -> str:
    box = replay.tape.boxes[i]
    formula = _formula(replay, box)
    parts = [f"<h4>Backward: {_title(box)}{_layer(box)}</h4>", f"<p>{_received(replay, box, i)}</p>"]
    parts += [_sent(replay, box, argument, formula) for argument in box.arguments if argument.box is not None]
    parts.append(f'<p class="note">Here {formula.note}.</p>' if formula.note else "")
    parts += [_checked(box, replay.end), _definition(replay, box)]
    return "".join(parts)


def _received(replay: Replay, box: Box, i: int) -> str:
    gradient = _told(box.gradient) if box.gradient is not None else ""
    if i == replay.tape.backward[0]:
        return (
            f"The sweep begins: the {replay.end} changes as fast as itself, so <var>g<sub>y</sub></var> = {gradient}."
        )
    senders = [
        title(replay.tape.boxes[link.target]) for link in replay.links if link.source == i and link.argument.sent
    ]
    summed = ", and added up" if len(senders) > 1 else ""
    return f"It received <var>g<sub>y</sub></var> = {gradient} from {listed([escape(s) for s in senders])}{summed}."


def _sent(replay: Replay, box: Box, argument: Argument, formula: Formula) -> str:
    name = f"<var>{argument.name}</var>"
    if argument.box is None:
        return ""
    target = replay.tape.boxes[argument.box]
    if argument.sent is None:
        return f"<p>To {name} ({_title(target)}): <b>not computed</b>; {WHY.get(argument.why_not, '')}.</p>"
    rule = formula.gx.get(argument.name) or formula.gx.get("*")
    equals = f" = {rule}" if rule else ", by the rule in the definition below"
    lines = worked_backward(box, argument, _values(replay, box))
    shown = _worked(lines) if lines else f"<p>It is {_told(argument.sent)}.</p>"
    signal = _signal(replay, box, argument)
    return (
        f"<p>To {name} ({_title(target)}) it sends <var>g<sub>{argument.name}</sub></var>{equals}.</p>{shown}"
        f"{_added(argument)}{signal}{_checked_parameter(target, argument)}"
    )


def _added(argument: Argument) -> str:
    if argument.sent is None or argument.so_far is None:
        return ""
    first = argument.sent.size == argument.so_far.size and _told(argument.sent) == _told(argument.so_far)
    return "" if first else f"<p>With what came before, the sum there is now {_told(argument.so_far)}.</p>"


def _signal(replay: Replay, box: Box, argument: Argument) -> str:
    handed = any(link.signal and link.argument is argument for link in replay.links)
    return (
        "<p><b>This is the signal: all that G will ever learn from D.</b> Down to here the gradient told how D's "
        "opinion depends on the sample; from here on it tells G how to make another sample.</p>"
        if handed
        else ""
    )


def _checked_parameter(box: Box, argument: Argument) -> str:
    """The same of a parameter, when its gradient is complete; an operation is checked when its own turn comes."""
    complete = box.gradient is not None and argument.so_far is not None and box.gradient.size == argument.so_far.size
    if box.kind != "parameter" or box.slope is None or not complete:
        return ""
    slope, (measured, predicted) = box.slope, _compared(box.slope)
    if slope.not_checked:
        return f'<p class="note">Not checked: {slope.not_checked}.</p>'
    tried = f", in a random direction{_tried(slope)}" if slope.tries > 1 else ""
    return f'<p class="note">Checked: slope {measured} measured, {predicted} by the gradient{tried}.</p>'


def _compared(slope: Slope) -> tuple[str, str]:
    return number(slope.measured, ".9g"), number(slope.predicted, ".9g")


def _checked(box: Box, end: str) -> str:
    """Finite differences beside the gradient."""
    slope = box.slope
    if slope is None:
        return ""
    if slope.not_checked:
        return f"<p><b>Not checked:</b> {slope.not_checked}.</p>"
    measured, predicted = _compared(slope)
    return (
        f"<p><b>Checked.</b> Move this value along a random direction <var>u</var>{_tried(slope)} and compute the "
        f"rest of the forward pass again: the {end} changes with slope {measured}. The gradient says "
        f"⟨<var>g<sub>y</sub></var>,&nbsp;<var>u</var>⟩ = {predicted}: apart by "
        f"{number(slope.error, '.0e')} of its size.</p>"
    )


def _tried(slope: Slope) -> str:
    """Of several directions, that this is the last."""
    return f" (number {slope.tries}; a kink was too near in those before)" if slope.tries > 1 else ""


def _definition(replay: Replay, box: Box) -> str:
    text = replay.tape.operations[box.name].definition
    if not text:
        return ""
    return f"<details><summary>The whole operation, as minigan has it</summary><pre>{escape(text)}</pre></details>"


# ---- parts -----------------------------------------------------------------------------------------------


def _formula(replay: Replay, box: Box) -> Formula:
    operation = replay.tape.operations.get(box.name)
    return formula_of(box, escape(operation.formula) if operation is not None else escape(box.name))


def _values(replay: Replay, box: Box) -> Mapping[str, Any]:
    """The numbers of an operation by name; None for arrays that are too large."""
    boxes = replay.tape.boxes
    arguments = {a.name: a.value if a.box is None else boxes[a.box].value.numbers for a in box.arguments}
    gradient = box.gradient.numbers if box.gradient is not None else None
    return {**arguments, "y": box.value.numbers, "gy": gradient}


def _from(replay: Replay, argument: Argument) -> str:
    if argument.box is None:
        return number(argument.value)
    box = replay.tape.boxes[argument.box]
    return f"{_title(box)}, {_told(box.value)}"


def _told(x: ArraySummary) -> str:
    """An array in a few words: its numbers, or its shape and size."""
    if x.numbers is not None and x.numbers.size <= SHOWN:
        numbers = ", ".join(number(v) for v in x.numbers.ravel())
        return numbers if x.numbers.size == 1 else f"({numbers})"
    return f"{'×'.join(map(str, x.shape))} numbers of L2 norm {x.size:.3g}"


def _title(box: Box) -> str:
    return f"<code>{escape(title(box))}</code>"


def _layer(box: Box) -> str:
    return f", of {box.player}'s layer {escape(box.layer[1])}" if box.player and box.layer[1] else ""


def _worked(lines: Sequence[str]) -> str:
    return "".join(f'<p class="worked">{line}</p>' for line in lines)


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
