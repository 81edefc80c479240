"""The nearest training samples: against a double loop, exact where float32 is not, and what gives copies away."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

import minigan as mg
from minigan.errors import ConfigError, DTypeError, RangeError, ShapeError
from minigan.metrics import Neighbours, distances, knn, memorisation, nearest_training

RNG = np.random.default_rng(0)
POINTS, TRAINING = RNG.normal(size=(40, 5)), RNG.normal(size=(90, 5))
IMAGES, PHOTOS = (RNG.uniform(-1, 1, (n, 3, 4, 4)).astype(np.float32) for n in (20, 50))


def by_double_loop(samples, training, k):
    """Distances and indices of the k nearest, from the definition."""
    found = []
    for sample in samples:
        all_of = [(math.dist(sample.ravel().tolist(), other.ravel().tolist()), i) for i, other in enumerate(training)]
        found.append(sorted(all_of)[:k])
    return np.array(found).transpose(2, 0, 1)


# ---- nearest_training --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("samples", "training"), [(POINTS, TRAINING), (IMAGES, PHOTOS)], ids=["points", "images"])
@pytest.mark.parametrize("k", [1, 3, 50])
def test_neighbours_are_those_of_a_direct_double_loop(samples, training, k):
    expected_distances, expected_indices = by_double_loop(samples, training, k)
    found = nearest_training(samples, training, k)
    assert found.distances.shape == found.indices.shape == (len(samples), k)
    assert (found.distances.dtype, found.indices.dtype) == (np.float64, np.int64)
    np.testing.assert_array_equal(found.indices, expected_indices)
    np.testing.assert_allclose(found.distances, expected_distances, rtol=1e-14)


def test_samples_in_many_blocks_have_the_same_neighbours(monkeypatch):
    whole = nearest_training(POINTS, TRAINING, 2)
    monkeypatch.setattr(distances, "CHUNK", 3 * TRAINING[:, 0].nbytes)
    parts = nearest_training(POINTS, TRAINING, 2)
    np.testing.assert_array_equal(parts.indices, whole.indices)
    np.testing.assert_allclose(parts.distances, whole.distances, rtol=1e-14)


def test_of_wide_samples_memory_is_that_of_a_few_blocks(monkeypatch):
    for module in (distances, knn):
        monkeypatch.setattr(module, "CHUNK", 2**20)
    images = np.random.default_rng(0).uniform(-1, 1, (100, 3, 32, 32)).astype(np.float32)  # 1.2 MB; 10 MB in float64
    tracemalloc.start()
    nearest_training(images, images, k=4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 7 * 2**20


def test_a_copy_has_a_distance_of_exactly_zero():
    found = nearest_training(PHOTOS[[7, 3]], PHOTOS)
    assert found.distances.tolist() == [[0.0], [0.0]]
    assert found.indices.tolist() == [[7], [3]]


def test_of_training_samples_that_are_equally_near_the_first_is_named_first():
    training = np.array([[5.0], [1.0], [-1.0], [1.0]])
    assert nearest_training(np.zeros((1, 1)), training, k=3).indices.tolist() == [[1, 2, 3]]


def far_off():
    """Points in float32 in two clumps: between these and their mean, squares in float32 are off by .03."""
    rng = np.random.default_rng(1)
    sides = np.array([[-1000.0], [1000.0]])
    training = (sides[rng.integers(2, size=5000)] + rng.normal(size=(5000, 8))).astype(np.float32)
    samples = (sides[rng.integers(2, size=300)] + rng.normal(size=(300, 8))).astype(np.float32)
    return samples, training


def test_among_many_points_that_float32_cannot_tell_apart_the_nearest_are_found():
    samples, training = far_off()
    products = (samples**2).sum(1)[:, None] + (training**2).sum(1) - 2 * samples @ training.T
    distances, indices = KDTree(training.astype(np.float64)).query(samples.astype(np.float64))
    assert (products.argmin(1) != indices).mean() > 0.1
    found = nearest_training(samples, training)
    np.testing.assert_array_equal(found.indices[:, 0], indices)
    np.testing.assert_allclose(found.distances[:, 0], distances, rtol=1e-12)


def test_every_copy_among_many_points_far_from_zero_has_a_distance_of_exactly_zero():
    training = far_off()[1]
    assert (nearest_training(training[::5], training).distances == 0).all()


@pytest.mark.parametrize("far", [1e6, 1e9, 1e12])
def test_samples_in_two_places_far_apart_have_the_neighbours_that_a_tree_finds(far):
    rng = np.random.default_rng(3)
    training = rng.normal(size=(500, 2)) + far * rng.integers(0, 2, (500, 1))
    samples = np.concatenate([training[:50], rng.normal(size=(50, 2))])
    distances, indices = KDTree(training).query(samples, k=2)
    found = nearest_training(samples, training, k=2)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)
    assert (found.distances[:50, 0] == 0).all()


def test_among_many_that_products_cannot_tell_apart_the_nearest_is_found():
    near = 1 + 1e-11 * np.random.default_rng(0).random(1000)
    found = nearest_training(np.zeros((1, 1)), np.append(near, 1e6)[:, np.newaxis])
    assert found.indices == near.argmin()


@pytest.mark.parametrize("k", [1, 3, 30])
@pytest.mark.parametrize("kind", ["normal", "whole numbers", "copies", "images"])
def test_no_differences_are_taken_where_products_do(monkeypatch, kind, k):
    monkeypatch.setattr(knn, "difference_blocks", None)
    rng = np.random.default_rng(0)
    samples, training = {
        "normal": lambda: (rng.normal(size=(50, 8)), rng.normal(size=(500, 8))),
        "whole numbers": lambda: (rng.integers(0, 4, (50, 3)), rng.integers(0, 4, (500, 3))),
        "copies": lambda: (np.eye(5)[rng.integers(0, 5, 50)], np.eye(5)[rng.integers(0, 5, 500)]),
        "images": lambda: tuple(rng.uniform(-1, 1, (n, 1, 5, 5)).astype(np.float32) for n in (50, 500)),
    }[kind]()
    distances = np.sort(cdist(samples.reshape(50, -1), training.reshape(500, -1)))[:, :k]
    np.testing.assert_allclose(nearest_training(samples, training, k).distances, distances, rtol=1e-12)


def test_among_many_images_in_float32_the_nearest_are_found_and_copies_at_zero():
    rng = np.random.default_rng(2)
    training = rng.uniform(0.9, 1, (5000, 1, 4, 4)).astype(np.float32) * rng.choice([-1, 1], (5000, 1, 1, 1))
    training = training.astype(np.float32)
    samples = np.concatenate([training[:100], np.clip(training[100:200] + rng.normal(0, 0.02, (100, 1, 4, 4)), -1, 1)])
    samples = samples.astype(np.float32)
    rows = [x.reshape(len(x), -1).astype(np.float64) for x in (training, samples)]
    distances, indices = KDTree(rows[0]).query(rows[1], k=3)
    found = nearest_training(samples, training, k=3)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)
    assert (found.distances[:100, 0] == 0).all()


def test_tensors_arrays_and_other_types_find_the_same():
    samples, training = (np.float16(x) for x in (POINTS, TRAINING))
    expected = nearest_training(samples.astype(np.float64), training.astype(np.float64))
    for found in (nearest_training(mg.tensor(samples), training), nearest_training(samples, np.float32(training))):
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.distances, expected.distances)


def test_neither_the_samples_nor_the_training_samples_are_changed():
    samples, training = POINTS.copy(), TRAINING.copy()
    nearest_training(samples, training)
    assert (samples == POINTS).all()
    assert (training == TRAINING).all()


# ---- memorisation ------------------------------------------------------------------------------------------


def drawn(n, seed, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=(n, 3))


REAL = drawn(2000, 0)
TEST = nearest_training(drawn(2000, 1), REAL)


def test_a_perfect_sampler_is_as_near_as_held_out_samples_are():
    found = memorisation(nearest_training(drawn(4000, 2), REAL), TEST)
    assert found.nn_ratio == pytest.approx(1, abs=0.05)
    assert found.nn_below_1_percent == pytest.approx(0.01, abs=4 * 0.1 * math.sqrt(1 / 4000 + 1 / 2000))


def test_a_sampler_that_copies_is_nearer_than_every_held_out_sample():
    found = memorisation(nearest_training(REAL[:300], REAL), TEST)
    assert (found.nn_ratio, found.nn_below_1_percent) == (0.0, 1.0)


def test_copies_are_found_though_some_held_out_samples_are_training_samples_themselves():
    training = np.random.default_rng(3).normal(size=(400, 2))
    held_out = np.concatenate([training[:20], np.random.default_rng(4).normal(size=(380, 2))])
    found = memorisation(nearest_training(training[50:150], training), nearest_training(held_out, training))
    assert (found.nn_below_1_percent, found.threshold) == (1.0, 0.0)
    new = nearest_training(np.random.default_rng(5).normal(size=(100, 2)), training)
    assert memorisation(new, nearest_training(held_out, training)).nn_below_1_percent == 0


def test_a_sampler_that_copies_a_tenth_is_found_out_by_the_share():
    mixed = np.concatenate([drawn(1800, 3), REAL[:200]])
    found = memorisation(nearest_training(mixed, REAL), TEST)
    assert found.nn_ratio > 0.85
    assert found.nn_below_1_percent == pytest.approx(0.109, abs=0.015)


def test_what_is_blurred_is_nearer_without_being_copied():
    """The mean of some samples is nearer to each than they are to each other; none is at a distance of 0."""
    near = nearest_training((drawn(900, 7) + drawn(900, 8) + drawn(900, 9)) / 3, REAL)
    assert memorisation(near, TEST).nn_ratio < 0.9
    assert near.distances.min() > 0


def test_the_share_of_a_perfect_sampler_scatters_as_is_said():
    rng, n, m = np.random.default_rng(0), 3000, 1000

    def found(k):
        return Neighbours(rng.exponential(size=(k, 1)), np.zeros((k, 1), int))

    shares = [memorisation(found(n), found(m)).nn_below_1_percent for _ in range(800)]
    assert np.std(shares) == pytest.approx(0.1 * math.sqrt(1 / n + 1 / m), rel=0.1)


@pytest.mark.parametrize("m", [99, 199, 1000])
def test_the_share_of_a_perfect_sampler_has_no_bias_however_few_are_held_out(m):
    """Within three standard errors of the mean over many draws."""
    rng, n, times = np.random.default_rng(0), 1000, 3000
    draws = ((Neighbours(rng.exponential(size=(k, 1)), np.zeros((k, 1), int)) for k in (n, m)) for _ in range(times))
    shares = [memorisation(*draw).nn_below_1_percent for draw in draws]
    assert np.mean(shares) == pytest.approx(0.01, abs=3 * 0.1 * math.sqrt((1 / n + 1 / m) / times))


def test_of_fewer_than_99_held_out_samples_no_distance_has_a_hundredth_below_it():
    few, enough = (nearest_training(drawn(m, 1), REAL) for m in (98, 99))
    samples = nearest_training(drawn(500, 2), REAL)
    found = memorisation(samples, few)
    assert (found.nn_below_1_percent, found.threshold) == (None, None)
    assert found.nn_ratio == np.median(samples.distances) / np.median(few.distances)
    assert memorisation(samples, enough).threshold == enough.distances.min()


def test_noise_is_far_from_everything():
    found = memorisation(nearest_training(drawn(500, 4, scale=20), REAL), TEST)
    assert found.nn_ratio > 10
    assert found.nn_below_1_percent < 0.01


def test_the_numbers_are_the_median_and_the_hundredth_of_sorted_distances():
    samples = nearest_training(drawn(201, 5, scale=0.5), REAL, k=2)
    ours, theirs = np.sort(samples.distances[:, 0]), np.sort(TEST.distances[:, 0])
    found = memorisation(samples, TEST)
    assert found.nn_ratio == pytest.approx(ours[100] / ((theirs[999] + theirs[1000]) / 2), rel=1e-14)
    assert theirs[19] <= found.threshold <= theirs[20]
    assert found.nn_below_1_percent == sum(distance < found.threshold for distance in ours) / 201


@pytest.fixture(scope="module")
def digits():
    """All training images of MNIST; 1,000 of its test images, and what is nearest to these."""
    training, test = (mg.data.load_mnist(split)[0][:, None] for split in ("train", "test"))
    training = mg.data.gather_pixels(training, np.arange(60_000))
    held_out = mg.data.gather_pixels(test, np.random.default_rng(0).permutation(10_000)[:1000])
    return training, held_out, nearest_training(held_out, training)


def test_blurred_and_pale_digits_are_nearer_and_hardly_one_is_as_near_as_copies(digits):
    training, images, found = digits
    blurred, pale = gaussian_filter(images, (0, 0, 0.6, 0.6)).clip(-1, 1), 0.8 * (images + 1) - 1
    for changed, ratio in ((blurred, 0.91), (pale, 0.95)):
        score = memorisation(nearest_training(changed, training), found)
        assert score.nn_ratio == pytest.approx(ratio, abs=0.01)
        assert score.nn_below_1_percent <= 0.002


def test_the_bias_of_the_ratio_is_small_beside_its_deviation_as_is_said(digits):
    distances, rng = digits[2].distances, np.random.default_rng(0)

    def found():
        return Neighbours(distances[rng.integers(1000, size=50)], np.zeros((50, 1), int))

    ratios = [memorisation(found(), found()).nn_ratio for _ in range(10_000)]
    assert np.mean(ratios) - 1 == pytest.approx(0.002, abs=3 * 0.06 / 100)
    assert np.std(ratios) == pytest.approx(0.06, rel=0.1)


# ---- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5,), (0, 5), (2, 5, 2), (0, 3, 4, 4)])
def test_what_is_no_samples_is_refused(shape):
    with pytest.raises(ShapeError, match="nearest_training: expected .*samples|nearest_training: expected images"):
        nearest_training(np.zeros(shape), TRAINING)


@pytest.mark.parametrize("training", [TRAINING[:, :4], PHOTOS, PHOTOS.reshape(50, -1)])
def test_training_samples_of_another_shape_are_refused(training):
    with pytest.raises(ShapeError, match=r"expected samples and training samples of one shape, but got \(5,\) and"):
        nearest_training(POINTS, training)


@pytest.mark.parametrize(("k", "found"), [(0, "0"), (-1, "-1"), (91, "91")])
def test_a_number_of_neighbours_that_there_are_not_is_refused(k, found):
    with pytest.raises(ConfigError, match=f"k from 1 to 90 .there are 90 training samples.*, but got {found}"):
        nearest_training(POINTS, TRAINING, k)


def test_pixels_from_0_to_1_beside_dark_ones_are_recognised():
    dark = np.clip(PHOTOS - 1, -1, 1)
    with pytest.raises(RangeError, match="expected samples of pixels from -1 to 1, but .* looks like .0, 1"):
        nearest_training((IMAGES + 1) / 2, dark)
    with pytest.raises(RangeError, match="expected training samples of pixels from -1 to 1, but .* looks like .0, 1"):
        nearest_training(dark, (IMAGES + 1) / 2)


def test_bright_images_are_taken_as_they_are():
    bright, others = (IMAGES + 1) / 2, (PHOTOS + 1) / 2
    expected = by_double_loop(bright, others, 1)[0]
    np.testing.assert_allclose(nearest_training(bright, others).distances, expected, rtol=1e-12)


def test_bytes_are_refused():
    with pytest.raises(DTypeError, match="expected floats from -1 to 1, but got uint8"):
        nearest_training(IMAGES, np.zeros((5, 3, 4, 4), np.uint8))


def test_samples_that_are_not_finite_are_refused_and_counted():
    broken = POINTS.copy()
    broken[[1, 4], 0] = math.nan, math.inf
    with pytest.raises(RangeError, match="2 of 40 samples hold NaN or infinity"):
        nearest_training(broken, TRAINING)
    with pytest.raises(RangeError, match="2 of 40 training samples hold NaN or infinity"):
        nearest_training(TRAINING, broken)


def test_held_out_samples_that_are_training_samples_are_refused():
    with pytest.raises(RangeError, match="half of the held-out samples are training samples"):
        memorisation(TEST, nearest_training(REAL[:100], REAL))


@pytest.mark.parametrize("which", ["samples", "held-out samples"])
def test_distances_that_are_no_numbers_are_refused(which):
    good = nearest_training(POINTS, TRAINING)
    bad = Neighbours(np.where(np.arange(len(POINTS))[:, None] < 3, np.nan, good.distances), good.indices)
    with pytest.raises(RangeError, match=f"^memorisation: 3 of 40 distances of {which} hold NaN or infinity"):
        memorisation(*((bad, good) if which == "samples" else (good, bad)))
