"""The work it takes to turn one set of samples into another: exact in one dimension, and its mean over many lines.

On a line the cheapest way to move N points onto N others keeps their order: the smallest goes to the smallest, and so
on. In more dimensions there is no order; but every line through the data has one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.data.room import check_room
from minigan.errors import ConfigError, ShapeError
from minigan.metrics.checks import ROWS, alike, rows, whole_from
from minigan.ops.checks import real, tensor_of
from minigan.ops.creation import as_tensor
from minigan.ops.joining import cat
from minigan.recording import no_grad
from minigan.tensor import Tensor


def wasserstein_1d(x: Any, y: Any, p: float = 1.0) -> float:
    """The exact Wasserstein distance of two sets of numbers, W_p = (integral |F^-1(u) - G^-1(u)|^p du)^(1/p).

    F^-1 and G^-1 are the quantile functions of the sets, in which each of N numbers has the mass 1 / N. From 0, for
    equal sets, to infinity, and lower is better; in the unit of the numbers: moving all by c makes it |c|. Two sets of
    N from one distribution are not at 0, so compare equal N: W_1 is of the order N^(-1/2), but W_p of N^(-1/(2 p)) if
    the distribution has gaps, as a mixture has, for a share of about N^(-1/2) then lies in the wrong mode. It takes
    O(N log N + M log M) time and O(N + M) memory, on the host, where it sorts.

    Source: C. Villani, "Topics in Optimal Transportation" (2003), theorem 2.18.

    Args:
        x: (N,) or (N, 1), such as samples of a generator trained on `minigan.data.mixture_1d`.
        y: (M,) or (M, 1).
        p: of the distances, at least 1.

    Raises:
        ShapeError: ``x`` or ``y`` has another shape, or holds nothing.
        RangeError: a number is NaN or infinite.
        ConfigError, ArgumentError: ``p`` is below 1, infinite, or no number.

    Example:
        >>> x, y = np.array([0.0, 1.0]), np.array([5.0])
        >>> mg.metrics.wasserstein_1d(x, y), round(mg.metrics.wasserstein_1d(x, y, p=2) ** 2, 6)
        (4.5, 20.5)
    """
    p = _checked_power("wasserstein_1d", p)
    x, y = _numbers("x", x), _numbers("y", y)
    return _distance(x, y, p)


def sliced_wasserstein(x: Any, y: Any, projections: int = 128, p: float = 2.0, seed: int = 0) -> float:
    """The Wasserstein distance of two sets of samples along random lines, SW_p = (mean over lines of W_p^p)^(1/p).

    The samples are projected onto directions drawn uniformly from the sphere; along each of them the distance is exact
    (:func:`wasserstein_1d`). The mean is taken of p-th powers and its root last, with p = 2, as the articles and the
    POT library have it. From 0, for equal sets, to infinity, and lower is better; symmetric, in the unit of the
    samples. Moving all by a vector c of F numbers makes it |c| / sqrt(F) with p = 2, so it shrinks with F. Few samples
    make it larger, so compare equal N, and equal seeds: 128 lines through images of MNIST have a standard error of 1 to
    8%, little of blur and much of noise. Two sets of N from one distribution are of the order N^(-1/2) apart, but
    N^(-1/(2 p)) if lines through it have gaps: with p = 2 two of 500 points of the ring have .12, and two of 32,000
    still .04. There, p = 1 tells samplers apart sooner (.04, and .006).

    It takes O(N F L + N log N L) time for L lines and N samples, half a second of two cores for 10,000 images beside
    60,000 of MNIST, and O(N (F + L)) memory; it sorts on the host.

    Source: J. Rabin, G. Peyre, J. Delon, M. Bernot, "Wasserstein Barycenter and Its Application to Texture Mixing"
    (2011); N. Bonneel et al., "Sliced and Radon Wasserstein Barycenters of Measures" (2015).

    Args:
        x: images (N, C, H, W) in [-1, 1], or points or features (N, F).
        y: of the same kind, (M, ...).
        projections: how many lines.
        p: of the distances, at least 1.
        seed: of the lines.

    Raises:
        ShapeError: ``x`` and ``y`` have different shapes, or one holds nothing.
        DTypeError: pixels are whole numbers.
        RangeError: a number is NaN or infinite, or a pixel is outside [-1, 1].
        ConfigError, ArgumentError: ``projections`` is below 1, ``p`` below 1 or infinite, or ``seed`` below 0; or one
            is no number.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(1000, 3))
        >>> round(mg.metrics.sliced_wasserstein(x, 2 * x), 1)  # of N(0, 1) and N(0, 4) on every line: 2 - 1
        1.0
    """
    p = _checked_power("sliced_wasserstein", p)
    projections = whole_from("sliced_wasserstein", "projections", projections, 1)
    seed = whole_from("sliced_wasserstein", "seed", seed, 0)
    first, second = alike("sliced_wasserstein", ("x", x), ("y", y))
    width = first[0].numel()
    check_room(8 * projections * (width + len(first) + len(second)), f"{projections:,} lines", "take fewer projections")
    lines = _directions(width, projections, seed)
    distances = [_distance(a, b, p) for a, b in zip(_projected(first, lines), _projected(second, lines), strict=True)]
    return _power_mean(np.array(distances), np.full(projections, 1 / projections), p)


def _directions(width: int, n: int, seed: int) -> NDArray[np.float64]:
    """Unit vectors, uniform on the sphere: (n, width)."""
    vectors = np.random.default_rng(seed).standard_normal((n, width))
    directions: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return directions


def _projected(samples: Tensor, lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each sample lies on each line: (L, N), on the host."""
    across = as_tensor(lines, device=samples.device)
    with no_grad():
        parts = [across @ part.reshape(len(part), -1).double().T for part in samples.split(ROWS)]
        numbers: NDArray[np.float64] = cat(parts, dim=1).to("cpu").numpy()
    return numbers


