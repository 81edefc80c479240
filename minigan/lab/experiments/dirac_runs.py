"""What is computed of each game of the Dirac-GAN: its field, its eigenvalues, and runs by all rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.gan.packing import instance_noise
from minigan.lab.experiments.dirac_game import KIND, KINDS, DiracGame, Kind, defined, has_jacobian
from minigan.lab.experiments.dirac_rules import RULES, Floats, gradient_field, jacobian, play, step_matrices
from minigan.lab.experiments.dirac_theory import Complex, eigenvalues, factors, radius, recursion
from minigan.ops.creation import zeros
from minigan.ops.random import manual_seed

START = (1.0, -1.0)  # the (1, 1) of the paper
LONG_STEPS, LONG_H = 500, 0.2  # of the long runs
FIELD_REACH = 2.0  # on all sides of the equilibrium
ARROWS = 11  # in each direction
MOST_PLACES = 200  # of a run that are kept
FEWEST_STEPS = 8  # of a run whose rate is measured
CLOSE = (1e-7, 3e-8)  # where runs begin whose rate is measured; in no direction that is special
TINY, LINEAR = 1e-14, 1e-2  # radii between which they count: rounding is not seen yet, and what is not linear neither
LOCUS_STRENGTHS = tuple(i / 10 for i in range(21))  # for the root loci: the paths of the eigenvalues
WITH_LOCUS = ("R1", "instance noise", "consensus")
DRAWN = 100_000  # pairs of numbers, where instance noise is drawn
EXACT = (  # games whose eigenvalues are held against theory
    ("minimax", 0.0),
    ("non-saturating", 0.0),
    ("WGAN, clipped", 0.0),
    ("instance noise", 0.7),
    ("R1", 0.3),
    ("R1", 1.0),
    ("R2", 0.3),
    ("consensus", 1.0),
)
LONG_RUNS = (  # and whose runs are held against a recursion by hand
    ("minimax", 0.0),
    ("non-saturating", 0.0),
    ("WGAN, clipped", 0.0),
    ("WGAN-GP", 0.7),
    ("R1", 0.3),
    ("R1", 1.0),
    ("consensus", 1.0),
)


def distance(path: NDArray[Any]) -> Floats:
    """From (0, 0), of places (K, 2): (K,)."""
    r: Floats = np.hypot(path[:, 0], path[:, 1])
    return r


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of the Jacobian of the gradient field at (0, 0).

    Attributes:
        game: its name.
        strength: γ or σ; 0 if it has none.
        jacobian: (2, 2), by second-order autograd.
        measured: its eigenvalues.
        predicted: those of theory.
    """

    game: str
    strength: float
    jacobian: Floats
    measured: Complex
    predicted: Complex


def spectrum(name: str, strength: float) -> Spectrum:
    """Of a game that has a Jacobian."""
    matrix = jacobian(DiracGame(KIND[name], (strength,)))
    return Spectrum(name, strength, matrix, np.linalg.eigvals(matrix).astype(complex), eigenvalues(name, strength))


@dataclass(frozen=True)
class Drawn:
    """Instance noise as minigan draws it, in place of its exact average.

    Attributes:
        std: σ.
        variance: what the drawn numbers have, of real samples and fakes together.
        measured: the eigenvalues of the Jacobian with these numbers.
    """

    std: float
    variance: float
    measured: Complex


def drawn_noise(std: float, seed: int) -> Drawn:
    """With the numbers of this seed. Changes the state of the random streams."""
    manual_seed(seed)
    still = zeros(DRAWN, 1, 1, dtype=np.float64)
    draw = instance_noise(still, 1.0), instance_noise(still, 1.0)
    variance = float(np.mean([np.square(noise.numpy()).mean() for noise in draw])) * std**2
    matrix = jacobian(DiracGame(KIND["instance noise"], (std,), draw))
    return Drawn(std, variance, np.linalg.eigvals(matrix).astype(complex))


@dataclass(frozen=True)
class Field:
    """The gradient field v = (-dL_G/dθ, -dL_D/dψ) on a square grid.

    Attributes:
        game: its name.
        strength: γ or σ; 0 if it has none.
        places: of θ and of ψ alike, (N,).
        vectors: v, (2, N, N); θ changes along the first axis of the grid.
    """

    game: str
    strength: float
    places: Floats
    vectors: Floats


