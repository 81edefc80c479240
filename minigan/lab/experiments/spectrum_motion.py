"""What an eigenvalue predicts of the motion of a game, tried: two trainings that begin close to each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minigan.errors import ConfigError
from minigan.lab.experiments.spectrum_eigenvalues import BIG, largest_step
from minigan.lab.experiments.spectrum_small import SmallGame
from minigan.lab.jacobian import Vector, unit

STEPS = 200
APART = 1e-5  # so close that only the Jacobian counts
WATCHED = 50  # for so many of them the Jacobian hardly changes
QUICK = 0.1  # of a motion that can be watched in so few steps
CAREFUL = 1 / 3  # of the largest step that all big eigenvalues allow


@dataclass(frozen=True)
class Motion:
    """How the difference of two trainings moves that begin close to each other, in the direction of one eigenvalue.

    Attributes:
        eigenvalue: lambda: of the quick ones the one that turns most for what it closes in.
        h: the step size of simultaneous gradient descent.
        predicted: (1 + h lambda)^k after k steps, complex.
        measured: the difference after k steps as seen by the left eigenvector, relative to the first one, complex.
    """

    eigenvalue: complex
    h: float
    predicted: NDArray[np.complex128]
    measured: NDArray[np.complex128]

    @property
    def apart(self) -> float:
        """How far the measured difference is from the predicted one after some dozens of steps, relative to it."""
        return float(np.abs(self.measured[WATCHED] / self.predicted[WATCHED] - 1))


def motion_of(game: SmallGame, weights: Vector) -> Motion:
    """Try the prediction of one eigenvalue at these weights, where the game is left.

    The left eigenvector l of lambda (J^T l = lambda l) picks out of a difference d the part that moves with lambda
    alone: <l, d> is multiplied by 1 + h lambda in every step.

    Raises:
        ConfigError: no eigenvalue has a negative real part.
    """
    jacobian = game.jacobian()
    values, left = np.linalg.eig(jacobian.T)
    attracting = [i for i in range(len(values)) if values[i].real < 0]
    if not attracting:
        raise ConfigError("spectrum: nothing attracts after so few steps, so there is no motion to watch; take more.")
    big = [i for i in attracting if abs(values[i]) > BIG] or attracting
    quick = [i for i in big if abs(values[i]) > QUICK] or big
    chosen = max(quick, key=lambda i: values[i].imag / abs(values[i]))
    eigenvalue = complex(values[chosen])
    h = CAREFUL * min(largest_step(values[i]) for i in big)
    apart = _trained_on(game, weights + APART * _right(jacobian, eigenvalue), h) - _trained_on(game, weights, h)
    game.weights = weights
    seen = apart @ left[:, chosen]
    predicted = np.array([(1 + h * eigenvalue) ** k for k in range(STEPS + 1)])
    return Motion(eigenvalue, h, predicted, seen / seen[0])


def _right(jacobian: NDArray[np.float64], eigenvalue: complex) -> Vector:
    """A direction of the plane in which this eigenvalue moves."""
    values, right = np.linalg.eig(jacobian)
    direction = right[:, np.abs(values - eigenvalue).argmin()].real
    return unit(direction)


def _trained_on(game: SmallGame, weights: Vector, h: float) -> NDArray[np.float64]:
    """All weights from here on, by simultaneous gradient descent."""
    found = [weights]
    for _ in range(STEPS):
        game.weights = found[-1]
        found.append(found[-1] + h * game.field())
    return np.array(found)
