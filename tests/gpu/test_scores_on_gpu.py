"""The scores of features and of probabilities on a GPU: they are those of the CPU."""

import numpy as np
import pytest

from minigan.errors import DeviceError, RangeError
from minigan.metrics import classifier_score, distances, frechet_distance, kernel_distance, precision_recall

RNG = np.random.default_rng(0)
FAKE, REAL = RNG.normal(0.3, 1.2, (300, 8)).astype(np.float32), RNG.normal(size=(200, 8))


def test_the_classifier_score_is_that_of_the_cpu(gpu):
    p = np.random.default_rng(1).dirichlet([0.3] * 10, size=200)
    p[:3] = np.eye(10)[:3]
    found, expected = classifier_score(gpu.array(p)), classifier_score(p)
    assert (found.mean, found.std) == pytest.approx((expected.mean, expected.std), rel=1e-9)
    assert classifier_score(gpu.tensor(p)) == found


def test_the_frechet_distance_is_that_of_the_cpu(gpu):
    assert frechet_distance(gpu.array(FAKE), gpu.array(REAL)) == frechet_distance(FAKE, REAL)


def test_the_kernel_distance_is_that_of_the_cpu(gpu):
    found, expected = (
        kernel_distance(fake, real, subsets=5, subset_size=50)
        for fake, real in ((gpu.array(FAKE), gpu.array(REAL)), (FAKE, REAL))
    )
    assert (found.mean, found.std) == pytest.approx((expected.mean, expected.std), rel=1e-9)


@pytest.mark.parametrize("far", [0.0, 1e9])
@pytest.mark.parametrize("chunk", [20_000, 32 * 2**20])
def test_precision_and_recall_are_those_of_the_cpu(gpu, monkeypatch, chunk, far):
    monkeypatch.setattr(distances, "CHUNK", chunk)
    real = np.concatenate([REAL, np.full((1, 8), far)])
    assert precision_recall(gpu.array(FAKE), gpu.tensor(real)) == precision_recall(FAKE, real)


def test_sets_on_two_devices_are_refused(gpu):
    with pytest.raises(DeviceError):
        precision_recall(gpu.array(FAKE), REAL)
    with pytest.raises(DeviceError):
        kernel_distance(gpu.array(FAKE), REAL, subset_size=50)


def test_bad_numbers_are_found_on_the_gpu(gpu):
    broken = REAL.copy()
    broken[[3, 7], 0] = np.nan
    with pytest.raises(RangeError, match="2 of 200 real samples hold NaN or infinity"):
        frechet_distance(gpu.array(FAKE), gpu.array(broken))
