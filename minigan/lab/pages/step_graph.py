"""The tape as a picture that a slider replays: values appear, and then gradients flow back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from minigan.lab.experiments.step_tape import Box, Numbers
from minigan.lab.page import number
from minigan.lab.pages.step_replay import Link, Replay, title
from minigan.observers.drawing import curve
from minigan.observers.layout import Layout, Point, layout

SHOWN = 3  # numbers on a box; of larger arrays the L2 norm

LETTER, LINE, PADDING = 7.4, 16.0, 10.0  # of a monospaced font of 12 pixels
ROOM = 80.0  # for a label beside the outermost arrow

STYLE = """
.panel .tape text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
.panel .tape .faint { fill: var(--faint); }
.panel .tape .g { font-weight: 700; }
.tape .name { font-weight: 700; }
.tape .box { fill: var(--paper); stroke: var(--faint); }
.tape .tint { stroke: none; opacity: .2; } .tape .tint.G { fill: var(--sky); } .tape .tint.D { fill: var(--purple); }
.tape .data .box { stroke-dasharray: 4 3; }
.tape .link { fill: none; stroke: var(--faint); stroke-width: 1.2; }
.tape .still { stroke-dasharray: 2 5; }
.tape .run { stroke: var(--blue); stroke-width: 3; } .tape .ran { fill: var(--blue); }
.tape .flows { stroke: var(--orange); stroke-width: 4; } .tape .went { stroke: var(--orange); stroke-width: 1.8; }
.tape .arrow { fill: var(--orange); }
.tape .signal { stroke: var(--green); stroke-width: 5; }
.tape .now { fill: none; stroke-width: 3; }
.tape .now.f { stroke: var(--blue); } .tape .now.b { stroke: var(--orange); }
.tape .beyond { opacity: .45; }
"""


@dataclass(frozen=True)
class Graph:
    """The frame of a replay: one picture for all positions of its slider."""

    replay: Replay

    def markup(self, scope: str) -> str:
        """As SVG; what belongs to some positions alone says so by itself."""
        boxes = self.replay.tape.boxes
        lines = [_lines(box, self._has_gradient(i)) for i, box in enumerate(boxes)]
        sizes = [_size_of(box, texts) for box, texts in zip(boxes, lines, strict=True)]
        places = layout(sizes, sorted({(link.source, link.target) for link in self.replay.links}))
        room = ROOM if any(link.cut or link.signal for link in self.replay.links) else 0.0
        width, height = places.width + 2 * room, places.height
        size = f'viewBox="{-room:.0f} 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
        parts = [
            *(self._link(link, places) for link in self.replay.links),
            *(self._box(i, lines[i], places.centers[i], sizes[i]) for i in range(len(boxes))),
        ]
        return f'<style>{STYLE}</style><svg class="tape" {size} aria-hidden="true">{"".join(parts)}</svg>'

    def _has_gradient(self, i: int) -> bool:
        return i in self.replay.gradients

    # ---- boxes -------------------------------------------------------------------------------------------

    def _box(self, i: int, lines: Sequence[str], center: Point, size: Point) -> str:
        box, (x, y), (w, h) = self.replay.tape.boxes[i], center, size
        left, top = x - w / 2, y - h / 2
        corner = {"parameter": 16, "operation": 4}.get(box.kind, 0)
        shape = f'x="{left:.1f}" y="{top:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{corner}"'
        tint = f'<rect class="tint {box.player}" {shape}/>' if box.player else ""
        name = f'<text class="name" x="{x:.1f}" y="{top + 17:.1f}" text-anchor="middle">{_named(box)}</text>'
        value = _text(x, top + 17 + LINE, lines[1])
        if box.kind == "operation":
            value = _shown(self.replay.since(self.replay.when_made[i]), value)
        kind = f"{box.kind} beyond" if i in self.replay.beyond else box.kind
        gradients = self._gradients(i, x, top + 17 + 2 * LINE)
        return f'<g class="{kind}"><rect class="box" {shape}/>{tint}{name}{value}{gradients}{self._now(i, shape)}</g>'

    def _gradients(self, i: int, x: float, y: float) -> str:
        """The sum that has come so far, at each position."""
        sums = self.replay.gradients.get(i, [])
        ends = [*(at for at, _ in sums[1:]), None]
        return "".join(
            _shown(self.replay.since(at, end), _text(x, y, _gradient(total), "g"))
            for (at, total), end in zip(sums, ends, strict=False)
        )

    def _now(self, i: int, shape: str) -> str:
        """The frame around the box that the replay has come to."""
        times = (("f", self.replay.when_made.get(i)), ("b", self.replay.when_passed.get(i)))
        return "".join(
            f'<rect class="now here {way}" data-at="{at}" hidden="" {shape}/>' for way, at in times if at is not None
        )

    # ---- arrows ------------------------------------------------------------------------------------------

    def _link(self, link: Link, places: Layout) -> str:
        route = places.routes[link.source, link.target]
        path = curve(route)
        (x0, y0), (x1, y1) = route[0], route[-1]
        down = f'<path class="faint" style="fill: var(--faint)" d="M{x1:.1f} {y1:.1f}l-4 -7h8z"/>'
        run = f'<path class="link run" d="{path}"/><path class="ran" d="M{x1:.1f} {y1:.1f}l-6 -10h12z"/>'
        still = "" if link.argument.sent is not None else " still"
        parts = [f'<path class="link{still}" d="{path}"/>{down}', _shown([self.replay.when_made[link.target]], run)]
        if link.argument.sent is not None:
            at = self.replay.when_passed[link.target]
            up = f'<path class="arrow" d="M{x0:.1f} {y0:.1f}l-6 10h12z"/>'
            kind = "signal" if link.signal else "flows"
            parts.append(_shown([at], f'<path class="link {kind}" d="{path}"/>{up}'))
            parts.append(_shown([p for p in self.replay.since(at) if p != at], self._trace(link, path)))
        if link.cut or link.signal:
            parts.append(self._label(link, route))
        opacity = ' class="beyond"' if link.target in self.replay.beyond else ""
        return f"<g{opacity}>{''.join(parts)}</g>"

    def _trace(self, link: Link, path: str) -> str:
        """Where a gradient went."""
        return f'<path class="link {"signal" if link.signal else "went"}" d="{path}"/>'

    def _label(self, link: Link, route: Sequence[Point]) -> str:
        """Beside the arrow where a player's tape ends, or where the other's begins; the page shows this place first."""
        (x0, y0), (x1, y1) = route[0], route[1]
        side, anchor = (-10, "end") if x1 > x0 else (10, "start")
        y, text = (y0 + y1) / 2 + 4, "✂ detach()" if link.cut else "the signal"
        label = f'<text class="name" x="{x0 + side:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
        first = _shown([0], f'<rect class="here" x="{x0:.1f}" y="{y:.1f}" width="1" height="1" fill="none"/>')
        return first + (label if link.cut else _shown(self.replay.since(self.replay.when_passed[link.target]), label))


def _size_of(box: Box, lines: Sequence[str]) -> Point:
    padding = PADDING + (4 if box.kind == "parameter" else 0)
    return LETTER * max(map(len, lines)) + 2 * padding, LINE * len(lines) + PADDING


def _lines(box: Box, has_gradient: bool) -> list[str]:
    """The texts of a box, as wide as they get."""
    lines = [f"{title(box)} {_shape(box)}", _value(box.value)]
    return [*lines, _gradient(box.gradient)] if has_gradient and box.gradient is not None else lines


def _named(box: Box) -> str:
    shape = _shape(box)
    return escape(title(box)) + (f'<tspan class="faint" font-weight="400"> {shape}</tspan>' if shape else "")


def _shape(box: Box) -> str:
    return "×".join(map(str, box.value.shape))


def _value(x: Numbers) -> str:
    return f"= {_few(x)}" if _are_few(x) else f"norm {number(x.size, '.3g')}"


def _gradient(g: Numbers) -> str:
    return f"g = {_few(g)}" if _are_few(g) else f"g norm {number(g.size, '.3g')}"


def _are_few(x: Numbers) -> bool:
    return x.numbers is not None and x.numbers.size <= SHOWN


def _few(x: Numbers) -> str:
    numbers = [number(v) for v in x.numbers.ravel()] if x.numbers is not None else []
    return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"


def _text(x: float, y: float, text: str, kind: str = "value") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>'


def _shown(positions: Iterable[int], content: str) -> str:
    """The content at these positions alone; the page begins at 0."""
    at = list(positions)
    return f'<g data-at="{" ".join(map(str, at))}"{"" if 0 in at else " hidden"}>{content}</g>' if at else ""
