"""Infinite and nan gradients reach the places that PyTorch sends them to, and no others."""

import numpy as np
import ops_table
import pytest

import minigan as mg
from minigan.backend.numpy import NumpyBackend

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
CASES = ops_table.cases(kinks=True)
OTHERWISE = {  # entries whose gradients differ, and why
    "bce_grad": "no operation of PyTorch's, but a formula that divides differently",
    "binary_cross_entropy_with_logits, pos_weight": "a sum of two gradients, which may be inf - inf",
    "binary_cross_entropy_with_logits, reduction": "where PyTorch rounds the slope to 0, it has digits left here",
    "leaky_relu_grad": "no operation of PyTorch's, but a formula with a term 0 y",
    "linear, leaky_relu, dropout: gradient": "no operation of PyTorch's, but a formula with a term 0 y",
    "norm_sums": "no operation of PyTorch's, but a formula in which the gradient meets the mean",
    "relu_grad": "no operation of PyTorch's, but a formula with a term 0 y",
    "sigmoid_grad": "no operation of PyTorch's, but a formula that adds up two products",
}


def gradients(lib, grad, entry, arrays, gy):
    xs = ops_table.tensors(entry, arrays, lambda array: (mg if lib is mg else lib).tensor(array.copy()))
    run = entry.run if lib is mg else entry.torch or entry.run
    ys = [y for y in ops_table.outputs(run(lib, *xs)) if y.requires_grad]
    leaves = list({id(x): x for x in xs if x.requires_grad}.values())
    gys = [lib.tensor(np.full(tuple(y.shape), gy)) for y in ys]
    return [np.zeros(x.shape) if gx is None else gx.detach().numpy()
            for x, gx in zip(leaves, grad(ys, leaves, gys, allow_unused=True), strict=True)]  # fmt: skip


def differing(torch, case):
    """Whether PyTorch sends infinity or nan elsewhere."""
    for gy in (np.inf, np.nan):
        found = gradients(mg, mg.grad, *case, gy)
        expected = gradients(torch, torch.autograd.grad, *case, gy)
        for gx, right in zip(found, expected, strict=True):
            if not np.allclose(gx, right, rtol=1e-10, atol=1e-10, equal_nan=True):
                return f"for {gy}: {gx}, but PyTorch has {right}"
    return ""


@pytest.mark.torch
@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith(tuple(OTHERWISE))])
def test_infinity_and_nan_go_where_pytorch_sends_them(torch, name):
    assert not differing(torch, CASES[name])


@pytest.mark.torch
@pytest.mark.parametrize("prefix", OTHERWISE)
def test_an_exception_to_that_is_still_one(torch, prefix):
    assert any(differing(torch, case) for name, case in CASES.items() if name.startswith(prefix))


@pytest.mark.parametrize("f", [mg.relu, mg.sign, lambda x: x**0, lambda x: mg.clamp(x, 0.5), mg.max])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gy", [np.inf, -np.inf, np.nan])
def test_a_slope_of_0_stops_every_gradient(f, dtype, gy):
    x = mg.tensor([-1.0, -2.0, 0.0], dtype=dtype, requires_grad=True)
    y = f(x)
    y.backward(mg.full(y.shape, gy, dtype=dtype))
    assert not x.grad[:2].any()


def test_the_root_of_a_relu_has_a_finite_gradient_where_the_relu_is_flat():
    x = mg.tensor([-1.0, 0.0, 1.0], requires_grad=True)
    x.relu().sqrt().sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.5]


@pytest.mark.parametrize("shape", [(), (7,), (3, 5), (0, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relus_gradient_is_the_gradient_to_the_bit_or_0(shape, dtype):
    random = np.random.default_rng(0)
    gy = np.asarray(random.choice([1.5, -0.0, np.inf, -np.inf, np.nan, 5e-324, -1e30], shape), dtype)
    y = np.asarray(random.choice([0.0, -0.0, 2.0, np.nan, np.inf], shape), dtype)
    expected = np.where(y != 0, gy, np.zeros((), dtype))
    found = NumpyBackend().relu_grad(gy, y)
    assert found.dtype == dtype
    assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()
    strided = NumpyBackend().relu_grad(np.repeat(gy, 2).reshape(*shape, 2)[..., 1], y)
    assert np.asarray(strided).tobytes() == np.asarray(expected).tobytes()
