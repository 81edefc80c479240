"""The exhibit that all three forms share: a tape and its explanation under one slider."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from minigan.lab.experiments.step_slopes import Slope
from minigan.lab.experiments.step_tape import Tape
from minigan.lab.page import Check, Exhibit, Panel, Slider
from minigan.lab.pages.step_graph import Graph
from minigan.lab.pages.step_replay import Replay, title
from minigan.lab.pages.step_words import texts

TOLERANCES = {"float64": 1e-6, "float32": 1e-4, "float16": 0.1}
"""How far a gradient may be from its slope, as a share of it: by differences (float64), else by its own rounding."""
NAMED = 4  # gradients in a sentence


def replayed(name: str, heading: str, tape: Tape, overview: str, caption: str) -> Exhibit:
    """The tape as a graph, beside it what happens at each position of the slider.

    Args:
        name: of the panels.
        heading: a few words.
        tape: to replay.
        overview: what is said of the whole, as HTML.
        caption: what to look for, and why it is so.
    """
    replay = Replay(tape)
    graph = Panel(name, [Graph(replay)], alt=f"the tape: {len(tape.forward)} operations and their arguments", tall=True)
    words: Sequence[Panel] = (graph, Panel(f"{name}-words", texts(replay, overview)))
    return Exhibit(heading, caption, words, (Slider("position", replay.names),))


def slopes_hold(where: str, tape: Tape) -> Iterator[Check]:
    """That no gradient on the page is far from the slope that was measured, nor any that was computed in float64."""
    slopes = [slope for slope in _slopes(tape) if not slope.not_checked]
    others = len(_slopes(tape)) - len(slopes)
    unchecked = f" ({others} more not checked)" if others else ""
    if tape.changed:
        names = ", ".join(title(tape.boxes[i]) for i in tape.changed[:NAMED])
        yield Check(
            f"{where}: operations with a value that was changed after its use ({names})", 0, len(tape.changed), 0
        )
    for precision in sorted({slope.precision for slope in slopes}):
        errors = [slope.error for slope in slopes if slope.precision == precision]
        name = f"{where}: the worst of {_gradients(errors)} in {precision}{unchecked}, its distance from its slope"
        yield Check(name, 0.0, float(np.max(errors)), TOLERANCES[precision])
    again = [slope.error_repeated for slope in slopes if slope.precision != "float64"]
    if again:
        name = f"{where}: the same with the step computed again in float64"
        yield Check(name, 0.0, float(np.max(again)), TOLERANCES["float64"])


def not_checked(tape: Tape) -> Iterator[str]:
    """Of how many gradients no slope could be measured, and why: a clause for each reason."""
    for reason in dict.fromkeys(slope.not_checked for slope in _slopes(tape) if slope.not_checked):
        found = [box for box in tape.boxes if box.slope is not None and box.slope.not_checked == reason]
        names = ", ".join(title(box) for box in found[:NAMED]) + (", …" if len(found) > NAMED else "")
        yield f"{len(found)} of {_gradients(_slopes(tape))} not checked ({names}): {reason}."


def _slopes(tape: Tape) -> list[Slope]:
    return [box.slope for box in tape.boxes if box.slope is not None]


def _gradients(things: Sequence[object]) -> str:
    return f"{len(things)} gradient{'' if len(things) == 1 else 's'}"
