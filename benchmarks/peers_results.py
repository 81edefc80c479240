"""What peers.py has found so far, what it has printed, and the two files that hold both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import peers_table as table
from peers_worker import FailedError, LeftOutError


class Results:
    """Of one run of the script.

    Args:
        about: the machine.
        goals: those of the device.
        out: the JSON file; what is printed goes to a file of the same name that ends in .txt. None: nothing is written.

    Attributes:
        measured: by row of the table and by side, in each round, some numbers.
        differences: how far losses are from minigan's, by work and side.
        left_out: why, by side and work.
        failed: whether a side was left out that should have been able to play.
    """

    def __init__(self, about: Mapping[str, Any], goals: Sequence[table.Goal], out: Path | None) -> None:
        self.about = about
        self.out = out
        self.measured: dict[str, dict[str, list[list[float]]]] = {}
        self.differences: dict[str, dict[str, float]] = {}
        self.left_out: dict[str, dict[str, str]] = {}
        self.failed = False
        self._goals = goals
        self._printed: list[str] = []

    def say(self, text: str) -> None:
        """Print it, and keep it for the file."""
        text = "\n".join(line.rstrip() for line in text.split("\n"))
        print(text, flush=True)
        self._printed.append(text)

    def leave_out(self, side: str, name: str, reason: LeftOutError) -> None:
        """Note why a side does not play a work."""
        self.left_out.setdefault(side, {})[name] = str(reason)
        self.failed |= isinstance(reason, FailedError)

    def say_who_is_left_out(self, works: Sequence[str]) -> None:
        """A line for each reason, once; ``works`` are all that there are."""
        sides_of: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for side, reasons in self.left_out.items():
            for reason in dict.fromkeys(reasons.values()):
                names = tuple(name for name in reasons if reasons[name] == reason)
                sides_of.setdefault((reason, names), []).append(side)
        for (reason, names), sides in sides_of.items():
            where = "" if list(names) == list(works) else f" in {', '.join(names)}"
            line = f"left out{where}: {'; '.join(sides)}: {reason}"
            if line not in self._printed:
                self.say(line)

    def goals(self) -> list[dict[str, Any]]:
        """What became of those in the rows that were measured."""
        return table.verdicts(self._goals, self.measured, table.are_fast(self.about["kernels_GFLOPs"]))

    def write(self) -> None:
        """Write what is known by now: a machine may not be at hand until the end."""
        if self.out is None:
            return
        measured = {row: {side: table.summary(found[side]) for side in found} for row, found in self.measured.items()}
        results = {"machine": self.about, "goals": self.goals(), "measured": measured}
        results |= {"losses_differ": self.differences, "left_out": self.left_out}
        self.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        self.text.write_text("\n".join(self._printed) + "\n", encoding="utf-8")

    @property
    def text(self) -> Path:
        """The file with what was printed."""
        assert self.out is not None
        return self.out.with_suffix(".txt")
