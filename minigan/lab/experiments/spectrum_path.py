"""The path angle: the field of a game on the straight line through two checkpoints, which needs no second derivative.

Source: Berard et al. 2020, "A Closer Look at the Optimization Landscapes of GANs", section 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.spectrum_small import SmallGame
from minigan.lab.jacobian import Vector, unit

ALPHA = np.unique([*np.linspace(0, 0.5, 20), *(1 + 0.5 * np.linspace(-1, 1, 81) ** 3)])
"""From 0 to 1.5, closest to each other around 1, where the field is small and turns quickly."""

ASIDE = 0.05  # how far the line of the games with two weights passes by their equilibrium
TWO_WEIGHTS: Mapping[str, Sequence[Sequence[float]]] = {
    "attraction": ((-1.0, 0.0), (0.0, -1.0)),
    "rotation": ((0.0, -1.0), (1.0, 0.0)),
    "both": ((-1.0, -1.0), (1.0, -1.0)),
}
"""Their Jacobians, by what they do."""


@dataclass(frozen=True)
class PathAngle:
    """The field on the line w(alpha) = w_0 + alpha (w_1 - w_0) through two checkpoints.

    Attributes:
        alpha: 0 at the first checkpoint, 1 at the second.
        cosine: of the angle between the field and the direction of the line.
        norm: the length of the field.
    """

    alpha: NDArray[np.float64]
    cosine: NDArray[np.float64]
    norm: NDArray[np.float64]

    @property
    def before(self) -> float:
        """The mean cosine over the line up to the second checkpoint."""
        return self._mean(self.alpha <= 1)

    @property
    def after(self) -> float:
        """The mean cosine over the line beyond it."""
        return self._mean(self.alpha >= 1)

    def _mean(self, part: NDArray[np.bool_]) -> float:
        """By the trapezoidal rule: each stretch of the line counts by its length, however many points lie on it."""
        alpha = self.alpha[part]
        return float(np.trapezoid(self.cosine[part], alpha) / (alpha[-1] - alpha[0]))


def path_angle(game: SmallGame, first: Vector, last: Vector) -> PathAngle:
    """The field on the line through two checkpoints, and half as far beyond; the game is left at the last."""
    fields = []
    for alpha in ALPHA:
        game.weights = first + alpha * (last - first)
        fields.append(game.field())
    game.weights = last
    return _seen(np.array(fields), unit(last - first))


def of_two_weights(jacobian: Sequence[Sequence[float]]) -> PathAngle:
    """The same of a game with two weights w, v = J w, from (1, aside) to (0, aside), next to its equilibrium."""
    places = np.stack([1 - ALPHA, np.full_like(ALPHA, ASIDE)], 1)
    return _seen(places @ np.transpose(jacobian), np.array([-1.0, 0.0]))


def _seen(fields: NDArray[np.float64], along: Vector) -> PathAngle:
    norms = np.linalg.norm(fields, axis=1)
    return PathAngle(ALPHA, fields @ along / norms, norms)
