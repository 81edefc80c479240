"""What a judge says of digits: all scores that are made of its features and of its probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.metrics.classes import ClassHistogram, class_accuracy, class_histogram
from minigan.metrics.classifier import classifier_score
from minigan.metrics.frechet import frechet_distance
from minigan.metrics.judge import Judge
from minigan.metrics.kernel import kernel_distance
from minigan.metrics.precision import precision_recall
from minigan.metrics.score import Score

SUBSET = 1000  # samples in a subset of the kernel distance; at most a tenth, as others overlap too much to scatter


@dataclass(frozen=True)
class DigitScores:
    """What `DigitReference.score` finds.

    Attributes:
        classifier_score: of all samples as one part, see `minigan.metrics.classifier_score`.
        frechet_distance: to the training images, see `minigan.metrics.frechet_distance`.
        kernel_distance: to the training images, see `minigan.metrics.kernel_distance`; None if nobody asked for it.
        precision, recall: against as many training images, at random, see `minigan.metrics.precision`.
        confidence: the mean of the highest probability, .1 to 1. Noise may have 1, too: see docs/judge.md.
        classes: how often each digit is seen, against equal shares.
        class_accuracy: see `minigan.metrics.class_accuracy`; None if G is not asked for digits.
    """

    classifier_score: float
    frechet_distance: float
    kernel_distance: Score | None
    precision: float
    recall: float
    confidence: float
    classes: ClassHistogram
    class_accuracy: float | None = None


@dataclass(frozen=True)
class DigitReference:
    """A judge, and what it makes of the training images, computed once.

    Attributes:
        judge: which one.
        features: of the training images, in random order, as precision and recall take the first: float32 (M, 64).

    >>> from minigan.metrics.evaluation.digits import DigitReference
    >>> images, labels = mg.data.load_mnist()
    >>> x = mg.data.gather_pixels(images[:400, None], np.arange(400))
    >>> reference = DigitReference.of(mg.metrics.load_judge("report"), x[:200])
    >>> found = reference.score(x[200:], asked=labels[200:400])
    >>> found.class_accuracy > 0.95, found.classes.missing
    (True, ())
    """

    judge: Judge
    features: NDArray[np.float32]

    @classmethod
    def of(cls, judge: Judge, images: Any) -> DigitReference:
        """The reference to compare with: training images, float32 (M, 1, 28, 28)."""
        features = judge.features(images)
        return cls(judge, features[np.random.default_rng(0).permutation(len(features))])

    def score(self, images: Any, asked: ArrayLike | None = None, kernel: bool = True) -> DigitScores:
        """All scores of images, float32 (N, 1, 28, 28); the judge looks at each once.

        Args:
            images: the samples.
            asked: the digits that G was asked for, (N,).
            kernel: find the kernel distance, too: a fourth of the work, which a training that waits can save.

        Raises:
            ShapeError, DTypeError, RangeError: these are no such images, or fewer than 65.
        """
        features, p = self.judge.outputs(images)
        n = len(p)
        near = precision_recall(features, self.features[:n])
        return DigitScores(
            classifier_score=classifier_score(p, splits=1).mean,
            frechet_distance=frechet_distance(features, self.features),
            kernel_distance=kernel_distance(features, self.features, subset_size=subset_size(n)) if kernel else None,
            precision=near.precision,
            recall=near.recall,
            confidence=float(p.max(1).mean()),
            classes=class_histogram(p),
            class_accuracy=None if asked is None else class_accuracy(p, asked),
        )


def subset_size(n: int) -> int:
    """Of the kernel distance of n samples.

    >>> from minigan.metrics.evaluation.digits import subset_size
    >>> subset_size(10_000), subset_size(2500)
    (1000, 250)
    """
    return min(SUBSET, n // 10)
