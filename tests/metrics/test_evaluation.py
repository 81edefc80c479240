"""An evaluation: its numbers are those of the metrics, calibrations are where they have to be, bad input is refused."""

import math
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from scipy import stats
from scored_runs import REAL, TEST, TRAINING, changed, digits_config, small_data  # noqa: F401

import minigan as mg
from minigan import metrics
from minigan.data import Dataset, grid, ring
from minigan.errors import ArgumentError, ConfigError, DataError, RangeError, ShapeError
from minigan.metrics import judge as judge_module
from minigan.metrics.evaluation import Reference, calibrate, evaluate, reference_of
from minigan.metrics.evaluation import data as evaluation_data
from minigan.metrics.evaluation.columns import COLUMNS, columns_of, number
from minigan.metrics.evaluation.data import different_data
from minigan.metrics.evaluation.drawn import draw
from minigan.metrics.evaluation.images import ImageReference

from .judged import noisy

CPU = mg.device("cpu")


pytestmark = pytest.mark.usefixtures("small_data")


@pytest.fixture
def digits():
    """A small MNIST with the report judge."""
    return reference_of(digits_config())


# ---- the numbers -----------------------------------------------------------------------------------------


def test_the_scores_by_a_judge_are_those_of_the_metrics(digits):
    samples = noisy(digits.others, 0.5)
    found, judge = evaluate(samples, digits).digits, metrics.load_judge("report")
    order = np.random.default_rng(0).permutation(TRAINING)
    features, real, p = judge.features(samples), judge.features(digits.training)[order], judge.probabilities(samples)
    assert found.classifier_score == metrics.classifier_score(p, splits=1).mean
    assert found.frechet_distance == pytest.approx(metrics.frechet_distance(features, real), rel=1e-9)
    assert found.kernel_distance == metrics.kernel_distance(features, real, subset_size=TEST // 10)
    near = metrics.precision_recall(features, real[:TEST])
    assert (found.precision, found.recall) == (near.precision, near.recall)
    assert found.confidence == pytest.approx(p.max(1).mean(), rel=1e-6)
    assert found.classes.counts.tolist() == np.bincount(p.argmax(1), minlength=10).tolist()
    assert found.class_accuracy is None


def test_as_asked_is_the_share_of_the_samples_that_show_what_was_asked_for(digits):
    labels = digits.images.labels
    wrong = labels.copy()
    wrong[:30] = (labels[:30] + 1) % 10
    right, less = (evaluate(digits.others, digits, asked).digits.class_accuracy for asked in (labels, wrong))
    assert right > 0.98
    assert less == pytest.approx(right - 30 / TEST, abs=2 / TEST)


def test_the_scores_by_pixels_are_those_of_the_metrics(digits):
    samples, training, test = noisy(digits.others, 0.5), digits.training, digits.others
    found = evaluate(samples, digits).images
    assert found.sliced_wasserstein == metrics.sliced_wasserstein(samples, training)
    near = [metrics.nearest_training(each, training) for each in (samples, test)]
    assert found.memorisation == metrics.memorisation(*near)
    sigma = metrics.choose_sigma(samples, training[TRAINING * 5 // 6 :])
    assert (found.sigma, found.parzen) == (sigma, metrics.parzen_log_likelihood(samples, test, sigma))


def test_of_mnist_the_validation_images_are_those_of_the_protocol():
    """50,000 to 50,999: told by their place, without their pixels."""
    places = np.arange(60_000, dtype=np.float32).reshape(-1, 1, 1, 1)
    reference = ImageReference(places, places[:1], held_out=True)
    assert reference.training[len(reference._fitted) :][:1000].ravel().tolist() == list(range(50_000, 51_000))


def test_what_is_known_of_the_nearest_images_is_not_searched_for_again(digits, monkeypatch):
    samples = noisy(digits.others, 0.5)
    expected, nearest = evaluate(samples, digits), digits.images.nearest(samples)
    monkeypatch.setattr(metrics.evaluation.images, "nearest_training", None)
    assert evaluate(samples, digits, nearest=nearest).images == expected.images


def test_copies_are_found(digits):
    found = evaluate(digits.training[100 : 100 + TEST], digits).images.memorisation
    assert (found.nn_ratio, found.nn_below_1_percent) == (0, 1)


@pytest.mark.parametrize("points", [ring(), mg.data.mixture_1d()], ids=["plane", "line"])
def test_scores_of_points_are_those_of_the_metrics(points):
    source = "ring" if points.centres.shape[1] == 2 else "mixture-1d"
    reference = reference_of(changed("ring", data__source=f'"{source}"'))
    samples = points.sample(500, seed=3)[0] * 1.1
    found = evaluate(samples, reference).points
    count = metrics.caught_modes(samples, points)
    assert (found.modes.modes, found.modes.high_quality, found.modes.kl) == (count.modes, count.high_quality, count.kl)
    if source == "ring":
        assert found.sliced_wasserstein == metrics.sliced_wasserstein(samples, reference.training, p=1)
        assert found.wasserstein_1d is None
    else:
        assert found.wasserstein_1d == metrics.wasserstein_1d(samples, reference.training)
        assert found.sliced_wasserstein is None


# ---- calibration -----------------------------------------------------------------------------------------


def test_noise_is_worse_than_real_samples_in_every_score_that_has_a_better_end(digits):
    found = calibrate(digits, TEST)
    points = calibrate(reference_of(changed("grid")), 2500)
    compared = 0
    for column in COLUMNS:
        for real, noise in ((found.real, found.noise), (points.real, points.noise)):
            a, b = number(real, column.path), number(noise, column.path)
            if a is None or column.better not in ("higher", "lower") or column.head in ("confidence", "modes"):
                continue  # a judge is sure of noise, and noise reaches every mode
            assert (a > b) if column.better == "higher" else (a < b), column.head
            compared += 1
    assert compared == 12


@pytest.mark.parametrize("seed", [-1, 1.5])
def test_the_seed_of_noise_is_a_whole_number_from_0(digits, seed):
    with pytest.raises((ConfigError, ArgumentError), match="calibrate: expected seed"):
        calibrate(digits, TEST, seed)


def test_real_test_images_are_as_near_to_training_images_as_they_are(digits):
    real = calibrate(digits, TEST).real.images.memorisation
    assert real.nn_ratio == 1
    assert real.nn_below_1_percent == pytest.approx(0.01, abs=1 / TEST)


def test_in_the_row_of_real_ones_parzen_windows_stand_on_training_images(digits):
    """Test images would be scored by themselves. Random ones, but none that choose sigma."""
    found, training = calibrate(digits, 100).real.images, digits.training
    some = training[np.random.default_rng(0).permutation(TRAINING * 5 // 6)[:100]]
    sigma = metrics.choose_sigma(some, training[TRAINING * 5 // 6 :])
    assert found.parzen == metrics.parzen_log_likelihood(some, digits.others, sigma)


@pytest.mark.parametrize("n", [1000, 10_000, 20_000])
def test_of_mnist_these_are_among_the_first_10000_in_random_order_unless_more_are_asked_for(n):
    """The first 1,000 of the file have 114, and 1,000 of the first 10,000 at random 119."""
    places = np.arange(60_000, dtype=np.float32).reshape(-1, 1, 1, 1)
    found = ImageReference(places, places[:1], held_out=True)._centres(n).ravel()
    assert len(set(found.tolist())) == n
    assert found.max() < max(n, 10_000)
    assert found[:1000].mean() == pytest.approx(max(n, 10_000) / 2, rel=0.1)


def test_real_images_show_what_their_labels_say_and_noise_what_nobody_asked_for(digits):
    found = calibrate(digits, TEST)
    assert found.real.digits.class_accuracy > 0.95
    assert stats.binomtest(round(found.noise.digits.class_accuracy * TEST), TEST, 0.1).pvalue > 1e-3


def test_the_real_row_of_few_images_is_that_of_random_ones(monkeypatch):
    """Other people wrote the first half of the test images than the second, so the first of the file will not do."""
    monkeypatch.setattr(evaluation_data, "data_of", REAL)
    features = metrics.load_judge("report").features
    training, test = (evaluation_data.data_of(changed(), split) for split in ("train", "test"))
    real = features(mg.data.gather_pixels(training.samples, np.random.default_rng(1).permutation(60_000)[:10_000]))
    first = features(evaluation_data._mixed(test)[:2000])
    others = features(mg.data.gather_pixels(test.samples, np.random.default_rng(2).permutation(10_000)[:2000]))
    assert metrics.frechet_distance(first, real) == pytest.approx(metrics.frechet_distance(others, real), abs=0.1)


def test_of_real_points_up_to_ten_sets_that_share_none_are_scored():
    reference = reference_of(changed("ring"))
    assert len(reference.others) == 3000
    found = calibrate(reference, 700)
    expected = [evaluate(reference.others[700 * i : 700 * (i + 1)], reference).points for i in range(4)]
    for one, other in zip(found.sets, expected, strict=True):
        assert one.points.sliced_wasserstein == other.sliced_wasserstein
        assert one.points.modes.kl == other.modes.kl
    assert found.sets[0] is found.real
    assert len(calibrate(reference, 100).sets) == 10
    assert calibrate(reference, 3000).more == ()


def test_real_points_are_drawn_for_nobody_to_train_on():
    reference = reference_of(changed("ring"))
    trained_on = {tuple(point) for point in ring().sample(100_000, seed=0)[0].tolist()}
    for points in (reference.training, reference.others):
        assert not trained_on & {tuple(point) for point in points[:1000].tolist()}


def test_the_same_seed_makes_the_same_noise_and_another_seed_another():
    reference = reference_of(changed("ring"))
    a, b, c = (calibrate(reference, 300, seed).noise.points.sliced_wasserstein for seed in (0, 0, 1))
    assert a == b != c


# ---- what runs are compared with -------------------------------------------------------------------------


def test_a_reference_does_not_depend_on_how_much_of_known_data_a_run_trained_on():
    few, all_ = (reference_of(digits_config(data__limit=limit)) for limit in (200, 0))
    assert len(few.training) == len(all_.training) == TRAINING
    assert different_data([digits_config(data__limit=200), digits_config(data__limit=0, data__drop_last="true")]) == []
    assert different_data([changed("ring"), changed("ring", data__count=500)]) == []
    assert different_data([changed("ring"), changed("ring", data__modes=8, data__std=0.01)]) == []
    assert different_data([changed("ring"), changed("grid")]) == ["source"]
    assert different_data([changed("ring"), changed("ring"), changed("ring", data__std=0.1)]) == ["std"]


def own_data(monkeypatch, samples, test=None):
    """Data that come from a file."""

    def data_of(config, split=""):
        if split == "test" and test is None:
            raise ConfigError("in one piece")
        return Dataset(test if split == "test" else samples, None, "own")

    monkeypatch.setattr(evaluation_data, "data_of", data_of)
    return reference_of(changed(data__source='"own.npy"'))


def test_own_images_have_the_scores_that_need_no_judge_and_a_sentence_says_why(monkeypatch):
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (n, 3, 5, 4), np.uint8) for n in (90, 60))
    reference = own_data(monkeypatch, train, test)
    found = evaluate(reference.others, reference)
    assert found.digits is None
    assert found.images.memorisation.nn_ratio == 1
    assert found.images.parzen is not None
    assert "NN < 1%" not in [column.head for column in columns_of([found])]  # of 60 held-out images none is a hundredth
    assert "judge" in reference.left_out
    assert "held out" not in reference.left_out
    assert "NN < 1% is left out: of fewer than 99 held-out images" in reference.left_out
    assert calibrate(reference, 60).noise.images.sliced_wasserstein > 0


def test_of_data_in_one_piece_a_part_is_set_aside_that_is_not_compared_with_itself(monkeypatch):
    samples = np.arange(120, dtype=np.float32).reshape(120, 1)
    reference = own_data(monkeypatch, samples)
    assert sorted([*reference.training.ravel(), *reference.others.ravel()]) == samples.ravel().tolist()
    assert len(reference.others) == 60
    assert reference.left_out == (
        "The data have no test split, so half of the training samples, at most 10,000, are set aside as real ones, "
        "and no more than so many are scored."
    )
    assert evaluate(reference.others, reference).points.modes is None


def test_samples_of_files_that_are_sorted_by_class_are_mixed(monkeypatch):
    """Else the first of them, in the row of real samples, would be of one class."""
    train, test = (np.repeat(np.arange(4, dtype=np.float32), n).reshape(-1, 1) for n in (60, 40))
    reference = own_data(monkeypatch, train, test)
    assert set(reference.others[:20].ravel()) == set(reference.training[-20:].ravel()) == {0, 1, 2, 3}
    assert sorted(reference.training.ravel()) == train.ravel().tolist()
    assert sorted(reference.others.ravel()) == test.ravel().tolist()


def test_without_held_out_images_nobody_can_tell_memorisation(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (120, 1, 5, 4), np.uint8)
    reference = own_data(monkeypatch, images)
    assert "Memorisation and Parzen windows" in reference.left_out
    found = calibrate(reference, 60)
    for scores in (evaluate(reference.others, reference), found.real, found.noise):
        assert (scores.images.memorisation, scores.images.parzen) == (None, None)
        assert scores.images.sliced_wasserstein > 0


def test_a_G_that_is_told_classes_is_asked_for_random_ones_and_for_the_same_again():
    """As many of each would have a KL of 0, which no independent samples have."""
    config = changed("cgan", generator__hidden="[8]")
    game = mg.gan.build_game(config, mg.gan.DataFacts((1, 28, 28), 10, 1), CPU)
    drawn, again, other = (draw(game, 500, seed) for seed in (3, 3, 4))
    counts = np.bincount(drawn.asked, minlength=10)
    assert stats.chisquare(counts).pvalue > 1e-3
    assert len(set(counts)) > 1
    np.testing.assert_array_equal(again.samples, drawn.samples)
    np.testing.assert_array_equal(again.asked, drawn.asked)
    assert (other.asked != drawn.asked).any()


# ---- bad input -------------------------------------------------------------------------------------------


def test_without_a_test_split_copies_are_searched_among_all_images_that_a_run_trained_on(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (120, 1, 5, 4), np.uint8)
    reference = own_data(monkeypatch, images)
    copies = mg.data.gather_pixels(images, np.arange(120))
    near = reference.images.nearest(copies)
    assert (near.distances[:, 0] == 0).all()
    np.testing.assert_array_equal(reference.images.searched[near.indices[:, 0]], copies)


def test_bright_images_that_hold_nothing_dark_are_scored(monkeypatch):
    train, test = np.split(np.random.default_rng(0).integers(128, 256, (150, 1, 5, 4), np.uint8), [90])
    reference = own_data(monkeypatch, train, test)
    found = evaluate(reference.others, reference).images
    assert found.memorisation.nn_ratio == 1
    rows = (((reference.others + 1) / 2).reshape(60, -1).astype(np.float64) for _ in range(2))
    assert found.parzen.mean == pytest.approx(metrics.parzen_log_likelihood(*rows, found.sigma).mean, rel=1e-6)


def test_test_images_that_repeat_the_training_images_tell_nothing_of_copies_and_all_else_is_scored(monkeypatch):
    train = np.random.default_rng(0).integers(0, 256, (90, 1, 5, 4), np.uint8)
    reference = own_data(monkeypatch, train, train[:60])
    assert "half of the test images are training images" in reference.left_out
    found = evaluate(reference.others, reference).images
    assert found.memorisation is None
    assert found.parzen is not None


def test_a_limit_of_the_training_images_leaves_all_test_images(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (190, 1, 5, 4), np.uint8)
    np.savez(tmp_path / "own.npz", x_train=images[:90], x_test=images[90:])
    found = reference_of(changed(data__source=f'"{tmp_path / "own.npz"}"', data__limit=80))
    assert (len(found.training), len(found.others)) == (80, 100)


def test_pixels_beyond_black_and_white_are_clamped_before_they_are_scored():
    config = changed("default", generator__output='"linear"', generator__hidden=[8])
    game = mg.gan.build_game(config, (1, 28, 28), mg.device("cpu"))
    for p in game.sampler.parameters():
        p.data[...] = 5.0
    samples = draw(game, 20).samples
    assert samples.max() == 1
    assert samples.dtype == np.float32


def test_a_test_split_that_is_damaged_is_no_missing_one(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (120, 1, 5, 4), np.uint8)
    for name, test in (("none", {}), ("damaged", {"x_test": images.astype(np.int16)})):
        np.savez(tmp_path / f"{name}.npz", x_train=images, **test)
    config = changed(data__source=f'"{tmp_path / "none.npz"}"')
    assert not reference_of(config).images.held_out
    with pytest.raises(DataError, match="int16"):
        reference_of(changed(data__source=f'"{tmp_path / "damaged.npz"}"'))


def test_an_idx_folder_without_test_images_comes_in_one_piece(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (120, 5, 4), np.uint8)
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in images.shape)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(header + images.tobytes())
    assert not reference_of(changed(data__source=f'"{tmp_path}"')).images.held_out
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(header[:-2])
    with pytest.raises(DataError, match="t10k"):
        reference_of(changed(data__source=f'"{tmp_path}"'))


@pytest.mark.parametrize("n", [1, 64, TEST + 1])
def test_too_few_samples_for_a_covariance_and_more_than_real_ones_are_refused(digits, n):
    with pytest.raises(ConfigError, match=rf"expected n from 65 to {TEST} \(a covariance of 64 features .* got {n}\."):
        calibrate(digits, n)


def test_samples_of_another_range_or_shape_or_with_nan_are_refused(digits):
    images = digits.others
    with pytest.raises(RangeError, match=r"looks like \[0, 1\]. Scale them with 2 \* x - 1"):
        evaluate((images + 1) / 2, digits)
    broken = images.copy()
    broken[[3, 7], 0, 0, 0] = np.nan
    with pytest.raises(RangeError, match=f"2 of {TEST} images hold NaN"):
        evaluate(broken, digits)
    with pytest.raises(ShapeError, match="covariance of 64 features"):
        evaluate(images[:50], digits)
    with pytest.raises(ShapeError, match="1, 28, 28"):
        evaluate(images[:, :, :14, :14], digits)
    points = reference_of(changed("ring"))
    with pytest.raises(RangeError, match="1 of 50 points hold NaN"):
        evaluate(np.where(np.arange(100).reshape(50, 2) == 7, np.nan, 0.0), points)


def test_a_run_that_restores_images_and_one_that_knows_the_test_images_are_refused():
    for task in ("repair", "super-resolution"):
        with pytest.raises(ConfigError, match=f'task "{task}" makes images of damaged images, which are no samples'):
            reference_of(changed(task))
    with pytest.raises(ConfigError, match="trained on the test images"):
        reference_of(digits_config(data__split='"t10k"'))


def test_a_run_whose_data_lack_digits_is_refused_with_their_names():
    assert sorted(set(mg.data.load_mnist()[1][:10].tolist())) == [0, 1, 2, 3, 4, 5, 9]
    with pytest.raises(DataError, match="none of the 10 images .* shows a 6, 7 or 8, expected all ten digits"):
        reference_of(digits_config(data__limit=10))


def test_too_many_samples_are_refused_before_the_judge_looks_at_all_images(monkeypatch):
    monkeypatch.setattr(metrics.evaluation.digits.DigitReference, "of", None)
    with pytest.raises(ConfigError, match=f"expected n from 65 to {TEST} .* but got {TEST + 1}"):
        reference_of(digits_config(), n=TEST + 1)
    with pytest.raises(ConfigError, match="expected n from 50 to 3,000 .* but got 3,001"):
        reference_of(changed("ring"), n=3001)


def test_another_file_in_the_place_of_a_judge_is_refused_before_the_data_are_read(monkeypatch, tmp_path):
    content = bytearray((judge_module.FOLDER / "report.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "report.safetensors").write_bytes(content)
    monkeypatch.setattr(judge_module, "FOLDER", tmp_path)
    monkeypatch.setattr(evaluation_data, "data_of", None)
    with pytest.raises(DataError, match="has the SHA-256"):
        reference_of(changed())


def test_data_too_few_to_compare_with_are_refused(monkeypatch):
    points = np.zeros((99, 2), np.float32)
    with pytest.raises(DataError, match="own holds 99 samples, as half of them are set aside, expected at least 100"):
        own_data(monkeypatch, points)
    with pytest.raises(DataError, match="own holds 49 test samples, expected at least 50"):
        own_data(monkeypatch, points, points[:49])
    with pytest.raises(DataError, match="own holds 59 training samples, expected at least 60"):
        own_data(monkeypatch, points[:59], points)


def test_no_more_images_are_scored_than_parzen_windows_can_stand_on_real_ones(monkeypatch):
    train, test = np.split(np.random.default_rng(0).integers(0, 256, (160, 1, 5, 4), np.uint8), [60])
    reference = own_data(monkeypatch, train, test)
    assert reference.default_n == 50
    with pytest.raises(ConfigError, match="expected n from 50 to 50 .50 real samples can stand beside them"):
        calibrate(reference, 51)
    calibrate(reference, 50)


def test_a_reference_to_nothing_is_refused():
    with pytest.raises(ConfigError, match="expected images or points"):
        Reference("nothing").check(10)


# ---- the columns -----------------------------------------------------------------------------------------


def test_every_score_is_in_a_column_and_every_column_finds_its_score(digits):
    digit = replace(evaluate(digits.others, digits, asked=np.zeros(TEST, int)))
    plane = evaluate(grid().sample(100)[0], reference_of(changed("grid")))
    line = evaluate(mg.data.mixture_1d().sample(100)[0], reference_of(changed("ring", data__source='"mixture-1d"')))
    in_columns = {path for column in COLUMNS for path in (column.path, column.error) if path}
    found = {path for scores in (digit, plane, line) for path in numbers_in(scores)}
    beside = {"digits.classes.rarest", "images.sigma", "images.memorisation.threshold", "points.modes.of"}
    assert found - beside == in_columns - beside


def numbers_in(data, path=""):
    for field in fields(data):
        value = getattr(data, field.name)
        if is_dataclass(value):
            yield from numbers_in(value, f"{path}{field.name}.")
        elif isinstance(value, int | float):
            assert math.isfinite(value)
            yield f"{path}{field.name}"
