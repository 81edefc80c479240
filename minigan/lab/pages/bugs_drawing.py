"""What the parts of the page of `bugs` have in common: code with its difference marked, and curves of two programs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from html import escape
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minigan.lab.page import BLUE, GREY, ORANGE, Drawing, Panel, Text, panel

WRONG, MENDED = ORANGE, BLUE
WIDTHS = {WRONG: 1.2, MENDED: 2.4}  # of curves: which is which is seen without colours too
_MARKS = {"-": ("−", "--orange"), "+": ("+", "--blue"), " ": (" ", "")}


def code(name: str, wrong: Callable[..., Any], mended: Callable[..., Any], *around: Callable[..., Any]) -> Panel:
    """The wrong lines and the mended ones, with the difference marked; then the functions around that use them."""
    before, after = _lines(wrong), _lines(mended)
    marked = []
    for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        same = kind == "equal"
        marked += [_line(" " if same else "-", line) for line in before[i:j]]
        marked += [] if same else [_line("+", line) for line in after[k:m]]
    rest = "".join(_listing([_line(" ", line) for line in _lines(function)]) for function in around)
    details = f"<details><summary>The rest of the program</summary>{rest}</details>" if rest else ""
    return Panel(name, [Text(_listing(marked) + details)], wide=True)


def program(function: Callable[..., Any]) -> str:
    """The module of a function, as what a reader types to run it."""
    command = '<span style="white-space: nowrap">python -m</span>'
    return f'<code style="overflow-wrap: anywhere">{command} {function.__module__}</code>'


def _listing(lines: Sequence[str]) -> str:
    return f"<pre><code>{''.join(lines)}</code></pre>"


def _lines(function: Callable[..., Any]) -> list[str]:
    return re.sub(r"  # type: ignore\[.*?\]", "", inspect.getsource(function)).rstrip().split("\n")


def _line(kind: str, text: str) -> str:
    mark, color = _MARKS[kind]
    style = f"; background: color-mix(in srgb, var({color}) 16%, transparent)" if color else ""
    return f'<span style="display: block{style}">{mark} {escape(text) or "&nbsp;"}</span>'


def curves(
    name: str,
    title: str,
    ylabel: str,
    wrong: ArrayLike,
    mended: ArrayLike,
    alt: str,
    *,
    x: ArrayLike | None = None,
    xlabel: str = "step",
    named: tuple[str, str] = ("wrong", "mended"),
    level: tuple[float, str] | None = None,
    loc: str = "best",
    **axes: Any,
) -> Panel:
    """A number of the wrong program as a thin orange line, of the mended one as a thick blue line below it.

    Several rows are several runs.

    ``level`` is a height that theory knows, with its name.
    """
    figure, ax = panel(title, xlabel, ylabel, **axes)
    for values, color, label, order in ((wrong, WRONG, named[0], 3), (mended, MENDED, named[1], 2)):
        rows = np.atleast_2d(np.asarray(values, float))
        place = np.arange(rows.shape[1]) if x is None else x
        width = WIDTHS[color] if len(rows) == 1 else WIDTHS[color] / 1.5
        lines = ax.plot(place, rows.T, color=color, linewidth=width, zorder=order)
        lines[0].set_label(label)
    if level is not None:
        ax.axhline(level[0], color=GREY, linestyle="--", linewidth=1, label=level[1])
    ax.legend(loc=loc)
    return Panel(name, [Drawing(figure)], alt)


def told(symptom: str, why: str, mend: str) -> str:
    """A caption: the symptom; and folded, so that a reader can guess first, why it is so, and the mend."""
    return (
        f"<strong>Symptom.</strong> {symptom}"
        "<details><summary>Why it is so, and the mend</summary>"
        f"<div><strong>Why.</strong> {why} <strong>Mend.</strong> {mend}</div></details>"
    )


def last(values: Sequence[float]) -> float:
    """The last number of a run."""
    return float(values[-1])
