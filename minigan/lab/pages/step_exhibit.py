"""The exhibit that all three forms share: a tape and its explanation under one slider."""

from __future__ import annotations

from collections.abc import Sequence

from minigan.lab.experiments.step_tape import Tape
from minigan.lab.page import Check, Exhibit, Panel, Slider
from minigan.lab.pages.step_graph import Graph
from minigan.lab.pages.step_replay import Replay
from minigan.lab.pages.step_words import texts

TOLERANCE = 1e-6  # of the size that a slope has


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


def slopes_hold(where: str, tape: Tape) -> Check:
    """That no gradient is far from the slope that was measured."""
    count = len(tape.errors)
    return Check(
        f"{where}: the worst of {count} gradients, its distance from its slope", 0.0, max(tape.errors), TOLERANCE
    )
