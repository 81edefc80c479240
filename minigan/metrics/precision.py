"""Precision and recall: what share of the samples is realistic, and what share of the data can be drawn?

One number such as a Frechet distance does not tell bad samples from missing ones; these two do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.metrics.checks import pair, whole_from
from minigan.metrics.distances import difference_blocks, distance_blocks, error_bound
from minigan.metrics.knn import k_nearest
from minigan.ops.checks import tensor_of
from minigan.ops.creation import as_tensor
from minigan.tensor import Tensor


@dataclass(frozen=True)
class PrecisionRecall:
    """What `precision_recall` finds.

    Attributes:
        precision: the share of the fake samples that lie where real ones do, 0 to 1.
        recall: the share of the real samples that lie where fake ones do, 0 to 1.
    """

    precision: float
    recall: float


def precision_recall(fake: Any, real: Any, k: int = 3) -> PrecisionRecall:
    """The share of samples that are realistic, and the share of the data that the samples cover.

    Where a set *lies* is told by its own samples: in the balls around each that reach to its k-th nearest neighbour in
    the set. Precision is the share of fake samples in a ball of a real one, recall that of real samples in a ball of a
    fake one. Both from 0 to 1, and higher is better; they swap if the sets do, and both are 1 for equal sets. Samples
    that are few and perfect have high precision and low recall; noise that covers everything the reverse.

    A sample on the edge of a ball is inside, and so is one that is outside by no more than rounding: else rounding
    would choose among equal distances, such as those of copies. Balls shrink with more samples, and grow with k:
    compare only with as many samples of both sets, and the same k. Even real test images do not reach 1 against
    training images. An outlier has a large ball, in which wrong samples count as right ones.

    Source: Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative Models", section
    2. Time O((N + M)^2 F), and several times that on one core of the host where a sample lies some 1e6 times as far
    off as neighbours do; memory O((N + M) F) and some blocks of 32 MiB.

    Args:
        fake: features (N, F), such as `Judge.features` returns.
        real: features (M, F) of the data.
        k: up to which neighbour a ball reaches, from 1 to below N and M.

    Raises:
        ShapeError: these are no such features.
        DTypeError: they are no numbers.
        RangeError: one is NaN or infinite.
        ConfigError: ``k`` is out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> real = rng.normal(size=(1000, 2))
        >>> narrow = rng.normal(size=(1000, 2)) * 0.1  # realistic, but they cover little
        >>> mg.metrics.precision_recall(narrow, real)
        PrecisionRecall(precision=0.987, recall=0.053)
    """
    x, y = pair("precision_recall", ("fake samples", fake), ("real samples", real), least=2)
    fewest = min(len(x), len(y))
    k = whole_from("precision_recall", "k", k, 1, fewest - 1, f"the smaller set has {fewest:,} samples")
    rounded = max(_unit_roundoff(each) for each in (fake, real))
    realistic, covered = (_inside(points, centres, k, rounded) for points, centres in ((x, y), (y, x)))
    return PrecisionRecall(float(realistic.mean()), float(covered.mean()))


def _inside(points: Tensor, centres: Tensor, k: int, rounded: float) -> NDArray[np.bool_]:
    """Whether each point is in the ball of at least one centre, (N,): as far as products tell, else by differences."""
    edges, bound = _squared_edges(centres, k, rounded), error_bound(points, centres)
    outside = _outside(distance_blocks(points, centres), edges)
    unsure = np.flatnonzero(np.abs(outside) <= bound)
    if unsure.size:
        outside[unsure] = _outside(difference_blocks(points[unsure], centres), edges)
    return outside <= 0


def _outside(blocks: Iterator[tuple[slice, Tensor]], squared_edges: Tensor) -> NDArray[np.float64]:
    """By how much the square of each point's distance is above that of the ball which it is in, or nearest to: (N,)."""
    return np.concatenate([(block - squared_edges).amin(dim=1).to("cpu").numpy() for _, block in blocks])


def _squared_edges(centres: Tensor, k: int, rounded: float) -> Tensor:
    """The squared distance of each centre to its k-th nearest neighbour, or (k + 1)-th, counting itself: (N,).

    Longer by what rounding may make of it and of the distance of a point on the edge: of the coordinates, which are no
    longer than centre and radius together, and of the sum of F squares.
    """
    squares, _ = k_nearest(centres, centres, k + 1)
    radii: Tensor = as_tensor(np.sqrt(squares[:, k])).to(centres.device)
    lengths = (centres * centres).sum(dim=1).sqrt()
    sums = (centres.shape[1] + 2) * _unit_roundoff(centres) * radii
    edges: Tensor = (radii + 2 * rounded * (2 * lengths + radii) + sums) ** 2
    return edges


def _unit_roundoff(x: Any) -> float:
    """By how much of itself a number of this type is off at most; whole ones are exact until they are float64."""
    dtype = tensor_of("precision_recall", x).dtype
    return float(np.finfo(dtype if dtype.kind == "f" else np.float64).eps) / 2
