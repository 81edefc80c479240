"""An optimizer's parameters, gradients and moments are views of one buffer each, whatever their shapes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigan as mg
from minigan.nn import Parameter
from minigan.optim import SGD, Adam


def address(array):
    return array.__array_interface__["data"][0]


@given(
    shapes=st.lists(st.lists(st.integers(0, 9), max_size=3).map(tuple), min_size=1, max_size=8),
    used=st.lists(st.lists(st.booleans(), min_size=8, max_size=8), min_size=1, max_size=4),
    dtype=st.sampled_from(["float32", "float64"]),
)
@settings(deadline=None, max_examples=60, derandomize=True)
def test_any_set_of_shapes_is_laid_out_on_cache_lines_and_follows_adams_formula(shapes, used, dtype):
    rng = np.random.default_rng(0)
    start = [np.asarray(rng.standard_normal(shape), dtype) for shape in shapes]
    parameters = [Parameter(mg.tensor(x)) for x in start]
    optimizer = Adam(parameters, lr=0.1, betas=(0.5, 0.9), eps=1e-3)
    (flat,) = optimizer._flats[0]
    expected, m, v = ([np.asarray(x, np.float64) * k for x in start] for k in (1, 0, 0))
    t = [0] * len(start)
    for step, usage in enumerate(used):
        optimizer.zero_grad()
        assert all(p.grad is None for p in parameters)
        for i, p in enumerate(parameters):
            if not usage[i]:
                continue
            g = np.cos(np.arange(p.numel()) + step).reshape(p.shape)
            (p * mg.tensor(g.astype(dtype))).sum().backward()
            t[i] += 1
            m[i], v[i] = 0.5 * m[i] + 0.5 * g, 0.9 * v[i] + 0.1 * g * g
            m_hat, v_hat = m[i] / (1 - 0.5 ** t[i]), v[i] / (1 - 0.9 ** t[i])  # Kingma and Ba 2015, algorithm 1
            expected[i] = expected[i] - 0.1 * m_hat / (np.sqrt(v_hat) + 1e-3)
        optimizer.step()
        for p, x in zip(parameters, expected, strict=True):
            tolerance = 1e-12 if dtype == "float64" else 2e-5
            np.testing.assert_allclose(p.data, x, rtol=tolerance, atol=tolerance)
    for p, view in zip(parameters, flat.split(flat.data), strict=True):
        assert p.shape == view.shape
        assert np.array_equal(p.data, view)
        assert p.data.flags.c_contiguous
        if p.numel():
            assert address(p.data) % 64 == 0
            assert np.shares_memory(p.data, flat.data)
            assert p.grad is None or np.shares_memory(p.grad, flat.grad)
    whole = sum(int(np.prod(shape)) for shape in shapes)
    for buffer in (flat.data, *flat.moments.values()):  # the gaps stay zero
        assert np.count_nonzero(buffer) <= whole
        assert np.isfinite(buffer).all()


def test_data_and_gradients_of_a_network_are_views_of_one_buffer_each():
    net = mg.nn.Sequential(mg.nn.Linear(5, 3), mg.nn.Tanh(), mg.nn.Linear(3, 1))
    before = net.state_dict()
    Adam(net.parameters())
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())
    net(mg.ones(2, 5)).sum().backward()
    for attribute in ("data", "grad"):
        bases = {id(getattr(p, attribute).base) for p in net.parameters()}
        assert len(bases) == 1
        for p in net.parameters():
            assert address(getattr(p, attribute)) % 64 == 0
    assert not np.shares_memory(net[0].weight.data, net[0].weight.grad)


@pytest.mark.parametrize(
    "make", [lambda w: (w * 2.0).sum(), lambda w: mg.nn.functional.linear(mg.full((1, 3), 2.0), w)]
)
def test_the_first_gradient_after_zero_grad_is_written_and_the_next_added(make):
    w = Parameter(mg.ones(1, 3))
    optimizer = SGD([w], lr=0.1)
    for rounds in range(3):
        optimizer.zero_grad()
        w._grad_buffer[...] = np.nan  # whatever the memory held
        for count in (1, 2, 3):
            make(w).sum().backward()
            assert w.grad.tolist() == [[2.0 * count] * 3], rounds
            assert w.grad is w._grad_buffer


def test_gradients_from_before_the_optimizer_and_assigned_ones_count():
    w = Parameter(mg.ones(2))
    (w * 3.0).sum().backward()
    optimizer = SGD([w], lr=0.1)
    assert w.grad.tolist() == [3.0, 3.0]
    optimizer.step()
    np.testing.assert_allclose(w.data, 0.7, rtol=1e-6)
    w.grad = np.array([1.0, 2.0])
    optimizer.step()
    np.testing.assert_allclose(w.data, [0.6, 0.5], rtol=1e-6)
