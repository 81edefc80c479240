"""Rows of a table: runs that differ in their seed only are one row, whose error is that of the mean over them."""

import numpy as np
import pytest
from scipy import stats
from scored_runs import changed

from minigan.data import grid
from minigan.metrics import Score, classifier_score
from minigan.metrics.evaluation import Reference, Scores
from minigan.metrics.evaluation.columns import COLUMNS, cell, columns_of, mean, with_n
from minigan.metrics.evaluation.digits import DigitReference
from minigan.metrics.evaluation.points import PointReference, PointScores
from minigan.metrics.evaluation.run import Looks, ScoredRun, _suspects, rows_of
from minigan.metrics.neighbours import Neighbours

LOOKS = Looks(np.zeros((1, 2), np.float32), np.zeros((1, 2, 2), np.float32))
BY_PATH = {column.path: column for column in COLUMNS}


def run(path, step=3, value=1.0, **fields):
    return ScoredRun(path, changed("ring", **fields), step, scored(value), LOOKS)


def scored(value):
    return Scores(points=PointScores(sliced_wasserstein=value))


# ---- rows ------------------------------------------------------------------------------------------------


def test_runs_that_differ_in_their_seed_only_are_one_row():
    runs = [run("a", training__seed=1), run("b", generator__lr=1e-5), run("c", training__seed=2)]
    rows = rows_of(runs)
    assert [[each.path for each in row.runs] for row in rows] == [["a", "c"], ["b"]]


def test_a_row_of_several_seeds_is_named_by_what_its_settings_differ_in():
    runs = [run(str(i), training__seed=i % 2, generator__lr=0.1 * (1 + i // 2)) for i in range(4)]
    slow, fast = (f"ring (generator.lr={lr}, 2 seeds)" for lr in (0.1, 0.2))
    assert [row.name for row in rows_of(runs)] == [slow, fast]
    assert [row.name for row in rows_of(runs[:2])] == ["ring (2 seeds)"]
    assert [row.name for row in rows_of(runs[1:])] == ["1", fast]


def test_runs_at_different_steps_are_not_averaged():
    runs = [run("a", training__seed=1), run("b", training__seed=2), run("c", 4, training__seed=1), run("d", 4)]
    assert [row.name for row in rows_of(runs)] == ["ring (step 3, 2 seeds)", "ring (step 4, 2 seeds)"]


# ---- numbers ---------------------------------------------------------------------------------------------


def test_the_error_of_several_runs_is_the_standard_error_of_their_mean():
    values = [0.5, 0.9, 0.4]
    found = mean([scored(value) for value in values], "points.sliced_wasserstein")
    assert found == pytest.approx((np.mean(values), stats.sem(values)), rel=1e-12)
    assert np.isnan(mean([scored(1.0)], "points.sliced_wasserstein")[1])


def test_a_cell_of_one_run_has_the_error_of_the_score_itself_if_it_has_one():
    one = Scores(points=PointScores(wasserstein_1d=0.25))
    assert cell(BY_PATH["points.wasserstein_1d"], [one]) == "0.2500"

    class Digits:
        classifier_score = Score(9.123, 0.057)
        kernel_distance = Score(-0.0001, 0.01)

    digits = Scores(digits=Digits())
    assert cell(BY_PATH["digits.classifier_score.mean"], [digits]) == "9.12 +- 0.06"
    assert cell(BY_PATH["digits.kernel_distance.mean"], [digits], "±") == "0.000 ± 0.010"
    assert cell(BY_PATH["digits.recall"], [digits]) == ""


def test_columns_are_those_of_which_some_row_has_a_number():
    line = Scores(points=PointScores(wasserstein_1d=0.25))
    assert [column.head for column in columns_of([line])] == ["W1"]
    assert [column.head for column in columns_of([line, scored(1.0)])] == ["sliced W", "W1"]


# ---- what the number of samples does ---------------------------------------------------------------------


def test_the_bias_of_each_score_is_that_of_its_formula():
    features = np.random.default_rng(0).normal(size=(5000, 64)).astype(np.float32)  # tr C = 64
    digits = Reference("d", digits=DigitReference(None, features))
    told = {column.head: with_n(column, 10_000, digits) for column in COLUMNS if column.path.startswith("digits")}
    assert told["classifier"].startswith("ten parts of 1,000 samples score 0.45% too low")
    assert told["Frechet"] == "10,000 perfect samples are up to 0.22 away, fewer are farther"  # 69 * 64 / 20,000
    assert told["KL"] == "10,000 perfect samples have 0.0004"  # 9 / 20,000
    assert told["as asked"].endswith("standard error at most 0.5%")
    assert told["rarest"].startswith("standard error 0.3%")
    points = np.zeros((5, 2), np.float32)
    plane = Reference("p", points=PointReference(points, points, grid()))
    assert with_n(BY_PATH["points.modes.kl"], 2500, plane) == "2,500 perfect points have 0.005"  # 24 / 5,000


def test_perfect_samples_have_the_bias_that_is_told():
    """A classifier that is sure, of classes in equal shares: in parts of 1,000 its score is .45% below 10."""
    labels = np.random.default_rng(0).integers(0, 10, (20, 10_000))
    scores = [classifier_score(np.eye(10)[each]).mean for each in labels]
    assert 1 - np.mean(scores) / 10 == pytest.approx(0.0045, rel=0.1)


# ---- suspects --------------------------------------------------------------------------------------------


def test_the_most_suspicious_samples_are_those_nearer_to_one_training_image_than_to_the_next():
    distances = np.tile([5.0, 6.0, 7.0, 8.0], (20, 1))
    distances[13] = [0.1, 6.0, 7.0, 8.0]  # a copy
    distances[4] *= 0.05  # a digit of little ink: all images like it are near
    samples = np.arange(20, dtype=np.float32).reshape(20, 1, 1, 1)
    found = _suspects(samples, samples, Neighbours(distances, np.zeros((20, 4), int)))
    assert found.samples[0].item() == 13
    assert len(found.samples) == 8
    np.testing.assert_array_equal(found.distances[0], distances[13])
