"""The count of caught modes: against a double loop, against exact probabilities, and of samplers that forget."""

import math

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan.data import Mixture, grid, mixture_1d, ring
from minigan.errors import ConfigError, RangeError, ShapeError
from minigan.metrics import caught_modes

RING, GRID = ring(), grid()
N = 2500  # of the protocol
PERFECT = 1 - math.exp(-4.5)  # of a Gaussian in the plane lies within 3 standard deviations
EIGHT_SEEDS = range(8)


def perfect(mixture, seed, n=N):
    return mixture.sample(n, seed=seed)[0]


# ---- samplers whose scores are known ---------------------------------------------------------------------


@pytest.mark.parametrize("mixture", [RING, GRID], ids=["ring", "grid"])
def test_a_perfect_sampler_catches_all_modes_with_the_exact_share_of_high_quality(mixture):
    for seed in EIGHT_SEEDS:
        found = caught_modes(perfect(mixture, seed), mixture)
        assert found.modes == found.of == len(mixture.centres)
        assert found.high_quality == pytest.approx(PERFECT, abs=0.007)
        near = round(found.high_quality * N)
        assert found.counts.sum() == near
        assert stats.binomtest(near, N, PERFECT).pvalue > 1e-3


@pytest.mark.parametrize("mixture", [RING, GRID], ids=["ring", "grid"])
def test_the_kl_of_a_perfect_sampler_is_the_floor_of_a_finite_sample(mixture):
    of, seeds = len(mixture.centres), 100
    divergences = np.array([caught_modes(perfect(mixture, seed), mixture).kl for seed in range(seeds)])
    assert divergences.min() >= 0
    floor = (of - 1) / (2 * N * PERFECT)
    spread = math.sqrt((of - 1) / 2) / (N * PERFECT)  # 2 N KL has a chi-squared distribution of K - 1 degrees
    assert divergences.mean() == pytest.approx(floor, abs=4 * spread / math.sqrt(seeds))


def test_a_collapsed_sampler_catches_one_mode_and_the_divergence_is_the_log_of_their_number():
    found = caught_modes(np.tile(RING.centres[3], (N, 1)), RING)
    assert (found.modes, found.high_quality, found.counts.tolist()) == (1, 1.0, [0, 0, 0, N, 0, 0, 0, 0])
    assert found.kl == pytest.approx(math.log(8), rel=1e-15)


def test_a_sampler_of_half_the_modes_has_a_divergence_of_log_two():
    found = caught_modes(np.repeat(RING.centres[::2], 50, axis=0), RING)
    assert (found.modes, found.kl) == (4, pytest.approx(math.log(2), rel=1e-15))


def test_a_sampler_that_misses_everything_catches_nothing_and_has_no_divergence():
    found = caught_modes(np.zeros((10, 2)), RING)
    assert (found.modes, found.high_quality, found.counts.tolist()) == (0, 0.0, [0] * 8)
    assert math.isnan(found.kl)


def test_a_perfectly_even_sampler_has_a_divergence_of_zero():
    assert caught_modes(GRID.centres, GRID).kl == pytest.approx(0, abs=1e-15)


# ---- what counts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mixture", [RING, GRID, Mixture([[0, 0], [0.3, 0]], 0.2), mixture_1d()])
@pytest.mark.parametrize("within", [0.5, 3.0])
def test_every_number_is_that_of_a_direct_double_loop(mixture, within):
    rng = np.random.default_rng(0)
    points = perfect(mixture, 1, 300) + rng.normal(0, mixture.std, (300, mixture.centres.shape[1]))
    counts = [0] * len(mixture.centres)
    for point in points:
        distances = [math.dist(point, centre) / mixture.std for centre in mixture.centres]
        if min(distances) <= within:
            counts[distances.index(min(distances))] += 1
    found = caught_modes(points, mixture, within)
    assert found.counts.tolist() == counts
    assert found.modes == sum(count > 0 for count in counts)
    assert found.high_quality == sum(counts) / 300
    uniform = np.full(len(counts), 1 / len(counts))
    assert found.kl == pytest.approx(stats.entropy(counts, uniform), abs=1e-12)


def test_a_point_on_the_border_of_three_standard_deviations_decides():
    mixture = Mixture([[0.0, 0.0], [8.0, 0.0]], std=1.0)
    inside, outside = [[3.0, 0.0]], [[math.nextafter(3, 4), 0.0]]
    assert (caught_modes(inside, mixture).modes, caught_modes(outside, mixture).modes) == (1, 0)


def test_where_modes_overlap_only_the_nearest_one_is_caught():
    close = Mixture([[0.0, 0.0], [1.0, 0.0]], std=1.0)
    assert caught_modes([[0.4, 0.0]] * 7, close).counts.tolist() == [7, 0]


def test_tensors_lists_and_float32_arrays_count_the_same():
    points = perfect(RING, 0)
    counts = [caught_modes(form, RING).counts.tolist() for form in (points, mg.tensor(points), points.tolist())]
    assert counts[0] == counts[1] == counts[2]


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(0, 2), (5,), (5, 3), (2, 5, 2), ()])
def test_points_of_another_shape_or_none_are_refused(shape):
    with pytest.raises(ShapeError, match=r"expected points \(N, 2\)"):
        caught_modes(np.zeros(shape), RING)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_points_that_are_not_finite_are_refused_and_counted(bad):
    points = np.zeros((5, 2))
    points[[1, 3], [0, 1]] = bad
    with pytest.raises(RangeError, match="2 of 5 points hold NaN or infinity"):
        caught_modes(points, RING)


def test_points_whose_distances_are_no_numbers_are_refused():
    with pytest.raises(RangeError, match=r"^caught_modes: points reach 1e\+200, expected at most 1e\+100"):
        caught_modes([[1e200, 0.0]], RING, within=math.inf)


@pytest.mark.parametrize("within", [0, -3, math.nan])
def test_a_distance_that_is_not_above_zero_is_refused(within):
    with pytest.raises(ConfigError, match="expected a distance within above 0"):
        caught_modes(np.zeros((5, 2)), RING, within)
