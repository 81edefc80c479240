"""Two Gaussians whose distance is known: all that D and a critic can find out about them, by quadrature.

The real samples are N(0, 1), the fakes N(mean, std^2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid, quad, trapezoid
from scipy.special import ndtr

from minigan.data import Mixture

Array = NDArray[np.float64]

LOG_4 = math.log(4)
POINTS = 257  # of a grid; for functions as smooth as these its sums are integrals to more than six digits
REACH = 6.0  # standard deviations on each side of it
FINE_POINTS = 4001  # points of a finer one, for a function with a kink
FAR = 9.0  # standard deviations on each side of an integral
_WITHIN = 1e-12  # of the integrals
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True)
class Pair:
    """Real N(0, 1) against fake N(mean, std^2).

    Attributes:
        mean: of the fakes.
        std: of the fakes.

    >>> from minigan.lab.experiments.dstar_pairs import Pair
    >>> round(Pair(2.0).value, 6), round(Pair(2.0).wasserstein, 6)
    (-0.712633, 2.0)
    """

    mean: float
    std: float = 1.0

    @property
    def name(self) -> str:
        """What q is, such as "N(2, 1)" or "N(0, 2²)"."""
        return f"N({self.mean:g}, {'1' if self.std == 1 else f'{self.std:g}²'})"

    @property
    def grid(self) -> Array:
        """Evenly spaced x (POINTS,) that leave out next to nothing of both."""
        low = min(-REACH, self.mean - REACH * self.std)
        return np.linspace(low, max(REACH, self.mean + REACH * self.std), POINTS)

    def p(self, x: Array) -> Array:
        """The density of real samples at x (N,)."""
        return Mixture([[0.0]], 1.0).density(x[:, np.newaxis])

    def q(self, x: Array) -> Array:
        """The density of fakes at x (N,)."""
        return Mixture([[self.mean]], self.std).density(x[:, np.newaxis])

    def best_logit(self, x: Array) -> Array:
        """log p - log q (N,), the logit of D* = p / (p + q) (Goodfellow et al. 2014, proposition 1)."""
        x = x[:, np.newaxis]
        return Mixture([[0.0]], 1.0).log_density(x) - Mixture([[self.mean]], self.std).log_density(x)

    @property
    def value(self) -> float:
        """V* = V(D*) = E log D*(x) + E log(1 - D*(G(z)))."""

        def integrand(x: Array) -> Array:
            s = self.best_logit(x)
            return np.asarray(-self.p(x) * np.logaddexp(0, -s) - self.q(x) * np.logaddexp(0, s))

        return self._integral(integrand)

    @property
    def jsd(self) -> float:
        """The Jensen-Shannon divergence, the mean of both KL divergences from the mixture m = (p + q) / 2."""

        def integrand(x: Array) -> Array:
            s = self.best_logit(x)  # log p/m = log 2 - softplus(-s), and log q/m = log 2 - softplus(s)
            to_p, to_q = np.log(2) - np.logaddexp(0, -s), np.log(2) - np.logaddexp(0, s)
            return np.asarray(self.p(x) * to_p + self.q(x) * to_q) / 2

        return self._integral(integrand)

    @property
    def wasserstein(self) -> float:
        """The Wasserstein distance: on a line, the area between both distribution functions."""
        return self._integral(lambda x: np.abs(self.ahead(x)))

    def ahead(self, x: Array) -> Array:
        """How much more of the real samples than of the fakes lies below x (N,)."""
        return np.asarray(ndtr(x) - ndtr((x - self.mean) / self.std), np.float64)

    # ---- WGAN-GP -----------------------------------------------------------------------------------------

    def between(self, x: Array) -> Array:
        """The density at x (N,) of the points eps real + (1 - eps) fake, where WGAN-GP looks at the slope."""
        density = np.zeros(len(x))
        for eps, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
            of_one = Mixture([[(1 - eps) * self.mean]], math.hypot(eps, (1 - eps) * self.std))
            density += weight * of_one.density(x[:, np.newaxis])
        return density

    def best_slope(self, x: Array, weight: float) -> Array:
        """The slope (N,) of the best critic of WGAN-GP, whose penalty has this weight.

        E f(real) - E f(fake) is, by parts, the integral of f' (F_q - F_p); less weight r (|f'| - 1)^2, where r is the
        density of the points between, the best f' can be found for each x alone.
        """
        ahead = self.ahead(x)
        return -np.sign(ahead) * (1 + np.abs(ahead) / (2 * weight * self.between(x)))

    def best_scores(self, weight: float) -> Array:
        """Of this critic on the grid (POINTS,), 0 on average over real samples: its slope, added up."""
        x = self.grid
        scores = cumulative_trapezoid(self.best_slope(x, weight), x, initial=0)
        return np.asarray(scores - (scores * self.p(x)).sum() * (x[1] - x[0]))

    def best_gap(self, weight: float) -> float:
        """E f(real) - E f(fake) of this critic."""
        x = np.linspace(self.grid[0], self.grid[-1], FINE_POINTS)
        return float(trapezoid(-self.ahead(x) * self.best_slope(x, weight), x))

    def _integral(self, f: Callable[[Array], Array]) -> float:
        """Of f over all that counts, the middle between both means being where it may have a kink."""
        low, high = min(-FAR, self.mean - FAR * self.std), max(FAR, self.mean + FAR * self.std)
        found = quad(lambda t: f(np.array([t])).item(), low, high, points=[self.mean / 2], epsabs=_WITHIN, limit=200)
        return float(found[0])
