"""The smallest GAN: its eigenvalues, runs and rates, against algebra, a recursion by hand and minigan's own Game."""

import cmath
import dataclasses
import json
import math
import re

import numpy as np
import pytest

import minigan as mg
from minigan import lab
from minigan.errors import ConfigError
from minigan.gan import Batch, Game, Noise, Player, get_loss
from minigan.lab.experiments.dirac_bilinear import bilinear_game
from minigan.lab.experiments.dirac_curves import factor_curves
from minigan.lab.experiments.dirac_cycle import limit_cycle
from minigan.lab.experiments.dirac_game import BILINEAR, KIND, KINDS, DiracGame, defined, has_jacobian, normal_noise
from minigan.lab.experiments.dirac_rules import RULES, gradient_field, jacobian, play, step_matrices
from minigan.lab.experiments.dirac_runs import LONG_RUNS, distance, long, spectrum
from minigan.lab.experiments.dirac_theory import apart, bilinear_radius, eigenvalues, factors
from minigan.lab.page import Canvas, panel
from minigan.lab.pages.dirac_checks import brief, checks
from minigan.lab.pages.dirac_plane import Outline

STRENGTHS = (0.1, 0.3, 0.7, 2.0)
SMOOTH = [kind.name for kind in KINDS if has_jacobian(kind.name)]


@pytest.fixture(scope="module")
def data():
    return lab.dirac(strengths=(0.3, 2.0), lr=(0.2, 1.0), time=20)


def same(found, expected, atol):
    """Whether these are the same complex numbers, in any order."""
    return len(found) == len(expected) and apart(np.array(found), np.array(expected)) <= atol


# ---- eigenvalues -----------------------------------------------------------------------------------------


def of_the_paper(name, s):
    """Mescheder, Geiger and Nowozin 2018, with f'(0) = 1/2 and f''(0) = -1/4."""
    middle, square = {
        "minimax": (0, -0.25),
        "non-saturating": (0, -0.25),
        "WGAN, clipped": (0, -1),
        "instance noise": (-0.25 * s**2, 0.0625 * s**4 - 0.25),
        "R1": (-s / 2, s**2 / 4 - 0.25),
        "R2": (-s / 2, s**2 / 4 - 0.25),
        "consensus": (-s / 4, -0.25),
    }[name]
    return [middle + cmath.sqrt(square), middle - cmath.sqrt(square)]


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("name", SMOOTH)
def test_eigenvalues_are_those_of_the_paper(name, strength):
    found = spectrum(name, strength)
    assert same(found.measured, of_the_paper(name, strength), 1e-10)
    assert same(found.predicted, of_the_paper(name, strength), 1e-14)


@pytest.mark.parametrize(
    ("name", "strength", "value"),
    [("R1", 0.3, -0.15 + 0.476970j), ("R2", 0.3, -0.15 + 0.476970j), ("instance noise", 0.7, -0.1225 + 0.484762j)],
)
def test_eigenvalues_are_known_to_six_decimals(name, strength, value):
    assert same(spectrum(name, strength).measured, [value, value.conjugate()], 1e-6)


def test_r1_is_critical_at_gamma_1():
    """Two equal eigenvalues move apart by the root of a rounding error."""
    assert same(spectrum("R1", 1.0).measured, [-0.5, -0.5], 1e-7)


def test_the_move_of_d_jumps_where_the_slope_of_wgan_gp_changes_its_sign():
    """So there is no Jacobian: the jump is twice the strength, however small the step across."""
    sides = np.array([[1e-12], [-1e-12]])
    above, below = gradient_field(DiracGame(KIND["WGAN-GP"], (0.7,)), 0 * sides, sides)[1, :, 0]
    assert above - below == pytest.approx(2 * 0.7, abs=1e-9)


def test_the_noise_has_no_mean_and_the_variance_1():
    for noise in normal_noise():
        assert noise.numpy().mean() == pytest.approx(0, abs=1e-15)
        assert noise.numpy().var() == pytest.approx(1, rel=1e-14)


def test_drawn_noise_closes_in_by_a_quarter_of_the_variance_that_was_drawn(data):
    noise = data.drawn
    assert same(noise.measured, of_the_paper("instance noise", math.sqrt(noise.variance)), 1e-10)
    assert noise.variance == pytest.approx(0.49, rel=0.01)


# ---- the same games as minigan's Game ---------------------------------------------------------------------


class Place(mg.nn.Module):
    """G: its point, or its noisy copies."""

    def __init__(self, theta, noise):
        super().__init__()
        self.theta = mg.nn.Parameter(mg.tensor([[theta]], dtype=mg.float64))
        self.noise = noise

    def forward(self, z):
        return self.theta + self.noise


