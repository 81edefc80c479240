"""What judges say in one look, and how far their probabilities can be trusted."""

import re

import numpy as np
import pages
import pytest

from .judged import digits, judge

BOTH = pytest.mark.parametrize("which", ["selection", "report"])


@BOTH
def test_one_look_gives_the_features_and_the_probabilities(which):
    images, _ = digits("test", 1200)
    found = judge(which).outputs(images)
    np.testing.assert_array_equal(found.features, judge(which).features(images))
    logits = judge(which).logits(images).astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(found.probabilities, p, atol=1e-6)
    np.testing.assert_array_equal(judge(which).probabilities(images), found.probabilities)


@BOTH
def test_the_calibration_error_is_what_the_page_says(which):
    """In ten bins of the highest probability: how often the judge is right there, and how sure it is on average."""
    images, labels = digits("test", 10_000)
    p = judge(which).probabilities(images).astype(np.float64)
    sure, right = p.max(1), p.argmax(1) == labels
    error = 0.0
    for low in np.arange(10) / 10:
        those = (sure >= low) & ((sure < low + 0.1) | (low == 0.9))
        error += abs(right[those].sum() - sure[those].sum()) / len(labels)
    told = re.search(rf"([.0-9]+) of `{which}`", pages.read("docs/judge.md"))
    assert error == pytest.approx(float(told[1]), abs=1e-4)
