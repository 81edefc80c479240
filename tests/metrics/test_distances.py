"""Squared distances by products of matrices, against SciPy's differences, and in blocks that bound the memory."""

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import minigan as mg
from minigan.errors import DTypeError
from minigan.metrics import distances
from minigan.metrics.distances import difference_blocks, distance_blocks, error_bound


def of(x, y):
    """All distances, (N, M)."""
    return np.concatenate([block.numpy() for _, block in distance_blocks(mg.as_tensor(x), mg.as_tensor(y))])


@pytest.mark.parametrize(("n", "m", "width"), [(1, 1, 1), (5, 300, 2), (300, 5, 2), (5000, 3, 7), (20, 5000, 784)])
@pytest.mark.parametrize("chunk", [1, 4000, 32 * 2**20])
def test_distances_are_those_of_the_differences_whatever_the_blocks(monkeypatch, n, m, width, chunk):
    monkeypatch.setattr(distances, "CHUNK", chunk)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (n, width)), rng.normal(0.3, 2, (m, width))
    np.testing.assert_allclose(of(x, y), cdist(x, y, "sqeuclidean"), rtol=1e-10)


def test_far_from_zero_distances_are_as_exact_as_near_it():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(60, 3))
    np.testing.assert_allclose(of(x + 1e6, y + 1e6), cdist(x + 1e6, y + 1e6, "sqeuclidean"), rtol=1e-7)


@pytest.mark.parametrize("chunk", [1, 32 * 2**20])
def test_differences_lose_nothing_where_products_do(monkeypatch, chunk):
    monkeypatch.setattr(distances, "CHUNK", chunk)
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(n, 3)) + 1e9 * rng.integers(0, 2, (n, 1)) for n in (40, 60))
    expected = ((x[:, None] - y) ** 2).sum(2)
    blocks = list(difference_blocks(mg.as_tensor(x), mg.as_tensor(y)))
    assert [rows.start for rows, _ in blocks] == (list(range(40)) if chunk == 1 else [0])
    np.testing.assert_allclose(np.concatenate([block.numpy() for _, block in blocks]), expected, rtol=1e-15)
    assert np.abs(of(x, y) - expected).max() > 1


KINDS = {
    "normal": lambda rng, n, width: rng.normal(size=(n, width)),
    "equal": lambda rng, n, width: np.full((n, width), rng.normal()),
    "in two places": lambda rng, n, width: rng.normal(size=(n, width)) + 1e3 * rng.integers(0, 2, (n, 1)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 2, 64, 2048])
@pytest.mark.parametrize("kind", KINDS)
def test_no_product_is_off_by_more_than_the_bound(kind, width, dtype):
    rng = np.random.default_rng(width)
    x, y = (KINDS[kind](rng, n, width).astype(dtype) for n in (50, 70))
    off = np.abs(of(x, y) - cdist(x.astype(np.longdouble), y.astype(np.longdouble), "sqeuclidean"))
    bound = error_bound(mg.as_tensor(x), mg.as_tensor(y))
    assert (off <= bound[:, None] / 2).all()
    if kind != "equal":
        assert off.max() > bound.max() / 1000


def test_one_far_off_loosens_no_bound_but_its_own():
    x, y = np.random.default_rng(0).normal(size=(2, 50, 3))
    near = error_bound(mg.as_tensor(x), mg.as_tensor(y))
    x[7] = 1e9
    far = error_bound(mg.as_tensor(x), mg.as_tensor(y))
    assert far[7] > 1e10 * near[7]
    np.testing.assert_array_equal(np.delete(far, 7), np.delete(near, 7))


def test_the_blocks_are_all_rows_in_their_order(monkeypatch):
    monkeypatch.setattr(distances, "CHUNK", 3 * 10 * 8)
    x, y = mg.zeros(7, 2, dtype=mg.float64), mg.zeros(10, 2, dtype=mg.float64)
    found = [(rows, block.shape) for rows, block in distance_blocks(x, y)]
    assert found == [(slice(0, 3), (3, 10)), (slice(3, 6), (3, 10)), (slice(6, 7), (1, 10))]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_distances_of_copies_are_0_but_for_rounding_and_never_below(dtype):
    x = np.random.default_rng(0).normal(5, 1, (200, 64)).astype(dtype)
    found = of(x, x)
    assert found.dtype == dtype
    assert found.min() == 0
    assert np.diag(found).max() <= 64 * np.finfo(dtype).eps * (x * x).sum(1).max()  # of sums of 64 products


def test_distances_have_no_gradient():
    x = mg.randn(4, 2).requires_grad_()
    ((_, block),) = distance_blocks(x, x * 2)
    assert not block.requires_grad


def test_two_types_are_refused():
    with pytest.raises(DTypeError):
        list(distance_blocks(mg.zeros(2, 2), mg.zeros(2, 2, dtype=mg.float64)))


def test_memory_is_that_of_a_few_blocks_not_of_all_distances(monkeypatch):
    monkeypatch.setattr(distances, "CHUNK", 2**20)
    x = mg.as_tensor(np.random.default_rng(0).random((3000, 8)))  # 72 MB of distances
    list(distance_blocks(x[:10], x))
    tracemalloc.start()
    for _, block in distance_blocks(x, x):
        assert len(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * 2**20