class Slope(mg.nn.Module):
    """D(x) = psi x."""

    def __init__(self, psi):
        super().__init__()
        self.psi = mg.nn.Parameter(mg.tensor([[psi]], dtype=mg.float64))

    def forward(self, x):
        return x @ self.psi


def as_written(kind, rule, strength, h, start, steps):
    """The way of minigan's Game, (steps + 1, 2)."""
    noise = normal_noise()[0].reshape(-1, 1) * strength if kind.noisy else mg.zeros(1, 1, dtype=mg.float64)
    G, D = Place(start[0], noise), Slope(start[1])
    optimizer = {"extragradient": mg.optim.ExtraSGD, "optimistic": mg.optim.OptimisticSGD}.get(rule, mg.optim.SGD)
    game = Game(
        *(Player(name, who, optimizer(who.parameters(), lr=h)) for name, who in (("G", G), ("D", D))),
        get_loss(kind.loss),
        Noise(1),
        rule=rule,
        penalties=[kind.penalty(strength)] if kind.penalty else [],
        consensus=strength if kind.consensus else 0.0,
        clip_weights=kind.clip,
    )
    path = [start]
    for _ in range(steps):
        game.step(*[Batch(noise)] * game.batches_per_step)
        path.append((G.theta.item(), D.psi.item()))
    return np.array(path)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", [*KIND, "bilinear"])
def test_many_runs_in_one_batch_are_those_of_minigans_game(name, rule):
    if name != "bilinear" and not defined(name, rule):
        with pytest.raises(ConfigError, match="consensus is defined where both players move at once"):
            as_written(KIND[name], rule, 0.3, 0.1, (1.0, -1.0), 1)
        return
    kind, h, strengths = {**KIND, "bilinear": BILINEAR}[name], (0.1, 0.5), (0.3, 1.0)
    start = np.array([[1.0, 0.5], [-0.4, 0.3]]), np.array([[-1.0, 0.6], [0.8, -0.2]])
    path = play(DiracGame(kind, strengths), rule, np.array(h)[:, None], *start, 45)
    for i in range(2):
        for j in range(2):
            expected = as_written(kind, rule, strengths[j], h[i], (start[0][i, j], start[1][i, j]), 45)
            np.testing.assert_allclose(path[:, :, i, j], expected, rtol=1e-12, atol=1e-13)


# ---- steps near the equilibrium ------------------------------------------------------------------------


def by_hand(J, rule, h):
    """The matrix of a step, from the Jacobian: of (theta, psi), or for optimistic players with both gradients."""
    one, zero = np.eye(2), np.zeros((2, 2))
    if rule == "simultaneous":
        return one + h * J
    if rule == "extragradient":
        return one + h * J @ (one + h * J)
    if rule == "optimistic":
        return np.block([[one + 2 * h * J, h * one], [-J, zero]])
    of_theta, of_psi = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    return (one + h * of_theta @ J) @ (one + h * of_psi @ J)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", SMOOTH)
def test_a_step_near_the_point_of_rest_is_the_matrix_that_the_jacobian_gives(name, rule):
    if not defined(name, rule):
        return
    found = step_matrices(DiracGame(KIND[name], STRENGTHS), rule, (0.2, 0.7))
    for i, h in enumerate((0.2, 0.7)):
        for j, strength in enumerate(STRENGTHS):
            J = jacobian(DiracGame(KIND[name], (strength,)))
            np.testing.assert_allclose(found[i, j], by_hand(J, rule, h), rtol=0, atol=1e-9)
            expected = np.linalg.eigvals(by_hand(J, rule, h))
            assert same(factors(rule, h, eigenvalues(name, strength)), expected, 1e-10)


def test_runs_close_in_at_the_predicted_rate(data):
    """Held in logarithms, as what a factor is away from 1 is all that it has to say: minimax by .005 in a step."""
    runs = [run for run in data.runs if len(run.predicted)]
    assert len(runs) == 2 * (3 * 4 + 2 * (3 * 4 + 3))
    for run in runs:
        expected = math.log(np.abs(run.predicted).max())
        assert math.log(run.rate) == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_the_radius_of_minimax_grows_at_the_predicted_rate(data):
    """No eigenvector is needed here: close to (0, 0) its step is a turn, and a factor of √(1 + h²/4)."""
    path = play(DiracGame(KIND["minimax"]), "simultaneous", [0.2], np.full((1, 1), 1e-7), np.full((1, 1), 3e-8), 200)
    grown = np.hypot(*path[-1, :, 0, 0]) / np.hypot(*path[0, :, 0, 0])
    assert math.log(grown) / 200 == pytest.approx(math.log1p(0.2**2 / 4) / 2, rel=1e-9)


