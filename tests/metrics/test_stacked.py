"""Stacked MNIST: images are what their classes say, counts are those of a loop, and real digits have all classes."""

import math

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan.errors import ConfigError, DataError, DTypeError, RangeError, ShapeError
from minigan.metrics import Judge, load_judge, stack_digits, stacked_modes
from minigan.metrics.divergence import kl_divergence

N = 26_000  # of the protocol
LABELS = np.arange(40) % 10
DIGITS = (LABELS[:, None, None] * np.ones((1, 28, 28))).astype(np.uint8)  # whose every pixel says what they show


class Reader(Judge):
    """A judge that reads the digit off the pixels of `pictures`."""

    def __init__(self):
        super().__init__(None, 1.0, "")

    def logits(self, images):
        return np.eye(10)[np.rint(images.numpy()[:, 0, 0, 0] * 10).astype(int)]


def pictures(*classes):
    """Images (N, 3, 28, 28) of such classes, to be shown to a Reader."""
    digits = np.array([[int(digit) for digit in f"{number:03}"] for number in classes], np.float32)
    return np.broadcast_to(digits[:, :, None, None] / 10, (len(classes), 3, 28, 28))


# ---- the data set ------------------------------------------------------------------------------------------


def test_each_colour_shows_the_digit_that_its_class_says():
    images, classes = stack_digits(DIGITS, LABELS, 500)
    assert (images.shape, images.dtype, classes.dtype) == ((500, 3, 28, 28), np.uint8, np.int64)
    for image, number in zip(images, classes, strict=True):
        assert f"{number:03}" == "".join(str(colour[0, 0]) for colour in image)
        assert (image == image[:, :1, :1]).all()


def test_images_of_one_channel_and_floats_are_stacked_alike():
    expected, classes = stack_digits(DIGITS, LABELS, 50)
    images, again = stack_digits(DIGITS[:, None].astype(np.float32), LABELS.astype(np.uint8), 50)
    assert images.dtype == np.float32
    assert (images == expected).all()
    assert (again == classes).all()


def test_the_seed_decides():
    first, again, other = (stack_digits(DIGITS, LABELS, 50, seed)[1] for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_colours_are_drawn_independently_of_each_other():
    classes = stack_digits(DIGITS[:, :1, :1], LABELS, 100_000)[1]
    assert stats.chisquare(np.bincount(classes, minlength=1000)).pvalue > 1e-3


# ---- the count ---------------------------------------------------------------------------------------------


def test_counts_and_divergence_are_those_of_a_loop_and_of_scipy():
    classes = [7, 7, 123, 999, 0, 7]
    counts = [classes.count(number) for number in range(1000)]
    found = stacked_modes(pictures(*classes), Reader())
    assert (found.modes, found.of, found.counts.tolist()) == (4, 1000, counts)
    assert found.kl == pytest.approx(stats.entropy(counts, [0.001] * 1000), rel=1e-12)


def test_a_collapsed_sampler_has_one_mode_and_a_divergence_of_the_log_of_a_thousand():
    found = stacked_modes(pictures(*[451] * 30), Reader())
    assert (found.modes, found.counts[451]) == (1, 30)
    assert found.kl == pytest.approx(math.log(1000), rel=1e-14)


def test_a_sampler_of_every_class_alike_has_a_divergence_of_zero():
    found = stacked_modes(pictures(*range(1000)), Reader())
    assert found.modes == 1000
    assert found.kl == pytest.approx(0, abs=1e-14)


def test_a_sampler_that_repeats_one_digit_in_all_colours_has_ten_modes():
    found = stacked_modes(pictures(*range(0, 1000, 111)), Reader())
    assert (found.modes, np.flatnonzero(found.counts).tolist()) == (10, list(range(0, 1000, 111)))


# ---- calibration with real digits --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_real_digits_have_all_classes_and_the_divergence_of_their_number(seed):
    images, labels = mg.data.load_mnist("test")
    counts = np.bincount(stack_digits(images[:, :1, :1], labels, N, seed)[1], minlength=1000)
    assert np.count_nonzero(counts) == 1000
    assert 0.020 <= kl_divergence(counts) <= 0.030


@pytest.mark.slow
@pytest.mark.parametrize("which", ["selection", "report"])
def test_each_judge_finds_all_classes_in_real_digits(which):
    stacked, _ = stack_digits(*mg.data.load_mnist("test"), N)
    found = stacked_modes(mg.data.gather_pixels(stacked, np.arange(N)), load_judge(which))
    assert found.modes == 1000
    assert 0.020 <= found.kl <= 0.030


def test_a_judge_reads_real_digits():
    stacked, classes = stack_digits(*mg.data.load_mnist("test"), 60)
    found = stacked_modes(mg.data.gather_pixels(stacked, np.arange(60)), load_judge("report"))
    assert np.abs(found.counts - np.bincount(classes, minlength=1000)).sum() <= 2 * 4  # wrong in at most 4 images


# ---- bad input ---------------------------------------------------------------------------------------------


def test_labels_that_lack_a_digit_are_refused_and_the_digit_named():
    few = (LABELS != 3) & (LABELS != 8)
    with pytest.raises(DataError, match=r"no image is labelled \[3, 8\], expected all ten digits"):
        stack_digits(DIGITS[few], LABELS[few], 5)


def test_labels_that_begin_elsewhere_are_not_told_as_a_missing_digit():
    with pytest.raises(DataError, match=r"expected labels from 0 to 9, but found \[-1\]"):
        stack_digits(DIGITS, LABELS.astype(int) - 1, 5)


def test_a_colour_in_another_range_is_refused():
    digits, labels = mg.data.load_mnist("test")
    images = mg.data.gather_pixels(stack_digits(digits, labels, 6)[0], np.arange(6))
    images[:, 1] = images[:, 1] / 2 + 0.5
    with pytest.raises(RangeError, match=r"looks like \[0, 1\]"):
        stacked_modes(images, load_judge("report"))


def test_labels_that_are_no_digits_are_refused():
    with pytest.raises(DataError, match=r"expected labels from 0 to 9, but found \[10, 11\]"):
        stack_digits(DIGITS[:12], np.arange(12), 5)


@pytest.mark.parametrize("shape", [(40, 28), (40, 3, 28, 28), (40,)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"expected images \(N, H, W\) or \(N, 1, H, W\)"):
        stack_digits(np.zeros(shape), LABELS, 5)


def test_another_number_of_labels_is_refused():
    with pytest.raises(ShapeError, match=r"a label for each of the 40 images, but got labels of shape \(39,\)"):
        stack_digits(DIGITS, LABELS[1:], 5)


def test_settings_that_make_no_sense_are_refused():
    for settings, message in (
        ({"n": 0}, "expected n of at least 1"),
        ({"n": 5, "seed": -1}, "expected seed of at least 0"),
        ({"n": 10**15}, "too little memory"),
    ):
        with pytest.raises(ConfigError, match=message):
            stack_digits(DIGITS, LABELS, **settings)


@pytest.mark.parametrize("shape", [(0, 3, 28, 28), (5, 1, 28, 28), (5, 3, 32, 32), (5, 2352)])
def test_samples_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"stacked_modes: expected images \(N, 3, 28, 28\)"):
        stacked_modes(np.zeros(shape, np.float32), Reader())


def test_samples_that_no_judge_takes_are_refused():
    for images, error in ((np.zeros((2, 3, 28, 28)), DTypeError), (np.full((2, 3, 28, 28), 2, np.float32), RangeError)):
        with pytest.raises(error, match="Judge: expected"):
            stacked_modes(images, load_judge())