def _distance(x: NDArray[np.float64], y: NDArray[np.float64], p: float) -> float:
    """W_p of numbers (N,) and (M,)."""
    of_x, of_y, masses = _steps(len(x), len(y))
    return _power_mean(np.abs(np.sort(x)[of_x] - np.sort(y)[of_y]), masses, p)


def _power_mean(x: NDArray[np.float64], masses: NDArray[np.float64], p: float) -> float:
    """(sum of masses x^p)^(1/p): in units of the largest, whose power is a number for every p."""
    largest = x.max()
    return float(largest * (masses @ (x / largest) ** p) ** (1 / p)) if largest else 0.0


@lru_cache(maxsize=1)  # all lines of a sliced distance have the same, and finding them takes longer than sorting
def _steps(n: int, m: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The pieces between the steps of both quantile functions: where each piece is in either set, and its mass.

    Both are steps, at multiples of 1 / N and of 1 / M. Between two neighbouring steps of either, both are constant. The
    steps are counted in units of 1 / (N M), in which all are whole numbers.
    """
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    return (ends - 1) // m, (ends - 1) // n, np.diff(ends, prepend=0) / (n * m)


def _numbers(name: str, x: Any) -> NDArray[np.float64]:
    x = tensor_of("wasserstein_1d", x)
    if x.ndim not in (1, 2) or (x.ndim == 2 and x.shape[1] != 1):
        raise ShapeError(f"wasserstein_1d: expected {name} (N,) or (N, 1), but got shape {x.shape}. Use one column.")
    numbers: NDArray[np.float64] = rows("wasserstein_1d", name, x.reshape(-1, 1)).double().to("cpu").numpy()[:, 0]
    return numbers


def _checked_power(metric: str, p: Any) -> float:
    power = real(metric, "p", p)
    if not 1 <= power < np.inf:
        raise ConfigError(f"{metric}: expected p of at least 1 and finite, but got {p}. The usual ones are 1 and 2.")
    return power
