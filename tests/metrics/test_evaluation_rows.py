"""Rows of a table: runs that differ in their seed only are one row, whose error is that of the mean over them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scored_runs import changed

from minigan.metrics import ModeCount, Score
from minigan.metrics.evaluation import Scores
from minigan.metrics.evaluation.columns import COLUMNS, cell, columns_of, mean
from minigan.metrics.evaluation.looks import Looks, suspects_among
from minigan.metrics.evaluation.points import PointScores
from minigan.metrics.evaluation.rows import rows_of
from minigan.metrics.evaluation.run import ScoredRun
from minigan.metrics.evaluation.table import Line
from minigan.metrics.neighbours import Neighbours

LOOKS = Looks(np.zeros((1, 2), np.float32), np.zeros((1, 2, 2), np.float32))
BY_PATH = {column.path: column for column in COLUMNS}


def run(path, step=3, value=1.0, **fields):
    return ScoredRun(path, changed("ring", **fields), step, scored(value), LOOKS)


def scored(value):
    return Scores(points=PointScores(sliced_wasserstein=value))


def told(rows):
    return [(row.name, row.about) for row in rows]


# ---- rows ------------------------------------------------------------------------------------------------


def test_runs_that_differ_in_their_seed_only_are_one_row():
    runs = [run("a", training__seed=1), run("b", generator__lr=1e-5), run("c", training__seed=2)]
    rows = rows_of(runs)
    assert [[each.path for each in row.runs] for row in rows] == [["a", "c"], ["b"]]


def test_a_row_is_named_by_its_first_run_and_tells_what_its_settings_differ_in():
    runs = [run(str(i), training__seed=i % 2, generator__lr=0.1 * (1 + i // 2)) for i in range(4)]
    slow, fast = "ring, generator.lr=0.1; seeds 0, 1 (0, 1)", "ring, generator.lr=0.2; seeds 0, 1 (2, 3)"
    assert told(rows_of(runs)) == [("0 + 1 more", slow), ("2 + 1 more", fast)]
    assert told(rows_of(runs[:2])) == [("0 + 1 more", "ring; seeds 0, 1 (0, 1)")]
    assert told(rows_of(runs[1:])) == [("1", "ring, generator.lr=0.1; seed 1"), ("2 + 1 more", fast)]
    assert told(rows_of(runs[:1])) == [("0", "ring; seed 0")]


def test_rows_at_different_steps_say_so_but_where_a_setting_does():
    assert told(rows_of([run("a"), run("b", 4000, training__seed=1)])) == [
        ("a", "ring, step 3; seed 0"), ("b", "ring, step 4,000; seed 1")
    ]  # fmt: skip
    lengths = [run("a", 3, training__steps=3), run("b", 2, training__steps=9)]
    assert [about for _, about in told(rows_of(lengths))] == [
        "ring, training.steps=3; seed 0", "ring, training.steps=9, step 2; seed 0"
    ]  # fmt: skip


def test_settings_that_change_no_weight_part_no_seeds():
    fields = {
        "training__log_every": 7, "training__capture": "false", "training__evaluate_every": 3, "training__keep": 5,
        "training__checkpoint_epochs": 2, "training__checkpoint_minutes": 0.5, "score__every": 1, "score__n": 70,
    }  # fmt: skip
    runs = [run("0", training__seed=0), *(run(name, training__seed=1, **{name: fields[name]}) for name in fields)]
    ((row),) = rows_of(runs)
    assert row.about.startswith("ring; seeds 0, 1, 1, ")


def test_what_a_run_is_called_parts_no_seeds():
    first, second = run("0"), run("1", training__seed=1)
    config = replace(second.config, name="mine", about="my own words", source="nowhere")
    assert told(rows_of([first, replace(second, config=config)])) == [("0 + 1 more", "ring; seeds 0, 1 (0, 1)")]
    other = replace(config, generator=replace(config.generator, lr=0.1))
    assert told(rows_of([first, replace(second, config=other)])) == [("0", "ring; seed 0"), ("1", "mine; seed 1")]


def test_runs_at_different_steps_are_not_averaged():
    runs = [run("a", training__seed=1), run("b", training__seed=2), run("c", 4, training__seed=1), run("d", 4)]
    assert told(rows_of(runs)) == [
        ("a + 1 more", "ring, step 3; seeds 1, 2 (a, b)"), ("c + 1 more", "ring, step 4; seeds 1, 0 (c, d)")
    ]  # fmt: skip


def test_runs_at_their_best_are_averaged_whenever_that_was():
    runs = [run("a", training__seed=1), run("b", 4, training__seed=2), run("c", 5, generator__lr=1e-5)]
    rows = rows_of(runs, best=True)
    assert told(rows) == [
        ("a + 1 more", "ring, generator.lr=0.001; seeds 1, 2 (a, b)"), ("c", "ring, generator.lr=1e-05; seed 0")
    ]  # fmt: skip


def test_runs_whose_best_was_chosen_by_other_scores_are_not_averaged():
    runs = [run(str(i), training__seed=i, score__n=(2500, 100)[i // 2]) for i in range(4)]
    rows = rows_of(runs, best=True)
    assert [row.about for row in rows] == [
        "ring, score.n=2500; seeds 0, 1 (0, 1)", "ring, score.n=100; seeds 2, 3 (2, 3)"
    ]  # fmt: skip
    assert len(rows_of(runs)) == 1


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
        classifier_score = 9.123
        kernel_distance = Score(-0.0001, 0.01)

    digits = Scores(digits=Digits())
    assert cell(BY_PATH["digits.classifier_score"], [digits]) == "9.12"
    assert cell(BY_PATH["digits.kernel_distance.mean"], [digits], "±") == "0.000 ± 0.010"
    assert cell(BY_PATH["digits.recall"], [digits]) == ""


def test_modes_are_whole_numbers_and_their_mean_has_one_decimal():
    runs = [Scores(points=PointScores(modes=ModeCount(n, 25, 0.5, np.zeros(25, int), 0.1))) for n in (25, 24, 22)]
    assert cell(BY_PATH["points.modes.modes"], runs[:1]) == "25"
    assert cell(BY_PATH["points.modes.modes"], runs) == "23.7 +- 0.9"


def test_an_error_of_exactly_zero_is_told():
    class Digits:
        kernel_distance = Score(1.0, 0.0)

    assert cell(BY_PATH["digits.kernel_distance.mean"], [Scores(digits=Digits())]) == "1.000 +- 0.000"


def test_samples_that_reach_no_mode_are_told_so_and_not_averaged():
    def found(kl):
        return Scores(points=PointScores(modes=ModeCount(0, 8, 0.0, np.zeros(8, int), kl)))

    column = BY_PATH["points.modes.kl"]
    assert cell(column, [found(np.nan)]) == cell(column, [found(np.nan)] * 2) == "none near a mode"
    mixed = [found(kl) for kl in (0.5, np.nan, 0.7)]
    assert cell(column, mixed) == "0.6000 +- 0.1000 (none near a mode: 1 of 3)"
    assert [each.path for each in columns_of([found(np.nan)])].count(column.path) == 1


def test_real_samples_have_the_deviation_of_one_set_and_not_the_error_of_the_mean_of_all():
    values = [0.5, 0.9, 0.4]
    line = Line("real points", [scored(value) for value in values], "one")
    assert line.cell(BY_PATH["points.sliced_wasserstein"]) == f"0.6000 +- {np.std(values, ddof=1):.4f}"


def test_columns_are_those_of_which_some_row_has_a_number():
    line = Scores(points=PointScores(wasserstein_1d=0.25))
    assert [column.head for column in columns_of([line])] == ["W1"]
    assert [column.head for column in columns_of([line, scored(1.0)])] == ["sliced W1", "W1"]


# ---- suspects --------------------------------------------------------------------------------------------


def test_the_most_suspicious_samples_are_those_nearer_to_one_training_image_than_to_the_next():
    distances = np.tile([5.0, 6.0, 7.0, 8.0], (20, 1))
    distances[13] = [0.1, 6.0, 7.0, 8.0]  # a copy
    distances[4] *= 0.05  # a digit of little ink: all images like it are near
    samples = np.arange(20, dtype=np.float32).reshape(20, 1, 1, 1)
    found = suspects_among(samples, samples, Neighbours(distances, np.zeros((20, 4), int)))
    assert found.samples[0].item() == 13
    assert len(found.samples) == 8
    np.testing.assert_array_equal(found.distances[0], distances[13])