# ---- the bilinear game -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bilinear():
    return bilinear_game()


@pytest.mark.parametrize("rule", RULES)
def test_the_spectral_radius_of_a_step_is_the_exact_one(bilinear, rule):
    formula = {
        "simultaneous": lambda h: np.sqrt(1 + h**2),
        "alternating": np.ones_like,
        "extragradient": lambda h: np.sqrt(1 - h**2 + h**4),
        "optimistic": lambda h: np.sqrt((1 + np.sqrt(1 - 4 * h**2)) / 2),
    }[rule]
    below = bilinear.h < 0.5
    np.testing.assert_allclose(bilinear.measured[rule][below], formula(bilinear.h[below]), rtol=1e-12)
    np.testing.assert_allclose(bilinear.measured[rule], bilinear.predicted[rule], rtol=1e-7)  # at 1/2 two coincide
    assert bilinear_radius(rule, 0.3) == pytest.approx(formula(np.array(0.3)), rel=1e-15)


def test_alternating_steps_stay_on_an_ellipse(bilinear):
    for orbit in bilinear.orbits:
        if orbit.rule == "alternating":
            x, y = orbit.path.T
            np.testing.assert_allclose(x**2 + y**2 - orbit.h * x * y, 1, rtol=1e-12)


def test_optimistic_steps_leave_beyond_the_root_of_a_third(bilinear):
    assert np.array_equal(bilinear.measured["optimistic"] > 1, bilinear.h > 1 / np.sqrt(3))


# ---- long runs -------------------------------------------------------------------------------------------


def test_the_cycle_has_a_squared_radius_of_twice_the_step():
    found = limit_cycle()
    small = found.h <= 0.2
    assert list(found.h[small]) == [0.05, 0.1, 0.2]
    for found_from in found.measured.T:  # from inside, at a quarter of this, and from outside, at twice
        np.testing.assert_allclose(found_from[small], 2 * found.h[small], rtol=0.01)
    np.testing.assert_allclose(found.measured[:, 0], found.measured[:, 1], rtol=1e-4)
    short = (
        1 - found.measured[:, 1] / (2 * found.h)
    ) / found.h**2  # what the leading order leaves out is of second order
    assert short.max() / short.min() < 1.2


@pytest.mark.parametrize(("name", "strength"), [*LONG_RUNS, ("WGAN-GP", 0.3), ("consensus", 0.5)])
def test_a_long_run_is_the_recursion_of_the_fields_that_are_written_out(name, strength):
    run = long(name, strength)
    assert run.path.shape == run.by_hand.shape == (501, 2)
    np.testing.assert_allclose(distance(run.path), distance(run.by_hand), rtol=1e-9)
    np.testing.assert_allclose(run.path, run.by_hand, rtol=1e-9, atol=1e-9 * distance(run.by_hand).min())


def test_minimax_runs_away_by_the_known_factor_in_every_step(data):
    path = data.long[0].path
    theta, psi = path[:-1].T
    factor = 1 + 0.2**2 / (1 + np.exp(-theta * psi)) ** 2
    np.testing.assert_allclose((path[1:] ** 2).sum(1), (path[:-1] ** 2).sum(1) * factor, rtol=1e-13)
    assert data.identity[1] == pytest.approx(data.identity[0], rel=1e-13)


# ---- drawings --------------------------------------------------------------------------------------------


def test_a_curve_of_factors_goes_through_the_cusp_at_which_a_run_is_measured(data):
    assert all({0.2, 1.0} <= set(curve.h) for curve in data.factor_curves)
    curve = factor_curves("WGAN, clipped", 0.0, (0.5, 2.0))
    assert curve.predicted["optimistic"][list(curve.h).index(0.5)] == pytest.approx(math.sqrt(0.5), abs=1e-7)
    assert curve.h.max() < 2.0


@pytest.mark.parametrize(("form", "reach"), [("o", 4.0), ("s", 4.0), ("D", 4.0 * math.sqrt(2))])
def test_an_open_mark_is_around_its_point(form, reach):
    canvas = Canvas(*panel(xlim=(0, 1), ylim=(0, 1)))
    svg = Outline((0.3, 0.6), form, "#000000", 4.0).svg(canvas)
    corners = np.array([pair.split(",") for pair in re.search('points="(.*?)"', svg)[1].split()], float)
    np.testing.assert_allclose(corners.mean(0), canvas.places([[0.3, 0.6]])[0], atol=0.06)
    np.testing.assert_allclose(np.ptp(corners, axis=0), 2 * reach, atol=0.11)


