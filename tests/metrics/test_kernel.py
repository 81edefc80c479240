"""The kernel distance: against a direct double loop, without bias, and of digits that get worse."""

import numpy as np
import pytest

import minigan as mg
from minigan.errors import ArgumentError, ConfigError, RangeError, ShapeError
from minigan.metrics import kernel_distance

from .judged import digits, judge, noisy, real_features

BOTH = pytest.mark.parametrize("which", ["selection", "report"])


@pytest.fixture
def sets():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 6)), rng.normal(0.5, 1.2, size=(40, 6))


def by_double_loop(x, y, degree=3, gamma=None, coef=1.0):
    """Gretton et al. 2012, equation 3."""
    gamma = 1 / x.shape[1] if gamma is None else gamma

    def k(a, b):
        return (gamma * sum(p * q for p, q in zip(a, b, strict=True)) + coef) ** degree

    n, m = len(x), len(y)
    within_x = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


# ---- against a double loop -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kernel", [{}, {"degree": 1}, {"degree": 2, "gamma": 0.7}, {"degree": 5, "coef": 0.0}, {"coef": 2.5}]
)
def test_a_subset_of_all_samples_is_the_mean_over_pairs(sets, kernel):
    found = kernel_distance(*sets, subsets=3, subset_size=40, **kernel)
    assert found.mean == pytest.approx(by_double_loop(*sets, **kernel), rel=1e-9)
    assert found.std == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("far", [1e4, 1e7])
def test_a_sample_far_off_does_not_drown_the_others(sets, far):
    x, y = sets
    x[0] = far  # its kernel with itself, which does not count, is far^2 times that with others
    found = kernel_distance(x, y, subsets=1, subset_size=40)
    assert found.mean == pytest.approx(by_double_loop(x, y), rel=1e-9)


def test_subsets_are_drawn_of_all_samples_so_that_their_mean_is_that_of_all_pairs(sets):
    subsets = 2000
    found = kernel_distance(*sets, subsets=subsets, subset_size=10)
    assert found.mean == pytest.approx(by_double_loop(*sets), abs=4 * found.std / np.sqrt(subsets))
    assert found.std > 0


def test_mean_and_standard_deviation_are_those_of_single_subsets(sets):
    """Of 6 samples a subset of 5 leaves one out: there are 36 pairs of such subsets, and each is as likely."""
    x, y = (samples[:6] for samples in sets)
    values = [by_double_loop(np.delete(x, i, 0), np.delete(y, j, 0)) for i in range(6) for j in range(6)]
    found = kernel_distance(x, y, subsets=4000, subset_size=5)
    assert found.mean == pytest.approx(np.mean(values), abs=4 * np.std(values) / np.sqrt(4000))
    assert found.std == pytest.approx(np.std(values), rel=0.1)


# ---- properties ------------------------------------------------------------------------------------------


def test_two_sets_of_one_distribution_are_0_apart_on_average():
    rng, times = np.random.default_rng(0), 400
    found = [kernel_distance(*rng.normal(size=(2, 10, 4)), subsets=1, subset_size=10).mean for _ in range(times)]
    assert np.mean(found) == pytest.approx(0, abs=3 * np.std(found) / np.sqrt(times))
    assert min(found) < 0 < max(found)


def test_with_a_linear_kernel_it_is_the_squared_distance_of_the_means_on_average():
    rng, times = np.random.default_rng(0), 400
    linear = {"degree": 1, "gamma": 1.0, "coef": 0.0, "subsets": 1, "subset_size": 10}
    found = [
        kernel_distance(rng.normal(size=(10, 4)), rng.normal(2, 3, size=(10, 4)), **linear).mean for _ in range(times)
    ]
    assert np.mean(found) == pytest.approx(4 * 2**2, abs=3 * np.std(found) / np.sqrt(times))


def test_it_is_symmetric_where_all_samples_are_taken(sets):
    one, other = (kernel_distance(*pair, subsets=1, subset_size=40).mean for pair in (sets, sets[::-1]))
    assert one == pytest.approx(other, rel=1e-12)


