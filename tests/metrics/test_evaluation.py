"""An evaluation: its numbers are those of the metrics, calibrations are where they have to be, bad input is refused."""

import math
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from scored_runs import TEST, TRAINING, changed, digits_config, small_data  # noqa: F401

import minigan as mg
from minigan import metrics
from minigan.data import Dataset, grid, ring
from minigan.errors import ConfigError, DataError, RangeError, ShapeError
from minigan.metrics import judge as judge_module
from minigan.metrics.evaluation import Reference, calibrate, evaluate
from minigan.metrics.evaluation import data as evaluation_data
from minigan.metrics.evaluation.columns import COLUMNS, number
from minigan.metrics.evaluation.data import draw, reference_of, same_data

CPU = mg.device("cpu")


pytestmark = pytest.mark.usefixtures("small_data")


@pytest.fixture
def digits():
    """A small MNIST with the report judge."""
    return reference_of(digits_config())


def noisy(images, strength, seed=0):
    noise = np.random.default_rng(seed).normal(0, strength, images.shape)
    return (images + noise).clip(-1, 1).astype(np.float32)


# ---- the numbers -----------------------------------------------------------------------------------------


def test_the_scores_by_a_judge_are_those_of_the_metrics(digits):
    samples = noisy(digits.others, 0.5)
    found, judge = evaluate(samples, digits).digits, metrics.load_judge("report")
    features, real, p = judge.features(samples), judge.features(digits.training), judge.probabilities(samples)
    assert found.classifier_score.mean == pytest.approx(metrics.classifier_score(p).mean, rel=1e-6)
    assert found.frechet_distance == pytest.approx(metrics.frechet_distance(features, real), rel=1e-9)
    assert found.kernel_distance == metrics.kernel_distance(features, real, subset_size=TEST)
    near = metrics.precision_recall(features, real[:TEST])
    assert (found.precision, found.recall) == (near.precision, near.recall)
    assert found.confidence == pytest.approx(p.max(1).mean(), rel=1e-6)
    assert found.classes.counts.tolist() == np.bincount(p.argmax(1), minlength=10).tolist()
    assert found.as_asked is None


def test_as_asked_is_the_share_of_the_samples_that_show_what_was_asked_for(digits):
    labels = mg.data.load_mnist("test")[1][:TEST]
    wrong = labels.copy()
    wrong[:30] = (labels[:30] + 1) % 10
    right, less = (evaluate(digits.others, digits, asked).digits.as_asked for asked in (labels, wrong))
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
    reference = mg.metrics.evaluation.images.ImageReference(places, places[:1], held_out=True)
    assert reference.training[len(reference._fitted) :][:1000].ravel().tolist() == list(range(50_000, 51_000))


def test_what_is_known_of_the_nearest_images_is_not_searched_for_again(digits, monkeypatch):
    samples = noisy(digits.others, 0.5)
    expected, nearest = evaluate(samples, digits), digits.images.nearest(samples)
    monkeypatch.setattr(metrics.evaluation.images, "nearest_training", None)
    assert evaluate(samples, digits, nearest=nearest).images == expected.images


def test_copies_are_found(digits):
    found = evaluate(digits.training[100 : 100 + TEST], digits).images.memorisation
    assert (found.ratio, found.closer) == (0, 1)


@pytest.mark.parametrize("points", [ring(), mg.data.mixture_1d()], ids=["plane", "line"])
def test_scores_of_points_are_those_of_the_metrics(points):
    source = "ring" if points.centres.shape[1] == 2 else "mixture-1d"
    reference = reference_of(changed("ring", data__source=f'"{source}"'))
    samples = points.sample(500, seed=3)[0] * 1.1
    found = evaluate(samples, reference).points
    count = metrics.caught_modes(samples, points)
    assert (found.modes.modes, found.modes.high_quality, found.modes.kl) == (count.modes, count.high_quality, count.kl)
    if source == "ring":
        assert found.sliced_wasserstein == metrics.sliced_wasserstein(samples, reference.training)
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
    assert compared >= 11


def test_real_test_images_are_as_near_to_training_images_as_they_are(digits):
    real = calibrate(digits, TEST).real.images.memorisation
    assert real.ratio == 1
    assert real.closer == pytest.approx(0.01, abs=1 / TEST)


