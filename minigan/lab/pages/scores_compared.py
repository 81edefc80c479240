"""The exhibit that compares rows of runs: each score with the spread over the seeds."""

from __future__ import annotations

from collections.abc import Iterator

from minigan.lab.page import BLUE, GREY, ORANGE, Drawing, Exhibit, Frame, Panel, panel
from minigan.metrics.evaluation.columns import Column, mean, number
from minigan.metrics.evaluation.table import Evaluation, printable

TALL = 1.6, 0.28  # inches: of a panel, and more for each row
LETTERS = 24  # of a name beside a panel; paths differ at their ends


def spreads(found: Evaluation) -> Iterator[Exhibit]:
    """A panel for each score, if there is something to compare."""
    if sum(len(row.runs) for row in found.rows) < 2:
        return
    panels = [
        Panel(f"spread-{column.path.replace('.', '-').replace('_', '-')}", [_spread(found, column)], column.about)
        for column in found.columns
    ]
    caption = (
        "A dot is a run; the bar is the mean of several seeds, ± its standard error. The dashed line is the score of "
        f"{found.real}. A single run says little, as another seed may differ from it by as much as the dots of one row "
        "do from each other; and with few seeds even bars that do not overlap are no proof."
    )
    yield Exhibit("Runs compared", caption, panels)


def _spread(found: Evaluation, column: Column) -> Frame:
    from matplotlib.ticker import PercentFormatter

    title = f"{column.head}, better is {column.better}"
    figure, ax = panel(title, height=TALL[0] + TALL[1] * len(found.rows))
    for place, row in enumerate(found.rows, 1):
        values = [value for each in row.scores if (value := number(each, column.path)) is not None]
        centre, error = mean(row.scores, column.path)
        if centre is None:
            continue
        ax.plot(values, [place] * len(values), "o", color=ORANGE, alpha=0.75, markersize=5)
        if len(values) > 1:
            ax.errorbar(centre, place, xerr=error, fmt="|", color=BLUE, markersize=11, elinewidth=2, zorder=3)
    real, _ = mean(found.calibration.sets, column.path)
    if real is not None:
        ax.axvline(real, color=GREY, linestyle="--", linewidth=1)
    ax.set_ylim(len(found.rows) + 0.6, 0.4)
    ax.set_yticks(range(1, len(found.rows) + 1), [_short(printable(row.name)) for row in found.rows])
    ax.locator_params(axis="x", nbins=5, integer=column.form == ".0f", min_n_ticks=1)
    if column.form.endswith("%"):
        ax.xaxis.set_major_formatter(PercentFormatter(1))
    return Drawing(figure)


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else f"…{name[1 - LETTERS :]}"
