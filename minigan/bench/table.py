"""The table that is printed while points are measured, a line for each mode."""

from __future__ import annotations

import textwrap

from minigan.bench.measure import Point

WIDTH = 96
COLUMNS = ("batch", "mode", "ms/step", "10 % .. 90 %", "steps/s", "samples/s", "GFLOP/s", "share", "peak MB")
WIDTHS = (7, -10, 9, -20, 9, 12, 9, 7, 9)  # negative: words, which begin where others end

FOOTER = """\
ms/step: the median over blocks of whole training steps; 10 % .. 90 %: what a tenth of them undercut, and a tenth \
exceed. After a warm-up the modes take turns; on a GPU the clock is read when it is done.
share: the time that arithmetic and bytes of the kernels take at the limits of the device, over the time measured.
peak MB: the most that a training holds in its steps after the first ones, besides the program and the data set: all \
arrays, and when captured on the CPU the list of its calls; on a GPU what CuPy's pool and the graphs have taken."""


def head() -> str:
    """The titles of the columns, and a rule."""
    titles = _aligned(COLUMNS)
    return f"{titles}\n{'-' * len(titles)}"


def lines(point: Point) -> list[str]:
    """One for each mode."""
    return [_line(point, mode) for mode in point.timings]


def _line(point: Point, mode: str) -> str:
    timing = point.timings[mode]
    low, high = (short(1e3 * seconds) for seconds in timing.spread)
    return _aligned(
        (
            f"{point.batch_size:,}",
            mode,
            short(1e3 * timing.median),
            f"{low:>7} .. {high}",
            short(timing.steps_per_s),
            short(point.samples_per_s(mode)),
            short(point.flops_per_s(mode) / 1e9),
            f"{point.share(mode):.0%}".replace("%", " %"),
            short(timing.peak_bytes / 1e6),
        )
    )


def _aligned(cells: tuple[str, ...]) -> str:
    return "".join(
        cell.rjust(width) if width > 0 else f"  {cell}".ljust(-width) for cell, width in zip(cells, WIDTHS, strict=True)
    ).rstrip()


def short(x: float) -> str:
    """Three digits, or as many as there are before the point.

    >>> from minigan.bench.table import short
    >>> short(0.01234), short(1.234), short(12.34), short(12345.6)
    ('0.0123', '1.23', '12.3', '12,346')
    """
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}" if x >= 1e-4 or not x else f"{x:.1e}"


def footer() -> str:
    """How to read the table."""
    return "\n".join(textwrap.fill(line, WIDTH) for line in FOOTER.splitlines())