def test_in_the_row_of_real_ones_parzen_windows_stand_on_training_images(digits):
    """Test images would be scored by themselves."""
    found, training = calibrate(digits, 100).real.images, digits.training
    sigma = metrics.choose_sigma(training[:100], training[TRAINING * 5 // 6 :])
    assert found.parzen == metrics.parzen_log_likelihood(training[:100], digits.others, sigma)


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
    assert same_data([digits_config(data__limit=200), digits_config(data__limit=0, data__drop_last="true")])
    assert same_data([changed("ring"), changed("ring", data__count=500)])
    assert not same_data([changed("ring"), changed("grid")])
    assert not same_data([changed("ring"), changed("ring", data__std=0.1)])


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
    train, test = (rng.integers(0, 256, (n, 3, 5, 4), np.uint8) for n in (60, 40))
    reference = own_data(monkeypatch, train, test)
    found = evaluate(reference.others, reference)
    assert found.digits is None
    assert found.images.memorisation.ratio == 1
    assert found.images.parzen is not None
    assert "judge" in reference.left_out
    assert "held out" not in reference.left_out
    assert calibrate(reference, 40).noise.images.sliced_wasserstein > 0


def test_of_data_in_one_piece_a_part_is_set_aside_that_is_not_compared_with_itself(monkeypatch):
    samples = np.arange(60, dtype=np.float32).reshape(60, 1)
    reference = own_data(monkeypatch, samples)
    assert sorted([*reference.training.ravel(), *reference.others.ravel()]) == samples.ravel().tolist()
    assert len(reference.others) == 30
    assert "nothing was held out" in reference.left_out
    assert evaluate(reference.others, reference).points.modes is None


def test_samples_of_files_that_are_sorted_by_class_are_mixed(monkeypatch):
    """Else the first of them, in the row of real samples, would be of one class."""
    train, test = (np.repeat(np.arange(4, dtype=np.float32), n).reshape(-1, 1) for n in (30, 20))
    reference = own_data(monkeypatch, train, test)
    assert set(reference.others[:20].ravel()) == set(reference.training[-20:].ravel()) == {0, 1, 2, 3}
    assert sorted(reference.training.ravel()) == train.ravel().tolist()
    assert sorted(reference.others.ravel()) == test.ravel().tolist()


def test_without_held_out_images_nobody_can_tell_memorisation(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 5, 4), np.uint8)
    reference = own_data(monkeypatch, images)
    for scores in (evaluate(reference.others, reference), *vars(calibrate(reference, 30)).values()):
        assert (scores.images.memorisation, scores.images.parzen) == (None, None)
        assert scores.images.sliced_wasserstein > 0


def test_a_G_that_is_told_classes_draws_them_in_turn_and_the_same_again():
    """In order of the classes, a part of the samples would show few of them, and score too low."""
    config = changed("cgan", generator__hidden="[8]")
    game = mg.gan.build_game(config, mg.gan.DataFacts((1, 28, 28), 10, 1), CPU)
    drawn = draw(game, 25, seed=3)
    assert drawn.asked.tolist() == [*range(10), *range(10), *range(5)]
    np.testing.assert_array_equal(draw(game, 25, seed=3).samples, drawn.samples)
    assert (draw(game, 25, seed=4).samples != drawn.samples).any()


# ---- bad input -------------------------------------------------------------------------------------------


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


def test_another_file_in_the_place_of_a_judge_is_refused_before_the_data_are_read(monkeypatch, tmp_path):
    content = bytearray((judge_module.FOLDER / "report.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "report.safetensors").write_bytes(content)
    monkeypatch.setattr(judge_module, "FOLDER", tmp_path)
    monkeypatch.setattr(evaluation_data, "data_of", None)
    with pytest.raises(DataError, match="has the SHA-256"):
        reference_of(changed())


def test_data_too_few_to_compare_with_are_refused(monkeypatch):
    with pytest.raises(DataError, match="own holds 3 samples, expected at least 4"):
        own_data(monkeypatch, np.zeros((3, 2), np.float32))


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
