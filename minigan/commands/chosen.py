"""How the checkpoint was chosen that ``--best`` takes: the best of many looks better than it is to who chose it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from minigan.errors import ConfigError
from minigan.gan import Run
from minigan.gan.score_log import comparable
from minigan.gan.settings import shown
from minigan.metrics.evaluation.rows import Row


@dataclass(frozen=True)
class Chosen:
    """How.

    Attributes:
        by: the numbers that it was chosen by.
        judge: the SHA-256 of who judged; None where nobody does.
        samples: of each score.
        scores: of how many it is the best.
    """

    by: str
    judge: str | None
    samples: int
    scores: int


def check_judge(runs: Sequence[Run], judge: str, best: bool) -> None:
    """Make sure that who is asked for by name has digits to look at, and that who chose does not report.

    Raises:
        ConfigError: there are none, or it does.
    """
    if judge != "selection":
        return
    if all(run.config.data.source != "mnist" for run in runs):
        raise ConfigError(
            "evaluate: --judge selection asks who is to look at MNIST's digits, but the data are "
            f"{shown(runs[0].config.data.source)}, at which no judge looks; leave it out."
        )
    if best:
        raise ConfigError(
            'evaluate: the best checkpoint was chosen by the judge "selection", to which it looks better than it is; '
            "leave out --judge, for one that has chosen nothing, or --best."
        )


def how_chosen(run: Run) -> Chosen:
    """Of a run that was opened at its best checkpoint: of the scores until its newest checkpoint."""
    best, _, until = run.found
    assert best is not None, "it was opened at its best"
    line = run.scores.of_step(best.step)
    lines = [other for other in run.scores.lines() if other["step"] <= (until or 0)]
    rivals = [other for other in lines if comparable(other, line) and "error" not in other]
    return Chosen(line["ranked_by"], line.get("judge"), line["samples"], len(rivals))


def named(row: Row, chosen: Mapping[str, Chosen]) -> Row:
    """A row that says that its runs are the best of many scores, if they are."""
    counts = sorted({chosen[run.path].scores for run in row.runs if run.path in chosen})
    if not counts:
        return row
    many = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return replace(row, chosen=f"best of {many} score{'s' if counts[-1] > 1 else ''}")
