"""All eigenvalues of a game at one moment, and what they come to in a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BIG = 0.01  # eigenvalues below this belong to directions in which next to nothing happens in a training


@dataclass(frozen=True)
class Eigenvalues:
    """Of the Jacobian of a game.

    Attributes:
        values: the largest absolute value first.
    """

    values: NDArray[np.complex128]

    @property
    def trace(self) -> float:
        """Their sum, which is real: below 0 if attraction prevails."""
        return float(self.values.real.sum())

    @property
    def rotation(self) -> float:
        """The share of rotation: the sum of all |Im| over the sum of all |lambda|, from 0 to 1 (nothing but turns)."""
        return float(np.abs(self.values.imag).sum() / np.abs(self.values).sum())

    @property
    def turning(self) -> int:
        """How many of the big ones turn."""
        return int((self.big().imag != 0).sum())

    @property
    def repelling(self) -> int:
        """How many of the big ones run away."""
        return int((self.big().real > 0).sum())

    @property
    def largest_step(self) -> float:
        """The step size below which all big ones with a negative real part close in; 0 if there are none."""
        return min((largest_step(value) for value in self.big() if value.real < 0), default=0.0)

    def big(self) -> NDArray[np.complex128]:
        """Those that count in a training."""
        return self.values[np.abs(self.values) > BIG]


def largest_step(eigenvalue: complex) -> float:
    """The step size h below which |1 + h lambda| < 1: -2 Re(lambda) / |lambda|^2; 0 if there is none.

    >>> from minigan.lab.experiments.spectrum_eigenvalues import largest_step
    >>> largest_step(-4), largest_step(-1 + 1j), largest_step(1j)
    (0.5, 1.0, 0.0)
    """
    return max(0.0, -2 * eigenvalue.real / (eigenvalue.real**2 + eigenvalue.imag**2))
