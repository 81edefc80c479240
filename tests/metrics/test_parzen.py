"""The Parzen window estimate: against densities of SciPy's, exact values, and the calibration with real digits."""

import math

import numpy as np
import pytest
from scipy import special, stats

import minigan as mg
from minigan.errors import ArgumentError, ConfigError, DTypeError, RangeError, ShapeError
from minigan.metrics import choose_sigma, distances, parzen, parzen_log_likelihood
from minigan.metrics.parzen import SIGMAS

RNG = np.random.default_rng(0)
SAMPLES, TEST = RNG.normal(size=(60, 3)), RNG.normal(size=(25, 3))
IMAGES, PHOTOS = (RNG.uniform(-1, 1, (n, 2, 3, 3)).astype(np.float32) for n in (20, 15))


def log_likelihoods(samples, test, sigma):
    """One after the other, by SciPy's normal distribution in each dimension."""
    kernels = [[stats.norm.logpdf(x, centre, sigma).sum() for centre in samples] for x in test]
    return special.logsumexp(kernels, axis=1) - math.log(len(samples))


# ---- what is computed --------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.1, 0.5, 3.0])
def test_the_score_is_that_of_a_double_loop_over_normal_densities(sigma):
    expected = log_likelihoods(SAMPLES, TEST, sigma)
    found = parzen_log_likelihood(SAMPLES, TEST, sigma)
    assert found.mean == pytest.approx(expected.mean(), rel=1e-12)
    assert found.error == pytest.approx(expected.std() / 5, rel=1e-10)


def test_images_are_compared_by_pixels_from_0_to_1():
    rows = [(x.reshape(len(x), -1).astype(np.float64) + 1) / 2 for x in (IMAGES, PHOTOS)]
    found = parzen_log_likelihood(IMAGES, PHOTOS, 0.2)
    assert found.mean == pytest.approx(log_likelihoods(*rows, 0.2).mean(), rel=1e-12)


def test_at_a_single_sample_the_likelihood_is_the_height_of_its_gaussian():
    x = np.array([[0.3, -0.7]])
    found = parzen_log_likelihood(x, x, 0.01)
    assert found.mean == pytest.approx(-math.log(2 * math.pi * 0.01**2), rel=1e-12)
    assert found.error == 0


def test_a_likelihood_too_small_for_a_number_has_a_logarithm():
    found = parzen_log_likelihood(np.array([[0.0]]), np.array([[1000.0]]), 1.0)
    assert found.mean == pytest.approx(-500_000 - math.log(2 * math.pi) / 2, rel=1e-12)


@pytest.mark.parametrize("far", [5e5, 1e12])
def test_a_single_sample_far_off_changes_nothing_for_the_others(far):
    rng = np.random.default_rng(0)
    samples, test = rng.normal(size=(50, 2)), rng.normal(size=(30, 2))
    samples[0] = far
    near = parzen_log_likelihood(samples[1:], test, 0.5)
    found = parzen_log_likelihood(samples, test, 0.5)
    assert found.mean == pytest.approx(near.mean + math.log(49 / 50), abs=1e-9)
    assert found.error == pytest.approx(near.error, abs=1e-9)


def test_no_differences_are_taken_of_images(monkeypatch):
    monkeypatch.setattr(parzen, "difference_blocks", None)
    images = np.random.default_rng(0).choice([-1.0, 1.0], (20, 1, 28, 28))
    assert parzen_log_likelihood(images[:10], images[10:], 0.1).error > 0


def test_samples_given_twice_change_nothing():
    once, twice = (parzen_log_likelihood(samples, TEST, 0.4) for samples in (SAMPLES, np.tile(SAMPLES, (2, 1))))
    assert twice.mean == pytest.approx(once.mean, rel=1e-12)


@pytest.mark.parametrize("offset", [1e3, 1e6])
def test_samples_far_from_zero_score_as_samples_near_it(offset):
    expected = parzen_log_likelihood(SAMPLES, TEST, 0.4)
    assert parzen_log_likelihood(SAMPLES + offset, TEST + offset, 0.4).mean == pytest.approx(expected.mean, abs=1e-6)


