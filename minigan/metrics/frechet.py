"""The Frechet distance: how far two sets of features are apart, if only their means and covariances count.

FID is this distance in the features of an Inception network; here, a judge of digits makes them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.metrics.checks import pair, require_samples


def frechet_distance(fake: Any, real: Any) -> float:
    """The squared Frechet distance (or 2-Wasserstein distance) of the Gaussians fitted to two sets of features.

        d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    From 0, where means and covariances agree, without bound; lower is better. It is symmetric, does not change if both
    sets are turned or moved, and grows with the square of the features' scale: distances in the features of two judges
    cannot be compared. Nothing beyond the second moments is seen.

    Few samples look farther away than they are: two sets from one distribution are not 0 apart, but about as far as
    `frechet_bias` says. Compare distances of as many samples only, beside that of real test images. Articles take
    50,000 for their FID; the judges' 64 features have with 10,000 a smaller bias than Inception's 2,048 with these.

    A matrix root of C1 C2 loses half of the digits where a covariance is singular, as it is where a feature is never
    active. So none is taken: with C1 = A'A and C2 = B'B, both factors from a QR decomposition of the centred features,
    the second term is the smallest |A - Q B|^2 over all orthogonal Q (the Procrustes problem, which one singular value
    decomposition solves). As a sum of squares it is 0 for equal sets to the last digit, and never below.

    Source: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule"; Dowson and Landau 1982 for the formula;
    Bhatia, Jain and Lim 2019, "On the Bures-Wasserstein distance", for Q. On the host, time
    O(N F^2 + F^3) and memory O(N F).

    Args:
        fake: features (N, F), such as `Judge.features` returns.
        real: features (M, F) of the data.

    Raises:
        ShapeError: these are no such features, or N or M is at most F: too few for a covariance.
        DTypeError: they are no numbers.
        RangeError: one is NaN or infinite.

    Example:
        >>> real = np.random.default_rng(0).normal(size=(1000, 8))
        >>> mg.metrics.frechet_distance(real, real) < 1e-20
        True
        >>> round(mg.metrics.frechet_distance(real + 2, real), 6)  # 2 in each of 8 dimensions
        32.0
    """
    names = ("fake samples", "real samples")
    matrices = pair("frechet_distance", (names[0], fake), (names[1], real))
    width = matrices[0].shape[1]
    for name, x in zip(names, matrices, strict=True):
        require_samples("frechet_distance", name, x, width + 1, f"the covariance of {width:,} features")
    (m1, a), (m2, b) = (_moments(x.to("cpu").numpy()) for x in matrices)
    u, _, vh = np.linalg.svd(a @ b.T)
    return float(((m1 - m2) ** 2).sum() + ((a - u @ vh @ b) ** 2).sum())


def frechet_bias(features: ArrayLike, n: int, m: int) -> float:
    """About how far `frechet_distance` finds two sets of n and m samples from one distribution: a perfect sampler.

        (tr C + sum_ij (1 + [i = j]) l_i l_j / (2 (l_i + l_j))) (1 / n + 1 / m),  l: the eigenvalues of C

    The first term is the scatter of the means, the second that of the covariances, to the first order in 1 / n and of a
    normal distribution. If all eigenvalues are equal to l and n = m, it is F (F + 5) l / (2 n).

    Source: T. Rippl, A. Munk, A. Sturm, "Limit Laws of the Empirical Wasserstein Distance: Gaussian Distributions"
    (2016), for the second term. Time O(N F^2 + F^3).

    Args:
        features: of which C is the covariance, (N, F).
        n: samples of one set.
        m: and of the other.

    >>> from minigan.metrics.frechet import frechet_bias
    >>> features = np.random.default_rng(0).normal(size=(5000, 8))
    >>> round(frechet_bias(features, 1000, 1000), 2), 8 * (8 + 5) / 2000
    (0.05, 0.052)
    """
    covariance = np.cov(np.asarray(features, np.float64), rowvar=False)
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(covariance))
    l = eigenvalues[eigenvalues > eigenvalues.max() * np.finfo(float).eps]  # noqa: E741  (as in the formula)
    of_covariances = np.outer(l, l) * (1 + np.eye(len(l))) / (2 * np.add.outer(l, l))
    return float((l.sum() + of_covariances.sum()) * (1 / n + 1 / m))


def _moments(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean (F,), and a root A (F, F) of the covariance A'A."""
    mean = x.mean(axis=0)
    root: NDArray[np.float64] = np.linalg.qr(x - mean, mode="r")  # type: ignore[assignment]  # NumPy forgot this mode
    return mean, root / math.sqrt(len(x) - 1)
