"""Exhibits of a page of scores: images that were drawn, what lies between them, what they may be copies of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.gan.pictures import grid
from minigan.lab.page import BLUE, GREY, ORANGE, Drawing, Exhibit, Frame, Panel, Slider, panel
from minigan.metrics.evaluation.looks import Suspects
from minigan.metrics.evaluation.run import ScoredRun
from minigan.metrics.evaluation.table import Evaluation, printable

BINS = 50
ROWS = ("sample", "nearest", "second", "third", "fourth")


def runs_of(found: Evaluation) -> list[ScoredRun]:
    """All of them, row by row: each is a position of the slider."""
    return [run for row in found.rows for run in row.runs]


def sliders(found: Evaluation) -> list[Slider]:
    """One that goes from run to run; none if there is only one."""
    paths = [printable(run.path) for run in runs_of(found)]
    return [Slider("run", paths)] if len(paths) > 1 else []


def drawn_images(found: Evaluation) -> Iterator[Exhibit]:
    """A grid of samples, and what G draws on the way from one z to another."""
    if found.reference.images is None:
        return
    runs = runs_of(found)
    caption = (
        "First: samples as they come; nobody has chosen them. Second: each row goes from one <var>z</var> to another. "
        "A G that has understood the data changes one image into the other step by step, through images that could be "
        "real; one that has learned images by heart stays with one, and then jumps to the next."
    )
    yield Exhibit(
        "Samples, and ways between them",
        caption,
        [
            Panel("samples", [_tiles("samples", run.looks.samples) for run in runs], "a grid of samples"),
            Panel(
                "interpolation",
                [_interpolation(run.looks.interpolation) for run in runs],
                "samples on ways from one z to another",
            ),
        ],
        sliders(found),
    )


def _tiles(title: str, images: NDArray[np.float32], columns: int | None = None) -> Drawing:
    figure, ax = panel(title)
    _show(ax, images, columns)
    ax.set_axis_off()
    return Drawing(figure)


def _show(ax: Any, images: NDArray[np.float32], columns: int | None) -> None:
    ax.grid(visible=False)
    ax.imshow(grid(images, columns, scale=1), cmap="gray", vmin=0, vmax=255, interpolation="nearest")


def _interpolation(ways: NDArray[np.float32]) -> Drawing:
    return _tiles("from one z to another", ways.reshape(-1, *ways.shape[2:]), ways.shape[1])


# ---- copies ----------------------------------------------------------------------------------------------


def copies(found: Evaluation) -> Iterator[Exhibit]:
    """The samples that look most like copies, and how near all are, beside held-out images."""
    images = found.reference.images
    if images is None:
        return
    runs = runs_of(found)
    panels = [Panel("suspects", [_suspects(run.looks.suspects) for run in runs], "suspicious samples and neighbours")]
    caption = (
        "First: the samples that are most suspicious, as they are nearer to one training image than to the next ones, "
        "in proportion. Below each stand these training images. A copy would be the same image, at a distance of 0."
    )
    if images.held_out:
        drawings = [_distances(run, images.nearest_of_others.distances[:, 0]) for run in runs]
        panels.append(Panel("distances", drawings, "distances to the nearest training image"))
        caption += (
            " Second: how far all samples are from their nearest training images, and how far images that were held "
            "out from training are. A G that copies has many at 0; far to the right of the others lie samples that "
            "look like no image of these data."
        )
        if _threshold(runs[0]) is not None:
            caption += " Samples left of the dashed line are nearer than all but 1% of the held-out images."
    yield Exhibit("The training images nearest to samples", caption, panels, sliders(found))


def _suspects(suspects: Suspects | None) -> Frame:
    assert suspects is not None, "images have them"
    figure, ax = panel("most suspicious samples")
    n, side = len(suspects.samples), suspects.samples.shape[-2:]
    columns = np.concatenate([suspects.samples[:, np.newaxis], suspects.nearest], axis=1)
    _show(ax, columns.swapaxes(0, 1).reshape(-1, *columns.shape[2:]), n)
    ax.set_yticks(_middles(columns.shape[1], side[0]), ROWS[: columns.shape[1]])
    ax.set_xticks(_middles(n, side[1]), [f"{d:.3g}" for d in suspects.distances[:, 0]])
    ax.set_xlabel("distance to the nearest")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return Drawing(figure)


def _middles(n: int, side: int) -> Sequence[float]:
    """Of the tiles of a grid, each with a border of one pixel."""
    return [(side + 1) * i + side / 2 + 0.5 for i in range(n)]


def _threshold(run: ScoredRun) -> float | None:
    """Of the score NN < 1%, see `minigan.metrics.memorisation`."""
    assert run.scores.images is not None, "images have them"
    found = run.scores.images.memorisation
    return None if found is None else found.threshold


def _distances(run: ScoredRun, others: NDArray[np.float64]) -> Frame:
    ours, threshold = run.looks.distances, _threshold(run)
    assert ours is not None, "images have them"
    figure, ax = panel("distance to the nearest training image", "Euclidean distance of pixels", "share of the images")
    bins = np.linspace(0, max(ours.max(), others.max()) * 1.02 + 1e-6, BINS + 1)
    for values, color, label in ((ours, ORANGE, "samples"), (others, BLUE, "held-out images")):
        weights = np.full(len(values), 1 / len(values))
        ax.hist(values, bins, weights=weights, histtype="step", color=color, linewidth=1.5, label=label)
    if threshold is not None:
        ax.axvline(threshold, color=GREY, linestyle="--", linewidth=1, label="1% of these")
    figure.legend(loc="outside lower center", ncols=3)
    return Drawing(figure)


# ---- classes ---------------------------------------------------------------------------------------------


def classes(found: Evaluation) -> Iterator[Exhibit]:
    """How often the judge sees each digit."""
    real = found.calibration.real.digits
    if real is None:
        return
    drawings = [_classes(run, real.classes.shares) for run in runs_of(found)]
    caption = (
        "What the judge sees in the samples, beside what it sees in real test images, which are not equally frequent "
        "either. A G that has lost a digit lacks its bar. Bars say nothing of how the digits look, and of noise the "
        "judge says that all of it is one digit."
    )
    yield Exhibit("Shares of the digits", caption, [Panel("classes", drawings, "bars: digits")], sliders(found))


def _classes(run: ScoredRun, real: NDArray[np.float64]) -> Frame:
    assert run.scores.digits is not None, "the real ones have them"
    shares = run.scores.digits.classes.shares
    figure, ax = panel("what the judge sees", "digit", "share of the images")
    ax.bar(range(len(shares)), shares, color=ORANGE, alpha=0.75, label="samples")
    ax.plot(range(len(real)), real, "o", color=BLUE, label="real test images")
    ax.set_xticks(range(len(shares)))
    ax.axhline(1 / len(shares), color=GREY, linestyle="--", linewidth=1, label="equal shares")
    figure.legend(loc="outside lower center", ncols=3)
    return Drawing(figure)
