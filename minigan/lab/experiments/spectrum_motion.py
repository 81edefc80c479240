"""What eigenvalues and paths tell of the motion of a game: a prediction that can be tried, and the path angle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minigan.errors import ConfigError
from minigan.lab.experiments.spectrum_small import SmallGame
from minigan.lab.jacobian_vector import Vector

STEPS = 200
APART = 1e-5  # so close that only the Jacobian counts
BIG = 0.01  # eigenvalues below this belong to directions in which next to nothing happens in a training
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


def largest_step(eigenvalue: complex) -> float:
    """The step size h below which |1 + h lambda| < 1: -2 Re(lambda) / |lambda|^2; 0 if there is none.

    >>> from minigan.lab.experiments.spectrum_motion import largest_step
    >>> largest_step(-4), largest_step(-1 + 1j), largest_step(1j)
    (0.5, 1.0, 0.0)
    """
    return max(0.0, -2 * eigenvalue.real / (eigenvalue.real**2 + eigenvalue.imag**2))


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
    return _unit(direction)


def _trained_on(game: SmallGame, weights: Vector, h: float) -> NDArray[np.float64]:
    """All weights from here on, by simultaneous gradient descent."""
    found = [weights]
    for _ in range(STEPS):
        game.weights = found[-1]
        found.append(found[-1] + h * game.field())
    return np.array(found)


def path_angle(game: SmallGame, first: Vector, last: Vector) -> PathAngle:
    """The field on the line through two checkpoints, from half-way to as far beyond; the game is left at the last.

    Source: Berard et al. 2020, "A Closer Look at the Optimization Landscapes of GANs", section 4.
    """
    along = _unit(last - first)
    fields = []
    for alpha in ALPHA:
        game.weights = first + alpha * (last - first)
        fields.append(game.field())
    game.weights = last
    norms = np.linalg.norm(fields, axis=1)
    return PathAngle(ALPHA, np.array(fields) @ along / norms, norms)


def _unit(u: Vector) -> Vector:
    return u / np.linalg.norm(u)


ALPHA = 1 + 0.5 * np.linspace(-1, 1, 81) ** 3  # closest to each other where the field is small
