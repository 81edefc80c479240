"""The scores of the benchmarks, against closed forms and SciPy: of a judge's answers and features."""

from __future__ import annotations

import importlib

import numpy as np
import pages
import pytest
import scipy.linalg
import scipy.stats


@pytest.fixture
def scores(monkeypatch):
    monkeypatch.syspath_prepend(pages.ROOT / "benchmarks")
    return importlib.import_module("scores")


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.standard_normal((500, 8)) @ rng.standard_normal((8, 8)) + rng.standard_normal(8)


class Judge:
    """Says what it is shown."""

    def probabilities(self, images):
        return images


# ---- classifier score --------------------------------------------------------------------------------------


def test_sure_answers_of_which_each_is_as_frequent_have_the_score_of_their_number(scores):
    assert scores.classifier_score(np.eye(10, dtype=np.float32).repeat(7, 0)) == pytest.approx(10, rel=1e-12)


def test_answers_that_are_all_the_same_have_the_score_1(scores):
    assert scores.classifier_score(np.full((9, 4), 0.25)) == pytest.approx(1, rel=1e-12)
    assert scores.classifier_score(np.eye(10)[[3] * 5]) == pytest.approx(1, rel=1e-12)


def test_the_classifier_score_is_the_exponential_of_the_mean_relative_entropy(scores):
    p = np.random.default_rng(0).dirichlet([0.3] * 10, size=200)
    expected = np.exp(scipy.stats.entropy(p, np.broadcast_to(p.mean(0), p.shape), axis=1).mean())
    assert scores.classifier_score(p) == pytest.approx(expected, rel=1e-12)


# ---- Frechet distance --------------------------------------------------------------------------------------


def test_the_frechet_distance_is_the_one_by_the_square_root_of_a_matrix(scores, features):
    a, b = features, np.random.default_rng(1).standard_normal((300, 8)) ** 3
    A, B = np.cov(a.T), np.cov(b.T)
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(A + B - 2 * scipy.linalg.sqrtm(A @ B).real)
    assert scores.frechet(a, b) == pytest.approx(expected, rel=1e-9)
    assert scores.frechet(b, a) == pytest.approx(expected, rel=1e-9)


def test_the_frechet_distance_of_moved_and_of_stretched_features_is_known(scores, features):
    assert scores.frechet(features, features) == pytest.approx(0, abs=1e-9)
    assert scores.frechet(features, features + 3) == pytest.approx(8 * 9, rel=1e-9)
    centred = features - features.mean(0)
    assert scores.frechet(centred, 3 * centred) == pytest.approx(4 * np.trace(np.cov(centred.T)), rel=1e-9)


def test_features_that_never_stir_are_no_matter(scores, features):
    still = features * ([1] * 6 + [0] * 2)
    assert scores.frechet(still, still + 1) == pytest.approx(8, rel=1e-6)  # the root of rounding is not as small


# ---- what the judge sees -----------------------------------------------------------------------------------


def test_the_score_tells_confidence_the_rarest_class_and_what_was_asked(scores):
    p = np.eye(10).repeat(2, 0) * 0.8 + 0.02
    labels = np.arange(10).repeat(2)
    labels[:5] = 9
    assert scores.score(Judge(), p) == pytest.approx({"confidence": 0.82, "rarest": 0.1})
    assert scores.score(Judge(), p, labels)["as_asked"] == pytest.approx(0.75)
    assert scores.score(Judge(), p[:18])["rarest"] == 0
