"""What is no number, and no judge, is refused with what was expected, and not by an error of Python's."""

import numpy as np
import pytest

import minigan as mg
from minigan.data import ring
from minigan.errors import ArgumentError, ConfigError, DTypeError, RangeError, ShapeError
from minigan.metrics import (
    Neighbours,
    caught_modes,
    kl_divergence,
    load_judge,
    memorisation,
    read_judge,
    stack_digits,
    stacked_modes,
)
from minigan.metrics.evaluation import reference_of

FOUND = Neighbours(np.ones((5, 1)), np.zeros((5, 1), int))
NO_NUMBERS = ["abc", {"a": 1}, [[1.0, 2.0], [3.0]], np.ones(8, complex), np.ma.masked_array(np.ones(8)), object()]


@pytest.mark.parametrize("within", ["3", None, [3.0, 4.0]])
def test_a_distance_from_a_mode_that_is_no_number(within):
    with pytest.raises(ArgumentError, match="caught_modes: expected within to be a number, but got"):
        caught_modes(np.zeros((5, 2)), ring(), within)


@pytest.mark.parametrize("judge", ["report", None, load_judge])
def test_a_judge_that_is_none(judge):
    with pytest.raises(ArgumentError, match=r"stacked_modes: expected a judge, but got .* Pass load_judge\(\)"):
        stacked_modes(np.zeros((1, 3, 28, 28), np.float32), judge)


@pytest.mark.parametrize("which", [[1], None, 0])
def test_a_name_of_a_judge_that_is_no_text(which):
    with pytest.raises(ConfigError, match="choose one of selection, report"):
        load_judge(which)


@pytest.mark.parametrize("path", [None, 1.5, [3]])
def test_a_path_of_a_judge_that_is_none(path):
    with pytest.raises(ArgumentError, match="read_judge: expected a path"):
        read_judge(path)


@pytest.mark.parametrize("mixture", ["ring", None])
def test_a_mixture_that_is_none(mixture):
    with pytest.raises(ArgumentError, match="caught_modes: expected a mixture, but got"):
        caught_modes(np.zeros((5, 2)), mixture)


@pytest.mark.parametrize("config", ["ring", {}, None])
def test_settings_that_are_none(config):
    with pytest.raises(ArgumentError, match=r'reference_of: expected settings, .* Pass .* or load_preset\("ring"\)'):
        reference_of(config)


@pytest.mark.parametrize("found", [None, np.ones((5, 1)), (FOUND.distances, FOUND.indices)])
def test_neighbours_that_are_none(found):
    for pair in ((found, FOUND), (FOUND, found)):
        with pytest.raises(ArgumentError, match="memorisation: expected neighbours of .*samples, but got"):
            memorisation(*pair)


@pytest.mark.parametrize("shape", [(0, 1), (5, 0), (5,)])
def test_neighbours_of_no_samples(shape):
    nothing = Neighbours(np.zeros(shape), np.zeros(shape, int))
    for pair in ((nothing, FOUND), (FOUND, nothing)):
        with pytest.raises(ShapeError, match="memorisation: expected the distances of"):
            memorisation(*pair)


def test_distances_below_0():
    wrong = Neighbours(-FOUND.distances, FOUND.indices)
    for pair in ((wrong, FOUND), (FOUND, wrong)):
        with pytest.raises(RangeError, match="memorisation: expected distances of .*samples from 0 on, but got -"):
            memorisation(*pair)


@pytest.mark.parametrize("x", NO_NUMBERS, ids=lambda x: type(x).__name__)
def test_what_holds_no_real_numbers(x):
    images, labels = np.zeros((10, 28, 28)), np.arange(10)
    for call in (
        lambda: kl_divergence(x),
        lambda: kl_divergence(np.ones(8), x),
        lambda: caught_modes(x, ring()),
        lambda: stack_digits(x, labels, 3),
        lambda: stack_digits(images, x, 3),
    ):
        with pytest.raises(DTypeError, match="as real numbers, but got"):
            call()


def test_tensors_with_gradients_are_numbers():
    counts = mg.tensor([1.0, 3.0], requires_grad=True)
    assert kl_divergence(counts) == pytest.approx(kl_divergence([1, 3]), rel=1e-6)


@pytest.mark.parametrize("counts", [[1e308, 1e308, 1e308], [1e-320, 1e-320]])
def test_counts_at_the_ends_of_float64_are_counts(counts):
    assert kl_divergence(counts) == pytest.approx(0, abs=1e-12)