def field(name: str, strength: float) -> Field:
    """Of a game. All places are one batch of N x N games."""
    places = np.linspace(-FIELD_REACH, FIELD_REACH, ARROWS)
    theta, psi = (grid.reshape(-1, 1) for grid in np.meshgrid(places, places, indexing="ij"))
    found = gradient_field(DiracGame(KIND[name], (strength,)), theta, psi)
    return Field(name, strength, places, found.reshape(2, ARROWS, ARROWS))


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run, and what one of its steps does near (0, 0).

    Attributes:
        game: its name.
        strength: γ or σ; 0 if it has none.
        rule: one of `RULES`.
        h: the step size.
        stride: how many steps lie between the places that are kept.
        path: (K, 2), θ and ψ on the way from `START`.
        predicted: the eigenvalues of one step by theory; empty where there are none.
        measured: those of the matrix by which real steps of the optimizers multiply small displacements.
        rate: the factor per step of a run that began close to (0, 0), fitted to what does not swing: to the part of
            it along the eigenvector of the largest of ``measured``; NaN where that is gone after a step or two.
    """

    game: str
    strength: float
    rule: str
    h: float
    stride: int
    path: Floats
    predicted: Complex
    measured: Complex
    rate: float

    @property
    def gone(self) -> bool:
        """Whether theory has a run from `CLOSE` end within three steps, so that no rate can be fitted to it."""
        return bool(len(self.predicted)) and math.hypot(*CLOSE) * radius(self.predicted) ** 3 < TINY


def runs(strengths: tuple[float, ...], h: tuple[float, ...], time: float) -> Iterator[Run]:
    """Of all games by all rules: those of one game and rule are one batch, of both starts, all h and all strengths."""
    for kind in KINDS:
        for rule in RULES:
            if defined(kind.name, rule):
                yield from _batch(kind, rule, strengths if kind.symbol else (0.0,), h, time)


def _batch(kind: Kind, rule: str, strengths: tuple[float, ...], h: tuple[float, ...], time: float) -> Iterator[Run]:
    game, steps = DiracGame(kind, strengths), [round(time / each) for each in h]
    theta, psi = np.repeat([START, CLOSE], len(h), axis=0).T[..., None] * np.ones(len(strengths))
    path = play(game, rule, np.tile(h, 2)[:, None], theta, psi, max(*steps, FEWEST_STEPS))
    matrices = step_matrices(game, rule, h)
    for i, (each, n) in enumerate(zip(h, steps, strict=True)):
        stride = -(-n // MOST_PLACES)
        for j, strength in enumerate(strengths):
            smooth = has_jacobian(kind.name)
            yield Run(
                game=kind.name,
                strength=strength,
                rule=rule,
                h=each,
                stride=stride,
                path=path[: n + 1 : stride, :, i, j],
                predicted=factors(rule, each, eigenvalues(kind.name, strength)) if smooth else np.empty(0, complex),
                measured=np.linalg.eigvals(matrices[i, j]).astype(complex) if smooth else np.empty(0, complex),
                rate=_rate(path[: max(n, FEWEST_STEPS) + 1, :, len(h) + i, j], matrices[i, j]) if smooth else np.nan,
            )


def _rate(path: Floats, matrix: Floats) -> float:
    """The factor per step of a run (N, 2): the slope of a logarithm, as long as the run is close enough to count.

    A radius swings within each turn, and where two eigenvalues μ coincide it goes like k μ^k. The product with a left
    eigenvector of the step's matrix does neither: a step multiplies it by μ, whatever the others are.
    """
    r = distance(path)
    path = path[: np.argmax(r > LINEAR) or len(r)]
    path = path[: np.flatnonzero(distance(path) > TINY)[-1] + 1]
    if len(matrix) > 2:  # optimistic players: with the gradients of the step before, which are linear in its place
        path = np.concatenate([path[1:], path[:-1] @ matrix[2:, :2].T], 1)
    values, left = np.linalg.eig(matrix.T)
    seen = np.abs(path @ left[:, np.abs(values).argmax()])
    seen = seen[seen > 0]
    if len(seen) < 3:
        return np.nan
    return float(np.exp(np.polyfit(np.arange(len(seen)), np.log(seen), 1)[0]))


@dataclass(frozen=True)
class Long:
    """500 simultaneous steps of .2 from `START`.

    Attributes:
        game: its name.
        strength: γ or σ; 0 if it has none.
        path: (501, 2), θ and ψ, by minigan.
        by_hand: the same from formulas, without a tape.
    """

    game: str
    strength: float
    path: Floats
    by_hand: Floats

    @property
    def radius(self) -> Floats:
        """The distance from (0, 0) before each step and after the last, (501,)."""
        return distance(self.path)


def long(name: str, strength: float) -> Long:
    """Of a game."""
    game, (theta, psi) = DiracGame(KIND[name], (strength,)), START
    path = play(game, "simultaneous", [LONG_H], np.array([[theta]]), np.array([[psi]]), LONG_STEPS)
    return Long(name, strength, path[:, :, 0, 0], recursion(name, strength, LONG_H, START, LONG_STEPS))
