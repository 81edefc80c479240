"""Tables as text, for people to read."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], lines: Sequence[Sequence[str]], words: int) -> list[str]:
    """The head and the lines with their columns aligned, and a rule beneath the head.

    Args:
        head: a title for each column.
        lines: a text for each column.
        words: how many columns, from the left, hold words; the others hold numbers, aligned at their ends.
    """
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    head, *lines = (
        "  ".join(cell.ljust(width) if i < words else cell.rjust(width) for i, (cell, width) in enumerate(cells))
        for cells in (zip(line, widths, strict=True) for line in (head, *lines))
    )
    return [head, "-" * len(head), *lines]
