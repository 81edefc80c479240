"""Which classes do samples show, how often, and are they those that were asked for?

Where a class is rare or missing, the generator has lost a mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.errors import RangeError, ShapeError
from minigan.metrics.checks import numbers
from minigan.metrics.checks import probabilities as checked_probabilities
from minigan.metrics.divergence import kl_divergence


@dataclass(frozen=True, eq=False)
class ClassHistogram:
    """What `class_histogram` finds.

    Attributes:
        counts: the samples of each class, int64 (K,).
        shares: of all samples, (K,).
        rarest: the smallest share, 0 to 1 / K; higher is better.
        kl: how far the shares are from what they should be, KL(shares || reference) in nats; 0 is best.
        missing: the classes of which there is no sample.
    """

    counts: NDArray[np.int64]
    shares: NDArray[np.float64]
    rarest: float
    kl: float
    missing: tuple[int, ...]


def class_histogram(probabilities: Any, reference: ArrayLike | None = None) -> ClassHistogram:
    """Count the samples of each class, by the highest of their probabilities, and compare with the shares in the data.

    The divergence is from 0 to ln K if ``reference`` is uniform, and lower is better. Of a sampler that draws m classes
    it is (m - 1) / (2 N) too high: .00045 for all 10 and 10,000 samples, nothing for one. A class of share s has a
    standard error of sqrt(s (1 - s) / N). It sees classes, not what they look like: a generator
    that draws one image of each has the best values. It takes O(N K) time and memory.

    Source: of the divergence of classes, Z. Lin et al., "PacGAN" (2018); see `minigan.metrics.divergence`.

    Args:
        probabilities: of each class for each sample, (N, K), such as `Judge.probabilities` returns.
        reference: the shares that the classes should have, (K,), such as those of the training labels; uniform if not
            given.

    Raises:
        ShapeError: ``probabilities`` are not (N, K), N at least 1 and K at least 2, or ``reference`` is not (K,).
        DTypeError: these are no numbers.
        RangeError: a probability is negative or NaN, a row of them or ``reference`` does not add up to 1, or
            ``reference`` lacks a class.

    Example:
        >>> found = mg.metrics.class_histogram(np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.6, 0.2, 0.2]]))
        >>> found.counts.tolist(), found.missing, found.rarest, round(found.kl, 3)
        ([2, 1, 0], (2,), 0.0, 0.462)
    """
    p = checked_probabilities("class_histogram", probabilities)
    counts = np.bincount(p.argmax(dim=1).to("cpu").numpy(), minlength=p.shape[1]).astype(np.int64)
    shares = counts / len(p)
    return ClassHistogram(
        counts=counts,
        shares=shares,
        rarest=float(shares.min()),
        kl=kl_divergence(counts, reference),
        missing=tuple(np.flatnonzero(counts == 0).tolist()),
    )


def class_accuracy(probabilities: Any, labels: Any) -> float:
    """The share of the samples whose most probable class is the one that a conditional generator was asked for.

    From 0 to 1, higher is better; 1 / K is chance. That of real samples, by their labels, is the classifier's own
    accuracy. It has no bias, and a standard error of sqrt(a (1 - a) / N). It sees classes, not what they look like: a
    generator that draws one image of each, when asked, has 1. It takes O(N K) time and memory.

    Source: K. Shmelkov, C. Schmid, K. Alahari, "How good is my GAN?" (2018), where it is called GAN-test.

    Args:
        probabilities: of each class for each sample, (N, K), such as `Judge.probabilities` returns.
        labels: the classes that were asked for, 0 to K - 1, (N,).

    Raises:
        ShapeError: ``probabilities`` are not (N, K), N at least 1 and K at least 2, or ``labels`` are not (N,).
        DTypeError: these are no numbers.
        RangeError: a probability is negative or NaN, a row of them does not add up to 1, or a label is no class.

    Example:
        >>> mg.metrics.class_accuracy(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]]), [0, 1, 1, 0])
        0.75
    """
    p, asked = checked_probabilities("class_accuracy", probabilities), numbers("class_accuracy", "labels", labels)
    if asked.shape != (len(p),):
        raise ShapeError(
            f"class_accuracy: expected labels of shape ({len(p)},), one for each sample, but got {asked.shape}. Pass "
            "those that the samples were drawn for."
        )
    classes = p.shape[1]
    if others := sorted(set(np.unique(asked).tolist()) - set(range(classes))):
        raise RangeError(
            f"class_accuracy: expected labels from 0 to {classes - 1}, as there are {classes} probabilities, but found "
            f"{others[:5]}. Count classes from 0."
        )
    return float((p.argmax(dim=1).to("cpu").numpy() == asked).mean())
