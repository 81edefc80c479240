"""What the benchmarks tell of a judge's answers beside the scores of minigan.metrics."""

from __future__ import annotations

import importlib

import numpy as np
import pages
import pytest

from minigan import metrics
from minigan.data import load_mnist


@pytest.fixture
def comparison(monkeypatch):
    monkeypatch.syspath_prepend(pages.ROOT / "benchmarks")
    return importlib.import_module("comparison")


def test_a_row_tells_the_scores_of_minigan(comparison):
    judged, (_, labels) = comparison.Comparison("report", 300), load_mnist("test")
    shown = comparison.images_of("test", 200)
    row = judged.row(shown, labels[:200])
    judge = metrics.load_judge("report")
    p, real = judge.probabilities(shown), judge.features(comparison.images_of("train", 300))
    assert judged.judge.sha256 == judge.sha256
    assert row == {
        "score": pytest.approx(metrics.classifier_score(p, splits=1).mean),
        "frechet": pytest.approx(metrics.frechet_distance(judge.features(shown), real)),
        "rarest": np.bincount(p.argmax(1), minlength=10).min() / 200,
        "class_accuracy": np.mean(p.argmax(1) == labels[:200]),
    }
    assert row["class_accuracy"] > 0.95
    assert "class_accuracy" not in judged.row(shown)
