"""What a page of the lab consists of: exhibits with captions, sliders that move them, tables, predictions.

Texts are HTML, so that formulas can have ``<var>``, ``<sub>`` and ``<sup>``; whatever a user typed goes through
`html.escape` first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from minigan.errors import ShapeError


@dataclass(frozen=True)
class Check:
    """A number that was predicted, beside the one that was measured.

    Attributes:
        name: what it is, such as "radius after 500 steps, minimax".
        predicted: what it should be.
        measured: by minigan.
        tolerance: how far they may be from each other.
        relative: whether the tolerance is a share of what was predicted.
        by: what predicts it: mathematics, or what earlier runs did where chance has a part and no theorem says.

    >>> from minigan.lab.page import Check
    >>> Check("pi", predicted=3.14159, measured=3.14, tolerance=1e-3, relative=True).holds
    True
    """

    name: str
    predicted: float
    measured: float
    tolerance: float
    relative: bool = False
    by: Literal["mathematics", "earlier runs"] = "mathematics"

    @property
    def error(self) -> float:
        """How far apart they are, in the same measure as the tolerance."""
        difference = abs(self.measured - self.predicted)
        return difference / abs(self.predicted) if self.relative else difference

    @property
    def holds(self) -> bool:
        """Whether they agree."""
        return bool(self.error <= self.tolerance)


class Frame(Protocol):
    """Something to look at."""

    def markup(self, scope: str) -> str:
        """As HTML or SVG; ``scope`` begins the ids in it, so that no other frame of the page has them."""


@runtime_checkable
class Picture(Frame, Protocol):
    """A frame that is also written as a file."""

    def png(self, kind: str = "png") -> bytes:
        """The content of a PNG file, as large as pictures of this kind are: ``png`` or ``gif``."""


@dataclass(frozen=True)
class Text:
    """A frame of HTML."""

    html: str

    def markup(self, scope: str) -> str:
        """The text itself."""
        return self.html


@dataclass(frozen=True)
class Slider:
    """What a reader can move.

    Attributes:
        label: what it changes, with its unit.
        values: what each position is called.
        start: the position at first.
    """

    label: str
    values: Sequence[str]
    start: int = 0


@dataclass(frozen=True)
class Panel:
    """One picture or text of an exhibit: the same at all positions of the sliders, or another at each.

    Attributes:
        name: of its file: ``name.png``, if its frames are pictures.
        frames: one; or one for each position of the sliders, the last slider's positions following each other. The
            same object for several positions is written once.
        alt: what the picture shows, for who cannot see it.
        wide: whether it takes the width of the page; on a phone it is scrolled then.
        film: whether its frames are also written as ``name.gif``.
        tall: whether it is larger than a screen: it is scrolled in a box, in which whatever has the class ``here`` is
            brought into view. The other panels of the exhibit stand beside it.
    """

    name: str
    frames: Sequence[Frame]
    alt: str = ""
    wide: bool = False
    film: bool = False
    tall: bool = False


@dataclass(frozen=True)
class Exhibit:
    """Panels that belong together, below the same sliders and above one caption.

    Attributes:
        title: a few words.
        caption: what to look for, and why it is so.
        panels: side by side where there is room, else one below the other.
        sliders: none, or what moves the panels.

    Raises:
        ShapeError: a panel has neither one frame nor one for each position.
    """

    title: str
    caption: str
    panels: Sequence[Panel]
    sliders: Sequence[Slider] = ()

    def __post_init__(self) -> None:
        for panel in self.panels:
            if len(panel.frames) not in (1, self.positions):
                raise ShapeError(
                    f"Exhibit {self.title!r}: expected 1 or {self.positions} frames, one for each position of the "
                    f"sliders, but panel {panel.name!r} has {len(panel.frames)}."
                )

    @property
    def positions(self) -> int:
        """How many there are, of all sliders together."""
        return math.prod(len(slider.values) for slider in self.sliders)

    @property
    def start(self) -> int:
        """The position at first."""
        position = 0
        for slider in self.sliders:
            position = position * len(slider.values) + slider.start
        return position


@dataclass(frozen=True)
class Table:
    """Rows of numbers and words.

    Attributes:
        title: a few words.
        head: of the columns.
        rows: numbers are written with six digits.
        caption: what to look for.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: of the part.
        text: paragraphs.
        items: what there is to see, from top to bottom.
    """

    title: str
    text: Sequence[str] = ()
    items: Sequence[Exhibit | Table] = ()


@dataclass(frozen=True)
class Page:
    """What an experiment shows.

    Attributes:
        title: of the page.
        lead: what the experiment is about, in two or three sentences.
        sections: in the order in which they are read.
        checks: what was predicted and what was measured.
        found: in one line, where there is something that a reader wants to know before he opens the page.
    """

    title: str
    lead: str
    sections: Sequence[Section]
    checks: Sequence[Check] = field(default_factory=tuple)
    found: str = ""
