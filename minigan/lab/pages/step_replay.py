"""A tape replayed: the positions of its slider, and what is to be seen at each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from minigan.lab.experiments.step_tape import CUT, Argument, ArraySummary, Box, Tape


@dataclass(frozen=True)
class Link:
    """An arrow from a box to an operation that uses it.

    Attributes:
        source, target: their places.
        argument: of the operation.
        cut: whether ``detach`` keeps the gradient from going back here.
        signal: whether D's gradient becomes G's here.
    """

    source: int
    target: int
    argument: Argument
    cut: bool
    signal: bool


@dataclass(frozen=True)
class Replay:
    """A tape with the positions of a slider: 0 is all at once, then every operation forward, then backward."""

    tape: Tape

    @cached_property
    def positions(self) -> list[tuple[str, int]]:
        """For each: "all", "forward" or "backward", and the box in question."""
        forward = [("forward", i) for i in self.tape.forward]
        backward = [("backward", i) for i in self.tape.backward]
        return [("all", self.tape.forward[-1]), *forward, *backward]

    @property
    def end(self) -> str:
        """What the gradients are of: the loss of a game, or the result of a function."""
        return "loss" if any(box.player for box in self.tape.boxes) else "result"

    @property
    def names(self) -> list[str]:
        """What the slider calls them."""
        totals = {"forward": len(self.tape.forward), "backward": len(self.tape.backward)}
        counts = {"all": 0, "forward": 0, "backward": 0}
        names = []
        for direction, i in self.positions:
            counts[direction] += 1
            where = f"{direction} {counts[direction]} of {totals.get(direction, 0)}: {title(self.tape.boxes[i])}"
            names.append("all at once" if direction == "all" else where)
        return names

    @cached_property
    def when_made(self) -> dict[int, int]:
        """The position at which an operation runs."""
        return {i: at for at, (direction, i) in enumerate(self.positions) if direction == "forward"}

    @cached_property
    def when_passed(self) -> dict[int, int]:
        """The position at which the sweep comes to it."""
        return {i: at for at, (direction, i) in enumerate(self.positions) if direction == "backward"}

    def since(self, start: int, end: int | None = None) -> list[int]:
        """The positions from ``start`` on, up to ``end``; without one, to the last, and 0, where all is shown."""
        return [*([0] if end is None else []), *range(start, len(self.positions) if end is None else end)]

    @cached_property
    def gradients(self) -> dict[int, list[tuple[int, ArraySummary]]]:
        """For each box that a gradient comes to, the sums that are there, one after the other, and since when."""
        found: dict[int, list[tuple[int, ArraySummary]]] = {}
        for i in self.tape.backward:
            box, at = self.tape.boxes[i], self.when_passed[i]
            if i == self.tape.backward[0] and box.gradient is not None:
                found[i] = [(at, box.gradient)]
            for argument in box.arguments:
                if argument.box is not None and argument.so_far is not None:
                    sums = found.setdefault(argument.box, [])
                    sums[:] = [entry for entry in sums if entry[0] != at]  # x * x sends two at once
                    sums.append((at, argument.so_far))
        return found

    @cached_property
    def links(self) -> list[Link]:
        """All arrows."""
        handed = set(self.tape.handed_over)
        return [
            Link(argument.box, i, argument, self._is_cut(argument, i, handed), self._is_signal(argument, i, handed))
            for i, argument in self._arguments()
            if argument.box is not None
        ]

    def _arguments(self) -> Iterator[tuple[int, Argument]]:
        for i in self.tape.forward:
            for argument in self.tape.boxes[i].arguments:
                yield i, argument

    def _is_cut(self, argument: Argument, target: int, handed: set[tuple[int, int]]) -> bool:
        if argument.box is None or argument.sent is not None or not self.tape.boxes[argument.box].followed:
            return False
        return argument.why_not == CUT or (argument.box, target) in handed

    def _is_signal(self, argument: Argument, target: int, handed: set[tuple[int, int]]) -> bool:
        return argument.sent is not None and (argument.box, target) in handed

    @cached_property
    def beyond(self) -> set[int]:
        """The boxes that lie beyond a cut: the tape follows them, but no gradient of this sweep comes there."""
        boxes = self.tape.boxes
        found = {i for i in self.tape.forward if boxes[i].followed and boxes[i].gradient is None}
        for i, box in enumerate(boxes):
            users = [link.target for link in self.links if link.source == i]
            if box.kind != "operation" and users and found.issuperset(users):
                found.add(i)
        return found


def title(box: Box) -> str:
    """What a box is called: its player, its layer, and its name."""
    parts: Sequence[str] = [box.player, box.layer[0] if box.kind == "operation" else ""]
    place = ".".join(part for part in parts if part)
    if box.kind == "operation":
        return f"{place} {box.name}".strip()
    return f"{place}.{box.name}" if place else box.name
