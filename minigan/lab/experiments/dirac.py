"""The smallest GAN, in all its variants: the field of both players' moves, its eigenvalues, and what steps make of it.

One point at 0 is all of the data, G places one point at θ, and D(x) = ψ x. Both are to rest at (0, 0), and whether they
do depends on the loss, the penalty, the rule of who moves when, and the length of the steps (Mescheder, Geiger and
Nowozin 2018). The games are in dirac_game.py, the rules in dirac_rules.py, the predictions in dirac_theory.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from minigan.errors import ConfigError
from minigan.lab.experiments.dirac_bilinear import Bilinear, bilinear_game
from minigan.lab.experiments.dirac_cycle import Cycle, limit_cycle
from minigan.lab.experiments.dirac_game import KINDS
from minigan.lab.experiments.dirac_runs import (
    EXACT,
    FINE,
    PUBLISHED,
    WAYS,
    Drawn,
    Field,
    H,
    Long,
    Run,
    Spectrum,
    drawn_noise,
    field,
    has_jacobian,
    long,
    runs,
    spectrum,
)
from minigan.lab.repeatable import repeatable
from minigan.ops.random import manual_seed


@dataclass(frozen=True)
class DiracData:
    """What the experiment found.

    Attributes:
        strengths: γ and σ alike.
        h: lengths of steps.
        time: of each run: steps times their length.
        fields: of each game at each strength.
        exact: of games whose eigenvalues were published.
        spectra: of the games of the fields, where there are any.
        ways: of three games at many strengths.
        drawn: instance noise that was drawn, in place of its average.
        runs: of each game at each strength, by each rule, for each h.
        long: the published runs.
        identity: of minimax, r² after a step as the formula says and as measured, at the step of the published run
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
    ways: tuple[Spectrum, ...]
    drawn: Drawn
    runs: tuple[Run, ...]
    long: tuple[Long, ...]
    identity: tuple[float, float]
    cycle: Cycle
    bilinear: Bilinear


@repeatable
def dirac(
    *,
    strengths: tuple[float, ...] = (0.1, 0.3, 0.7, 1.0, 2.0),
    h: tuple[float, ...] = (0.05, 0.1, 0.2, 0.5, 1.0),
    time: float = 40.0,
    seed: int = 0,
) -> DiracData:
    """Play the smallest GAN in eight variants by four rules, and hold what happens against theory.

    Args:
        strengths: γ of the penalties and of consensus, and σ of the instance noise, above 0 and at most 4.
        h: lengths of the steps, above 0 and at most 2.
        time: how long each run lasts: steps times their length, from 5 to 500.
        seed: of what is drawn: the noise of one check.

    Raises:
        ConfigError: a value out of range.

    >>> data = mg.lab.dirac(strengths=(0.6,), h=(0.5,), time=10)
    >>> [spectrum.measured.round(6) for spectrum in data.spectra if spectrum.game == "R1"]
    [array([-0.3+0.4j, -0.3-0.4j])]
    """
    _check(strengths, h, time)
    games = [(kind.name, strength) for kind in KINDS for strength in (strengths if kind.symbol else (0.0,))]
    manual_seed(seed)
    published = tuple(long(*game) for game in PUBLISHED)
    return DiracData(
        strengths=strengths,
        h=h,
        time=time,
        fields=tuple(field(*game) for game in games),
        exact=tuple(spectrum(*game) for game in EXACT),
        spectra=tuple(spectrum(*game) for game in games if has_jacobian(game[0])),
        ways=tuple(spectrum(name, strength) for name in WAYS for strength in FINE),
        drawn=drawn_noise(0.7, seed),
        runs=tuple(runs(strengths, h, time)),
        long=published,
        identity=_identity(published[0]),
        cycle=limit_cycle(),
        bilinear=bilinear_game(),
    )


def _check(strengths: tuple[float, ...], h: tuple[float, ...], time: float) -> None:
    if not (strengths and all(0 < each <= 4 for each in strengths)):
        raise ConfigError(f"dirac: expected strengths above 0 and at most 4, but got {_listed(strengths)}.")
    if not (h and all(0 < each <= 2 for each in h)):
        raise ConfigError(f"dirac: expected h, the lengths of steps, above 0 and at most 2, but got {_listed(h)}.")
    if not 5 <= time <= 500:
        raise ConfigError(f"dirac: expected a time from 5 to 500, but got {time:g}.")
    if time / min(h) > 20_000:
        raise ConfigError(
            f"dirac: expected runs of at most 20,000 steps, but a time of {time:g} takes {time / min(h):,.0f} of "
            f"{min(h):g}. Shorten the time, or lengthen the steps."
        )


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers) or "none"


def _identity(minimax: Long) -> tuple[float, float]:
    """|w'|² = |w|² (1 + h² p²), where p = σ(θψ) is the probability that D gives to a fake."""
    theta, psi = minimax.path[:-1].T
    predicted = minimax.radius[:-1] ** 2 * (1 + H**2 / (1 + np.exp(-theta * psi)) ** 2)
    measured = minimax.radius[1:] ** 2
    worst = np.abs(measured / predicted - 1).argmax()
    return float(predicted[worst]), float(measured[worst])
