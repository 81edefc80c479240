"""The bilinear game min over x and max over y of xy: each rule's step is a matrix, whose eigenvalues tell everything.

It is the WGAN of one point without any bound: D minimises ψθ and G maximises it, so x is ψ and y is θ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minigan.lab.experiments.dirac_game import BILINEAR, DiracGame
from minigan.lab.experiments.dirac_rules import RULES, Floats, play, step_matrices
from minigan.lab.experiments.dirac_theory import eigenvalues, factors, radius

STEP_SIZES = tuple(i / 20 for i in range(1, 21))  # whose matrices are looked at
ORBIT_STEP_SIZES = (0.1, 0.2, 0.3, 0.4, 0.6)
ORBIT_TIME = 30.0  # steps times h


@dataclass(frozen=True)
class Orbit:
    """A run from (1, 0).

    Attributes:
        rule: one of `RULES`.
        h: the step size.
        path: (K, 2), x and y.
    """

    rule: str
    h: float
    path: Floats


@dataclass(frozen=True)
class Bilinear:
    """One step of each rule, and runs.

    Attributes:
        h: step sizes, (N,).
        predicted: the spectral radius of a step by theory: of each rule (N,).
        measured: the same of the matrix of real steps.
        orbits: of each rule for some h.
    """

    h: Floats
    predicted: dict[str, Floats]
    measured: dict[str, Floats]
    orbits: tuple[Orbit, ...]


def bilinear_game() -> Bilinear:
    """All of it."""
    game, pair = DiracGame(BILINEAR), eigenvalues("bilinear", 0)
    return Bilinear(
        h=np.array(STEP_SIZES),
        predicted={rule: np.array([radius(factors(rule, h, pair)) for h in STEP_SIZES]) for rule in RULES},
        measured={
            rule: np.abs(np.linalg.eigvals(step_matrices(game, rule, STEP_SIZES)[:, 0])).max(-1) for rule in RULES
        },
        orbits=tuple(orbit for rule in RULES for orbit in _orbits(game, rule)),
    )


def _orbits(game: DiracGame, rule: str) -> list[Orbit]:
    h = np.array(ORBIT_STEP_SIZES)[:, None]
    path = play(game, rule, h, np.zeros(h.shape), np.ones(h.shape), round(ORBIT_TIME / min(ORBIT_STEP_SIZES)))
    return [
        Orbit(rule, each, path[: round(ORBIT_TIME / each) + 1, ::-1, i, 0]) for i, each in enumerate(ORBIT_STEP_SIZES)
    ]