# ---- the experiment --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    return lab.write("dirac", data, tmp_path_factory.mktemp("dirac")).parent


def test_all_predictions_hold_as_closely_as_promised(folder):
    checks = json.loads((folder / "lab.json").read_text())["checks"]
    assert [check["name"] for check in checks if not check["holds"]] == []
    tolerance = {check["name"]: check["tolerance"] for check in checks}
    assert {value for name, value in tolerance.items() if "eigenvalue" in name} == {1e-10}
    assert [tolerance[name] for name in tolerance if name.startswith("bilinear")] == [1e-12] * 12
    assert [tolerance[name] for name in tolerance if name.startswith("cycle")] == [0.01] * 6
    rates = [tolerance[name] for name in tolerance if "factor per step" in name]
    assert len(rates) == 27
    assert rates.count(1e-6) == 3  # games that alternating steps neither attract nor drive away
    assert rates.count(1e-3) == 24
    assert [tolerance[name] for name in tolerance if "after a step" in name] == [1e-13]
    assert [tolerance[name] for name in tolerance if "recursion by hand" in name] == [1e-9] * 11


def test_a_rate_that_could_not_be_fitted_is_a_prediction_that_does_not_hold(data):
    broken = dataclasses.replace(data, runs=tuple(dataclasses.replace(run, rate=math.nan) for run in data.runs))
    failed = [check.name for check in checks(broken) if not check.holds]
    assert len(failed) == 27
    assert all("factor per step" in name for name in failed)


def test_no_rate_is_asked_for_where_theory_has_a_run_end_at_once(data):
    run = data.runs[0]
    assert not run.gone
    assert dataclasses.replace(run, predicted=np.array([1e-3, 1e-5], complex)).gone
    assert not dataclasses.replace(run, predicted=np.array([1e-3, 1e-2], complex)).gone
    assert not dataclasses.replace(run, predicted=np.empty(0, complex)).gone


def test_short_runs_have_a_rate_too():
    found = lab.dirac(strengths=(0.3,), lr=(2.0,), time=5)
    assert all(np.isfinite(run.rate) for run in found.runs if len(run.predicted) and not run.gone)


def test_the_folder_has_the_page_the_film_and_every_number(data, folder):
    assert (folder / "index.html").stat().st_size < 3e6
    assert (folder / "dirac-fates.gif").read_bytes().startswith(b"GIF89a")
    runs = json.loads((folder / "lab.json").read_text())["data"]["runs"]
    assert [run["path"] for run in runs] == [run.path.tolist() for run in data.runs]


def test_the_page_says_what_runs_do_that_eigenvalues_do_not_tell(folder):
    page = (folder / "index.html").read_text()
    assert "defined where both players move at once" in page  # consensus in turns
    assert "No eigenvalues" in page  # WGAN-GP
    assert "leaves, as ψ overshoots" in page  # R1 with large steps
    assert "drifts away, where all gradients are small" in page  # consensus


def test_the_random_streams_are_left_as_found_and_equal_seeds_draw_equal_noise(data):
    mg.manual_seed(3)
    expected = mg.rand(4).tolist()
    mg.manual_seed(3)
    again = lab.dirac(strengths=(0.3,), lr=(0.5,), time=5)
    assert mg.rand(4).tolist() == expected
    assert again.drawn.variance == data.drawn.variance


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strengths": (0.0, 1.0)}, "^strengths: expected a number from 0.01 to 4, but got 0.0"),
        ({"strengths": (1.0, 1.0)}, "^strengths: expected each value once, but got 1.0 twice"),
        ({"lr": ()}, "^lr: expected 1 to 8 values, but got 0"),
        ({"lr": (3.0,)}, "^lr: expected a number from 0.001 to 2, but got 3"),
        ({"time": 1.0}, "^time: expected a number from 5 to 500, but got 1"),
        ({"lr": (1e-3,)}, "^time=40 takes 40,000 steps with lr=0.001, but at most 20,000 are made"),
    ],
)
def test_values_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        lab.dirac(**options)


def test_a_run_that_leaves_all_numbers_behind_has_its_place_in_the_tables():
    assert brief(math.inf) == brief(math.nan) == "more than any number"
    assert brief(1e300) == "1.0 · 10<sup>300</sup>"
