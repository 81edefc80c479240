"""The kernel distance: how far two sets of features are apart, without bias and with error bars.

KID is this distance in the features of an Inception network; here, a judge of digits makes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.errors import ConfigError, RangeError
from minigan.metrics.checks import LARGEST, pair, whole_from
from minigan.metrics.score import Score
from minigan.ops.checks import real as real_number
from minigan.tensor import Tensor


def kernel_distance(
    fake: Any,
    real: Any,
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
    seed: int = 0,
) -> Score:
    """The squared maximum mean discrepancy (MMD) of two sets of features with a polynomial kernel, over subsets.

        MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),  k(x, y) = (gamma x.y + coef)^degree

    Each subset takes ``subset_size`` samples of each set, without putting any back, and leaves the pairs of a sample
    with itself out. This makes the estimate unbiased, at any number of samples: two sets from one distribution have 0
    on average, so some are below 0. Without bound above; lower is better. With degree 3 it sees differences of the
    first three moments.

    Source: Binkowski et al. 2018, "Demystifying MMD GANs", section 4; the estimate is that of Gretton
    et al. 2012, equation 3. Time O(subsets subset_size^2 F), memory O((N + M) F + subset_size^2).

    Args:
        fake: features (N, F), such as `Judge.features` returns.
        real: features (M, F) of the data.
        subsets: how many are drawn.
        subset_size: samples of each set in a subset, at least 2.
        degree: of the kernel, at least 1.
        gamma: scale of the kernel, above 0; 1 / F if not given.
        coef: what the kernel adds, at least 0.
        seed: of the choice of subsets.

    Returns:
        The mean over the subsets, and their standard deviation, as articles print both. It is how far an estimate from
        ``subset_size`` samples scatters if these are at most a tenth of either set; subsets of more overlap too much to
        differ, and where one is the whole set all are the same. It is no error of the mean, which is several times
        smaller: with 100 subsets of a tenth of either set, 3 times for sets far apart, 6 for those of one distribution.

    Raises:
        ShapeError: these are no such features, or fewer than ``subset_size``.
        DTypeError: they are no numbers.
        RangeError: one is NaN or infinite, or the kernel is.
        ConfigError, ArgumentError: a setting is out of range.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> real, same, moved = rng.normal(size=(2000, 8)), rng.normal(size=(2000, 8)), rng.normal(1, 1, size=(2000, 8))
        >>> found = mg.metrics.kernel_distance(same, real)
        >>> abs(found.mean) < found.std, mg.metrics.kernel_distance(moved, real).mean > 1
        (True, True)
    """
    op = "kernel_distance"
    subsets, degree = whole_from(op, "subsets", subsets, 1), whole_from(op, "degree", degree, 1)
    subset_size, seed = whole_from(op, "subset_size", subset_size, 2), whole_from(op, "seed", seed, 0)
    x, y = pair(op, ("fake samples", fake), ("real samples", real), least=subset_size)
    gamma = 1 / x.shape[1] if gamma is None else real_number(op, "gamma", gamma)
    coef = real_number(op, "coef", coef)
    if not (gamma > 0 and coef >= 0):
        raise ConfigError(
            f"{op}: expected gamma above 0 and coef of at least 0, but got {gamma} and {coef}. Choose others."
        )
    rng = np.random.default_rng(seed)
    distances = []
    for _ in range(subsets):
        one, other = (part[rng.choice(len(part), subset_size, replace=False)] for part in (x, y))
        with np.errstate(over="ignore", invalid="ignore"):
            distances.append(_unbiased_mmd2(one, other, degree, gamma, coef))
    if not (np.abs(distances) < LARGEST).all():
        raise RangeError(
            f"{op}: the kernel is too large for float64. Scale the features, or lower gamma, coef or degree."
        )
    return Score(float(np.mean(distances)), float(np.std(distances)))


def _unbiased_mmd2(x: Tensor, y: Tensor, degree: int, gamma: float, coef: float) -> float:
    """Of as many samples each, m: the means are over m (m - 1) pairs of two samples, and over all m^2 of two sets."""
    m = len(x)

    def kernel(products: Tensor) -> Tensor:
        return (gamma * products + coef) ** degree

    def of_pairs(part: Tensor) -> Tensor:
        k = kernel(part @ part.T)
        k[range(m), range(m)] = 0.0  # before the sum: beside a sample far off, what is left of a sum would be rounding
        return k.sum()

    within = of_pairs(x) + of_pairs(y)
    return float((within / (m * (m - 1)) - 2 * kernel(x @ y.T).sum() / m**2).item())
