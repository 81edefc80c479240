"""Precision and recall: what share of the samples is realistic, and what share of the data can be drawn?

One number such as a Frechet distance does not tell bad samples from missing ones; these two do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.metrics.checks import pair, whole_from
from minigan.metrics.distances import distance_blocks, rounding
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
    2. Time O((N + M)^2 F), memory O((N + M) F) and some blocks of 32 MiB.

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
    slack = 2 * max(rounding(*sets) for sets in ((x, y), (x, x), (y, y)))  # of a distance, and of a radius
    fake_radii, real_radii = _squared_radii(x, k) + slack, _squared_radii(y, k) + slack
    realistic, covered = 0, np.zeros(len(y), bool)
    for part, block in distance_blocks(x, y):
        realistic += int((block <= real_radii).any(dim=1).sum().item())
        covered |= (block <= fake_radii[part].unsqueeze(1)).any(dim=0).to("cpu").numpy()
    return PrecisionRecall(realistic / len(x), float(covered.mean()))


def _squared_radii(x: Tensor, k: int) -> Tensor:
    """The squared distance of each sample to its k-th nearest neighbour, (N,): the (k + 1)-th, counting itself.

    On the host, whatever the device: a partition costs the same for every k, the minima one after the other k times it.
    """
    nearest: list[NDArray[np.float64]] = []
    for _, block in distance_blocks(x, x):
        kth = np.partition(block.to("cpu").numpy(), k, axis=1)[:, k]
        nearest.append(kth.copy())  # a view would keep all of the block
    return as_tensor(np.concatenate(nearest)).to(x.device)
