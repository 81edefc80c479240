"""The classifier score: against SciPy, at its exact values, and of real digits and of noise."""

import re
from itertools import pairwise

import numpy as np
import pages
import pytest
from scipy import stats

import minigan as mg
from minigan.data import load_mnist
from minigan.errors import ConfigError, RangeError, ShapeError
from minigan.metrics import classifier_score

from .judged import digits, judge, noisy

BOTH = pytest.mark.parametrize("which", ["selection", "report"])


def whole(p):
    return classifier_score(p, splits=1).mean


# ---- against SciPy ---------------------------------------------------------------------------------------


def by_scipy(p):
    return np.exp(np.mean([stats.entropy(row, p.mean(0)) for row in p]))


@pytest.mark.parametrize("sharpness", [0.01, 0.3, 10.0])
def test_it_is_the_exponential_of_the_mean_relative_entropy(sharpness):
    p = np.random.default_rng(0).dirichlet([sharpness] * 10, size=200)
    assert whole(p) == pytest.approx(by_scipy(p), rel=1e-12)


@pytest.mark.parametrize(("n", "splits"), [(200, 10), (203, 10), (7, 7), (50, 3)])
def test_parts_are_scored_in_their_order_and_told_by_mean_and_standard_deviation(n, splits):
    p = np.random.default_rng(0).dirichlet([0.3] * 10, size=n)
    ends = np.linspace(0, n, splits + 1).astype(int)
    scores = [by_scipy(p[start:end]) for start, end in pairwise(ends)]
    found = classifier_score(p, splits)
    assert found.mean == pytest.approx(np.mean(scores), rel=1e-12)
    assert found.std == pytest.approx(np.std(scores), rel=1e-9, abs=1e-12)


def test_there_are_ten_parts_if_nothing_else_is_said():
    p = np.random.default_rng(0).dirichlet([0.3] * 10, size=200)
    assert classifier_score(p) == classifier_score(p, splits=10)


# ---- exact values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sure_answers_of_which_each_is_as_frequent_have_the_score_of_their_number(dtype):
    assert whole(np.eye(10, dtype=dtype).repeat(7, 0)) == pytest.approx(10, rel=1e-12)
    assert whole(np.eye(10, dtype=dtype)[[1, 4, 6]]) == pytest.approx(3, rel=1e-12)


def test_answers_that_are_all_the_same_have_the_score_1():
    assert whole(np.full((9, 4), 0.25)) == pytest.approx(1, rel=1e-12)
    assert whole(np.eye(10)[[3] * 5]) == pytest.approx(1, rel=1e-12)


def test_one_part_has_no_spread():
    assert classifier_score(np.eye(10), splits=1).std == 0


def test_the_order_of_classes_and_within_a_part_does_not_matter():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.3] * 10, size=200)
    assert whole(p[rng.permutation(200)][:, rng.permutation(10)]) == pytest.approx(whole(p), rel=1e-12)


def test_sure_answers_are_scored_too_low_by_the_share_that_is_said():
    rng, n = np.random.default_rng(0), 1000
    scores = [whole(np.eye(10)[rng.integers(10, size=n)]) for _ in range(400)]
    assert 1 - np.mean(scores) / 10 == pytest.approx(9 / (2 * n), rel=0.1)  # its standard error is 2.4%


# ---- calibration -----------------------------------------------------------------------------------------


@BOTH
def test_real_test_images_score_above_9_8_and_below_what_their_labels_allow(which):
    images, labels = digits("test", 10_000)
    found = whole(judge(which).probabilities(images))
    assert 9.8 < found < np.exp(stats.entropy(np.bincount(labels)))


def test_the_most_that_labels_allow_is_what_the_docstring_says():
    ceilings = [np.exp(stats.entropy(np.bincount(load_mnist(split)[1]))) for split in ("train", "test")]
    assert ceilings == pytest.approx([9.9858, 9.9826], abs=5e-5)


def test_the_page_tells_what_keeps_real_digits_from_a_score_of_ten():
    told = r"real ones (\S+): .+ (\S+) from digits that are not equally frequent, and to (\S+) from images of which"
    p = judge("report").probabilities(digits("test", 10_000)[0])
    unequal = 10 - np.exp(stats.entropy(p.mean(0)))
    figures = [float(figure) for figure in re.search(told, pages.read("docs/scores.md")).groups()]
    assert figures == pytest.approx([whole(p), unequal, 10 - unequal - whole(p)], abs=0.005)


@BOTH
def test_a_dropped_class_and_noise_lower_the_score(which):
    images, labels = digits("test", 2000)
    ask = judge(which).probabilities
    p = ask(images)
    dropped = [whole(p[labels < classes]) for classes in (10, 9, 7, 4, 1)]
    assert np.diff(dropped).max() < 0
    assert dropped == pytest.approx([10, 9, 7, 4, 1], rel=0.05)
    noise = [whole(ask(noisy(images, strength))) for strength in (0, 0.5, 1, 2, 4)]
    assert np.diff(noise).max() < 0
    assert noise[-1] < 2


# ---- bad input -------------------------------------------------------------------------------------------


def test_logits_and_other_shapes_are_refused():
    logits = np.random.default_rng(0).normal(size=(50, 10))
    with pytest.raises(RangeError, match=r"^classifier_score: \d+ of 50 rows hold numbers below 0"):
        classifier_score(logits)
    with pytest.raises(ShapeError, match=r"^classifier_score: expected probabilities \(N, K\)"):
        classifier_score(logits[0])


@pytest.mark.parametrize("splits", [0, -1, 11])
def test_more_parts_than_samples_or_none_are_refused(splits):
    with pytest.raises(ConfigError, match=r"^classifier_score: expected splits from 1 to 10 \(there are 10 samples\)"):
        classifier_score(np.eye(10), splits)


def test_tensors_and_arrays_score_the_same():
    p = np.random.default_rng(0).dirichlet([0.3] * 10, size=100).astype(np.float32)
    assert classifier_score(mg.tensor(p, requires_grad=True)) == classifier_score(p)
