"""The Frechet distance: against SciPy's matrix root, at exact values, and of digits that get worse."""

import numpy as np
import pytest
import scipy.linalg
from scipy.ndimage import gaussian_filter
from scipy.stats import ortho_group

import minigan as mg
from minigan.errors import RangeError, ShapeError
from minigan.metrics import frechet_distance
from minigan.metrics.frechet import frechet_bias

from .judged import digits, judge, noisy, real_features

BOTH = pytest.mark.parametrize("which", ["selection", "report"])


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.standard_normal((500, 8)) @ rng.standard_normal((8, 8)) + rng.standard_normal(8)


@pytest.fixture
def others():
    return np.random.default_rng(1).standard_normal((300, 8)) ** 3


def by_matrix_root(a, b):
    A, B = np.cov(a.T), np.cov(b.T)
    return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(A + B - 2 * scipy.linalg.sqrtm(A @ B).real)


# ---- against SciPy ---------------------------------------------------------------------------------------


def test_it_is_the_one_by_the_square_root_of_a_matrix(features, others):
    assert frechet_distance(features, others) == pytest.approx(by_matrix_root(features, others), rel=1e-9)


@BOTH
def test_so_it_is_in_the_features_of_a_judge(which):
    real, test = real_features(which), real_features(which, "test")
    assert frechet_distance(test, real) == pytest.approx(by_matrix_root(test, real), rel=1e-6)


def test_in_one_dimension_it_is_that_of_means_and_standard_deviations():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 2, (50, 1)), rng.normal(-3, 0.5, (70, 1))
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


# ---- exact values and invariances ------------------------------------------------------------------------


def test_equal_sets_in_any_order_are_0_apart(features):
    assert frechet_distance(features, features) < 1e-20
    assert frechet_distance(features[::-1].copy(), features) < 1e-20


def test_moved_and_stretched_features_are_as_far_apart_as_is_known(features):
    assert frechet_distance(features, features + 3) == pytest.approx(8 * 9, rel=1e-12)
    centred = features - features.mean(0)
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * np.trace(np.cov(centred.T)), rel=1e-12)


def test_it_is_symmetric_and_does_not_change_if_both_are_turned_moved_or_mixed(features, others):
    expected, turn = frechet_distance(features, others), ortho_group.rvs(8, random_state=0)
    assert frechet_distance(others, features) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(features @ turn + 5, others @ turn + 5) == pytest.approx(expected, rel=1e-10)
    assert frechet_distance(features[::-1].copy(), others) == pytest.approx(expected, rel=1e-12)


def test_features_that_never_stir_are_no_matter(features, others):
    still = np.array([1] * 6 + [0] * 2)
    assert frechet_distance(features * still, features * still + 1) == pytest.approx(8, rel=1e-12)
    alive = frechet_distance(features[:, :6], others[:, :6])
    assert frechet_distance(features * still, others * still) == pytest.approx(alive, rel=1e-12)


def test_features_that_all_lie_on_a_line_are_compared_along_it():
    """Covariances of rank 1 whose matrix root is none that could be computed, along no axis."""
    a, b = np.arange(20.0) ** 2, np.arange(9.0)
    line = ortho_group.rvs(8, random_state=1)[:1]
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    assert frechet_distance(a[:, None] @ line, b[:, None] @ line) == pytest.approx(expected, rel=1e-12)


def test_few_samples_look_as_far_apart_as_is_said():
    rng, n, width = np.random.default_rng(0), 500, 8
    found = [frechet_distance(*rng.normal(size=(2, n, width))) for _ in range(40)]
    assert np.mean(found) == pytest.approx(width * (width + 5) / (2 * n), rel=0.1)


@pytest.mark.parametrize(("n", "m"), [(400, 400), (300, 3000)])
def test_the_bias_is_that_of_two_sets_of_one_distribution(n, m):
    """Of features that scatter unequally, and along no axis; one never stirs."""
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((10, 10)) * np.array([8, 4, 2, 1, 1, 0.5, 0.5, 0.2, 0.1, 0])
    found = [frechet_distance(*(rng.standard_normal((k, 10)) @ mix.T for k in (n, m))) for _ in range(300)]
    assert np.mean(found) == pytest.approx(frechet_bias(rng.standard_normal((50_000, 10)) @ mix.T, n, m), rel=0.1)


@BOTH
def test_so_it_is_of_digits_in_the_features_of_a_judge(which):
    features, n, m = real_features(which, n=10_000), 500, 4000
    order = [np.random.default_rng(seed).permutation(10_000)[: n + m] for seed in range(30)]
    found = [frechet_distance(features[part[:n]], features[part[n:]]) for part in order]
    assert np.mean(found) == pytest.approx(frechet_bias(features, n, m), rel=0.2)


# ---- calibration -----------------------------------------------------------------------------------------


@BOTH
def test_it_grows_with_noise_with_blur_and_with_every_class_that_is_dropped(which):
    images, labels = digits("test", 2000)
    features, real = judge(which).features, real_features(which)
    clean = real_features(which, "test")
    noise = [frechet_distance(features(noisy(images, strength)), real) for strength in (0, 0.1, 0.2, 0.4, 0.8)]
    blurred = [gaussian_filter(images, sigma=(0, 0, sigma, sigma)) for sigma in (0, 0.6, 1, 1.5, 2.5)]
    blur = [frechet_distance(features(x.clip(-1, 1)), real) for x in blurred]
    dropped = [frechet_distance(clean[labels < classes], real) for classes in (10, 9, 8, 6, 4, 2, 1)]
    for distances in (noise, blur, dropped):
        assert (np.diff(distances) > 0).all()
    assert frechet_distance(clean, clean) < 1e-20


# ---- bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("few", ["fake", "real"])
def test_too_few_samples_for_a_covariance_are_refused_with_how_many_are_needed(few):
    sets = {
        "fake": np.random.default_rng(0).normal(size=(65, 64)),
        "real": np.random.default_rng(1).normal(size=(65, 64)),
    }
    frechet_distance(**sets)
    sets[few] = sets[few][:64]
    with pytest.raises(
        ShapeError, match=f"expected at least 65 {few} samples for the covariance of 64 features, but got 64. Draw"
    ):
        frechet_distance(**sets)


def test_other_widths_and_nan_are_refused(features):
    with pytest.raises(ShapeError, match="^frechet_distance: expected fake samples and real samples of one width"):
        frechet_distance(features[:, :5], features)
    features[7, 3] = np.nan
    with pytest.raises(RangeError, match="^frechet_distance: 1 of 500 real samples hold NaN or infinity"):
        frechet_distance(features[:7].repeat(9, 0), features)


def test_tensors_and_float32_count_as_their_numbers(features, others):
    expected = frechet_distance(features, others)
    assert frechet_distance(mg.tensor(features, requires_grad=True), mg.tensor(others)) == expected
    rounded = features.astype(np.float32)
    assert frechet_distance(rounded, others) == frechet_distance(rounded.astype(np.float64), others)