def test_the_seed_decides_the_subsets(sets):
    first, again, other = (kernel_distance(*sets, subset_size=9, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.slow
def test_the_deviation_is_that_of_independent_estimates_and_several_times_the_error_of_the_mean():
    """Of a hundred subsets of a tenth."""
    rng, n, size = np.random.default_rng(0), 400, 40
    for shift, times in ((0.0, 6), (2.0, 3)):
        draws = [(rng.normal(size=(n, 4)), rng.normal(shift, 1, size=(n, 4))) for _ in range(150)]
        found = [kernel_distance(*draw, subset_size=size) for draw in draws]
        alone = [kernel_distance(x[:size], y[:size], subsets=1, subset_size=size).mean for x, y in draws]
        deviation = np.mean([each.std for each in found])
        assert deviation == pytest.approx(np.std(alone), rel=0.2)
        assert deviation / np.std([each.mean for each in found]) == pytest.approx(times, rel=0.25)


# ---- calibration -----------------------------------------------------------------------------------------


@BOTH
def test_test_images_are_within_the_error_bars_and_worse_ones_ever_farther(which):
    images, labels = digits("test", 2000)
    features, real = judge(which).features, real_features(which)
    clean, few = real_features(which, "test"), {"subsets": 20, "subset_size": 200}
    halves = kernel_distance(real[:1000], real[1000:], **few)
    assert abs(halves.mean) < halves.std / 2
    noise = [kernel_distance(features(noisy(images, strength)), real, **few).mean for strength in (0, 0.2, 0.4, 0.8)]
    dropped = [kernel_distance(clean[labels < classes], real, **few).mean for classes in (10, 8, 6, 4, 2)]
    for distances in (noise, dropped):
        assert (np.diff(distances) > 0).all()


# ---- bad input -------------------------------------------------------------------------------------------


def test_fewer_samples_than_a_subset_has_are_refused_with_how_many_are_needed(sets):
    with pytest.raises(
        ShapeError, match="^kernel_distance: expected at least 1,000 fake samples, but got 40. Draw more"
    ):
        kernel_distance(*sets)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"subsets": 0}, "expected subsets of at least 1, but got 0"),
        ({"subset_size": 1}, "expected subset_size of at least 2, but got 1"),
        ({"degree": 0}, "expected degree of at least 1, but got 0"),
        ({"seed": -1}, "expected seed of at least 0, but got -1"),
        ({"gamma": 0.0}, "expected gamma above 0 and coef of at least 0, but got 0.0 and 1.0"),
        ({"gamma": np.nan}, "expected gamma above 0 and coef of at least 0, but got nan and 1.0"),
        ({"coef": -1}, "expected gamma above 0 and coef of at least 0, but got .* and -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(sets, setting, says):
    with pytest.raises(ConfigError, match=f"^kernel_distance: {says}"):
        kernel_distance(*sets, **{"subset_size": 10, **setting})


def test_a_kernel_too_large_for_a_number_is_refused(sets):
    for settings in ({"degree": 2000}, {"gamma": np.inf}, {"coef": np.inf}):
        with pytest.raises(RangeError, match="the kernel is too large for float64"):
            kernel_distance(*sets, subset_size=10, **settings)
    with pytest.raises(RangeError, match="reach .*, expected at most 1e.100"):
        kernel_distance(*(x * 1e160 for x in sets), subset_size=10)


def test_other_types_widths_and_nan_are_refused(sets):
    x, y = sets
    with pytest.raises(ArgumentError, match="expected degree to be a whole number, but got 2.5"):
        kernel_distance(x, y, degree=2.5)
    with pytest.raises(ShapeError, match="of one width, but got 6 and 5 numbers"):
        kernel_distance(x, y[:, :5], subset_size=10)
    y[3] = np.inf
    with pytest.raises(RangeError, match="1 of 40 real samples hold NaN or infinity"):
        kernel_distance(x, y, subset_size=10)


def test_tensors_and_arrays_give_the_same(sets):
    tensors = (mg.tensor(x, requires_grad=True) for x in sets)
    assert kernel_distance(*tensors, subset_size=20) == kernel_distance(*sets, subset_size=20)
