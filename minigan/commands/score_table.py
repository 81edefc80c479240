"""The table of `minigan evaluate`, as text: a row for each run or group of runs, and those that give them a meaning."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence

from minigan.metrics.evaluation.table import Evaluation

WIDEST, NARROWEST, BETWEEN = 96, 40, 3
BETTER = "better is"


def table(found: Evaluation) -> str:
    """The rows; columns that do not fit beside the others stand below them."""
    names = ["", BETTER, *(line.name for line in found.table)]
    columns = [[column.head, column.better, *(line.cell(column) for line in found.table)] for column in found.columns]
    return "\n\n".join("\n".join(_lines([names, *part])) for part in _fitting(columns, _width(names)))


def _fitting(columns: Sequence[Sequence[str]], beside: int) -> Iterator[list[Sequence[str]]]:
    """As many columns at a time as a line has room for beside the names, but one at least."""
    part: list[Sequence[str]] = []
    for column in columns:
        if part and beside + sum(BETWEEN + _width(each) for each in (*part, column)) > line_width():
            yield part
            part = []
        part.append(column)
    yield part


def _lines(columns: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in zip(*columns, strict=True):
        padded = (text.ljust(_width(column)) for text, column in zip(cells, columns, strict=True))
        yield (" " * BETWEEN).join(padded).rstrip()


def _width(column: Sequence[str]) -> int:
    return max(map(len, column))


def notes(found: Evaluation) -> str:
    """What made the rows, what the number of samples does to each score, and what +- means."""
    against = f"{len(found.reference.training):,} of {found.reference.name}"
    head = f"{found.n:,} samples in each row, against {against}. What the number of samples does:"
    width = max(len(column.head) for column in found.columns)
    lines = [f"  {column.head:<{width}}  {found.with_n(column)}" for column in found.columns]
    told = (textwrap.fill(line, line_width(), subsequent_indent=" " * (width + 4)) for line in lines)
    rows = (textwrap.fill(f"{name}: {about}", line_width(), subsequent_indent="  ") for name, about in found.rows_told)
    return "\n".join([*rows, filled(head), *told, *map(filled, found.plus_minus)])


def line_width() -> int:
    """Of the terminal, but not so wide that nobody could read it."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 0)).columns))


def filled(text: str) -> str:
    """A text in lines of this width."""
    return textwrap.fill(text, line_width())
