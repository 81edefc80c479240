"""What metrics refuse: each error says what was found, how much of it, what was expected and what to do."""

import re

import numpy as np
import pytest
from scipy import ndimage

import minigan as mg
from minigan.errors import ArgumentError, ConfigError, DTypeError, RangeError, ShapeError
from minigan.metrics import checks, load_judge

METRIC = "some_metric"


def refused(error, says):
    """That an error is raised which names the metric and says this."""
    return pytest.raises(error, match=f"^{METRIC}: {re.escape(says)}")


# ---- samples ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64])
def test_rows_of_any_type_of_numbers_pass_as_they_are(dtype):
    points = np.arange(24).reshape(2, 12).astype(dtype)
    found = checks.rows(METRIC, "samples", points)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.numpy(), points)


def test_rows_of_a_tensor_leave_nothing_on_the_tape():
    x = mg.ones(3, 2, requires_grad=True)
    assert not checks.rows(METRIC, "samples", x * 2).requires_grad


@pytest.mark.parametrize("shape", [(), (5,), (0, 3), (3, 0), (5, 1, 28, 28)])
def test_what_is_no_matrix_of_samples_is_refused_with_how_to_make_one(shape):
    with refused(ShapeError, f"expected fakes (N, F), N at least 1, but got shape {shape}. Pass one sample per row"):
        checks.rows(METRIC, "fakes", np.zeros(shape))


def test_too_few_samples_are_refused_with_how_many_there_must_be():
    with refused(ShapeError, "expected at least 1,000 fakes, but got 999. Draw more."):
        checks.rows(METRIC, "fakes", np.zeros((999, 2)), least=1000)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_counted(bad):
    x = np.zeros((5, 4), np.float32)
    x[1], x[3, 2] = bad, bad
    with refused(RangeError, "2 of 5 fakes hold NaN or infinity, expected finite numbers. Find out where"):
        checks.rows(METRIC, "fakes", x)


def test_samples_whose_products_are_infinite_are_refused():
    with refused(RangeError, "fakes reach 1e+101, expected at most 1e+100, so that products of two are numbers."):
        checks.rows(METRIC, "fakes", np.array([[0.0, 1.0], [-0.5, 0.0]]) * 1e101)


@pytest.mark.parametrize("x", ["seven.png", [[1.0, 2.0]], None, np.array([["a"]])])
def test_what_is_no_array_of_numbers_is_refused(x):
    with refused(DTypeError, "expected a tensor or an array of numbers, but got "):
        checks.rows(METRIC, "fakes", x)


def test_a_pair_is_two_sets_in_float64():
    ones, points = np.ones((2, 4), np.float32), np.full((3, 4), 7, np.uint8)
    found = checks.pair(METRIC, ("fakes", ones), ("reals", mg.tensor(points)))
    for x, expected in zip(found, (ones, points), strict=True):
        assert x.dtype == np.float64
        np.testing.assert_array_equal(x.numpy(), expected)


def test_a_pair_of_two_widths_is_refused_with_both():
    with refused(ShapeError, "expected fakes and reals of one width, but got 64 and 784 numbers for each. Pass both"):
        checks.pair(METRIC, ("fakes", np.zeros((5, 64))), ("reals", np.zeros((5, 784))))


# ---- images ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_from_minus_1_to_1_pass_as_they_are(dtype):
    images = np.linspace(-1, 1, 18, dtype=dtype).reshape(2, 1, 3, 3)
    found = checks.images(METRIC, images)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.numpy(), images)


@pytest.mark.parametrize("low_high", [(0, 1), (0, 0.8), (0.2, 1)])
def test_pixels_of_0_to_1_are_recognised_and_the_error_says_how_to_scale_them(low_high):
    images = np.linspace(*low_high, 18).reshape(2, 1, 3, 3)
    low, high = low_high
    says = f"expected fakes of pixels from -1 to 1, but {low} to {high} looks like [0, 1]. Scale them with 2"
    with refused(RangeError, says):
        checks.require_not_unit_range(METRIC, "fakes", mg.tensor(images))


@pytest.mark.parametrize("low_high", [(0, 0), (1, 1), (0.9, 1), (0, 0.5), (-0.16, 1)])
def test_pixels_that_only_happen_to_be_positive_pass(low_high):
    checks.require_not_unit_range(METRIC, "fakes", mg.tensor(np.linspace(*low_high, 18).reshape(2, 1, 3, 3)))


@pytest.mark.parametrize(
    "made",
    [
        lambda x: ndimage.zoom(x, (1, 1, 2, 2), order=3),
        lambda x: ndimage.rotate(x, 15, axes=(2, 3), order=3),
        lambda x: ndimage.shift(x, (0, 0, 0.5, 0.5), order=3),
        lambda x: x - 0.001 * (x == x.max()),
        lambda x: np.where(np.arange(x.size).reshape(x.shape) == 5, -0.001, x),
    ],
    ids=["resized", "turned", "moved", "not quite 1", "one pixel below 0"],
)
def test_digits_of_0_to_1_are_recognised_when_splines_overshoot_or_a_pixel_is_off(made):
    digits = made(mg.data.load_mnist("test")[0][:100, None] / 255).clip(-1, 1)
    right = (2 * digits - 1).clip(-1, 1)
    says = "expected fakes of pixels from -1 to 1, but"
    with refused(RangeError, says):
        checks.require_not_unit_range(METRIC, "fakes", mg.tensor(digits))
    for pair in ((("fakes", digits), ("real", right)), (("real", right), ("fakes", digits))):
        with refused(RangeError, says):
            checks.alike(METRIC, *pair)
    checks.require_not_unit_range(METRIC, "fakes", mg.tensor(right))
    checks.alike(METRIC, ("fakes", right), ("real", right))


