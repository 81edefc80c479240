"""What theory says of the Dirac-GAN, beside what was measured: checks and tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from minigan.lab.experiments.dirac import Dirac
from minigan.lab.experiments.dirac_cycle import Cycle
from minigan.lab.experiments.dirac_game import named
from minigan.lab.experiments.dirac_rules import RULES
from minigan.lab.experiments.dirac_runs import LONG_H, LONG_STEPS, Run, distance
from minigan.lab.experiments.dirac_theory import Complex, apart, bilinear_radius, radius
from minigan.lab.page import Check, Table, number

SWINGING = ("WGAN, clipped", "WGAN-GP")  # whose radius neither settles nor grows without end
LAST = 200  # steps of theirs that are compared besides
LEADING = 0.2  # the largest h for which the cycle is held against 2h
BILINEAR_H = (0.1, 0.3, 0.45)


def checks(data: Dirac) -> tuple[Check, ...]:
    """All of them."""
    parts = (_eigenvalues(data), _drawn(data), _rates(data), _long(data), _cycle(data.cycle), _bilinear(data))
    return tuple(check for part in parts for check in part)


def _eigenvalues(data: Dirac) -> Iterator[Check]:
    for one in data.exact:
        if one.predicted[0] == one.predicted[1]:  # a rounding error moves them by its root, but not their mean
            name = f"two equal eigenvalues of {named(one.game, one.strength)}"
            yield Check(f"{name}: mean", float(one.predicted[0].real), float(np.trace(one.jacobian)) / 2, 1e-10)
            product = float(one.predicted.prod().real)
            yield Check(f"{name}: product", product, float(np.linalg.det(one.jacobian)), 1e-10)
            continue
        predicted, measured = (values[np.argmax(values.imag)] for values in (one.predicted, one.measured))
        name = f"eigenvalue of {named(one.game, one.strength)}"
        yield Check(f"{name}: real part", float(predicted.real), float(measured.real) + 0.0, 1e-10)  # no -0
        yield Check(f"{name}: imaginary part", float(predicted.imag), float(measured.imag), 1e-10)


def _drawn(data: Dirac) -> Iterator[Check]:
    noise = data.drawn
    name = f"real part with instance noise really drawn, of the variance {noise.variance:.4f} for {noise.std**2:g}"
    yield Check(name, -noise.variance / 4, float(noise.measured[0].real), 1e-10)


def _rates(data: Dirac) -> Iterator[Check]:
    strength, h = nearest(data.strengths, 0.3), nearest(data.h, 0.2)
    for run in _near_equilibrium(data, strength, h):
        if run.gone:
            continue
        name = f"{named(run.game, run.strength)}, h = {h:g}, {run.rule}: logarithm of a run's factor per step"
        predicted, measured = math.log(radius(run.predicted)), math.log(run.rate) if run.rate > 0 else math.nan
        turns = abs(predicted) < 1e-12  # for ever: nothing that an error could be a share of
        yield Check(name, predicted, measured, 1e-6 if turns else 1e-3, relative=not turns)


def _near_equilibrium(data: Dirac, strength: float, h: float) -> list[Run]:
    """The runs of all games that have eigenvalues at this strength."""
    return [run for run in data.runs if run.h == h and run.strength in (0.0, strength) and len(run.predicted)]


def nearest(values: Iterable[float], wanted: float) -> float:
    """The one of these values that is closest to the wanted one."""
    return min(values, key=lambda value: abs(value - wanted))


def _long(data: Dirac) -> Iterator[Check]:
    yield Check("minimax: radius² after a step, |w|² (1 + h² p²)", *data.identity, 1e-13, relative=True)
    for run in data.long:
        name, by_hand = f"{named(run.game, run.strength)}: radius", distance(run.by_hand)
        last = f"of the last {LAST} steps, and by the same recursion by hand"
        how = f"after {LONG_STEPS} steps of {LONG_H:g}, and by the same recursion by hand"
        yield Check(f"{name} {how}", float(by_hand[-1]), float(run.radius[-1]), 1e-9, relative=True)
        if run.game in SWINGING:
            for which, extreme in (("smallest", np.min), ("largest", np.max)):
                ends = float(extreme(by_hand[-LAST:])), float(extreme(run.radius[-LAST:]))
                yield Check(f"{name}, {which} {last}", *ends, 1e-9, relative=True)


def _cycle(cycle: Cycle) -> Iterator[Check]:
    for h, predicted, measured in zip(cycle.h, cycle.predicted, cycle.measured, strict=True):
        for side, square in zip(("inside", "outside"), measured, strict=True):
            if h <= LEADING:
                name = f"cycle, h = {h:g}: mean of radius², from {side}"
                yield Check(name, float(predicted), float(square), 0.01, relative=True)


def _bilinear(data: Dirac) -> Iterator[Check]:
    for h in BILINEAR_H:
        at = int(np.argmin(np.abs(data.bilinear.h - h)))
        for rule in RULES:
            name = f"bilinear game, h = {h:g}: spectral radius, {rule}"
            yield Check(name, bilinear_radius(rule, h), float(data.bilinear.measured[rule][at]), 1e-12)


# ---- tables ----------------------------------------------------------------------------------------------


def spectra_table(data: Dirac) -> Table:
    """Eigenvalues of all games at all strengths."""
    rows = [
        (
            named(one.game, one.strength),
            in_words(one.predicted),
            in_words(one.measured),
            brief(apart(one.measured, one.predicted)),
        )
        for one in data.spectra
    ]
    return Table(
        "Eigenvalues of the Jacobian at (0, 0)",
        ("game", "predicted", "measured", "apart by"),
        rows,
        "Where two eigenvalues coincide (γ = 1 of R1 and R2) a rounding error of 10<sup>−16</sup> may move them by its "
        "root, 10<sup>−8</sup>.",
    )


def in_words(values: Complex) -> str:
    """A pair of eigenvalues."""
    first, second = sorted(np.round(values, 7), key=lambda value: (-value.real, -value.imag))
    if first.imag:
        return f"{number(first.real, '.6g')} ± {number(abs(first.imag), '.6g')} i"
    return f"{number(first.real, '.6g')} and {number(second.real, '.6g')}"


def brief(x: float) -> str:
    """A number of any size."""
    if not math.isfinite(x):
        return "more than any number"
    if 1e-3 <= abs(x) < 1e3 or x == 0:
        return number(x, ".3g")
    digits, exponent = f"{x:.1e}".split("e")
    return f"{number(digits, '.1f')} · 10<sup>{number(exponent, 'g')}</sup>"


def rates_table(data: Dirac, strength: float, h: float) -> Table:
    """Factors per step of all games and rules at one strength and one h."""
    rows = [
        (run.game, run.rule, radius(run.predicted), radius(run.measured), brief(_off(run)), run.rate, verdict(run))
        for run in _near_equilibrium(data, strength, h)
    ]
    return Table(
        f"What a step multiplies the radius by near (0, 0): h = {h:g}, γ = σ = {strength:g}",
        ("game", "rule", "predicted", "of real steps", "apart by", "fitted to a run", "so the run"),
        rows,
        "“Of real steps” is the largest eigenvalue of the matrix by which one step of minigan's optimizers multiplies "
        "small displacements. “Fitted to a run” is the slope of a logarithm over many steps of a real run: of its "
        "part along the eigenvector of that eigenvalue, as its radius swings within each turn.",
    )


def _off(run: Run) -> float:
    return abs(radius(run.measured) - radius(run.predicted))


def verdict(run: Run) -> str:
    """What becomes of a run near (0, 0)."""
    excess = radius(run.predicted) - 1
    return "turns for ever" if abs(excess) < 1e-12 else "converges" if excess < 0 else "diverges"
