"""D trained alone ends at p / (p + q), and is paid -log 4 + 2 JSD: against quadrature, SciPy and algebra."""

import json
import math

import numpy as np
import pytest
from scipy import integrate, stats

import minigan as mg
from minigan import lab
from minigan.errors import ConfigError
from minigan.lab.experiments.dstar import REFERENCE
from minigan.lab.experiments.dstar_pairs import Pair
from minigan.lab.pages.dstar import page
from minigan.lab.schedule import stops

pytestmark = pytest.mark.slow

PAIRS = [Pair(0.0), Pair(1.0), Pair(2.0), Pair(4.0), Pair(0.0, 2.0)]


@pytest.fixture(scope="module")
def data():
    return lab.dstar(means=(0.0, 1.0, 2.0, 4.0))


def densities(pair):
    return stats.norm(0, 1).pdf, stats.norm(pair.mean, pair.std).pdf


def integral(f):
    return integrate.quad(f, -20, 20, points=[0, 2, 4], limit=500, epsabs=1e-11)[0]


# ---- what theory says ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_best_value_is_that_of_the_definition_and_of_the_six_decimals(pair):
    p, q = densities(pair)
    by_definition = integral(lambda x: p(x) * math.log(p(x) / (p(x) + q(x))) + q(x) * math.log(q(x) / (p(x) + q(x))))
    assert pair.value == pytest.approx(by_definition, abs=1e-9)
    assert pair.value == pytest.approx(REFERENCE[pair], abs=6e-7)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_divergence_is_that_of_scipy(pair):
    from scipy.spatial.distance import jensenshannon

    p, q = (density(pair.grid) for density in densities(pair))
    assert pair.jsd == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-7)
    assert pair.value == pytest.approx(2 * jensenshannon(p, q) ** 2 - math.log(4), abs=2e-7)


@pytest.mark.parametrize("pair", [*PAIRS, Pair(8.0), Pair(1.0, 3.0)], ids=lambda pair: pair.name)
def test_the_distance_is_the_area_between_the_inverse_distribution_functions(pair):
    """With y = mean + std z for x = z it is E |mean + (std - 1) z|: the mean of a folded normal distribution."""
    folded = stats.foldnorm(pair.mean / (pair.std - 1), scale=pair.std - 1).mean() if pair.std > 1 else pair.mean
    assert pair.wasserstein == pytest.approx(folded, abs=1e-9)


def test_the_distance_to_fakes_twice_as_wide_is_the_root_of_two_over_pi():
    assert Pair(0.0, 2.0).wasserstein == pytest.approx(math.sqrt(2 / math.pi), abs=1e-9)


def test_points_between_are_distributed_as_those_that_the_penalty_draws():
    pair, rng = Pair(3.0, 2.0), np.random.default_rng(0)
    real, fake = rng.standard_normal((20_000, 1)), 3 + 2 * rng.standard_normal((20_000, 1))
    mg.manual_seed(0)
    drawn = mg.gan.GradientPenalty(1.0).points(mg.tensor(real), mg.tensor(fake)).detach().numpy()[:, 0]
    x = pair.grid
    below = integrate.cumulative_trapezoid(pair.between(x), x, initial=0)
    assert stats.kstest(drawn, lambda t: np.interp(t, x, below)).pvalue > 1e-3


def test_no_other_slope_gains_more_than_the_best_one():
    pair, weight = Pair(2.0), 10.0
    x = np.linspace(-5, 7, 4001)
    ahead, between = stats.norm.cdf(x) - stats.norm.cdf(x - 2), pair.between(x)

    def gain(slopes):
        return np.sum(-slopes * ahead - weight * between * (np.abs(slopes) - 1) ** 2) * (x[1] - x[0])

    best = pair.best_slope(x, weight)
    assert all(gain(best) > gain(best + change) for change in (0.01, -0.01, 0.01 * np.sin(x), 0.1 * np.exp(-(x**2))))


def test_the_best_gap_tends_to_the_distance_as_the_penalty_grows():
    gaps = [Pair(2.0).best_gap(weight) for weight in (1e2, 1e4, 1e6)]
    np.testing.assert_allclose(gaps, 2, rtol=0.02)
    assert abs(gaps[2] - 2) < 1e-5


def test_the_density_between_has_the_weight_1_on_the_grid():
    for pair in (Pair(2.0), Pair(0.0, 2.0), Pair(8.0)):
        assert pair.between(pair.grid).sum() * (pair.grid[1] - pair.grid[0]) == pytest.approx(1, abs=1e-6)


# ---- what training ends at -------------------------------------------------------------------------------


def test_a_trained_D_is_paid_the_best_value(data):
    for one in data.trained:
        assert one.values[-1] == pytest.approx(REFERENCE[one.pair], abs=0.01)
        assert one.values[-1] <= one.value + 1e-6  # no D can be paid more


def test_D_and_critic_begin_with_no_opinion_anywhere(data):
    for one in data.trained:
        assert (one.logits[0] == 0).all()
        assert (one.scores[0] == 0).all()
        assert one.values[0] == pytest.approx(-math.log(4), abs=1e-6)


