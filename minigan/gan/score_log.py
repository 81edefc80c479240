"""scores.jsonl: how good the samples of a run were, and after which step they were best.

Each line tells the step of the best score so far: what is cut off after a kill takes its opinion of that along. Who
writes the lines, and what is better, is told in `minigan.metrics.scoring`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigan.errors import RunError
from minigan.gan import journal
from minigan.gan.journal import whole_lines

BEST = "best_step"  # in a line: after which step the best score so far was; absent as long as there is none
FACTS = ("step", "samples", "ranked_by")  # that each line has
TEXTS = ("judge", "data", "ranked_by", "error")  # all else in a line are numbers
COMPARED = ("samples", "ranked_by", "judge", "data")  # scores compare that agree in these; not all have the last two
_LARGEST = 1e39  # as in journal.py; a NaN is not below it, and is no score


class ScoreLog:
    """The lines of a scores.jsonl.

    Args:
        path: of the file, which need not be there.

    >>> import tempfile, pathlib
    >>> from minigan.gan.score_log import ScoreLog
    >>> log = ScoreLog(pathlib.Path(tempfile.mkdtemp()) / "scores.jsonl")
    >>> facts = {"samples": 2500, "ranked_by": "classifier_score"}
    >>> log.add({"step": 100, **facts, "classifier_score": 8.5, "best_step": 100})
    >>> log.add({"step": 200, **facts, "classifier_score": 8.1, "best_step": 100})
    >>> log.best(until=200), log.best(until=99)
    (100, None)
    >>> log.of_step(200)["classifier_score"]
    8.1
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: list[dict[str, Any]] | None = None

    def lines(self, size: float = math.inf) -> list[dict[str, Any]]:
        """The whole lines in the first ``size`` bytes, in their order; none if the file is not there.

        Raises:
            RunError: it cannot be read, or a line is none of this file.
        """
        found = []
        for number, text in enumerate(whole_lines(self.path), 1):
            size -= len(text)
            if size < 0:
                break
            found.append(_parsed(text, self.path, number))
        return found

    def add(self, line: dict[str, Any]) -> None:
        """Append a line.

        Raises:
            RunError: it cannot be written.
        """
        known = self._lines_once()
        journal.append(self.path, line)
        known.append(line)

    def best(self, until: int) -> int | None:
        """After which step the best score was of those up to a step; None if there are none."""
        return next((line.get(BEST) for line in reversed(self._lines_once()) if line["step"] <= until), None)

    def of_step(self, step: int) -> dict[str, Any]:
        """The line of the score after a step.

        Raises:
            RunError: there is none.
        """
        for line in self.lines()[::-1]:
            if line["step"] == step:
                return line
        raise RunError(f"{self.path} has no line of step {step:,}, though others call it the best; restore the file.")

    def bests(self) -> list[int]:
        """The steps of all scores that were the best so far, in the order of lines, the newest first."""
        return list(dict.fromkeys(line[BEST] for line in reversed(self.lines()) if BEST in line))

    def _lines_once(self) -> list[dict[str, Any]]:
        """Read once: nobody else writes there while a training does."""
        if self._known is None:
            self._known = self.lines()
        return self._known

    # ---- what a checkpoint says of them ------------------------------------------------------------------

    def cut(self, size: int) -> bool:
        """Leave the first ``size`` bytes; returns whether there were as many."""
        self._known = None
        return journal.cut(self.path, size) == size


def comparable(line: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two scores compare: of as many samples, ranked by the same, by the same judge or of the same data.

    >>> from minigan.gan.score_log import comparable
    >>> facts = {"samples": 100, "ranked_by": "frechet_distance", "judge": "5942b27b750b"}
    >>> comparable({**facts, "step": 3}, facts), comparable({**facts, "samples": 50}, facts)
    (True, False)
    """
    return all(line.get(name) == other.get(name) for name in COMPARED)


def _parsed(text: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    if not (isinstance(line, dict) and all(name in line for name in FACTS) and all(map(_fits, line, line.values()))):
        raise RunError(f"Line {number} of {path} is no line of scores; restore the file, or remove it.")
    return line


def _fits(name: str, value: Any) -> bool:
    if name in TEXTS:
        return isinstance(value, str)
    if name in ("step", BEST):
        return type(value) is int and value >= 0
    return type(value) in (int, float) and abs(value) < _LARGEST
