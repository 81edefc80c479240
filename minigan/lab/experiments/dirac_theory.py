"""What theory says of the Dirac-GAN: eigenvalues of the game, and what each rule makes of them in a step.

Let λ be an eigenvalue of the Jacobian of the gradient field at the equilibrium. With step size h each rule is a linear
map there; its eigenvalues are the factors by which it multiplies what is left of the distance.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]


def eigenvalues(name: str, strength: float) -> Complex:
    """λ of a game of `minigan.lab.experiments.dirac_game`, but for WGAN-GP, which has none.

    Source: Mescheder, Geiger and Nowozin 2018, for f(t) = -log(1 + exp(-t)), so that f'(0) = 1/2 and f''(0) = -1/4. Of
    consensus: J - γ JᵀJ with the J of minimax, which is a turn by a right angle times 1/2.

    >>> from minigan.lab.experiments.dirac_theory import eigenvalues
    >>> eigenvalues("R1", 0.6)
    array([-0.3+0.4j, -0.3-0.4j])
    """
    s = strength
    of_kind: dict[str, Callable[[], Complex]] = {
        "minimax": lambda: _pair(0, -1 / 4),
        "non-saturating": lambda: _pair(0, -1 / 4),
        "WGAN, clipped": lambda: _pair(0, -1),
        "bilinear": lambda: _pair(0, -1),
        "instance noise": lambda: _pair(-(s**2) / 4, s**4 / 16 - 1 / 4),
        "R1": lambda: _pair(-s / 2, s**2 / 4 - 1 / 4),
        "R2": lambda: _pair(-s / 2, s**2 / 4 - 1 / 4),
        "consensus": lambda: _pair(-s / 4, -1 / 4),
    }
    return of_kind[name]()


def _pair(middle: float, square: float) -> Complex:
    """The middle plus and minus the root of a square that may be negative."""
    root = cmath.sqrt(square)
    return np.array([middle + root, middle - root])


def factors(rule: str, h: float, pair: Complex) -> Complex:
    """The eigenvalues of one step of size h, given those of the game.

    simultaneous    w + h v(w)                          1 + h λ
    extragradient   w + h v(w + h v(w))                 1 + h λ + h² λ²
    optimistic      w + 2h v(w) - h v(w before)         the roots of μ² - (1 + 2hλ) μ + hλ
    alternating     D, and then G against the new D     the roots of μ² - (2 + h s - h² p) μ + 1 + h s,

    with s the sum and p the product of both λ; the last one where only D's cost is curved in its own parameter.

    >>> from minigan.lab.experiments.dirac_theory import factors
    >>> factors("simultaneous", 0.5, np.array([1j, -1j]))
    array([1.+0.5j, 1.-0.5j])
    """
    if rule == "simultaneous":
        return 1 + h * pair
    if rule == "extragradient":
        return 1 + h * pair + (h * pair) ** 2
    if rule == "optimistic":
        return np.concatenate([np.roots([1, -(1 + 2 * h * value), h * value]) for value in pair])
    s, p = pair.sum().real, pair.prod().real
    return np.roots([1, -(2 + h * s - h * h * p), 1 + h * s]).astype(complex)


# ---- whole runs ------------------------------------------------------------------------------------------


def recursion(name: str, strength: float, h: float, start: tuple[float, float], steps: int) -> NDArray[np.float64]:
    """Simultaneous steps θ' = θ + h v_G, ψ' = ψ + h v_D: (steps + 1, 2), by the formulas of `move` and nothing else.

    >>> from minigan.lab.experiments.dirac_theory import recursion
    >>> recursion("minimax", 0, 0.2, (1.0, 0.0), 1)  # p = 1/2, and D goes by -h p θ
    array([[ 1. ,  0. ],
           [ 1. , -0.1]])
    """
    path = np.empty((steps + 1, 2))
    path[0] = start
    for k, (theta, psi) in enumerate(path[:-1]):
        path[k + 1] = path[k] + h * np.array(move(name, strength, float(theta), float(psi)))
        if name == "WGAN, clipped":
            path[k + 1, 1] = np.clip(path[k + 1, 1], -1, 1)
    return path


def move(name: str, strength: float, theta: float, psi: float) -> tuple[float, float]:
    """v_G and v_D of the games of the long runs: the negative derivatives of both costs, written out.

    With s = θψ and p = σ(s), what D says of the fake, minimax has -softplus(s) for G and softplus(s) for D; p' is
    p (1 - p).
    """
    p, g = 1 / (1 + math.exp(-theta * psi)), strength
    consensus = g * p * p * (1 - p) * (theta**2 + psi**2)  # of γ/2 p² (θ² + ψ²) what comes from p, less ψ or θ
    return {
        "minimax": (p * psi, -p * theta),
        "non-saturating": ((1 - p) * psi, -p * theta),
        "WGAN, clipped": (psi, -theta),
        "WGAN-GP": (psi, -theta - g * (abs(psi) - 1) * math.copysign(1, psi)),
        "R1": (p * psi, -p * theta - g * psi),
        "consensus": (
            p * psi - g * p * p * theta - consensus * psi,
            -p * theta - g * p * p * psi - consensus * theta,
        ),
    }[name]


# ---- comparing -------------------------------------------------------------------------------------------


def radius(values: Complex | Sequence[complex]) -> float:
    """The spectral radius: the largest absolute value, which wins in the long run."""
    return float(np.abs(values).max())


def bilinear_radius(rule: str, h: float) -> float:
    """Of one step of min over x and max over y of xy, in closed form; for optimistic steps h is at most 1/2."""
    if rule == "simultaneous":
        return math.sqrt(1 + h**2)
    if rule == "extragradient":
        return math.sqrt(1 - h**2 + h**4)
    if rule == "optimistic":
        return math.sqrt((1 + math.sqrt(1 - 4 * h**2)) / 2)
    return 1.0


def apart(found: Complex, expected: Complex) -> float:
    """How far two sets of eigenvalues are from each other, whatever their order."""
    distances = np.abs(np.subtract.outer(found, expected))
    return float(max(distances.min(0).max(), distances.min(1).max()))
