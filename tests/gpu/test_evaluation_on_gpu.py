"""An evaluation on a GPU has the numbers of the CPU: the game, the judge and the comparison of pixels are there."""

import numpy as np
import pytest
from scored_runs import digits_config, small_data  # noqa: F401

import minigan as mg
from minigan.gan import DataFacts, build_game
from minigan.metrics.evaluation import calibrate, evaluate, reference_of
from minigan.metrics.evaluation.drawn import draw
from minigan.metrics.evaluation.looks import look_at

N = 70


@pytest.mark.usefixtures("small_data")
def test_scores_of_the_same_samples_and_the_calibration_are_those_of_the_cpu(gpu):
    there = mg.device("cuda")
    config = digits_config(**{"training.capture": "false"})
    here, other = (reference_of(config, device=device) for device in (mg.device("cpu"), there))
    assert other.digits.judge.network.head.weight.device == there
    samples = np.random.default_rng(0).uniform(-1, 1, (N, 1, 28, 28)).astype(np.float32)
    for one, two in (
        (evaluate(samples, here), evaluate(samples, other)),
        both(calibrate(here, N), calibrate(other, N)),
    ):
        assert two.digits.frechet_distance == pytest.approx(one.digits.frechet_distance, rel=1e-3)
        assert two.digits.classes.counts.tolist() == one.digits.classes.counts.tolist()
        assert two.images.memorisation.nn_ratio == pytest.approx(one.images.memorisation.nn_ratio, rel=1e-6)
        assert two.images.parzen.mean == pytest.approx(one.images.parzen.mean, rel=1e-6)
        assert two.images.sliced_wasserstein == pytest.approx(one.images.sliced_wasserstein, rel=1e-6)


def both(one, other):
    return one.real, other.real


@pytest.mark.usefixtures("small_data")
def test_a_game_on_the_gpu_is_drawn_from_and_looked_at(gpu):
    there = mg.device("cuda")
    config = digits_config(**{"training.capture": "false"})
    game = build_game(config, DataFacts((1, 28, 28), 10, 1), there)
    reference = reference_of(config, device=there)
    samples, _ = draw(game, N, device=there)
    looks = look_at(samples, game, reference, reference.images.nearest(samples), device=there)
    assert looks.interpolation.shape == (8, 10, 1, 28, 28)
    assert looks.suspects.nearest.shape[:2] == (8, 4)
