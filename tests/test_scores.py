"""What the benchmarks tell of a judge's answers beside the scores of minigan.metrics."""

from __future__ import annotations

import importlib

import numpy as np
import pages
import pytest


@pytest.fixture
def scores(monkeypatch):
    monkeypatch.syspath_prepend(pages.ROOT / "benchmarks")
    return importlib.import_module("scores")


class Judge:
    """Says what it is shown."""

    def probabilities(self, images):
        return images


def test_the_score_tells_confidence_the_rarest_class_and_what_was_asked(scores):
    p = np.eye(10).repeat(2, 0) * 0.8 + 0.02
    labels = np.arange(10).repeat(2)
    labels[:5] = 9
    assert scores.score(Judge(), p) == pytest.approx({"confidence": 0.82, "rarest": 0.1})
    assert scores.score(Judge(), p, labels)["as_asked"] == pytest.approx(0.75)
    assert scores.score(Judge(), p[:18])["rarest"] == 0
