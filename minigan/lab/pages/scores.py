"""The page of `minigan evaluate`: the scores of a run beside what gives them a meaning, and pictures that say why."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from minigan.lab.page import Page, Section, Table
from minigan.lab.pages.scores_compared import spreads
from minigan.lab.pages.scores_images import classes, copies, drawn_images
from minigan.lab.pages.scores_points import drawn_points, modes
from minigan.metrics.evaluation.table import Evaluation, printable
from minigan.metrics.hashes import short


def page(found: Evaluation) -> Page:
    """The page of one run, or of several to compare."""
    return Page(_title(found), _lead(found), [section for section in _sections(found) if section.items])


def _title(found: Evaluation) -> str:
    runs = sum(len(row.runs) for row in found.rows)
    return f"Scores of {escape(printable(found.rows[0].title))}" if runs == 1 else f"Scores of {runs} runs"


def _lead(found: Evaluation) -> str:
    reference, runs = found.reference, [run for row in found.rows for run in row.runs]
    steps = sorted({run.step for run in runs})
    after = f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}"
    judge = ""
    if reference.digits is not None:
        judge = (
            f" The judge is “{found.judge}”, SHA-256 <code>{short(reference.digits.judge.sha256)}</code>; numbers of "
            "another one do not compare."
        )
    return (
        f"{found.n:,} samples{' of each run' if len(runs) > 1 else ''} after step {after}, held against "
        f"{len(reference.training):,} of {escape(reference.name)}. A score alone says little: look at it "
        f"beside that of {found.real} and that of noise.{judge}"
    )


def _sections(found: Evaluation) -> Iterator[Section]:
    left_out = [escape(found.reference.left_out)] * bool(found.reference.left_out)
    rows = [f"<b>{escape(name)}</b>: {escape(about)}" for name, about in found.rows_told]
    yield Section("The scores", [*rows, *left_out], [_table(found), *spreads(found)])
    yield Section("What is drawn", (), [*drawn_images(found), *drawn_points(found)])
    yield Section("Is it copied?", (), [*copies(found)])
    yield Section("Is all of it drawn?", (), [*classes(found), *modes(found)])
    yield Section("How to read the scores", (), [_meanings(found)])


def _table(found: Evaluation) -> Table:
    """A row for each score, so that a phone shows it."""
    head = ["score", *(escape(line.name) for line in found.table), "better is"]
    rows = [
        [escape(column.head), *(line.cell(column, "±").replace("-", "−") for line in found.table), column.better]
        for column in found.columns
    ]
    caption = " ".join(["Each score is explained below.", *found.plus_minus]).replace("+-", "±")
    return Table(f"{found.n:,} samples in each column", head, rows, caption)


def _meanings(found: Evaluation) -> Table:
    rows = [
        [escape(column.head), _paragraphs(column.about, f"Number of samples: {found.with_n(column)}")]
        for column in found.columns
    ]
    return Table("What each score tells", ["score", "what it tells"], rows)


def _paragraphs(*texts: str) -> str:
    """In a table whose cells do not wrap, as wide as a phone has room for beside the first column."""
    told = "<br>".join(escape(text).replace("+-", "±") for text in texts)
    return f'<div style="white-space: normal; width: min(42rem, 44vw)">{told}</div>'
