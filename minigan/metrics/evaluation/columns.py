"""The scores as columns of a table: what they are called, which end is good, and what the number of samples does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minigan.metrics.evaluation.digits import SUBSET
from minigan.metrics.evaluation.scores import Reference, Scores

SPLITS = 10  # of the classifier score


class Column(NamedTuple):
    """One score.

    Attributes:
        path: where it is in `minigan.metrics.evaluation.Scores`, such as "digits.frechet_distance".
        head: its name.
        better: "higher", "lower", or where else it should be.
        form: in which Python writes it.
        about: what it tells, in some words.
        with_n: what the number of samples does to it, as a format of `_facts`.
        error: where its own error is, if it has one.
    """

    path: str
    head: str
    better: str
    form: str
    about: str
    with_n: str
    error: str = ""


COLUMNS = (
    Column(
        "digits.classifier_score.mean", "classifier", "higher", ".2f",
        "each sample shows one digit clearly, and all together every digit: 1 to 10",
        "ten parts of {part:,} samples score {classifier:.2g}% too low; +- is the deviation of the parts",
        "digits.classifier_score.std",
    ),
    Column(
        "digits.frechet_distance", "Frechet", "lower", ".2f",
        "distance of means and covariances of features from those of the data",
        "{n:,} perfect samples are up to {frechet:.2g} away, fewer are farther",
    ),
    Column(
        "digits.kernel_distance.mean", "kernel", "lower", ".3f",
        "distance in a polynomial kernel of features",
        "without bias; +- is the deviation of estimates from {subset:,} samples",
        "digits.kernel_distance.std",
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
        "how sure the judge is of what a sample shows; of noise it may be, too",
        "without bias",
    ),
    Column(
        "digits.as_asked", "as asked", "higher", ".1%",
        "share of the samples that show the digit that G was asked for",
        "without bias, standard error at most {share:.2g}%",
    ),
    Column(
        "digits.classes.rarest", "rarest", "higher", ".1%",
        "share of the rarest digit: 10% at best",
        "standard error {rarest:.2g}%; as the least of ten it tends to be too low",
    ),
    Column(
        "digits.classes.kl", "KL", "lower", ".4f",
        "how far the shares of the digits are from equal: 0 to ln 10",
        "{n:,} perfect samples have {kl_digits:.1g}",
    ),
    Column(
        "images.memorisation.ratio", "near", "about 1", ".2f",
        "median distance to the nearest training image, over that of held-out images; below 1 G copies",
        "without bias",
    ),
    Column(
        "images.memorisation.closer", "nearer", "about 1%", ".1%",
        "share of the samples nearer to a training image than all but 1% of the held-out images",
        "without bias, standard error {closer:.1g}%",
    ),
    Column(
        "images.parzen.mean", "Parzen", "higher", ".1f",
        "log-likelihood of test images by the protocol of 2014; the real samples are training images here",
        "grows with the samples: the protocol takes 10,000; +- is the standard error",
        "images.parzen.error",
    ),
    Column(
        "images.sliced_wasserstein", "sliced W", "lower", ".4f",
        "distance of pixels from those of the data, along 128 lines",
        "shrinks with more of them, and is not 0 for perfect samples: see the real ones",
    ),
    Column(
        "points.modes.modes", "modes", "higher", ".5g",
        "modes of the mixture that are caught",
        "more points catch more: the articles take 2,500",
    ),
    Column(
        "points.modes.high_quality", "high quality", "higher", ".1%",
        "share of the points within three standard deviations of a mode",
        "without bias, standard error at most {share:.2g}%",
    ),
    Column(
        "points.modes.kl", "KL", "lower", ".4f",
        "how far the modes' shares are from equal",
        "{n:,} perfect points have {kl_modes:.1g}",
    ),
    Column(
        "points.sliced_wasserstein", "sliced W", "lower", ".4f",
        "distance from real points, along 128 lines",
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
    """The mean over runs, and its standard error; of a single run NaN."""
    values = [value for each in scores if (value := number(each, path)) is not None]
    if not values:
        return None, math.nan
    error = math.nan if len(values) < 2 else float(np.std(values, ddof=1) / math.sqrt(len(values)))
    return float(np.mean(values)), error


def cell(column: Column, scores: Sequence[Scores], sign: str = "+-") -> str:
    """A number of the table, with its own error, or of several runs with the standard error of their mean.

    >>> from minigan.metrics.evaluation.scores import Scores
    >>> from minigan.metrics.evaluation.columns import COLUMNS, cell
    >>> from minigan.metrics.evaluation.points import PointScores
    >>> runs = [Scores(points=PointScores(wasserstein_1d=x)) for x in (0.5, 0.7)]
    >>> cell(COLUMNS[-1], runs), cell(COLUMNS[-1], runs[:1])
    ('0.6000 +- 0.1000', '0.5000')
    """
    value, error = mean(scores, column.path)
    if value is None:
        return ""
    if len(scores) == 1:
        error = number(scores[0], column.error) or math.nan if column.error else math.nan
    text = _written(value, column.form)
    return text if math.isnan(error) else f"{text} {sign} {_written(error, column.form)}"


def _written(value: float, form: str) -> str:
    """Of what rounds to nothing without a minus."""
    text = f"{value:{form}}"
    return text if text.strip("-0.%") else text.removeprefix("-")


def with_n(column: Column, n: int, reference: Reference) -> str:
    """What n samples do to a score, in words with numbers."""
    return column.with_n.format(**_facts(n, reference))


def _facts(n: int, reference: Reference) -> dict[str, float]:
    """See the metrics' own docstrings for the formulas."""
    facts = {
        "n": n,
        "part": n // SPLITS,
        "classifier": 100 * 9 / (2 * (n // SPLITS)) if n >= SPLITS else math.nan,
        "subset": min(SUBSET, n),
        "share": 100 * math.sqrt(0.25 / n),
        "rarest": 100 * math.sqrt(0.09 / n),
        "closer": 100 * math.sqrt(0.01 * 0.99 / n),
        "kl_digits": 9 / (2 * n),
    }
    if reference.digits is not None:
        features = reference.digits.features
        facts["frechet"] = (features.shape[1] + 5) * float(features.var(axis=0, dtype=np.float64).sum()) / (2 * n)
    if reference.points is not None and reference.points.mixture is not None:
        facts["kl_modes"] = (len(reference.points.mixture.centres) - 1) / (2 * n)
    return facts