def test_pixels_that_rounding_carries_beyond_1_pass():
    images = np.linspace(-1 - 2e-7, 1 + 2e-7, 18, dtype=np.float32).reshape(2, 1, 3, 3)
    assert abs(images).max() > 1
    np.testing.assert_array_equal(checks.images(METRIC, images).numpy(), images)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1.001, 1), (-1, 1.001), (-1, 1e30)])
def test_pixels_outside_minus_1_to_1_are_refused_with_their_range(low, high):
    with refused(RangeError, f"expected pixels from -1 to 1, but got {low} to {high:.7g}. Scale or clamp them."):
        checks.images(METRIC, np.linspace(low, high, 18).reshape(2, 1, 3, 3))


def test_bytes_and_other_shapes_are_refused_as_images():
    with refused(DTypeError, "expected floats from -1 to 1, but got uint8. Scale bytes x as x / 127.5 - 1."):
        checks.images(METRIC, np.zeros((2, 1, 3, 3), np.uint8))
    for shape in [(2, 3, 3), (2, 9), (0, 1, 3, 3)]:
        with refused(ShapeError, f"expected images (N, C, H, W), but got shape {shape}."):
            checks.images(METRIC, np.zeros(shape))


def test_images_with_nan_are_counted():
    images = np.zeros((7, 1, 3, 3))
    images[2, 0, 1, 1] = np.nan
    with refused(RangeError, "1 of 7 images hold NaN or infinity"):
        checks.images(METRIC, images)


def test_a_judge_says_how_to_scale_bytes_and_what_to_do_with_float64():
    digits = np.random.default_rng(0).integers(0, 256, (3, 1, 28, 28), np.uint8)
    with pytest.raises(DTypeError, match=r"got uint8. Pass \(x / 127.5 - 1\).astype\(np.float32\)\."):
        load_judge().probabilities(digits)
    with pytest.raises(DTypeError, match=r"got float64. Pass x.astype\(np.float32\)\."):
        load_judge().probabilities(digits / 127.5 - 1)
    assert load_judge().probabilities((digits / 127.5 - 1).astype(np.float32)).shape == (3, 10)


def test_a_judge_recognises_pixels_of_0_to_1_and_counts_images_with_nan():
    images = np.random.default_rng(0).random((9, 1, 28, 28), np.float32)
    with pytest.raises(RangeError, match=r"^Judge: .* looks like \[0, 1\]\. Scale them with 2 \* x - 1\."):
        load_judge().probabilities(images)
    images[[0, 4], 0, 5, 5] = np.nan
    with pytest.raises(RangeError, match="^Judge: 2 of 9 images hold NaN"):
        load_judge().probabilities(images)


# ---- probabilities and whole numbers ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_of_a_softmax_pass_in_float64(dtype):
    logits = np.random.default_rng(0).normal(0, 30, (500, 10)).astype(dtype)
    p = mg.as_tensor(logits).softmax(1)
    found = checks.probabilities(METRIC, p)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found.numpy(), p.numpy())


@pytest.mark.parametrize("shape", [(5,), (0, 10), (5, 1), (2, 5, 10)])
def test_probabilities_of_another_shape_are_refused(shape):
    with refused(ShapeError, "expected probabilities (N, K)"):
        checks.probabilities(METRIC, np.ones(shape))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ([0.5, 0.6], "1 of 3 rows do not add up to 1, expected probabilities. Make probabilities of logits x by"),
        ([0.5, 0.4998], "1 of 3 rows do not add up to 1"),
        ([-0.5, 1.5], "1 of 3 rows hold numbers below 0"),
        ([np.nan, 1.0], "1 of 3 rows of probabilities hold NaN or infinity"),
    ],
)
def test_rows_that_are_no_probabilities_are_counted(row, says):
    with refused(RangeError, says):
        checks.probabilities(METRIC, np.array([[0.5, 0.5], row, [0.0, 1.0]]))


@pytest.mark.parametrize("value", [1, 9, np.int64(4), mg.tensor(4)])
def test_a_whole_number_within_its_bounds_passes_as_an_int(value):
    assert type(checks.whole_from(METRIC, "k", value, 1, 9)) is int
    assert checks.whole_from(METRIC, "k", value, 1) == value


@pytest.mark.parametrize("value", [0, 10, -3])
def test_a_whole_number_outside_its_bounds_is_refused_with_what_sets_them(value):
    with refused(ConfigError, f"expected k from 1 to 9 (there are 10 samples), but got {value}. Choose another k."):
        checks.whole_from(METRIC, "k", value, 1, 9, "there are 10 samples")


def test_a_number_without_an_upper_bound_is_refused_below_the_lower_one():
    with refused(ConfigError, "expected seed of at least 0, but got -1. Choose another seed."):
        checks.whole_from(METRIC, "seed", -1, 0)


@pytest.mark.parametrize("value", [2.5, "3", None, True])
def test_what_is_no_whole_number_is_refused(value):
    with refused(ArgumentError, "expected k to be a whole number"):
        checks.whole_from(METRIC, "k", value, 1)
