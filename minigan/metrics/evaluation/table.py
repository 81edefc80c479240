"""A whole evaluation, as the table that it makes: the rows of runs, of real samples and of noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from minigan.metrics.evaluation.columns import Column, ErrorOf, cell, columns_of
from minigan.metrics.evaluation.rows import Row
from minigan.metrics.evaluation.sample_size import facts
from minigan.metrics.evaluation.scores import Calibration, Reference, Scores


class Line(NamedTuple):
    """A row with its name.

    Attributes:
        name: of the runs, or what the samples are.
        scores: of each run, or of each set of samples.
        error_of: what +- tells, see `minigan.metrics.evaluation.columns.cell`.
    """

    name: str
    scores: Sequence[Scores]
    error_of: ErrorOf

    def cell(self, column: Column, sign: str = "+-") -> str:
        """What stands in a column, see `minigan.metrics.evaluation.columns.cell`."""
        return cell(column, self.scores, sign, self.error_of)


def printable(name: str) -> str:
    r"""A name of a folder as one line, without what a terminal would take for a command.

    >>> from minigan.metrics.evaluation.table import printable
    >>> print(printable("red \x1b[31m"), printable("Zürich"))
    red \x1b[31m Zürich
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


@dataclass(frozen=True)
class Evaluation:
    """A whole evaluation.

    Attributes:
        rows: of the table.
        reference: what the samples were compared with.
        calibration: the rows of real samples and of noise.
        n: samples of each.
        seed: of their z.
        judge: "report" or "selection".
    """

    rows: tuple[Row, ...]
    reference: Reference
    calibration: Calibration
    n: int
    seed: int
    judge: str

    @property
    def real(self) -> str:
        """What the row of real samples is called."""
        if self.reference.images is None:
            return "real points"
        return "real test images" if self.reference.images.held_out else "real images"

    @property
    def table(self) -> list[Line]:
        """All rows: those of runs, of real samples and of noise."""
        of_run: ErrorOf = "mean" if self._seeds else "score"
        runs = [Line(printable(row.title), row.scores, of_run) for row in self.rows]
        real = Line(self.real, self.calibration.sets, "one" if self.calibration.more else of_run)
        return [*runs, real, Line("noise", [self.calibration.noise], of_run)]

    @property
    def columns(self) -> list[Column]:
        """The scores that runs have."""
        return columns_of([scores for row in self.rows for scores in row.scores])

    def with_n(self, column: Column) -> str:
        """What the number of samples does to a score, and what its own error tells if the table has that, in words."""
        told = [column.with_n] if self._seeds else [column.with_n, column.about_error]
        return "; ".join(filter(None, told)).format(**self._facts)

    @cached_property
    def _facts(self) -> dict[str, float]:
        return facts(self.n, self.reference)

    @property
    def _seeds(self) -> bool:
        """Whether some row has several."""
        return any(len(row.runs) > 1 for row in self.rows)

    @property
    def rows_told(self) -> list[tuple[str, str]]:
        """The name of each row, and what made it, if there is something to compare."""
        compared = len(self.rows) > 1 or self._seeds
        return [(printable(row.title), printable(row.about)) for row in self.rows] if compared else []

    @property
    def plus_minus(self) -> list[str]:
        """What +- means in rows that have it, in sentences."""
        told = []
        if self._seeds:
            told.append("In a row of several seeds each number is their mean, +- its standard error.")
        if sets := len(self.calibration.more):
            told.append(
                f"Of {self.real} it is the mean of {sets + 1} sets, +- how far one of them scatters: their standard "
                "deviation."
            )
        return told
