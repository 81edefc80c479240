"""spectrum: the eigenvalues of a game of networks, which tell attraction from rotation.

Here is what is measured of a small game, whose Jacobian can be written down; the games with known eigenvalues are in
spectrum_known.py, networks of the usual size in spectrum_large.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from minigan.gan.config import preset_names
from minigan.lab.experiments.spectrum_eigenvalues import Eigenvalues
from minigan.lab.experiments.spectrum_known import Known, known_games
from minigan.lab.experiments.spectrum_large import Large, large_networks
from minigan.lab.experiments.spectrum_motion import Motion, motion_of
from minigan.lab.experiments.spectrum_path import TWO_WEIGHTS, PathAngle, of_two_weights, path_angle
from minigan.lab.experiments.spectrum_small import SmallGame
from minigan.lab.experiments.spectrum_trace import trace_per_gamma
from minigan.lab.jacobian import ordered, unit
from minigan.lab.numbers import Numbers
from minigan.lab.options import Number, OneOf, Seed, Steps, Whole, checked
from minigan.lab.repeatable import repeatable

GAMMAS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
LOSSES = ("wasserstein", "non-saturating")
ARNOLDI = 10
WIDEST = 32  # of a hidden layer: 2,400 weights, whose eigenvalues take a minute
PRESETS = tuple(preset_names())


@dataclass(frozen=True)
class State:
    """The game at one moment of a training.

    Attributes:
        step: after which.
        speed: the length of v.
        eigenvalues: all of the Jacobian.
    """

    step: int
    speed: float
    eigenvalues: Eigenvalues


@dataclass(frozen=True)
class Trajectory:
    """A training of the small game, and where it led.

    Attributes:
        gamma: the weight of R1.
        states: from the first step to the last.
        path: the field on the line from the first weights to the last, and beyond.
    """

    gamma: float
    states: tuple[State, ...]
    path: PathAngle


@dataclass(frozen=True)
class Agreement:
    """How far apart two ways to the same numbers are, in the small game at the end of its training with R1.

    Attributes:
        differences: J u by differences of the field, and by the Jacobian: the largest difference.
        arnoldi: the largest eigenvalues by Arnoldi's method, and by all of the Jacobian.
        arnoldi_products: how many products that took.
        slope: by what the sum of the eigenvalues changes for each unit of γ, by a formula for D's slope.
        slope_of_sums: the same from the eigenvalues with the least and the largest of `GAMMAS`.
    """

    differences: float
    arnoldi: float
    arnoldi_products: int
    slope: float
    slope_of_sums: float


@dataclass(frozen=True, repr=False)
class Spectrum(Numbers):
    """What the experiment found.

    Attributes:
        parameters: of the small game.
        gammas: weights of R1 in ``same``.
        without, with_r1: the two trainings.
        same: by loss, for each of the gammas the eigenvalues at the same weights, the last ones of ``with_r1``.
        motion: of two trainings that begin close to each other there.
        two_weights: the path angle of games with two weights, by what they do.
        known: games whose eigenvalues are known.
        large: networks of the usual size.
        agreement: of different ways to the same numbers.
    """

    parameters: int
    gammas: tuple[float, ...]
    without: Trajectory
    with_r1: Trajectory
    same: Mapping[str, tuple[Eigenvalues, ...]]
    motion: Motion
    two_weights: Mapping[str, PathAngle]
    known: tuple[Known, ...]
    large: tuple[Large, ...]
    agreement: Agreement


@checked
@repeatable
def spectrum(
    *,
    r1_gamma: Annotated[float, Number(0, 1000, above=True)] = 1.0,
    steps: Steps = 3000,
    width: Annotated[int, Whole(2, WIDEST)] = 12,
    seed: Seed = 0,
    preset: Annotated[str, OneOf(PRESETS)] = "ring",
    preset_steps: Steps = 1000,
) -> Spectrum:
    """Eigenvalues of the Jacobian of two small networks and of two large ones, before and after training.

    Args:
        r1_gamma: weight of R1 in the training with it; the training without it is always made.
        steps: how long the small game is trained.
        width: of the two hidden layers of its networks; wider networks are for a preset.
        seed: of weights and samples.
        preset: whose networks and data stand for the usual size; those for MNIST take minutes.
        preset_steps: how long these are trained.

    Raises:
        ConfigError: a value is out of its range, or there is no such preset.
    """
    without, game = SmallGame(0.0, steps, width, seed), SmallGame(r1_gamma, steps, width, seed)
    trajectories = [_trajectory(each, steps) for each in (without, game)]
    same = {loss: tuple(_switched(game, loss, weight) for weight in GAMMAS) for loss in LOSSES}
    return Spectrum(
        parameters=len(game.weights),
        gammas=GAMMAS,
        without=trajectories[0],
        with_r1=trajectories[1],
        same=same,
        motion=motion_of(game, game.weights),
        two_weights={name: of_two_weights(jacobian) for name, jacobian in TWO_WEIGHTS.items()},
        known=known_games(),
        large=large_networks(preset, preset_steps, (0.0, r1_gamma), seed),
        agreement=_agreement(game, same["non-saturating"], seed),
    )


def _trajectory(game: SmallGame, steps: int) -> Trajectory:
    """From the first step to the last; the game is left there."""
    moments = sorted({0, *(steps * share // 100 for share in (1, 3, 10, 33)), steps})
    first, states = game.weights, []
    for step in moments:
        game.train_to(step)
        states.append(State(step, game.speed(), game.eigenvalues()))
    return Trajectory(game.gamma, tuple(states), path_angle(game, first, game.weights))


def _switched(game: SmallGame, loss: str, gamma: float) -> Eigenvalues:
    """The eigenvalues at the same weights, if the players wanted this."""
    with game.playing(loss, gamma):
        return game.eigenvalues()


def _agreement(game: SmallGame, of_gamma: tuple[Eigenvalues, ...], seed: int) -> Agreement:
    jacobian = game.jacobian()
    random = np.random.default_rng(seed)
    directions = [unit(random.standard_normal(len(jacobian))) for _ in range(20)]
    largest = game.products().largest(ARNOLDI)
    found = ordered(np.linalg.eigvals(jacobian))[: len(largest.eigenvalues)]
    return Agreement(
        differences=max(float(np.abs(game.difference(u) - jacobian @ u).max()) for u in directions),
        arnoldi=float(np.abs(largest.eigenvalues - found).max()),
        arnoldi_products=largest.products,
        slope=trace_per_gamma(game),
        slope_of_sums=(of_gamma[-1].trace - of_gamma[0].trace) / (GAMMAS[-1] - GAMMAS[0]),
    )
