"""Scores of samples on a GPU are those of the CPU, of tensors and of arrays that lie there."""

import numpy as np
import pytest

import minigan as mg
from minigan import metrics

RNG = np.random.default_rng(0)
POINTS, OTHERS = RNG.normal(size=(30, 4)), RNG.normal(size=(50, 4))
FAR_POINTS, FAR_OTHERS = (x + 1e9 * RNG.integers(0, 2, (len(x), 1)) for x in (POINTS, OTHERS))  # in two places
IMAGES, PHOTOS = (RNG.uniform(-1, 1, (n, 1, 6, 6)).astype(np.float32) for n in (12, 25))
SIGMAS = [0.1, 0.2, 0.5, 1.0]


def parzen(x, y):
    score = metrics.parzen_log_likelihood(x, y, 0.3)
    return score.mean, score.error


def neighbours(x, y):
    found = metrics.nearest_training(x, y, 3)
    return *found.indices.ravel().tolist(), *found.distances.ravel().tolist()


SCORES = {
    "parzen": parzen,
    "sigma": lambda x, y: (metrics.choose_sigma(x, y, SIGMAS),),
    "neighbours": neighbours,
    "sliced": lambda x, y: (metrics.sliced_wasserstein(x, y), metrics.sliced_wasserstein(x, y, p=1, seed=3)),
}


SETS = {"points": (POINTS, OTHERS), "images": (IMAGES, PHOTOS), "points far apart": (FAR_POINTS, FAR_OTHERS)}


@pytest.mark.parametrize("samples", SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES.keys())
def test_scores_of_two_sets_are_those_of_the_cpu(gpu, score, samples):
    expected = score(*samples)
    for form in (gpu.tensor, gpu.array):
        assert score(*map(form, samples)) == pytest.approx(expected, rel=1e-10)


def test_wasserstein_distances_of_numbers_are_those_of_the_cpu(gpu):
    x, y = POINTS[:, 0], OTHERS[:, 0]
    assert metrics.wasserstein_1d(gpu.tensor(x), gpu.array(y)) == metrics.wasserstein_1d(x, y)


@pytest.mark.parametrize("form", ["tensor", "array"])
def test_the_classes_and_modes_counted_are_those_of_the_cpu(gpu, form):
    there = getattr(gpu, form)
    p = RNG.dirichlet([0.3] * 10, size=70)
    on_cpu, on_gpu = metrics.class_histogram(p), metrics.class_histogram(there(p))
    assert (on_gpu.counts.tolist(), on_gpu.kl) == (on_cpu.counts.tolist(), on_cpu.kl)
    assert metrics.kl_divergence(there(on_cpu.counts)) == on_cpu.kl
    asked = RNG.integers(10, size=70)
    assert metrics.class_accuracy(there(p), there(asked)) == metrics.class_accuracy(p, asked)
    ring = mg.data.ring()
    points = ring.sample(300)[0]
    on_cpu, on_gpu = metrics.caught_modes(points, ring), metrics.caught_modes(there(points), ring)
    assert (on_gpu.counts.tolist(), on_gpu.high_quality) == (on_cpu.counts.tolist(), on_cpu.high_quality)


def test_digits_that_lie_on_the_gpu_are_stacked_as_on_the_cpu(gpu):
    images, labels = (array[:100] for array in mg.data.load_mnist("test"))
    expected = metrics.stack_digits(images, labels, 5)
    found = metrics.stack_digits(gpu.array(images), gpu.array(labels), 5)
    assert [array.tolist() for array in found] == [array.tolist() for array in expected]


def test_stacked_digits_on_the_gpu_have_the_modes_that_they_have_on_the_cpu(gpu):
    stacked, _ = metrics.stack_digits(*mg.data.load_mnist("test"), 8)
    images, judge = mg.data.gather_pixels(stacked, np.arange(8)), metrics.load_judge()
    expected = metrics.stacked_modes(images, judge)
    judge.network.to(gpu.device)
    found = metrics.stacked_modes(gpu.tensor(images), judge)
    assert found.counts.tolist() == expected.counts.tolist()