def test_in_many_blocks_it_is_the_same(monkeypatch):
    whole = parzen_log_likelihood(SAMPLES, TEST, 0.4)
    monkeypatch.setattr(distances, "CHUNK", 7 * SAMPLES[:, 0].nbytes)
    parts = parzen_log_likelihood(SAMPLES, TEST, 0.4)
    assert (parts.mean, parts.error) == (pytest.approx(whole.mean, rel=1e-13), pytest.approx(whole.error, rel=1e-13))


def test_the_sigma_chosen_is_the_one_with_the_highest_score():
    sigmas = [0.05, 0.2, 0.4, 0.6, 0.9, 2.0]
    scores = [log_likelihoods(SAMPLES, TEST, sigma).mean() for sigma in sigmas]
    assert choose_sigma(SAMPLES, TEST, sigmas) == sigmas[int(np.argmax(scores))]


def test_the_sigmas_of_the_protocol_are_ten_from_a_tenth_to_one():
    np.testing.assert_allclose(SIGMAS, np.logspace(-1, 0, 10), rtol=1e-15)


def test_tensors_and_float32_arrays_score_the_same():
    samples, test = SAMPLES.astype(np.float32), TEST.astype(np.float32)
    expected = parzen_log_likelihood(samples.astype(np.float64), test.astype(np.float64), 0.4).mean
    assert parzen_log_likelihood(samples, test, 0.4).mean == expected
    assert parzen_log_likelihood(mg.tensor(samples), mg.tensor(test), 0.4).mean == expected


# ---- calibration with real digits --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    """The training images, and those of the test set, from -1 to 1."""
    train, test = (mg.data.load_mnist(split)[0][:, None] for split in ("train", "test"))
    return mg.data.gather_pixels(train, np.arange(60_000)), mg.data.gather_pixels(test, np.arange(10_000))


def by_the_protocol(samples, digits):
    train, test = digits
    sigma = choose_sigma(samples, train[50_000:51_000])
    return sigma, parzen_log_likelihood(samples, test, sigma)


@pytest.mark.slow
def test_ten_thousand_real_images_reach_the_ceiling(digits):
    sigma, score = by_the_protocol(digits[0][:10_000], digits)
    assert sigma == pytest.approx(0.1668, abs=1e-4)
    assert score.mean == pytest.approx(241.19, abs=0.05)
    assert score.error == pytest.approx(2.13, abs=0.005)


@pytest.mark.slow
def test_the_mean_image_and_noise_are_far_below(digits):
    mean_image = digits[0].mean(axis=0, keepdims=True)
    noise = np.random.default_rng(0).uniform(-1, 1, (1000, 1, 28, 28)).astype(np.float32)
    assert by_the_protocol(mean_image, digits)[1].mean == pytest.approx(-59, abs=1)
    assert by_the_protocol(noise, digits)[1].mean == pytest.approx(-630, abs=10)


@pytest.mark.parametrize(("among", "expected"), [(50_000, 120.4), (10_000, 118.8)])
def test_a_thousand_random_training_images_are_halfway_to_the_ceiling(digits, among, expected):
    """Of those that do not choose sigma. (The first thousand of the file have 114, the last 84.)"""
    some = np.random.default_rng(0).permutation(among)[:1000]
    sigma, score = by_the_protocol(digits[0][some], digits)
    assert sigma == pytest.approx(0.2154, abs=1e-4)
    assert score.mean == pytest.approx(expected, abs=0.5)


# ---- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0, -0.1, math.nan, math.inf])
def test_a_sigma_that_is_not_above_zero_is_refused(sigma):
    with pytest.raises(ConfigError, match="parzen_log_likelihood: expected a sigma above 0"):
        parzen_log_likelihood(SAMPLES, TEST, sigma)
    with pytest.raises(ConfigError, match="choose_sigma: expected a sigma above 0"):
        choose_sigma(SAMPLES, TEST, [0.1, sigma])


def test_a_sigma_that_no_float_holds_is_refused():
    with pytest.raises(ArgumentError, match="parzen_log_likelihood: expected sigma to be a number"):
        parzen_log_likelihood(SAMPLES, TEST, 10**400)


