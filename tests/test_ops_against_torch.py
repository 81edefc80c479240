"""Every operation's value, gradient and second-order gradient are PyTorch's, in float64, at kinks and ties too."""

import numpy as np
import ops_table
import pytest

import minigan as mg

pytestmark = pytest.mark.torch
CASES = ops_table.cases(kinks=True)


def weights(y, salt):
    """Fixed numbers of y's shape, to make a scalar of it that treats no element like another."""
    return np.cos(np.arange(int(np.prod(y.shape))).reshape(tuple(y.shape)) * 1.7 + salt)


def derivatives(run, xs, grad, constant, host):
    """The values of run(*xs), the gradients of a weighted sum of them, and those of a weighted sum of these."""
    required = list({id(x): x for x in xs if x.requires_grad}.values())
    ys = ops_table.outputs(run(*xs))
    first = grad(sum((y * constant(weights(y, i))).sum() for i, y in enumerate(ys)), required, True)
    first = [x * 0.0 if gx is None else gx for x, gx in zip(required, first, strict=True)]
    total = sum((gx * gx * constant(weights(gx, i))).sum() for i, gx in enumerate(first))
    second = grad(total, required, False) if total.requires_grad else [None] * len(required)
    second = [x * 0.0 if gx is None else gx for x, gx in zip(required, second, strict=True)]
    return [host(z.detach()) for z in (*ys, *first, *second)]


def ours(entry, arrays):
    def grad(y, xs, create_graph):
        return mg.grad(y, xs, create_graph=create_graph, allow_unused=True)

    xs = ops_table.tensors(entry, arrays, mg.as_tensor)
    return derivatives(lambda *xs: entry.run(mg, *xs), xs, grad, mg.as_tensor, lambda y: y.numpy())


def theirs(torch, entry, arrays):
    def grad(y, xs, create_graph):
        return torch.autograd.grad(y, xs, create_graph=create_graph, allow_unused=True)

    xs = ops_table.tensors(entry, arrays, lambda array: torch.tensor(array.copy()))
    run = entry.torch or entry.run
    return derivatives(lambda *xs: run(torch, *xs), xs, grad, torch.tensor, lambda y: y.numpy(force=True))


@pytest.mark.parametrize(("entry", "arrays"), CASES.values(), ids=CASES.keys())
def test_value_gradient_and_second_order_gradient(torch, entry, arrays):
    for y, expected in zip(ours(entry, arrays), theirs(torch, entry, arrays), strict=True):
        assert y.shape == expected.shape
        assert y.dtype == expected.dtype == np.float64
        np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-10)


# ---- what has no gradient, or is not made of float64 -----------------------------------------------------

COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"]
EDGES = np.array([-np.inf, -1.0, -0.0, 0.0, 1.0, np.inf, np.nan])


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(torch, name):
    x1, x2 = EDGES[:, None], EDGES
    expected = getattr(torch, name)(torch.tensor(x1), torch.tensor(x2)).numpy()
    assert (getattr(mg, name)(mg.tensor(x1), mg.tensor(x2)).numpy() == expected).all()


@pytest.mark.parametrize("name", ["isfinite", "abs", "relu", "neg", "square"])
def test_infinities_and_nans(torch, name):
    expected = getattr(torch, name)(torch.tensor(EDGES)).numpy()
    np.testing.assert_array_equal(getattr(mg, name)(mg.tensor(EDGES)).numpy(), expected)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "exp", "expm1", "softplus", "logsigmoid"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saturating_functions_are_exact_far_from_zero(torch, name, dtype):
    x = np.array([-1e4, -745.0, -100.0, -30.0, -1e-6, 0.0, 1e-6, 30.0, 80.0], dtype)

    def lib(lib):
        return getattr(lib, name, None) or getattr(lib.nn.functional, name)

    with np.errstate(under="ignore"):
        y = lib(mg)(mg.tensor(x)).numpy()
    expected = lib(torch)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(y, expected, rtol=20 * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny)


@pytest.mark.parametrize("options", [{}, {"dim": 0}, {"dim": -1}, {"dim": 1, "keepdim": True}])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_place_of_an_extreme_value(torch, name, options):
    x = np.array([[1.0, 3.5, 3.0], [4.0, 1.5, 0.5], [0.0, 2.5, 2.0]])
    y, expected = getattr(mg, name)(mg.tensor(x), **options), getattr(torch, name)(torch.tensor(x), **options)
    assert y.dtype == np.int64
    assert y.shape == tuple(expected.shape)
    assert (y.numpy() == expected.numpy()).all()


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_over_a_dimension_are_named_values_and_indices(torch, name):
    x = np.array([[1.0, 3.0, 2.0], [5.0, 4.0, 6.0]])
    found, expected = getattr(mg.tensor(x), name)(1), getattr(torch.tensor(x), name)(1)
    assert (found.values.numpy() == expected.values.numpy()).all()
    assert (found.indices.numpy() == expected.indices.numpy()).all()


@pytest.mark.parametrize("arguments", [(5,), (2, 7), (1, 10, 3), (0, 1, 0.1), (5.0,), (3, 0, -1), (0,)])
def test_arange(torch, arguments):
    y, expected = mg.arange(*arguments), torch.arange(*arguments)
    assert str(expected.dtype) == f"torch.{y.dtype}"
    np.testing.assert_allclose(y.numpy(), expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("wrong", [
    lambda lib, x: x.flatten(2, 1),
    lambda lib, x: x.reshape(5, 5),
    lambda lib, x: x.permute(0, 1),
    lambda lib, x: x.permute(0, 1, 1),
    lambda lib, x: x.transpose(0, 3),
    lambda lib, x: x.unsqueeze(5),
    lambda lib, x: x.expand(5, 3, 4),
    lambda lib, x: x.sum(dim=3),
    lambda lib, x: x.sum(dim=(0, 0)),
    lambda lib, x: x + lib.zeros(5),
    lambda lib, x: x @ lib.zeros(5, 2),
    lambda lib, x: x @ lib.zeros(()),
    lambda lib, x: lib.cat([x, lib.zeros(2, 3, 5)]),
    lambda lib, x: lib.cat([]),
    lambda lib, x: lib.stack([x, lib.zeros(2, 3, 5)]),
    lambda lib, x: lib.stack([]),
    lambda lib, x: x.split([1, 2], 1) and x.split([1, 1], 1),
    lambda lib, x: x.split(-1),
    lambda lib, x: x.chunk(0),
    lambda lib, x: x.amax(dim=7),
    lambda lib, x: x[:0].amax(dim=0),
    lambda lib, x: lib.nn.functional.linear(x, lib.zeros(2, 3)),
    lambda lib, x: lib.nn.functional.binary_cross_entropy(x, lib.zeros(5, 3, 4)),
    lambda lib, x: x.squeeze(3),
])  # fmt: skip
def test_what_pytorch_refuses_for_its_shape_is_refused_with_a_named_error(torch, wrong):
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        wrong(torch, torch.zeros(2, 3, 4))
    with pytest.raises(mg.ShapeError, match=r"\w+"):
        wrong(mg, mg.zeros(2, 3, 4))
