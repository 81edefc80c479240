"""Mixtures of Gaussians: their modes, their statistics against SciPy's, and their exact density."""

import math

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import logsumexp

import minigan as mg
from minigan.backend import philox
from minigan.data import Mixture, grid, mixture_1d, open_data, ring, spiral
from minigan.data.mixtures import MIXTURES
from minigan.errors import ConfigError, ShapeError

N = 200_000
LEAST_P = 1e-3  # of a statistical test; the seed is fixed, so a pass is a pass
every_mixture = pytest.mark.parametrize("make", MIXTURES.values(), ids=MIXTURES.keys())


# ---- modes -----------------------------------------------------------------------------------------------


def test_the_ring_has_eight_modes_at_radius_one():
    mixture = ring()
    assert (mixture.centres.shape, mixture.std) == ((8, 2), 0.01)
    turns = np.exp(2j * np.pi * np.arange(8) / 8)
    np.testing.assert_allclose(mixture.centres @ [1, 1j], turns, atol=1e-15)


def test_the_grid_has_twenty_five_modes_at_even_numbers():
    mixture = grid()
    assert mixture.std == 0.05
    expected = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(centre) for centre in mixture.centres.tolist()} == expected
    assert len(mixture.centres) == 25


def test_a_grid_of_nine_is_smaller_and_still_two_apart_around_zero():
    expected = [[x, y] for y in (-2, 0, 2) for x in (-2, 0, 2)]
    np.testing.assert_array_equal(grid(9).centres, expected)


def test_the_modes_on_a_line_are_two_apart_around_zero():
    np.testing.assert_array_equal(mixture_1d().centres, [[-3], [-1], [1], [3]])
    np.testing.assert_array_equal(mixture_1d(3).centres, [[-2], [0], [2]])
    assert mixture_1d().std == 0.2


def test_the_spiral_is_one_line_whose_turns_lie_apart():
    centres, std = spiral().centres, spiral().std
    radius, angle = np.hypot(*centres.T), np.unwrap(np.arctan2(*centres.T[::-1]))
    np.testing.assert_allclose(np.diff(angle), 4 * math.pi * np.diff(radius), rtol=1e-9)
    assert 0.95 < radius[-1] < 1
    assert 1.5 * 2 * math.pi < angle[-1] - angle[0] < 2 * 2 * math.pi
    steps = np.hypot(*np.diff(centres, axis=0).T)[5:]  # close to 0 a spiral is no circle yet
    assert steps.max() < 1.1 * steps.min()
    assert steps.max() < 4 * std  # to the eye, a line
    assert 20 * std < 0.5  # and its turns are a radius of 0.5 apart


@every_mixture
def test_modes_and_width_can_be_chosen(make):
    mixture = make(16, 0.3)
    assert (len(mixture.centres), mixture.std) == (16, 0.3)


# ---- samples ---------------------------------------------------------------------------------------------


@every_mixture
def test_points_lie_around_the_centre_that_their_label_names(make):
    mixture = make()
    points, labels = mixture.sample(N, seed=1)
    assert (points.dtype, labels.dtype) == (np.float32, np.int64)
    assert points.shape == (N, mixture.centres.shape[1])
    offsets = (points - mixture.centres[labels]) / mixture.std
    assert stats.kstest(offsets.ravel(), "norm").pvalue > LEAST_P
    covariance = np.atleast_2d(np.cov(offsets.T))
    np.testing.assert_allclose(covariance, np.eye(len(covariance)), atol=5 * math.sqrt(2 / N))


@every_mixture
def test_every_mode_is_as_likely_as_every_other(make):
    counts = np.bincount(make().sample(N, seed=2)[1])
    assert len(counts) == len(make().centres)
    assert LEAST_P < stats.chisquare(counts).pvalue < 1 - LEAST_P  # not too even, either


@pytest.mark.parametrize("make", [ring, grid])
def test_a_perfect_sampler_has_the_published_share_of_high_quality(make):
    mixture = make()
    points, _ = mixture.sample(N)
    distances = np.linalg.norm(points[:, np.newaxis] - mixture.centres, axis=2).min(1)
    share = (distances < 3 * mixture.std).mean()
    exact = 1 - math.exp(-4.5)
    assert exact == pytest.approx(0.9889, abs=1e-4)
    assert abs(share - exact) < 4 * math.sqrt(exact * (1 - exact) / N)


def test_points_on_a_line_follow_the_exact_distribution():
    mixture = mixture_1d(3, 0.7)
    centres, std = mixture.centres[:, 0], mixture.std
    assert (
        stats.kstest(mixture.sample(N)[0][:, 0], lambda x: stats.norm.cdf(x[:, None], centres, std).mean(1)).pvalue
        > LEAST_P
    )


@every_mixture
def test_points_depend_on_the_seed_alone(make):
    points, labels = make().sample(1000, seed=3)
    mg.manual_seed(9)
    mg.rand(5)
    again, same = make().sample(1000, seed=3)
    assert points.tobytes() == again.tobytes()
    assert labels.tobytes() == same.tobytes()
    other = make().sample(1000, seed=4)[0]
    assert not (points == other).any()


