"""What theory says of the Dirac-GAN as curves, on which what was measured should lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from minigan.lab.experiments.dirac_game import defined
from minigan.lab.experiments.dirac_rules import RULES, Floats
from minigan.lab.experiments.dirac_theory import Complex, eigenvalues, factors, radius

STRENGTHS = np.unique([*np.linspace(0, 2, 201), np.sqrt(2)])  # with noise of this last size the eigenvalues meet
STEP_SIZES = np.linspace(0.01, 1.05, 60)  # and those of the runs, as a curve may have a cusp there


@dataclass(frozen=True)
class Locus:
    """The eigenvalues of a game as its strength grows.

    Attributes:
        game: its name.
        strengths: γ or σ, (N,).
        predicted: both eigenvalues, (N, 2).
    """

    game: str
    strengths: Floats
    predicted: Complex


def locus_curves(games: Sequence[str]) -> tuple[Locus, ...]:
    """Of these games."""
    return tuple(
        Locus(game, STRENGTHS, np.array([eigenvalues(game, float(strength)) for strength in STRENGTHS]))
        for game in games
    )


@dataclass(frozen=True)
class Factors:
    """What a step multiplies the distance by, near the equilibrium, as its size grows.

    Attributes:
        game: its name.
        strength: γ or σ; 0 if it has none.
        h: step sizes, (N,).
        predicted: the spectral radius of a step, by rule (N,).
    """

    game: str
    strength: float
    h: Floats
    predicted: dict[str, Floats]


def factor_curves(game: str, strength: float, of_runs: Sequence[float]) -> Factors:
    """Of a game by all rules by which it can be played; the step sizes of runs are among those of the curves."""
    pair = eigenvalues(game, strength)
    step_sizes = np.unique([*STEP_SIZES, *(h for h in of_runs if h <= STEP_SIZES[-1])])
    predicted = {
        rule: np.array([radius(factors(rule, float(h), pair)) for h in step_sizes])
        for rule in RULES
        if defined(game, rule)
    }
    return Factors(game, strength, step_sizes, predicted)