@pytest.mark.parametrize("sigmas", [[], 0.2])
def test_no_sigmas_to_choose_from_are_refused(sigmas):
    with pytest.raises(ConfigError, match="expected a list of at least one sigma"):
        choose_sigma(SAMPLES, TEST, sigmas)


def test_a_sigma_that_is_no_number_is_refused():
    with pytest.raises(ArgumentError, match="parzen_log_likelihood: expected sigma to be a number, but got 'a'"):
        parzen_log_likelihood(SAMPLES, TEST, "a")
    with pytest.raises(DTypeError, match="choose_sigma: expected sigmas as real numbers, but got str"):
        choose_sigma(SAMPLES, TEST, "abc")
    with pytest.raises(ConfigError, match="expected a list of at least one sigma"):
        choose_sigma(SAMPLES, TEST, [[0.1, 0.2]])


@pytest.mark.parametrize("sigma", [1e-200, 1e160])
def test_a_sigma_whose_square_is_no_number_is_refused(sigma):
    with pytest.raises(ConfigError, match="expected a sigma above 0, whose square is a number"):
        parzen_log_likelihood(SAMPLES, TEST, sigma)


def test_samples_so_far_apart_that_no_density_is_a_number_are_refused():
    with pytest.raises(RangeError, match="the samples are too far apart for so small a sigma, 1e-80"):
        parzen_log_likelihood(SAMPLES * 1e80, TEST, 1e-80)


def test_sigmas_may_come_in_any_form():
    expected = choose_sigma(SAMPLES, TEST, [0.2, 0.6])
    for form in ((0.2, 0.6), np.array([0.2, 0.6]), mg.tensor([0.2, 0.6], dtype=mg.float64)):
        assert choose_sigma(SAMPLES, TEST, form) == expected


def test_test_samples_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"samples and test samples of one shape, but got \(3,\) and \(2,\)"):
        parzen_log_likelihood(SAMPLES, TEST[:, :2], 0.1)
    with pytest.raises(ShapeError, match="samples and validation samples of one shape"):
        choose_sigma(SAMPLES, IMAGES)


@pytest.mark.parametrize("shape", [(0, 3), (3,), (0, 1, 2, 2)])
def test_no_samples_are_refused(shape):
    with pytest.raises(ShapeError, match="parzen_log_likelihood: expected"):
        parzen_log_likelihood(np.zeros(shape), TEST, 0.1)


@pytest.mark.parametrize(("of_samples", "of_test"), [(True, True), (True, False), (False, True)])
def test_pixels_from_0_to_1_are_refused_in_either_set_and_in_both(of_samples, of_test):
    """They would be halved in silence, and the score be hundreds of nats off."""
    samples = (IMAGES + 1) / 2 if of_samples else IMAGES
    test = (PHOTOS + 1) / 2 if of_test else PHOTOS
    with pytest.raises(
        RangeError, match=r"^parzen_log_likelihood: .* looks like \[0, 1\]\. Scale them with 2 \* x - 1"
    ):
        parzen_log_likelihood(samples, test, 0.1)
    with pytest.raises(RangeError, match=r"^choose_sigma: .* looks like \[0, 1\]\. Scale them with 2 \* x - 1"):
        choose_sigma(samples, test)


def test_points_from_0_to_1_are_taken_as_they_are_as_rows_of_bright_images_may_be():
    rows = [((x + 1) / 2).reshape(len(x), -1).astype(np.float64) for x in (IMAGES, PHOTOS)]
    found = parzen_log_likelihood(*rows, 0.2)
    assert found.mean == pytest.approx(log_likelihoods(*rows, 0.2).mean(), rel=1e-12)
    assert found.mean == pytest.approx(parzen_log_likelihood(IMAGES, PHOTOS, 0.2).mean, rel=1e-6)


def test_bytes_are_refused():
    with pytest.raises(DTypeError, match="expected floats from -1 to 1, but got uint8"):
        parzen_log_likelihood(np.zeros((5, 2, 3, 3), np.uint8), PHOTOS, 0.1)


def test_samples_that_are_not_finite_are_refused_and_counted():
    broken = SAMPLES.copy()
    broken[3, 1] = math.nan
    with pytest.raises(RangeError, match="1 of 60 samples hold NaN"):
        parzen_log_likelihood(broken, TEST, 0.1)
