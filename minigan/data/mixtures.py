"""Mixtures of Gaussians in one and two dimensions: data whose density is known, and whose modes can be counted.

The ring and the grid, with their standard numbers, are those of Srivastava et al., "VEEGAN" (2017), and Lin et al.,
"PacGAN" (2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.backend import get_backend, philox
from minigan.data.room import check_room
from minigan.errors import ConfigError, ShapeError

LABELS, OFFSETS = 0, 1  # sites of the random stream
BYTES_PER_NUMBER = 48  # at the peak of drawing: words, normals, their products and sums, labels
MOST_MODES = 10_000


class Mixture:
    """Equally likely Gaussians of one width: p(x) = 1/K sum_k N(x; c_k, std^2 I).

    Args:
        centres: c_k, (K, F).
        std: standard deviation of each Gaussian in each dimension.

    Raises:
        ConfigError: ``std`` is not above 0.
        ShapeError: ``centres`` has another shape, or none.

    Example:
        >>> ring = mg.data.ring()
        >>> points, labels = ring.sample(1000, seed=0)
        >>> points.shape, ring.centres.shape, ring.std
        ((1000, 2), (8, 2), 0.01)
    """

    def __init__(self, centres: ArrayLike, std: float) -> None:
        self.centres: NDArray[np.float64] = np.array(centres, np.float64)
        self.std = std
        if self.centres.ndim != 2 or not self.centres.size:
            raise ShapeError(f"Mixture: expected centres (K, F), but got shape {self.centres.shape}.")
        if not 0 < std < math.inf:
            raise ConfigError(f"Mixture: expected a standard deviation above 0, but got {std}.")

    def sample(self, n: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Draw points. The first of n points are the same for every n.

        Args:
            n: how many, at least 1.
            seed: the same seed draws the same points.

        Returns:
            Points, float32 (n, F), and the number of the Gaussian that each comes from, int64 (n,).

        Raises:
            ConfigError: ``n`` is less than 1 or more than fits this machine's memory, or the seed is none.

        Example:
            >>> points, labels = mg.data.mixture_1d().sample(3)
            >>> points.shape, labels.shape
            ((3, 1), (3,))
        """
        if n < 1:
            raise ConfigError(f"Found {n} points to draw, expected at least 1; choose a positive number.")
        modes, width = self.centres.shape
        check_room(n * width * BYTES_PER_NUMBER, f"{n:,} points to draw", "draw fewer")
        backend = get_backend(self.centres)
        labels = backend.integers(_words(n // 2 + 1, seed, LABELS), (n,), 0, modes, np.int64)
        offsets = backend.normal(_words(n * width + 1, seed, OFFSETS), (n, width), np.float64)
        return (self.centres[labels] + self.std * offsets).astype(np.float32), labels

    def log_density(self, x: ArrayLike) -> NDArray[np.float64]:
        """The exact log p(x), also where p(x) is too small for a number.

        Args:
            x: (N, F).

        Returns:
            float64 (N,).

        Raises:
            ShapeError: ``x`` has another shape.

        Example:
            >>> mg.data.Mixture([[0.0]], std=1.0).log_density([[0.0], [100.0]]).round(4).tolist()
            [-0.9189, -5000.9189]
        """
        x, (modes, width) = np.asarray(x, np.float64), self.centres.shape
        if x.ndim != 2 or x.shape[1] != width:
            raise ShapeError(f"log_density: expected points (N, {width}), but got shape {x.shape}.")
        squares = np.zeros((len(x), modes))
        for k in range(width):  # by differences: products would lose the digits of small distances far from 0
            squares += np.subtract.outer(x[:, k], self.centres[:, k]) ** 2
        factor = math.log(modes) + width / 2 * math.log(2 * math.pi * self.std**2)
        total: NDArray[np.float64] = np.logaddexp.reduce(squares / (-2 * self.std**2), axis=1) - factor
        return total

    def density(self, x: ArrayLike) -> NDArray[np.float64]:
        """The exact p(x): see :meth:`log_density`.

        Example:
            >>> mg.data.Mixture([[0.0], [1.0]], std=0.1).density([[0.0]]).round(4)
            array([1.9947])
        """
        likelihood: NDArray[np.float64] = np.exp(self.log_density(x))
        return likelihood


def ring(modes: int = 8, std: float = 0.01) -> Mixture:
    """Gaussians evenly spaced on the circle of radius 1.

    Args:
        modes: how many.
        std: of each.

    Returns:
        The mixture of centres (cos a, sin a), a = 2 pi k / modes.

    Raises:
        ConfigError: ``modes`` is not from 1 to 10,000, or ``std`` is not above 0.

    Example:
        >>> mg.data.ring(4).centres.round(6).tolist()[:2]
        [[1.0, 0.0], [0.0, 1.0]]
    """
    _check_modes("ring", modes)
    angles = 2 * math.pi * np.arange(modes) / modes
    return Mixture(_around(angles), std)


def grid(modes: int = 25, std: float = 0.05) -> Mixture:
    """Gaussians on a square grid, 2 apart, around 0: the usual 25 at {-4, -2, 0, 2, 4}^2.

    Args:
        modes: how many, a square number.
        std: of each.

    Returns:
        The mixture, row by row from the lower left.

    Raises:
        ConfigError: ``modes`` is no square from 1 to 10,000, or ``std`` is not above 0.

    Example:
        >>> mg.data.grid(4).centres.tolist()
        [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]
    """
    _check_modes("grid", modes)
    side = math.isqrt(modes)
    if side**2 != modes:
        raise ConfigError(f"grid: expected a square number of modes, such as 16 or 25, but got {modes}.")
    y, x = np.meshgrid(_apart(side), _apart(side), indexing="ij")
    return Mixture(np.stack([x.ravel(), y.ravel()], 1), std)


def spiral(modes: int = 100, std: float = 0.02) -> Mixture:
    """Gaussians along two turns of a spiral that ends at radius 1, so close together that it looks like one line.

    Args:
        modes: how many.
        std: of each.

    Returns:
        The mixture of centres r (cos 4 pi r, sin 4 pi r) at r = sqrt((k + 1/2) / modes): the root spaces them about
        evenly, as the length of the spiral grows like r^2.

    Raises:
        ConfigError: ``modes`` is not from 1 to 10,000, or ``std`` is not above 0.

    Example:
        >>> mg.data.spiral().centres.shape
        (100, 2)
    """
    _check_modes("spiral", modes)
    radius = np.sqrt((np.arange(modes) + 0.5) / modes)
    return Mixture(radius[:, np.newaxis] * _around(4 * math.pi * radius), std)


def mixture_1d(modes: int = 4, std: float = 0.2) -> Mixture:
    """Gaussians on a line, 2 apart, around 0: the usual four at -3, -1, 1, 3.

    Args:
        modes: how many.
        std: of each.

    Returns:
        The mixture, of points (N, 1).

    Raises:
        ConfigError: ``modes`` is not from 1 to 10,000, or ``std`` is not above 0.

    Example:
        >>> mg.data.mixture_1d(2).centres.tolist()
        [[-1.0], [1.0]]
    """
    _check_modes("mixture-1d", modes)
    return Mixture(_apart(modes)[:, np.newaxis], std)


MIXTURES: dict[str, Callable[..., Mixture]] = {"ring": ring, "grid": grid, "spiral": spiral, "mixture-1d": mixture_1d}


def _check_modes(name: str, modes: int) -> None:
    if not 1 <= modes <= MOST_MODES:
        raise ConfigError(f"{name}: expected from 1 to {MOST_MODES:,} modes, but got {modes}.")


def _around(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def _apart(n: int) -> NDArray[np.float64]:
    """n numbers, 2 apart, around 0."""
    return np.linspace(1 - n, n - 1, n)


def _words(n: int, seed: int, site: int) -> NDArray[np.uint64]:
    return philox.words(n, seed=seed, purpose=philox.DATA, step=0, site=site)
