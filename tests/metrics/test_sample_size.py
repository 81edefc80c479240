"""What is told of the number of samples is true: perfect samples are drawn, and scored."""

import re

import numpy as np
import pytest

from minigan.data import grid, ring
from minigan.metrics import (
    Neighbours,
    caught_modes,
    class_histogram,
    classifier_score,
    frechet_distance,
    kernel_distance,
    memorisation,
)
from minigan.metrics.evaluation import Reference, table
from minigan.metrics.evaluation.columns import COLUMNS
from minigan.metrics.evaluation.digits import DigitReference, subset_size
from minigan.metrics.evaluation.images import ImageReference
from minigan.metrics.evaluation.points import PointReference
from minigan.metrics.evaluation.sample_size import facts
from minigan.metrics.evaluation.table import Evaluation

from .judged import digits, judge

N, REAL = 1000, 10_000
WITHIN = 0.2


def told(path, reference, n=N):
    """The numbers of a note, without those that count samples."""
    (column,) = (column for column in COLUMNS if column.path == path)
    note = Evaluation((), reference, None, n, 0, "report").with_n(column)
    return [float(number) for number in re.findall(r"[0-9.,]*\d", note) if float_like(number)]


def float_like(number):
    return "," not in number and "." in number


@pytest.fixture(scope="module")
def outputs():
    """What the judge makes of 10,000 training images: the data, of which perfect samples are a random part."""
    return judge("report").outputs(digits("train", REAL)[0])


@pytest.fixture(scope="module")
def reference(outputs):
    """The same 10,000."""
    images = np.zeros((REAL, 1, 1, 1), np.float32)
    return Reference("d", DigitReference(judge("report"), outputs.features), ImageReference(images, images, True))


def draws(times, n=N, seed=0):
    """Random parts of the data, and what is left of them."""
    for k in range(times):
        order = np.random.default_rng([seed, k]).permutation(REAL)
        yield order[:n], order[n:]


def test_the_classifier_score_of_few_is_too_low_by_at_most_what_is_told_and_not_by_much_less(outputs, reference):
    whole = classifier_score(outputs.probabilities, splits=1).mean
    found = [classifier_score(outputs.probabilities[part], splits=1).mean for part, _ in draws(40)]
    (percent,) = told("digits.classifier_score", reference)
    assert percent * (1 - WITHIN) < 100 * (1 - np.mean(found) / whole) < percent


def test_the_frechet_distance_of_perfect_samples_is_what_is_told(outputs):
    features = outputs.features
    found = [frechet_distance(features[part], features[rest]) for part, rest in draws(30)]
    (expected,) = told("digits.frechet_distance", Reference("d", DigitReference(None, features[N:])))
    assert np.mean(found) == pytest.approx(expected, rel=WITHIN)


def test_the_deviation_of_the_kernel_distance_is_that_of_estimates_from_so_many_samples(outputs):
    features, size = outputs.features.astype(np.float64), subset_size(N)
    assert size == 100
    found = [kernel_distance(features[part], features[rest], subset_size=size) for part, rest in draws(6)]
    alone = [
        kernel_distance(features[part], features[rest[:size]], subsets=1, subset_size=size).mean
        for part, rest in draws(300, n=size, seed=1)
    ]
    assert np.mean([each.std for each in found]) == pytest.approx(np.std(alone), rel=WITHIN)
    assert np.abs(np.mean([each.mean for each in found])) < found[0].std / 4


@pytest.mark.parametrize("n", [65, 999])
def test_shares_of_equal_classes_scatter_as_is_told(reference, n):
    found = [class_histogram(np.eye(10)[np.random.default_rng(k).integers(10, size=n)]) for k in range(600)]
    (kl,) = told("digits.classes.kl", reference, n)
    assert np.mean([each.kl for each in found]) == pytest.approx(kl, rel=0.1)
    rarest, deviation = told("digits.classes.rarest", reference, n)
    assert 10 - 100 * np.mean([each.rarest for each in found]) == pytest.approx(10 - rarest, rel=0.1)
    assert 100 * np.std([each.rarest for each in found]) == pytest.approx(deviation, rel=0.1)


def test_a_share_of_a_half_scatters_as_is_told_and_others_less(reference):
    (percent,) = told("digits.class_accuracy", reference)
    rng = np.random.default_rng(0)
    scatter = [100 * np.std(rng.binomial(N, share, 5000) / N) for share in (0.5, 0.9)]
    assert scatter[0] == pytest.approx(percent, rel=0.05)
    assert scatter[1] < percent


def test_the_share_of_perfect_samples_below_one_percent_scatters_as_is_told(reference):
    """Of distances of any distribution: what counts are ranks."""
    rng = np.random.default_rng(0)

    def found(n):
        return Neighbours(rng.random((n, 1)), np.zeros((n, 1), int))

    shares = [memorisation(found(N), found(REAL)).nn_below_1_percent for _ in range(1000)]
    (percent,) = told("images.memorisation.nn_below_1_percent", reference)
    assert 100 * np.std(shares) == pytest.approx(percent, rel=0.1)


@pytest.mark.parametrize("n", [60, N])
@pytest.mark.parametrize("mixture", [ring(), grid()], ids=["ring", "grid"])
def test_the_divergence_of_perfect_points_is_what_is_told(mixture, n):
    points = np.zeros((5, 2), np.float32)
    (kl,) = told("points.modes.kl", Reference("p", points=PointReference(points, points, mixture)), n)
    found = [caught_modes(mixture.sample(n, seed)[0], mixture).kl for seed in range(400)]
    assert np.mean(found) == pytest.approx(kl, rel=0.06)


def test_what_the_notes_tell_is_computed_once_for_all_columns(reference, monkeypatch):
    asked = []
    monkeypatch.setattr(table, "facts", lambda n, reference: asked.append(n) or facts(n, reference))
    found = Evaluation((), reference, None, N, 0, "report")
    notes = [found.with_n(column) for column in COLUMNS if column.path.startswith(("digits", "images"))]
    assert f"{N:,} perfect samples are about" in notes[1]
    assert asked == [N]
