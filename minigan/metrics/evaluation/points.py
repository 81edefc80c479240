"""Scores of points: of a mixture, whose modes can be counted, or of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.data.mixtures import Mixture
from minigan.metrics.modes import ModeCount, caught_modes
from minigan.metrics.wasserstein import sliced_wasserstein, wasserstein_1d


@dataclass(frozen=True)
class PointScores:
    """What `PointReference.score` finds.

    Attributes:
        modes: see `minigan.metrics.caught_modes`; None if the data are no mixture.
        sliced_wasserstein: to real points, see `minigan.metrics.sliced_wasserstein`, with p = 1, as there are gaps
            between modes; None in one dimension.
        wasserstein_1d: the exact distance to real points of one dimension, see `minigan.metrics.wasserstein_1d`.
    """

    modes: ModeCount | None = None
    sliced_wasserstein: float | None = None
    wasserstein_1d: float | None = None


@dataclass(frozen=True)
class PointReference:
    """Real points, and others of the same distribution.

    Attributes:
        training: to compare with, float32 (M, F).
        others: float32 (K, F).
        mixture: where they come from, if that is known.

    >>> from minigan.metrics.evaluation.points import PointReference
    >>> ring = mg.data.ring()
    >>> reference = PointReference(ring.sample(5000)[0], ring.sample(2500, seed=1)[0], ring)
    >>> reference.score(reference.others).modes.modes
    8
    """

    training: NDArray[np.float32]
    others: NDArray[np.float32]
    mixture: Mixture | None

    def score(self, points: Any) -> PointScores:
        """All scores of points, (N, F).

        Raises:
            ShapeError, DTypeError, RangeError: these are no such points.
        """
        modes = None if self.mixture is None else caught_modes(points, self.mixture)
        if self.training.shape[1] == 1:
            return PointScores(modes, wasserstein_1d=wasserstein_1d(points, self.training))
        return PointScores(modes, sliced_wasserstein=sliced_wasserstein(points, self.training, p=1))
