"""The smallest GAN, in all its variants: its gradient field, the eigenvalues of that, and what steps make of it.

One point at 0 is all of the data, G places one point at θ, and D(x) = ψ x. The equilibrium is (0, 0), and whether
training converges to it depends on the loss, the penalty, the update rule and the step size (Mescheder, Geiger and
Nowozin 2018). The games are in dirac_game.py, the rules in dirac_rules.py, the predictions in dirac_theory.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from minigan.errors import ConfigError
from minigan.lab.experiments.dirac_bilinear import Bilinear, bilinear_game
from minigan.lab.experiments.dirac_curves import Factors, Locus, factor_curves, locus_curves
from minigan.lab.experiments.dirac_cycle import Cycle, limit_cycle
from minigan.lab.experiments.dirac_game import KINDS, has_jacobian
from minigan.lab.experiments.dirac_runs import (
    EXACT,
    LOCUS_STRENGTHS,
    LONG_H,
    LONG_RUNS,
    WITH_LOCUS,
    Drawn,
    Field,
    Long,
    Run,
    Spectrum,
    drawn_noise,
    field,
    long,
    runs,
    spectrum,
)
from minigan.lab.numbers import Numbers
from minigan.lab.options import Number, Seed, Several, checked
from minigan.lab.repeatable import repeatable
from minigan.ops.random import manual_seed

MOST_STEPS = 20_000  # steps of a run
Strengths = Annotated[tuple[Annotated[float, Number(0.01, 4)], ...], Several(8)]
Rates = Annotated[tuple[Annotated[float, Number(0.001, 2)], ...], Several(8)]


@dataclass(frozen=True, kw_only=True, repr=False)
class Dirac(Numbers):
    """What the experiment found.

    Attributes:
        strengths: γ and σ alike.
        h: learning rates, which are the step sizes.
        time: of each run: steps times learning rate.
        fields: of each game at each strength.
        exact: of games whose eigenvalues are held against theory to the last digits.
        spectra: of the games of the fields, where there are any.
        loci: of three games at many strengths, the root loci.
        locus_curves: the same by theory, at more strengths.
        drawn: instance noise that was drawn, in place of its average.
        runs: of each game at each strength, by each rule, for each h.
        factor_curves: what theory says of their rates, for many h.
        long: runs of 500 steps, beside the same recursion by hand.
        identity: of minimax, r² after a step as the formula says and as measured, at the step of the long run
            where they are farthest from each other.
        cycle: of the non-saturating game.
        bilinear: min over x and max over y of xy.
    """

    strengths: tuple[float, ...]
    h: tuple[float, ...]
    time: float
    fields: tuple[Field, ...]
    exact: tuple[Spectrum, ...]
    spectra: tuple[Spectrum, ...]
    loci: tuple[Spectrum, ...]
    locus_curves: tuple[Locus, ...]
    drawn: Drawn
    runs: tuple[Run, ...]
    factor_curves: tuple[Factors, ...]
    long: tuple[Long, ...]
    identity: tuple[float, float]
    cycle: Cycle
    bilinear: Bilinear


@checked
@repeatable
def dirac(
    *,
    strengths: Strengths = (0.1, 0.3, 0.7, 1.0, 2.0),
    lr: Rates = (0.05, 0.1, 0.2, 0.5, 1.0),
    time: Annotated[float, Number(5, 500)] = 40.0,
    seed: Seed = 0,
) -> Dirac:
    """Play the smallest GAN in eight variants by four rules, and hold what happens against theory.

    Args:
        strengths: γ of the penalties and of consensus, and σ of the instance noise.
        lr: learning rates h, which are the step sizes.
        time: how long each run lasts: its number of steps times the learning rate.
        seed: of what is drawn: the noise of one check.

    Raises:
        ConfigError: a value out of range.

    >>> data = mg.lab.dirac(strengths=(0.6,), lr=(0.5,), time=10)
    >>> [spectrum.measured.round(6) for spectrum in data.spectra if spectrum.game == "R1"]
    [array([-0.3+0.4j, -0.3-0.4j])]
    """
    if time / min(lr) > MOST_STEPS:
        raise ConfigError(
            f"time={time:g} takes {time / min(lr):,.0f} steps with lr={min(lr):g}, but at most {MOST_STEPS:,} are "
            "made; shorten the time, or raise the learning rate."
        )
    games = [(kind.name, strength) for kind in KINDS for strength in (strengths if kind.symbol else (0.0,))]
    manual_seed(seed)
    followed = tuple(long(*game) for game in LONG_RUNS)
    return Dirac(
        strengths=strengths,
        h=lr,
        time=time,
        fields=tuple(field(*game) for game in games),
        exact=tuple(spectrum(*game) for game in EXACT),
        spectra=tuple(spectrum(*game) for game in games if has_jacobian(game[0])),
        loci=tuple(spectrum(name, strength) for name in WITH_LOCUS for strength in LOCUS_STRENGTHS),
        locus_curves=locus_curves(WITH_LOCUS),
        drawn=drawn_noise(0.7, seed),
        runs=tuple(runs(strengths, lr, time)),
        factor_curves=tuple(factor_curves(*game, lr) for game in games if has_jacobian(game[0])),
        long=followed,
        identity=_identity(followed[0]),
        cycle=limit_cycle(),
        bilinear=bilinear_game(),
    )


def _identity(minimax: Long) -> tuple[float, float]:
    """|w'|² = |w|² (1 + h² p²), where p = σ(θψ) is the probability that D gives to a fake."""
    theta, psi = minimax.path[:-1].T
    predicted = minimax.radius[:-1] ** 2 * (1 + LONG_H**2 / (1 + np.exp(-theta * psi)) ** 2)
    measured = minimax.radius[1:] ** 2
    worst = np.abs(measured / predicted - 1).argmax()
    return float(predicted[worst]), float(measured[worst])
