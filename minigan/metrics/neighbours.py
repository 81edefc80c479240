"""Does the generator repeat its training images? The nearest one to each sample, and how near those should be.

How near is too near, nobody can say of a distance alone. But images that were held out from training come from the
same distribution, and no generator has seen them. Samples may be nearer to the training images than those for two
reasons: they were copied, or they are blurred or pale, as the mean of some images is nearer to each of them than they
are to each other. Copies alone lie at a distance of 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.errors import RangeError, ShapeError
from minigan.metrics.checks import alike, instance, numbers, require_finite, whole_from
from minigan.metrics.knn import k_nearest
from minigan.ops.creation import as_tensor

HUNDREDTH = 99  # held-out samples are the fewest that tell the distance within which 1% of new ones lie


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What `nearest_training` finds, the nearest first.

    Attributes:
        distances: Euclidean, float64 (N, k).
        indices: of the training samples, int64 (N, k).
    """

    distances: NDArray[np.float64]
    indices: NDArray[np.int64]


@dataclass(frozen=True)
class Memorisation:
    """What `memorisation` finds.

    Attributes:
        nn_ratio: the median distance of the samples to their nearest neighbours, over that of held-out ones.
        nn_below_1_percent: the share of the samples that are nearer than ``threshold``; None without one.
        threshold: the distance within which 1% of new samples find a neighbour; None if not even one held-out sample
            does, as with fewer than 99 of them.
    """

    nn_ratio: float
    nn_below_1_percent: float | None
    threshold: float | None


def nearest_training(samples: Any, training: Any, k: int = 1) -> Neighbours:
    """The k training samples nearest to each sample, by the Euclidean distance of their numbers.

    Of images these are pixels, so distances are from 0, for a copy, to 2 sqrt(C H W), and a copy shifted by one pixel
    is far away. What they mean is said by those of held-out images: see `memorisation`. The more training samples there
    are, the nearer is one of them; the number of samples changes nothing. It takes O(N M F) time for M training
    samples, and O(N M k) for few k, some eight seconds of two cores for 10,000 images beside 60,000 of MNIST, and O((N
    + M) F) memory. Among images in float32, candidates are found in it, unless these are too much alike to be told
    apart; all is decided in float64, so that a copy has a distance of exactly 0. Points of which some are 1e6 times as
    far off as neighbours take several times as long, on one core of the host.

    Source: of the picture of generated samples beside these neighbours, I. Goodfellow et al., "Generative Adversarial
    Nets" (2014).

    Args:
        samples: images (N, C, H, W) in [-1, 1], or points (N, F).
        training: of the same kind, (M, ...).
        k: how many neighbours, from 1 to M.

    Raises:
        ShapeError: there are no samples, or they and the training samples have different shapes.
        DTypeError: pixels are whole numbers.
        RangeError: a number is NaN or infinite, or a pixel is outside [-1, 1].
        ConfigError: ``k`` is not from 1 to M.

    Example:
        >>> training = np.array([[0.0, 0.0], [3.0, 4.0], [9.0, 9.0]])
        >>> found = mg.metrics.nearest_training(np.array([[3.0, 3.0]]), training, k=2)
        >>> found.indices.tolist(), found.distances.round(3).tolist()
        ([[1, 0]], [[1.0, 4.243]])
    """
    metric = "nearest_training"
    x, y = alike(metric, ("samples", samples), ("training samples", training))
    k = whole_from(metric, "k", k, 1, len(y), why=f"there are {len(y):,} training samples")
    if not (x.ndim == 4 and x.dtype == y.dtype == np.float32):
        x, y = x.double(), y.double()
    x, y = (each.reshape(len(each), -1) for each in (x, y))
    squares, indices = k_nearest(x, y, k)
    return Neighbours(np.sqrt(squares), indices)


def memorisation(samples: Neighbours, held_out: Neighbours) -> Memorisation:
    """How near samples are to the training samples, beside held-out ones: is the generator copying?

    A perfect sampler has a ratio of 1 and a share of .01, with a standard error of .1 sqrt(1/N + 1/M) for N samples and
    M held-out ones; one that copies 0 and 1. Below 1, samples are nearer than new ones are, by copying or by blur:
    held-out images of MNIST that are blurred by .6 pixels have .91, and with .8 of their contrast .95, but hardly any
    of these is below the threshold, as copies are. Ratios above 1 do not say that samples are good: noise is far from
    everything.

    Both hold if samples and held-out ones were compared with the same training samples. The threshold is the k-th
    smallest distance of the held-out ones, k = (M + 1) / 100: among these a new sample has any rank with equal chance,
    so that the share has no bias. If k is no whole number, the threshold lies between two distances, and the share is
    off by some percent of itself; for M below 99 there is none. The ratio of medians has a bias of the order 1 / M: of
    MNIST .002 for 50, beside a standard deviation of .06. It takes O(N) time.

    Source: of the comparison, C. Meehan, K. Chaudhuri, S. Dasgupta, "A Non-Parametric Test to Detect Data-Copying in
    Generative Models" (2020); of the threshold, R. Hyndman, Y. Fan, "Sample Quantiles in Statistical Packages" (1996),
    definition 6.

    Args:
        samples: what `nearest_training` found for the samples, of which the nearest count.
        held_out: what it found for samples of the data that were no training samples, such as test images.

    Raises:
        ArgumentError: these are not what `nearest_training` finds.
        ShapeError: there are no samples.
        RangeError: half of the held-out samples are training samples, or a distance is NaN, infinite or below 0.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(3000, 2))
        >>> training, test = points[:1000], mg.metrics.nearest_training(points[1000:2000], points[:1000])
        >>> honest = mg.metrics.memorisation(mg.metrics.nearest_training(points[2000:], training), test)
        >>> 0.9 < honest.nn_ratio < 1.1, honest.nn_below_1_percent < 0.02
        (True, True)
        >>> copies = mg.metrics.memorisation(mg.metrics.nearest_training(training[:500], training), test)
        >>> copies.nn_ratio, copies.nn_below_1_percent
        (0.0, 1.0)
    """
    ours, theirs = _distances("samples", samples), _distances("held-out samples", held_out)
    usual = np.median(theirs)
    if usual == 0:
        raise RangeError(
            "memorisation: half of the held-out samples are training samples, expected others. Pass samples that were "
            "held out from training, such as test images."
        )
    ratio = float(np.median(ours) / usual)
    if len(theirs) < HUNDREDTH:
        return Memorisation(ratio, nn_below_1_percent=None, threshold=None)
    threshold = float(np.quantile(theirs, 0.01, method="weibull"))
    nearer = ours < threshold if threshold else ours == 0  # where a hundredth of the held-out ones are copies, too
    return Memorisation(ratio, float(nearer.mean()), threshold)


def _distances(what: str, found: Neighbours) -> NDArray[np.float64]:
    """To the nearest of each, (N,)."""
    instance("memorisation", f"neighbours of {what}", found, Neighbours, "Pass what nearest_training returns.")
    distances = numbers("memorisation", "distances", found.distances)
    if distances.ndim != 2 or not distances.size:
        raise ShapeError(
            f"memorisation: expected the distances of {what} (N, k), N and k at least 1, but got shape "
            f"{distances.shape}. Pass what nearest_training returns."
        )
    require_finite("memorisation", f"distances of {what}", as_tensor(distances))
    if distances.min() < 0:
        raise RangeError(
            f"memorisation: expected distances of {what} from 0 on, but got {distances.min():.3g}. Pass what "
            "nearest_training returns."
        )
    return distances[:, 0]
