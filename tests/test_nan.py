"""Nan, infinities and zeros give the values, indices and gradients that PyTorch gives, and no warning."""

import subprocess
import sys

import numpy as np
import pytest

import minigan as mg

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::RuntimeWarning")]
nan, inf = np.nan, np.inf
EDGES = np.array([nan, inf, -inf, 0.0, -0.0, 1.0, -2.0, 30.0])
LEFT, RIGHT = (side.ravel() for side in np.meshgrid(EDGES, EDGES))
ROWS = np.array([[-inf, -inf, -inf], [inf, 1.0, 2.0], [nan, 1.0, nan], [-inf, 0.0, 1.0], [1e4, 1e4, -1e4], [0, 0, 0]])
INTO = np.cos(np.arange(EDGES.size**2))  # what gradients begin with: no two alike


def outcome(lib, f, arrays, grad):
    """The values of f, and the gradient of each array, or None."""
    make = mg.tensor if lib is mg else lib.tensor
    xs = [make(x).requires_grad_() for x in arrays]
    ys = f(lib, *xs)
    ys = ys if isinstance(ys, tuple) else (ys,)
    y = ys[0]
    gxs = grad(y, xs, make(INTO[: y.numel()].reshape(tuple(y.shape))))
    return [None if z is None else z.detach().numpy() for z in (*ys, *gxs)]


def assert_alike(torch, f, *arrays):
    expected = outcome(torch, f, arrays, lambda y, xs, gy: torch.autograd.grad(y, xs, gy, allow_unused=True))
    found = outcome(mg, f, arrays, lambda y, xs, gy: mg.grad(y, xs, gy, allow_unused=True))
    for y, expected_y in zip(found, expected, strict=True):
        np.testing.assert_allclose(y, expected_y, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", ["abs", "sign", "relu", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log",
                                  "log1p", "sin", "cos", "tanh", "sigmoid", "neg"])  # fmt: skip
def test_functions_of_one_value(torch, name):
    assert_alike(torch, lambda lib, x: getattr(lib, name)(x), EDGES)


@pytest.mark.parametrize("name", ["softplus", "logsigmoid", "leaky_relu"])
def test_activations(torch, name):
    assert_alike(torch, lambda lib, x: getattr(lib.nn.functional, name)(x), EDGES)


@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0, 2.0, -1.0])
def test_leaky_relu_of_each_slope(torch, slope):
    assert_alike(torch, lambda lib, x: lib.nn.functional.leaky_relu(x, slope), EDGES)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "pow", "maximum", "minimum"])
def test_functions_of_two_values(torch, name):
    assert_alike(torch, lambda lib, x, y: getattr(lib, name)(x, y), LEFT, RIGHT)


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, -0.5, nan])
def test_powers_with_a_number_as_the_exponent(torch, exponent):
    assert_alike(torch, lambda lib, x: x**exponent, EDGES)


@pytest.mark.parametrize("base", [0.0, 1.0, 2.5])
def test_powers_of_a_number(torch, base):
    assert_alike(torch, lambda lib, x: base**x, EDGES)


@pytest.mark.parametrize("bounds", [{"min": -1}, {"max": 1.0}, {"min": 1.0, "max": -1.0}, {"min": -inf, "max": 0.0}])
def test_clamp_between_numbers(torch, bounds):
    assert_alike(torch, lambda lib, x: lib.clamp(x, **bounds), EDGES)


def test_clamp_between_tensors(torch):
    assert_alike(torch, lambda lib, x, low: lib.clamp(x, low), LEFT, RIGHT)
    assert_alike(torch, lambda lib, x, high: lib.clamp(x, max=high), LEFT, RIGHT)
    assert_alike(torch, lambda lib, x, low, high: lib.clamp(x, low, high), np.zeros(64), LEFT, RIGHT)


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min", "softmax", "log_softmax", "logsumexp", "sum", "mean",
                                  "var", "std"])  # fmt: skip
def test_along_rows(torch, name):
    assert_alike(torch, lambda lib, x: tuple(y) if isinstance(y := getattr(lib, name)(x, 1), tuple) else y, ROWS)


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin"])
def test_the_extreme_of_all(torch, name):
    for row in ROWS:
        assert_alike(torch, lambda lib, x: getattr(lib, name)(x), row)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_place_of_an_extreme(torch, name):
    for options in ({}, {"dim": 1}, {"dim": 0, "keepdim": True}):
        found, expected = getattr(mg.tensor(ROWS), name)(**options), getattr(torch.tensor(ROWS), name)(**options)
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("p", [1, 2, "fro", 3, inf, -inf, 0.5, 1.5])
def test_norms_of_rows(torch, p):
    assert_alike(torch, lambda lib, x: lib.norm(x, p, dim=1), np.array([[0.0, 0.0], [0.0, 2.0], [3.0, -4.0]]))


@pytest.mark.parametrize("p", [1, 2, 3, inf, 1.5, 0])
def test_the_gradient_of_a_length_of_0_is_0_to_second_order_too(p):
    x = mg.zeros(2, 3, requires_grad=True)
    (gx,) = mg.grad(x.norm(p, dim=1).sum(), x, create_graph=True)
    (ggx,) = mg.grad((gx * gx).sum() + gx.sum(), x)
    assert not gx.detach().numpy().any()
    assert not ggx.numpy().any()


def test_the_second_derivative_of_std_is_finite_where_it_is_0():
    x = mg.ones(3, requires_grad=True)
    (gx,) = mg.grad(x.std(), x, create_graph=True)
    assert mg.grad(gx.sum(), x)[0].tolist() == [0.0, 0.0, 0.0]


PROGRAM = """
import minigan as mg
x = mg.tensor([0.0, -1.0, float("inf")], requires_grad=True)
for f in (mg.log, mg.sqrt, mg.reciprocal, mg.rsqrt, mg.exp, lambda x: x / x, lambda x: x - x,
          lambda x: (x * -1e38).sum(), lambda x: x.mean(), lambda x: x.var(), lambda x: x[:0].mean(),
          lambda x: x.amax() - x.amin(), lambda x: x @ x, lambda x: x.softmax(0), lambda x: x.norm(),
          lambda x: x**-1, lambda x: 0.0**x, lambda x: (x[:, None] * x).std(0), lambda x: (x[:, None] * x).sum()):
    f(x).sum().backward()
"""


def test_no_warning_comes_from_values_that_are_not_finite():
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