def by_hand(mixture, n, seed):
    """Points of a plane and their labels, number by number from the words of Philox; n is even."""
    labels_of, offsets_of = (
        philox.words(2 * n, seed=seed, purpose=philox.DATA, step=0, site=site).tolist() for site in (0, 1)
    )
    for i in range(n):
        half = labels_of[i // 2] >> 32 * (i % 2) & 0xFFFFFFFF
        label = half * len(mixture.centres) >> 32
        u, v = ((word >> 11) / 2**53 for word in offsets_of[2 * i : 2 * i + 2])
        radius, angle = math.sqrt(-2 * math.log(1 - u)), 2 * math.pi * v
        offset = mixture.std * radius * np.array([math.cos(angle), math.sin(angle)])
        yield (mixture.centres[label] + offset).tolist(), label


@pytest.mark.parametrize("make", [ring, grid, spiral])
def test_the_points_of_a_seed_are_these_for_ever(make):
    points, labels = zip(*by_hand(make(), 50, seed=11), strict=True)
    drawn, drawn_labels = make().sample(50, seed=11)
    assert tuple(drawn_labels) == labels
    np.testing.assert_allclose(drawn, points, rtol=1e-6)


def test_drawing_points_leaves_the_program_s_own_stream_alone():
    mg.manual_seed(9)
    expected = mg.rand(5).numpy()
    mg.manual_seed(9)
    ring().sample(1000)
    np.testing.assert_array_equal(mg.rand(5).numpy(), expected)


@every_mixture
@pytest.mark.parametrize("n", [1, 2, 3, 999])
def test_fewer_points_are_the_first_of_more(make, n):
    points, labels = make().sample(1000)
    fewer, fewer_labels = make().sample(n)
    np.testing.assert_array_equal(fewer, points[:n])
    np.testing.assert_array_equal(fewer_labels, labels[:n])


# ---- density ---------------------------------------------------------------------------------------------


@every_mixture
def test_the_log_density_is_scipy_s(make):
    mixture = make()
    around = np.random.default_rng(0).normal(size=(200, mixture.centres.shape[1]))
    x = np.concatenate([mixture.sample(200)[0], around, 30 * around])
    width = mixture.centres.shape[1]
    parts = [stats.multivariate_normal(centre, mixture.std**2 * np.eye(width)).logpdf(x) for centre in mixture.centres]
    expected = logsumexp(parts, axis=0) - math.log(len(parts))
    np.testing.assert_allclose(mixture.log_density(x), expected, rtol=1e-9)
    np.testing.assert_allclose(mixture.density(x), np.exp(expected), rtol=1e-9, atol=1e-300)


def test_the_density_integrates_to_one():
    line = mixture_1d()
    assert integrate.quad(lambda x: line.density([[x]])[0], -6, 6, limit=200)[0] == pytest.approx(1, abs=1e-9)
    plane = ring(5, std=0.3)
    axis = np.linspace(-4, 4, 401)
    x = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    assert plane.density(x).sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-9)


def test_the_log_density_is_finite_where_the_density_is_zero():
    x = [[1e6, 0.0]]
    assert ring().density(x) == 0
    assert ring().log_density(x) == pytest.approx(-((1e6 - 1) ** 2) / (2 * 0.01**2), rel=1e-9)


# ---- refusals --------------------------------------------------------------------------------------------

REFUSALS = [
    (lambda: grid(24), ConfigError, "a square number of modes, such as 16 or 25, but got 24"),
    (lambda: ring(0), ConfigError, "ring: expected from 1 to 10,000 modes, but got 0"),
    (lambda: spiral(10**9), ConfigError, "spiral: expected from 1 to 10,000 modes"),
    (lambda: ring(std=0.0), ConfigError, "deviation above 0, but got 0.0"),
    (lambda: ring(std=math.nan), ConfigError, "deviation above 0, but got nan"),
    (lambda: Mixture([1.0, 2.0], 1.0), ShapeError, r"centres \(K, F\), but got shape \(2,\)"),
    (lambda: Mixture(np.zeros((0, 2)), 1.0), ShapeError, r"shape \(0, 2\)"),
    (lambda: ring().sample(0), ConfigError, "Found 0 points to draw"),
    (lambda: ring().sample(3, seed=-1), ConfigError, "The seed must be an integer"),
    (lambda: ring().density([0.0, 1.0]), ShapeError, r"points \(N, 2\), but got shape \(2,\)"),
    (lambda: mixture_1d().density(np.zeros((3, 2))), ShapeError, r"points \(N, 1\), but got shape \(3, 2\)"),
]


@pytest.mark.parametrize(("act", "error", "message"), REFUSALS)
def test_what_makes_no_mixture_says_why(act, error, message):
    with pytest.raises(error, match=message):
        act()


# ---- as a data set ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_is_opened_by_its_name(name):
    data = open_data(name, count=500, modes=9, std=0.4, seed=7)
    points, labels = MIXTURES[name](9, 0.4).sample(500, seed=7)
    np.testing.assert_array_equal(data.samples, points)
    np.testing.assert_array_equal(data.labels, labels)
    assert (data.name, data.shape, data.is_images) == (name, points.shape[1:], False)


def test_zero_modes_and_zero_width_stand_for_the_usual_ones():
    np.testing.assert_array_equal(open_data("grid").samples, grid().sample(100_000)[0])
    assert len(open_data("ring", limit=10).samples) == 10


def test_a_mixture_has_no_test_split_and_no_pixels():
    with pytest.raises(ConfigError, match="ring has no split 'test'"):
        open_data("ring", "test")
    with pytest.raises(ConfigError, match=r"data.size=28 .* samples of ring have the shape \(2,\)"):
        open_data("ring", size=28)