def test_a_trained_D_is_p_over_p_plus_q_where_there_are_samples(data):
    for one in data.trained:
        p, q = (density(one.x) for density in densities(one.pair))
        seen = p + q > 0.05
        np.testing.assert_allclose((1 / (1 + np.exp(-one.logits[-1])))[seen], (p / (p + q))[seen], rtol=0, atol=0.01)


def test_a_linear_D_ends_at_minus_mu_and_half_its_square(data):
    for one in data.logits:
        np.testing.assert_allclose(one.path[-1], [-one.mean, one.mean**2 / 2], rtol=0.01)


def test_a_linear_critic_is_steeper_than_one_by_what_the_penalty_allows(data):
    for one in (each for each in data.critics if each.start == 0):
        slope = 1 + one.mean / (2 * one.weight)
        assert one.slope == pytest.approx(-slope, rel=0.01)
        assert one.gap == pytest.approx(one.mean * slope, rel=0.01)


def test_a_linear_critic_that_begins_on_the_wrong_side_stays_there_if_the_penalty_is_strong(data):
    wrong = {one.weight: one.slope for one in data.critics if one.start == 1}
    assert wrong[0.5] == pytest.approx(-(1 + 2), rel=0.01)
    assert wrong[10.0] == pytest.approx(1 - 0.1, rel=0.01)
    assert wrong[100.0] == pytest.approx(1 - 0.01, rel=0.01)


def test_a_free_critic_finds_the_best_gap(data):
    for one in data.trained:
        within = 0.01 if one.pair.std == 1 else 0.05  # the sides of a trained tent stay straighter than the best ones
        assert one.gaps[-1] == pytest.approx(one.gap, rel=within, abs=1e-12)
    wide = data.trained[-1]
    assert wide.pair == Pair(0.0, 2.0)
    assert wide.gaps[-1] > wide.wasserstein


def test_the_pull_of_minimax_is_the_slope_of_the_best_value(data):
    for one in data.trained:
        if one.pair.mean > 0:
            slope = (Pair(one.pair.mean + 1e-3).value - Pair(one.pair.mean - 1e-3).value) / 2e-3
            of_jsd = (Pair(one.pair.mean + 1e-3).jsd - Pair(one.pair.mean - 1e-3).jsd) / 2e-3
            assert slope == pytest.approx(2 * of_jsd, rel=1e-6)
            assert one.best_pull.minimax == pytest.approx(slope, rel=1e-4)
            assert one.pull.minimax == pytest.approx(slope, rel=0.02)


def test_the_pull_of_a_critic_is_its_mean_slope_over_the_fakes(data):
    for one in data.trained[:-1]:  # of the last one the tip of a tent lies between two points of the grid
        slopes = np.gradient(one.scores[-1], one.x)
        assert one.pull.wasserstein == pytest.approx(-integrate.trapezoid(slopes * one.q, one.x), abs=1e-3)


def test_every_prediction_of_the_page_holds(data):
    checks = page(data).checks
    assert [check for check in checks if not check.holds] == []
    names = " ".join(check.name for check in checks)
    for pair in PAIRS:
        assert all(f"{what} of N(0, 1) against {pair.name}" in names for what in ("V*", "W", "−log 4 + 2 JSD"))
    assert "critic's gap, N(0, 1) against N(0, 2²)" in names


def test_G_gets_nothing_of_a_perfect_D_from_afar_but_the_full_slope_of_a_critic():
    far = lab.dstar(means=(8.0,)).trained[0]
    assert far.best_pull.minimax < 1e-3
    assert far.pull.minimax < 2e-3
    assert far.pull.wasserstein > 1


# ---- the experiment --------------------------------------------------------------------------------------


def test_its_page_is_written_with_all_numbers(tmp_path):
    data = lab.dstar(means=(1.0,), steps=30)
    index = lab.write("dstar", data, tmp_path)
    numbers = json.loads((tmp_path / "lab.json").read_text())
    assert numbers["data"]["at"] == [0, 1, 2, 5, 10, 20, 30] == list(stops(30))
    assert len(numbers["data"]["trained"][0]["logits"]) == 7
    assert "D learns p/(p + q)" in index.read_text()
    assert {"discriminator.png", "discriminator.gif", "pull.png"} < {path.name for path in tmp_path.iterdir()}


def test_a_seed_is_a_result_and_other_random_numbers_go_on_where_they_were():
    mg.manual_seed(5)
    expected = mg.rand(3).numpy().copy()
    mg.manual_seed(5)
    first, again = (lab.dstar(means=(1.0,), steps=3, seed=1) for _ in range(2))
    np.testing.assert_array_equal(mg.rand(3).numpy(), expected)
    np.testing.assert_array_equal(first.trained[0].logits, again.trained[0].logits)


@pytest.mark.parametrize("settings", [{"means": (9.0,)}, {"means": ()}, {"steps": 0}, {"gradient_penalty": 0.0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=f"^{next(iter(settings))}: expected"):
        lab.dstar(**settings)
