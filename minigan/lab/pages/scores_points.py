"""Exhibits of a page of scores: points over real ones, the modes that they reach, and ways between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.lab.page import GREY, ORANGE, SKY, Drawing, Exhibit, Frame, Panel, panel
from minigan.lab.pages.scores_images import runs_of, sliders
from minigan.metrics.evaluation.run import ScoredRun
from minigan.metrics.evaluation.table import Evaluation

MOST, BINS = 2000, 60  # points of each kind in a picture: more of them cover each other


def drawn_points(found: Evaluation) -> Iterator[Exhibit]:
    """Samples over real points, and what G draws on the way from one z to another."""
    if found.reference.points is None:
        return
    runs, real = runs_of(found), found.reference.others[:MOST]
    limits = _limits(real)
    if real.shape[1] == 1:
        panels = [Panel("samples", [_densities(run.looks.samples, real, limits[0]) for run in runs], "densities")]
        caption = "The density of the samples, and that of real numbers."
    else:
        panels = [
            Panel("samples", [_scatter(run.looks.samples, real, limits) for run in runs], "samples over real points"),
            Panel(
                "interpolation",
                [_interpolation(run.looks.interpolation, real, limits) for run in runs],
                "ways between samples",
            ),
        ]
        caption = (
            "First: samples over real points. Second: what G draws on the way from one <var>z</var> to another. "
            "Between modes that lie apart it has to cross what is empty: the fewer points a way has there, the steeper "
            "is G."
        )
    if real.shape[1] > 2:
        caption += " Of more than two numbers the first two are drawn."
    yield Exhibit("Samples", caption, panels, sliders(found))


def _limits(real: NDArray[np.float32]) -> list[tuple[float, float]]:
    """Of each axis: the range of real points, and a fifth of it on either side."""
    low, high = real.min(axis=0), real.max(axis=0)
    margin = np.where(high > low, (high - low) / 5, 1)
    return list(zip((low - margin).tolist(), (high + margin).tolist(), strict=True))


def _plane(title: str, limits: list[tuple[float, float]]) -> tuple[Any, Any]:
    return panel(title, "x", "y", xlim=limits[0], ylim=limits[1], aspect="equal")


def _scatter(fake: NDArray[np.float32], real: NDArray[np.float32], limits: list[tuple[float, float]]) -> Frame:
    figure, ax = _plane("samples", limits)
    ax.plot(*real[:, :2].T, ".", color=SKY, markersize=4, label="real", rasterized=True)
    ax.plot(*fake[:MOST, :2].T, ".", color=ORANGE, markersize=2, label="samples", rasterized=True)
    figure.legend(loc="outside lower center", ncols=2, markerscale=3)
    return Drawing(figure)


def _densities(fake: NDArray[np.float32], real: NDArray[np.float32], limits: tuple[float, float]) -> Frame:
    figure, ax = panel("density", "number", "density", xlim=limits)
    bins = np.linspace(*limits, BINS + 1)
    ax.hist(real[:, 0], bins, density=True, color=SKY, label="real")
    ax.hist(fake[:, 0], bins, density=True, histtype="step", color=ORANGE, linewidth=1.5, label="samples")
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)


def _interpolation(ways: NDArray[np.float32], real: NDArray[np.float32], limits: list[tuple[float, float]]) -> Frame:
    figure, ax = _plane("from one z to another", limits)
    ax.plot(*real[:, :2].T, ".", color=SKY, markersize=4, label="real", rasterized=True)
    for way in ways:
        ax.plot(*way[:, :2].T, ".-", color=ORANGE, linewidth=0.8, markersize=4)
    ax.plot([], [], ".-", color=ORANGE, linewidth=0.8, label="a path")
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)


def modes(found: Evaluation) -> Iterator[Exhibit]:
    """How many of the points are near each mode."""
    if found.reference.points is None or found.reference.points.mixture is None:
        return
    drawings = [_modes(run) for run in runs_of(found)]
    caption = (
        "The share of the points that lie within three standard deviations of each mode. A mode without a bar is lost; "
        "what is missing to the dashed line lies near other modes, or near none."
    )
    yield Exhibit("Points near each mode", caption, [Panel("modes", drawings, "bars: modes")], sliders(found))


def _modes(run: ScoredRun) -> Frame:
    assert run.scores.points is not None, "points have such scores"
    assert run.scores.points.modes is not None, "and of a mixture modes"
    count = run.scores.points.modes
    shares = count.counts / len(run.looks.samples)
    figure, ax = panel("samples near each mode", "mode", "share of the points")
    ax.bar(range(1, count.of + 1), shares, color=ORANGE, alpha=0.75, label="samples")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.axhline(1 / count.of, color=GREY, linestyle="--", linewidth=1, label="equal shares")
    figure.legend(loc="outside lower center", ncols=2)
    return Drawing(figure)
