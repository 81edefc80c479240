"""The gradient of an embedding: sums of rows, each for itself, in an order that nothing changes."""

import numpy as np
import pytest
from test_kernels import FAST, SPECIFICATION

BOTH = pytest.mark.parametrize("backend", [SPECIFICATION, FAST], ids=["base", "numpy"])


def drawn(rows, width, n, dtype="float32"):
    random = np.random.default_rng(0)
    return random.normal(size=(n, width)).astype(dtype), random.integers(0, rows, n)


@BOTH
@pytest.mark.parametrize(("rows", "width", "n"), [(10, 3, 64), (3, 2, 1), (1, 4, 33), (50, 1, 7), (4, 2, 0), (7, 0, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_the_sum_of_the_rows_that_were_read(backend, rows, width, n, dtype):
    gy, indices = drawn(rows, width, n, dtype)
    expected = np.zeros((rows, width))
    np.add.at(expected, indices, gy)
    found = backend.embedding_grad(gy, indices, rows)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@BOTH
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_indices_may_be_of_any_shape_and_type(backend, dtype):
    gy = np.arange(12.0).reshape(2, 3, 2)
    indices = np.array([[1, 0, 1], [2, 1, 299 % 256]], dtype)
    found = backend.embedding_grad(gy, indices, 300)
    assert found.shape == (300, 2)
    assert found[:3].tolist() == [[2.0, 3.0], [12.0, 15.0], [6.0, 7.0]]
    assert found[43].tolist() == [10.0, 11.0]
    assert found.sum() == gy.sum()


@BOTH
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_infinity_and_nan_stay_in_their_rows(backend, bad):
    gy, indices = drawn(6, 3, 40)
    clean = backend.embedding_grad(gy, indices, 6)
    gy[17] = bad
    found = backend.embedding_grad(gy, indices, 6)
    others = np.arange(6) != indices[17]
    np.testing.assert_array_equal(found[indices[17]], np.full(3, bad, np.float32))
    np.testing.assert_array_equal(found[others], clean[others])


@BOTH
def test_a_large_table_needs_no_more_memory_than_its_gradient_and_what_is_given(backend):
    gy, indices = drawn(1_000_000, 2, 64)  # one-hot vectors would take a quarter of a gigabyte
    found = backend.embedding_grad(gy, indices, 1_000_000)
    np.testing.assert_allclose(found.sum(0), gy.sum(0), rtol=1e-4)


def test_on_a_gpu_an_index_out_of_range_counts_for_the_row_that_was_read():
    found = SPECIFICATION.embedding_grad(np.ones((3, 1)), np.array([-1, 5, 1]), 4)
    assert found.ravel().tolist() == [0.0, 2.0, 0.0, 1.0]
