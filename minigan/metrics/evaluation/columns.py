"""The scores as columns of a table: what they are called, which end is good, and how their numbers are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from minigan.metrics.evaluation.scores import Scores

ErrorOf = Literal["score", "mean", "one"]


class Column(NamedTuple):
    """One score.

    Attributes:
        path: where it is in `minigan.metrics.evaluation.Scores`, such as "digits.frechet_distance".
        head: its name.
        better: "higher", "lower", or where else it should be.
        form: in which Python writes it.
        about: what it tells, in some words.
        with_n: what the number of samples does to it, a format of `minigan.metrics.evaluation.sample_size.facts`.
        error: where its own error is, if it has one ...
        about_error: ... and what that tells, a format like ``with_n``.
        nan: what NaN means.
        form_of_mean: in which a mean is written, if in another.
    """

    path: str
    head: str
    better: str
    form: str
    about: str
    with_n: str
    error: str = ""
    about_error: str = ""
    nan: str = ""
    form_of_mean: str = ""


COLUMNS = (
    Column(
        "digits.classifier_score", "classifier", "higher", ".2f",
        "IS, the Inception score, with the judge: each sample shows one digit clearly, and all together every digit: "
        "1 to 10",
        "{n:,} samples score up to {classifier:.2g}% too low",
    ),
    Column(
        "digits.frechet_distance", "Frechet", "lower", ".2f",
        "FID with the judge's features: distance of their means and covariances from those of the data",
        "{n:,} perfect samples are about {frechet:.2g} away from {m:,}, fewer are farther; so are test images, which "
        "other people wrote",
    ),
    Column(
        "digits.kernel_distance.mean", "kernel", "lower", ".3f",
        "KID with the judge's features: their distance from those of the data in a polynomial kernel",
        "without bias",
        "digits.kernel_distance.std",
        "+- is the deviation of estimates from {subset:,} samples, several times the error of this mean",
    ),
    Column(
        "digits.precision", "precision", "higher", ".3f",
        "share of the samples that lie where real ones do",
        "changes with the number of samples: {n:,} real ones stand against them",
    ),
    Column(
        "digits.recall", "recall", "higher", ".3f",
        "share of the real ones that lie where samples do",
        "as precision",
    ),
    Column(
        "digits.confidence", "confidence", "higher", ".3f",
        "how sure the judge is of what a sample shows; it is sure of noise, too",
        "without bias",
    ),
    Column(
        "digits.class_accuracy", "class accuracy", "higher", ".1%",
        "share of the samples that show the digit that G was asked for",
        "without bias, standard error at most {share:.2g}%",
    ),
    Column(
        "digits.classes.rarest", "rarest class", "higher", ".1%",
        "share of the rarest digit: 10% at best",
        "{n:,} samples of equal classes have {rarest:.2g}% +- {rarest_std:.2g}%",
    ),
    Column(
        "digits.classes.kl", "class KL", "lower", ".4f",
        "how far the shares of the digits are from equal: 0 to ln 10",
        "{n:,} samples of equal classes have {kl_digits:.2g}",
    ),
    Column(
        "images.memorisation.nn_ratio", "NN ratio", "about 1", ".2f",
        "median distance to the nearest training image, over that of held-out images; below 1: nearer than new images "
        "are, by copying or by blur; copies also raise NN < 1% and show a distance of 0",
        "hardly any bias: of the order 1 / n; of noise, {some:,} samples are searched",
    ),
    Column(
        "images.memorisation.nn_below_1_percent", "NN < 1%", "about 1%", ".1%",
        "share of the samples nearer to a training image than all but 1% of the held-out images",
        "hardly any bias, standard error {below:.2g}% of perfect samples",
    ),
    Column(
        "images.parzen.mean", "Parzen", "higher", ".1f",
        "log-likelihood of test images by the protocol of 2014; the real samples are training images here. Others, of "
        "the last sixth, choose sigma, of MNIST 50,000 to 50,999: held out only if data.limit is at most 50,000",
        "grows with the samples: the protocol takes 10,000",
        "images.parzen.error",
        "+- is the standard error over test images",
    ),
    Column(
        "images.sliced_wasserstein", "sliced W2", "lower", ".4f",
        "distance of pixels from those of the data, W2 along 128 lines",
        "shrinks with more of them, and is not 0 for perfect samples: see the real ones",
    ),
    Column(
        "points.modes.modes", "modes", "higher", ".0f",
        "modes of the mixture that are caught",
        "more points catch more: the articles take 2,500",
        form_of_mean=".1f",
    ),
    Column(
        "points.modes.high_quality", "high quality", "that of real ones", ".1%",
        "share of the points within three standard deviations of a mode: in the plane 98.9% of real ones, and more of "
        "modes that are too narrow",
        "without bias, standard error at most {share:.2g}%",
    ),
    Column(
        "points.modes.kl", "mode KL", "lower", ".4f",
        "how far the modes' shares are from equal, of the points near a mode; of noise these are few, and so nearly "
        "equal, which is no merit: see high quality",
        "{n:,} points near modes, in equal shares, have {kl_modes:.2g}, fewer have more",
        nan="none near a mode",
    ),
    Column(
        "points.sliced_wasserstein", "sliced W1", "lower", ".4f",
        "distance from real points, W1 along 128 lines",
        "shrinks with more of them, and is not 0 for perfect points: see the real ones",
    ),
    Column(
        "points.wasserstein_1d", "W1", "lower", ".4f",
        "exact distance from real numbers",
        "shrinks with more of them, and is not 0 for perfect numbers: see the real ones",
    ),
)  # fmt: skip


def number(scores: Scores, path: str) -> float | None:
    """The number at a path; None if there is none for such samples.

    >>> from minigan.metrics.evaluation.scores import Scores
    >>> from minigan.metrics.evaluation.columns import number
    >>> from minigan.metrics.evaluation.points import PointScores
    >>> number(Scores(points=PointScores(wasserstein_1d=0.5)), "points.wasserstein_1d")
    0.5
    """
    found: object = scores
    for name in path.split("."):
        found = getattr(found, name, None)
    return float(found) if isinstance(found, int | float | np.number) else None


def columns_of(scores: Sequence[Scores]) -> list[Column]:
    """Those of which there is a number in some of the scores."""
    return [column for column in COLUMNS if any(number(each, column.path) is not None for each in scores)]


def mean(scores: Sequence[Scores], path: str) -> tuple[float | None, float]:
    """The mean over runs, and its standard error, which is NaN of a single one; those without a score do not count."""
    values = [value for each in scores if (value := number(each, path)) is not None and not math.isnan(value)]
    if not values:
        return None, math.nan
    error = math.nan if len(values) < 2 else float(np.std(values, ddof=1) / math.sqrt(len(values)))
    return float(np.mean(values)), error


def cell(column: Column, scores: Sequence[Scores], sign: str = "+-", error_of: ErrorOf = "score") -> str:
    """A number of the table: of several runs their mean with its standard error.

    Args:
        column: which score.
        scores: of each run.
        sign: between a number and its error.
        error_of: what else to tell: of a single run the "score"'s own error, or nothing, where that is the error of a
            "mean" in other rows; or of several how far "one" scatters, their standard deviation, in place of the error
            of their mean.

    >>> from minigan.metrics.evaluation.scores import Scores
    >>> from minigan.metrics.evaluation.columns import COLUMNS, cell
    >>> from minigan.metrics.evaluation.points import PointScores
    >>> runs = [Scores(points=PointScores(wasserstein_1d=x)) for x in (0.5, 0.7)]
    >>> cell(COLUMNS[-1], runs), cell(COLUMNS[-1], runs, error_of="one"), cell(COLUMNS[-1], runs[:1])
    ('0.6000 +- 0.1000', '0.6000 +- 0.1414', '0.5000')
    """
    value, error = mean(scores, column.path)
    found = [number(each, column.path) for each in scores]
    without = sum(each is not None and math.isnan(each) for each in found)
    if value is None:
        return column.nan if without else ""
    if len(scores) == 1:
        own = number(scores[0], column.error) if column.error and error_of == "score" else None
        error = math.nan if own is None else own
    elif error_of == "one":
        error *= math.sqrt(len(scores) - without)
    form = column.form_of_mean if column.form_of_mean and len(scores) > 1 else column.form
    text = _written(value, form)
    text = text if math.isnan(error) else f"{text} {sign} {_written(error, form)}"
    return f"{text} ({column.nan}: {without} of {len(scores)})" if without else text


def _written(value: float, form: str) -> str:
    """Of what rounds to nothing without a minus."""
    text = f"{value:{form}}"
    return text if text.strip("-0.%") else text.removeprefix("-")
