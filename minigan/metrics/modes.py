"""How many modes of a mixture did the generator find? The count of VEEGAN and PacGAN.

A GAN that forgets a part of the data can still draw perfect samples of the rest. On a mixture of Gaussians this shows:
every sample belongs to the mode that is nearest to it, and a mode to which none belongs was lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.data.mixtures import Mixture
from minigan.errors import ConfigError, ShapeError
from minigan.metrics.checks import instance, numbers, rows
from minigan.metrics.divergence import kl_divergence
from minigan.ops.checks import real
from minigan.ops.creation import as_tensor


@dataclass(frozen=True, eq=False)
class ModeCount:
    """What `caught_modes` finds.

    Attributes:
        modes: how many modes are caught, 0 to ``of``.
        of: how many the mixture has, K.
        high_quality: the share of the points that lie near a mode, 0 to 1.
        counts: the high-quality points of each mode, int64 (K,).
        kl: how uneven they are, KL(counts / sum of counts || uniform) in nats, 0 to ln K; NaN if there are none.
    """

    modes: int
    of: int
    high_quality: float
    counts: NDArray[np.int64]
    kl: float


def caught_modes(points: Any, mixture: Mixture, within: float = 3.0) -> ModeCount:
    """Count the modes that samples reach, and the samples that reach one.

    By the protocol of Srivastava et al. 2017 (VEEGAN) and Lin et al. 2018 (PacGAN), a point is of *high quality* if it
    is within three standard deviations of the mode nearest to it, and a mode is *caught* if it is the nearest one of at
    least one high-quality point. The KL divergence is that of the high-quality points over the modes against the true
    distribution, which is uniform: ln K minus the entropy that PacGAN's program writes; where one mode has them all it
    is ln K.

    Both papers take 2,500 points, and so should whoever compares with them: one lucky point catches a mode, so more
    points catch more modes. Nor is a perfect sampler perfect: in two dimensions a share exp(-within^2 / 2) = 1.1% of
    its points lie farther out, and N of high quality have a KL of (K - 1) / (2 N) on average: .0014 on the ring,
    .0048 on the grid. It takes O(N log K) time and O(N + K) memory.

    Args:
        points: samples (N, F), such as those of `minigan.gan.sampling.sample`.
        mixture: which they should come from, of points (F,).
        within: how far from a mode its samples may be, in standard deviations of the mixture (Mahalanobis distance).

    Raises:
        ShapeError: ``points`` has another shape, or there are none.
        RangeError: a point is NaN or infinite, or beyond 1e100.
        DTypeError: these are no numbers.
        ConfigError, ArgumentError: ``within`` is not above 0, or no number; or ``mixture`` is none.

    Example:
        >>> ring = mg.data.ring()
        >>> points, labels = ring.sample(2500)
        >>> found = mg.metrics.caught_modes(points[labels < 6], ring)  # a sampler that forgot two
        >>> found.modes, found.of, found.counts.tolist()
        (6, 8, [299, 342, 298, 336, 314, 310, 0, 0])
        >>> round(found.high_quality, 3), round(found.kl, 3), round(float(np.log(8 / 6)), 3)
        (0.992, 0.289, 0.288)
    """
    instance("caught_modes", "a mixture", mixture, Mixture, "Pass one such as mg.data.ring().")
    x, within = _checked(points, mixture), real("caught_modes", "within", within)
    if not within > 0:
        raise ConfigError(f"caught_modes: expected a distance within above 0, but got {within}. Choose another.")
    distances, nearest = _nearest(x, mixture.centres)
    near = distances <= within * mixture.std
    counts: NDArray[np.int64] = np.bincount(nearest[near], minlength=len(mixture.centres)).astype(np.int64)
    return ModeCount(
        modes=int(np.count_nonzero(counts)),
        of=len(counts),
        high_quality=float(near.mean()),
        counts=counts,
        kl=kl_divergence(counts),
    )


def _checked(points: Any, mixture: Mixture) -> NDArray[np.float64]:
    x, width = numbers("caught_modes", "points", points).astype(np.float64), mixture.centres.shape[1]
    if x.ndim != 2 or x.shape[1] != width or not len(x):
        raise ShapeError(
            f"caught_modes: expected points (N, {width}), N at least 1, but got shape {x.shape}. "
            "Pass samples of the space that the mixture lives in."
        )
    checked: NDArray[np.float64] = rows("caught_modes", "points", as_tensor(x)).numpy()
    return checked


def _nearest(points: NDArray[np.float64], centres: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """For each point the distance to its nearest centre, and which one that is."""
    from scipy.spatial import KDTree  # half a second to import, for few who import minigan

    distances, nearest = KDTree(centres).query(points)
    return distances, nearest
