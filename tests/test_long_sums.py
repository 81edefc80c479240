"""Sums of very many numbers in float32 keep their digits, whatever way they lie in memory, and are always the same."""

import numpy as np
import pytest
from test_kernels import FAST

import minigan as mg
from minigan.backend.numpy_sum import total


def numbers(*shape):
    return (np.random.default_rng(0).normal(size=shape) + 100).astype(np.float32)


ROWS, SENT = numbers(40_000, 8), numbers(30_001, 3)
IMAGES = numbers(30, 32, 33, 6)
SUMS = {  # values, and the dimensions to sum over
    "rows": (ROWS, (0,)),
    "a number of rows that nothing divides": (SENT, (0,)),
    "long rows": (numbers(3000, 300), (0,)),
    "rows in reverse": (ROWS[::-1], (0,)),
    "every other column": (ROWS[:, ::2], (0,)),
    "columns": (np.ascontiguousarray(ROWS.T), (1,)),
    "rows that lie as columns": (np.ascontiguousarray(ROWS.T).T, (0,)),
    "one row, shown again and again": (np.broadcast_to(ROWS[:1], ROWS.shape), (0,)),
    "one column, shown again and again": (np.broadcast_to(ROWS[:, :1], ROWS.shape), (0,)),
    "one number, shown again and again": (np.broadcast_to(np.float32(0.1), (400_000, 8)), (0,)),
    "in the middle": (ROWS.reshape(2, 20_000, 8), (1,)),
    "of both sides": (ROWS.reshape(20_000, 8, 2), (0, 2)),
    "channels last": (IMAGES.transpose(0, 3, 1, 2), (0, 2, 3)),
    "channels last, cut out": (IMAGES[:, :, :32].transpose(0, 3, 1, 2), (0, 2, 3)),
    "many small images": (numbers(20_000, 3, 2, 2), (0, 2, 3)),
    "dimensions in disorder": (IMAGES, (2, -4)),
    "all": (ROWS, None),
    "all, cut out": (ROWS[:, :5], (0, 1)),
}
every_sum = pytest.mark.parametrize(("x", "dim"), SUMS.values(), ids=SUMS.keys())


@every_sum
@pytest.mark.parametrize("keepdim", [False, True])
def test_the_error_is_a_few_units_in_the_last_place(x, dim, keepdim):
    for name in ("sum", "mean"):
        found = np.asarray(getattr(FAST, name)(x, dim, keepdim))
        expected = getattr(np, name)(x.astype(float), axis=dim, keepdims=keepdim)
        assert (found.dtype, found.shape) == (x.dtype, expected.shape)
        repeated = 0 in x.strides  # equal numbers are all rounded the same way
        np.testing.assert_allclose(found, expected, rtol=8e-6 if repeated else 8e-7)


@every_sum
def test_the_bits_are_the_same_each_time_and_in_out(x, dim):
    found = np.asarray(FAST.sum(x, dim, False))
    out = np.full(found.shape, np.nan, x.dtype)
    assert FAST.sum(x, dim, False, out) is out
    assert found.tobytes() == out.tobytes() == np.asarray(FAST.sum(x, dim, False)).tobytes()


def test_the_gradient_of_a_bias_of_many_rows_is_as_exact():
    bias = mg.zeros(8, requires_grad=True)
    y = mg.zeros((400_000, 8)) + bias
    y.backward(mg.full(y.shape, 0.1))
    np.testing.assert_allclose(bias.grad, 40_000, rtol=1e-6)
    total_of_given = FAST.sum_to(ROWS, (1, 8))
    np.testing.assert_allclose(total_of_given, ROWS.astype(float).sum(0, keepdims=True), rtol=1e-6)


def test_a_small_image_in_a_huge_batch_has_exact_statistics():
    norm = mg.nn.BatchNorm1d(8, momentum=1.0)
    norm(mg.as_tensor(ROWS))
    wide = ROWS.astype(float)
    np.testing.assert_allclose(norm.running_mean.numpy(), wide.mean(0), rtol=1e-6)
    np.testing.assert_allclose(norm.running_var.numpy(), wide.var(0, ddof=1), rtol=1e-5)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_infinity_and_nan_stay_in_their_column(bad):
    x = ROWS.copy()
    x[12_345, 2] = bad
    found = total(x, (0,), False)
    np.testing.assert_array_equal(np.isfinite(found), np.arange(8) != 2)


def test_whole_numbers_are_summed_exactly():
    x = np.full((100_000, 2), 2**40 + 1)
    assert FAST.sum(x, (0,), False).tolist() == [100_000 * (2**40 + 1)] * 2


@pytest.mark.parametrize("dims", [(2, 3), (0, 2, 3)])
@pytest.mark.parametrize("samples", [2, 8])
def test_statistics_of_images_far_from_zero_keep_their_digits_where_channels_lie_last(dims, samples):
    x = (np.random.default_rng(0).standard_normal((samples, 3, 128, 128)) + 1e3).astype(np.float32)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    mean, variance = FAST.moments(last, dims)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(dims, keepdims=True), rtol=5 * np.finfo(np.float32).eps)
    np.testing.assert_allclose(variance, exact.var(dims, keepdims=True), rtol=1e-4)
