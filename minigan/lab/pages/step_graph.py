"""The tape as a picture that a slider replays: values appear, and then gradients flow back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

from minigan.lab.experiments.step_tape import Box
from minigan.lab.pages.step_picture import picture
from minigan.lab.pages.step_plan import Plan, gradient_text, label_place, label_text, shape_text, value_text
from minigan.lab.pages.step_replay import Link, Replay, title
from minigan.observers.drawing import curve
from minigan.observers.layout import Point

STYLE = """
.panel .tape text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
.panel .tape .faint { fill: var(--faint); }
.panel .tape .name, .panel .tape .g { font-weight: 700; }
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
        plan = self.plan
        size = f'viewBox="{plan.left:.0f} 0 {plan.width:.0f} {plan.height:.0f}"'
        size += f' width="{plan.width:.0f}" height="{plan.height:.0f}"'
        links = "".join(map(self._link, self.replay.links))
        boxes = "".join(map(self._box, range(len(self.replay.tape.boxes))))
        return f'<style>{STYLE}</style><svg class="tape" {size} aria-hidden="true">{links}{boxes}</svg>'

    def png(self, kind: str = "png") -> bytes:
        """The first position, where all is shown, as the content of a PNG file."""
        return picture(self.plan).png(kind)

    @cached_property
    def plan(self) -> Plan:
        """Where everything stands."""
        return Plan(self.replay)

    # ---- boxes -------------------------------------------------------------------------------------------

    def _box(self, i: int) -> str:
        box, place = self.replay.tape.boxes[i], self.plan.boxes[i]
        left, top, w, h = place.left, place.top, place.width, place.height
        shape = f'x="{left:.1f}" y="{top:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{place.corner:.0f}"'
        tint = f'<rect class="tint {box.player}" {shape}/>' if box.player else ""
        name = f'<text class="name" x="{place.x:.1f}" y="{place.line(0):.1f}" text-anchor="middle">{_named(box)}</text>'
        value = _text(place.x, place.line(1), value_text(box.value))
        if box.kind == "operation":
            value = _shown(self.replay.since(self.replay.when_made[i]), value)
        kind = f"{box.kind} beyond" if i in self.replay.beyond else box.kind
        gradients = self._gradients(i, place.x, place.line(2))
        return f'<g class="{kind}"><rect class="box" {shape}/>{tint}{name}{value}{gradients}{self._now(i, shape)}</g>'

    def _gradients(self, i: int, x: float, y: float) -> str:
        """The sum that has come so far, at each position."""
        sums = self.replay.gradients.get(i, [])
        ends = [*(at for at, _ in sums[1:]), None]
        return "".join(
            _shown(self.replay.since(at, end), _text(x, y, gradient_text(total), "g"))
            for (at, total), end in zip(sums, ends, strict=False)
        )

    def _now(self, i: int, shape: str) -> str:
        """The frame around the box that the replay has come to."""
        times = (("f", self.replay.when_made.get(i)), ("b", self.replay.when_passed.get(i)))
        return "".join(
            f'<rect class="now here {way}" data-at="{at}" hidden="" {shape}/>' for way, at in times if at is not None
        )

    # ---- arrows ------------------------------------------------------------------------------------------

    def _link(self, link: Link) -> str:
        route = self.plan.routes[link.source, link.target]
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
        (x, y), right = label_place(route)
        anchor = "start" if right else "end"
        label = f'<text class="name" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{label_text(link)}</text>'
        first = _shown([0], f'<rect class="here" x="{x:.1f}" y="{y:.1f}" width="1" height="1" fill="none"/>')
        return first + (label if link.cut else _shown(self.replay.since(self.replay.when_passed[link.target]), label))


def _named(box: Box) -> str:
    shape = shape_text(box)
    return escape(title(box)) + (f'<tspan class="faint" font-weight="400"> {shape}</tspan>' if shape else "")


def _text(x: float, y: float, text: str, kind: str = "value") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>'


def _shown(positions: Iterable[int], content: str) -> str:
    """The content at these positions alone; the page begins at 0."""
    at = list(positions)
    return f'<g data-at="{" ".join(map(str, at))}"{"" if 0 in at else " hidden"}>{content}</g>' if at else ""
