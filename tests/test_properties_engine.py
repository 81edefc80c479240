"""Graphs that are deep, wide or folded a thousand times over have exact gradients, of first and second order."""

import numpy as np
import pytest
from drawn_arrays import examples
from hypothesis import given
from hypothesis import strategies as st

import minigan as mg

DEEP = 20_000


def leaf(*values):
    return mg.tensor(values, dtype=mg.float64, requires_grad=True)


def test_20000_operations_in_a_row_are_exact_to_second_order():
    x = leaf(3.0)
    y = x * x
    for i in range(DEEP):
        y = -y if i % 2 else y + x  # y = +-x^2 + ..., of which the second derivative is +-2
    (gx,) = mg.grad(y.sum(), x, create_graph=True)
    (ggx,) = mg.grad(gx.sum(), x)
    assert (gx.item(), ggx.item()) == (6.0 if DEEP % 4 == 0 else -6.0, 2.0 if DEEP % 4 == 0 else -2.0)


@pytest.mark.parametrize("uses", [1, 2, 1000])
def test_a_leaf_used_many_times_gets_the_sum_of_all(uses):
    x = leaf(0.5, -2.0)
    y = sum((x * x) * float(i) for i in range(1, uses + 1))
    y.sum().backward()
    total = uses * (uses + 1) / 2
    assert x.grad.tolist() == [total, -4 * total]
    (gx,) = mg.grad((sum(x * float(i) for i in range(1, uses + 1)) ** 2).sum(), x, create_graph=True)
    (ggx,) = mg.grad(gx.sum(), x)
    assert ggx.tolist() == [2 * total * total] * 2


def test_a_value_used_many_times_gets_the_sum_of_all():
    x = leaf(0.5)
    y = x * 2
    mg.stack([y * float(i) for i in range(1000)]).sum().backward()
    assert x.grad.tolist() == [2 * 1000 * 999 / 2]


@pytest.mark.parametrize("fold", [lambda y: y + y, lambda y: y - -y, lambda y: mg.stack([y, y]).sum(0)])
def test_a_graph_with_2_to_the_60_paths_is_walked_once_for_each_node(fold):
    x = leaf(1.5)
    y = x * x
    for _ in range(60):
        y = fold(y)
    (gx,) = mg.grad(y.sum(), x, create_graph=True)
    (ggx,) = mg.grad(gx.sum(), x)
    assert (gx.item(), ggx.item()) == (3.0 * 2**60, 2.0 * 2**60)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(-2, 2)), max_size=60))
@examples(100)
def test_sums_of_whole_numbers_over_any_graph_are_exact(steps):
    """Of values made by a + n b each is a known multiple of x, and so is its gradient."""
    x = leaf(1.0, -3.0)
    values, multiples = [x], [1]
    for i, j, n in steps:
        i, j = i % len(values), j % len(values)
        if abs(multiples[i] + n * multiples[j]) < 2**40:
            values.append(values[i] + values[j] * n)
            multiples.append(multiples[i] + n * multiples[j])
    total = values[-1] + values[len(values) // 2]
    (gx,) = mg.grad(total.sum(), x)
    assert gx.tolist() == [float(multiples[-1] + multiples[len(values) // 2])] * 2
    np.testing.assert_array_equal(total.detach().numpy(), x.detach().numpy() * gx.numpy())
