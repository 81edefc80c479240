"""The Kullback-Leibler divergence of counts: how unevenly samples fall on modes or on classes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.errors import RangeError, ShapeError
from minigan.metrics.checks import numbers

ROUNDING = 1e-6  # by which shares in float32 may miss a sum of 1


def kl_divergence(counts: ArrayLike, reference: ArrayLike | None = None) -> float:
    """KL(p || q) = sum_k p_k ln(p_k / q_k), of the shares p = counts / sum of counts and what they should be, q.

    From 0, where the shares are as they should be, to infinity: -ln q_k where one class k has all samples, so ln K if
    q is uniform. It is not symmetric: a class that is missing costs little, since 0 ln 0 = 0, and ln(K / m) where only
    m of K equal ones are left. N samples of a distribution over m classes have about (m - 1) / (2 N) more than it, so
    compare equal N (Miller 1955). It takes O(K) time and memory.

    Source: S. Kullback, R. A. Leibler, "On Information and Sufficiency", Ann. Math. Statist. 22 (1951).

    Args:
        counts: how often each class was seen, (K,).
        reference: q, (K,), such as the shares of the training labels; uniform if not given.

    Returns:
        In nats; NaN if nothing was counted.

    Raises:
        ShapeError: ``counts`` are none, or ``reference`` has another shape.
        DTypeError: these are no numbers.
        RangeError: a count is below 0 or not finite, or the reference does not add up to 1 or has a share of 0.

    Example:
        >>> from minigan.metrics.divergence import kl_divergence
        >>> round(kl_divergence([5, 5, 0, 0]) / float(np.log(2)), 6), kl_divergence([3, 1], reference=[0.75, 0.25])
        (1.0, 0.0)
    """
    counts = numbers("kl_divergence", "counts", counts).astype(np.float64)
    if counts.ndim != 1 or not counts.size:
        raise ShapeError(
            f"kl_divergence: expected counts (K,), K at least 1, but got shape {counts.shape}. Reshape them."
        )
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise RangeError(
            "kl_divergence: expected counts that are 0 or more, but some are negative, NaN or infinite. Count again."
        )
    q = np.full(len(counts), 1 / len(counts)) if reference is None else _checked(reference, counts.shape)
    if not counts.any():
        return math.nan
    p = counts / counts.max()  # first: the sum of huge numbers is none
    p /= p.sum()
    seen = p > 0
    return max(0.0, float(p[seen] @ (np.log(p[seen]) - np.log(q[seen]))))  # rounding may leave -1e-16


def _checked(reference: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    q = numbers("kl_divergence", "a reference", reference).astype(np.float64)
    if q.shape != shape:
        raise ShapeError(
            f"kl_divergence: expected a reference of shape {shape}, as the counts, but got {q.shape}. Pass the share "
            "of each class."
        )
    missing = np.flatnonzero(q == 0).tolist()
    if missing:
        raise RangeError(
            f"kl_divergence: the reference has no share of {missing}, from which every divergence is infinite. "
            "Take the shares of data that have all classes."
        )
    if not ((q > 0).all() and abs(q.sum() - 1) <= ROUNDING):
        raise RangeError(
            f"kl_divergence: expected shares above 0 that add up to 1, but got a sum of {q.sum():.6g} and a smallest "
            f"of {q.min():.6g}. Divide counts by their sum."
        )
    return q
