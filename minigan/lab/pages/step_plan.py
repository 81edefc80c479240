"""Where the boxes and arrows of a tape stand, and what is written on them: the same for the page and for its PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from minigan.lab.experiments.step_tape import ArraySummary, Box
from minigan.lab.page import number
from minigan.lab.pages.step_replay import Link, Replay, title
from minigan.observers.layout import Point, layout

SHOWN = 3  # numbers on a box; of larger arrays the L2 norm

LETTER, LINE, PADDING = 7.4, 16.0, 10.0  # of a monospaced font of 12 pixels
FIRST = 17.0  # from the upper edge of a box to its first line
ROOM = 80.0  # for a label beside the outermost arrow


@dataclass(frozen=True)
class Place:
    """A box: its middle from left to right, its upper edge, its size, and the radius of its corners; in pixels."""

    x: float
    top: float
    width: float
    height: float
    corner: float

    @property
    def left(self) -> float:
        """Its left edge."""
        return self.x - self.width / 2

    def line(self, i: int) -> float:
        """The height on which its text's line i stands."""
        return self.top + FIRST + i * LINE


class Plan:
    """A replay laid out.

    Attributes:
        replay: it.
        boxes: of the tape, in their order.
        routes: the points of each arrow, by the boxes that it leads from and to.
        left: the left edge of the whole.
        width, height: of the whole.
    """

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        boxes = replay.tape.boxes
        sizes = [_size_of(box, _lines(box, i in replay.gradients)) for i, box in enumerate(boxes)]
        places = layout(sizes, sorted({(link.source, link.target) for link in replay.links}))
        room = ROOM if any(link.cut or link.signal for link in replay.links) else 0.0
        self.boxes = [
            Place(x, y - height / 2, width, height, {"parameter": 16.0, "operation": 4.0}.get(box.kind, 0.0))
            for box, (x, y), (width, height) in zip(boxes, places.centers, sizes, strict=True)
        ]
        self.routes = places.routes
        self.left, self.width, self.height = -room, places.width + 2 * room, places.height


def _size_of(box: Box, lines: Sequence[str]) -> Point:
    padding = PADDING + (4 if box.kind == "parameter" else 0)
    return LETTER * max(map(len, lines)) + 2 * padding, LINE * len(lines) + PADDING


def _lines(box: Box, has_gradient: bool) -> list[str]:
    """The texts of a box, as wide as they get."""
    lines = [f"{title(box)} {shape_text(box)}", value_text(box.value)]
    return [*lines, gradient_text(box.gradient)] if has_gradient and box.gradient is not None else lines


def shape_text(box: Box) -> str:
    """Its lengths, as 32×784."""
    return "×".join(map(str, box.value.shape))


def value_text(x: ArraySummary) -> str:
    """The numbers of an array, or how large it is."""
    return f"= {_few(x)}" if _are_few(x) else f"norm {number(x.size, '.3g')}"


def gradient_text(g: ArraySummary) -> str:
    """The same of a gradient."""
    return f"g = {_few(g)}" if _are_few(g) else f"g norm {number(g.size, '.3g')}"


def _are_few(x: ArraySummary) -> bool:
    return x.numbers is not None and x.numbers.size <= SHOWN


def _few(x: ArraySummary) -> str:
    numbers = [number(v) for v in x.numbers.ravel()] if x.numbers is not None else []
    return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"


def label_text(link: Link) -> str:
    """Beside the arrow where a player's tape ends, or where the other's begins."""
    return "✂ detach()" if link.cut else "the signal"


def label_place(route: Sequence[Point]) -> tuple[Point, bool]:
    """Where the label of an arrow begins, and whether it stands right of the arrow or ends left of it."""
    (x0, y0), (x1, y1) = route[0], route[1]
    right = x1 <= x0
    return (x0 + (10 if right else -10), (y0 + y1) / 2 + 4), right
