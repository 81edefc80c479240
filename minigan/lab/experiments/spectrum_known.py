"""Games whose eigenvalues are known: what the machinery has to find."""

from __future__ import annotations

import cmath
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.dirac_runs import spectrum
from minigan.lab.jacobian import game_jacobian, ordered
from minigan.ops.creation import tensor, zeros
from minigan.tensor import Tensor

SINGULAR = (0.5, 1.0, 2.0, 4.0)  # of the coupling of the quadratic games


@dataclass(frozen=True)
class Known:
    """A game with eigenvalues that mathematics says.

    Attributes:
        name: of the game.
        predicted: by mathematics, the largest absolute value first.
        measured: of the Jacobian by second-order autograd.
    """

    name: str
    predicted: NDArray[np.complex128]
    measured: NDArray[np.complex128]

    @property
    def apart(self) -> float:
        """The largest difference."""
        return float(np.abs(self.predicted - self.measured).max())


def known_games() -> tuple[Known, ...]:
    """The Dirac-GAN at its equilibrium, without R1 and with it, and quadratic games that attract, turn, and do both."""
    return (
        *(_dirac(gamma) for gamma in (0.0, 0.3, 2.0)),
        *(_quadratic(a, c) for a, c in ((0.0, 0.0), (0.0, 0.3), (1.0, 4.0))),
    )


def _dirac(gamma: float) -> Known:
    """The Dirac-GAN with R1, at (0, 0): see `minigan.lab.dirac`."""
    found = spectrum("R1", gamma)
    return _known(f"Dirac-GAN, R1 with γ = {gamma:g}", found.predicted, found.jacobian)


def _quadratic(a: float, c: float) -> Known:
    """L_G = a/2 |x|^2 + x^T B y and L_D = c/2 |y|^2 - x^T B y, whose Jacobian is ((-a, -B), (B^T, -c)).

    Each singular value s of B gives two eigenvalues: -(a + c) / 2 +- sqrt((a - c)^2 / 4 - s^2).
    """
    n = len(SINGULAR)
    random = np.random.default_rng(0)
    left, right = (np.linalg.qr(random.standard_normal((n, n)))[0] for _ in range(2))
    x, y, coupling = _numbers(zeros(n, 1).numpy()), _numbers(zeros(n, 1).numpy()), left * SINGULAR @ right
    xy = (x * (tensor(coupling) @ y)).sum()
    jacobian = game_jacobian([(x * x).sum() * (a / 2) + xy, (y * y).sum() * (c / 2) - xy], [[x], [y]])
    roots = [cmath.sqrt((a - c) ** 2 / 4 - s**2) for s in SINGULAR]
    name = f"quadratic game of {2 * n} weights, a = {a:g}, c = {c:g}"
    return _known(name, [-(a + c) / 2 + sign * root for root in roots for sign in (1, -1)], jacobian)


def _known(name: str, predicted: Iterable[complex], jacobian: NDArray[np.float64]) -> Known:
    """Both in the same order, each by its nearest prediction."""
    measured = ordered(np.linalg.eigvals(jacobian))
    left = list(predicted)
    nearest = [left.pop(int(np.abs(np.array(left) - value).argmin())) for value in measured]
    return Known(name, np.array(nearest, np.complex128), measured)


def _numbers(values: object) -> Tensor:
    return tensor(values, dtype=np.float64, requires_grad=True)
