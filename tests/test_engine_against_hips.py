"""Random programs give HIPS autograd's values, gradients and second-order gradients.

A program is drawn as a list of instructions over a growing list of values; any earlier value may be used again, so
that gradients meet from several sides. The same list then runs in minigan and on autograd's NumPy.
"""

import math

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigan as mg

SHAPES = [(), (1,), (3,), (2, 3), (2, 1), (1, 3), (3, 2), (3, 3), (2, 1, 3), (2, 2, 3), (0, 3)]

# ---- operations, in minigan and in autograd: smooth, and small for small numbers --------------------------

UNARY = {
    "neg": (lambda x: -x, lambda x: -x),
    "sin": (mg.sin, anp.sin),
    "cos": (mg.cos, anp.cos),
    "tanh": (mg.tanh, anp.tanh),
    "sigmoid": (mg.sigmoid, lambda x: 1 / (1 + anp.exp(-x))),
    "softplus": (mg.nn.functional.softplus, lambda x: anp.logaddexp(0.0, x)),
    "exp": (lambda x: mg.exp(-x * x), lambda x: anp.exp(-x * x)),
    "expm1": (lambda x: mg.expm1(mg.tanh(x)), lambda x: anp.expm1(anp.tanh(x))),
    "log": (lambda x: mg.log(x * x + 0.5), lambda x: anp.log(x * x + 0.5)),
    "log1p": (lambda x: mg.log1p(x * x), lambda x: anp.log1p(x * x)),
    "sqrt": (lambda x: mg.sqrt(1 + x * x), lambda x: anp.sqrt(1 + x * x)),
    "rsqrt": (lambda x: mg.rsqrt(1 + x * x), lambda x: 1 / anp.sqrt(1 + x * x)),
    "reciprocal": (lambda x: mg.reciprocal(2 + mg.sin(x)), lambda x: 1 / (2 + anp.sin(x))),
    "square": (lambda x: mg.square(x) * 0.5, lambda x: x * x * 0.5),
    "cube": (lambda x: 0.1 * x**3, lambda x: 0.1 * x**3),
    "power of e": (lambda x: 2.0 ** mg.tanh(x), lambda x: 2.0 ** anp.tanh(x)),
    "mean": (lambda x: x - x.mean() if x.numel() else x, lambda x: x - anp.mean(x) if x.size else x),
}
BINARY = {
    "add": (lambda x, y: x + y, lambda x, y: x + y),
    "sub": (lambda x, y: x - y, lambda x, y: x - y),
    "mul": (lambda x, y: x * y, lambda x, y: x * y),
    "div": (lambda x, y: x / (1.5 + mg.cos(y)), lambda x, y: x / (1.5 + anp.cos(y))),
    "pow": (lambda x, y: mg.sigmoid(x) ** mg.tanh(y), lambda x, y: (1 / (1 + anp.exp(-x))) ** anp.tanh(y)),
    "where": (lambda x, y: mg.where(x > 0.1, x * y, y + 0.1 * x), lambda x, y: anp.where(x > 0.1, x * y, y + 0.1 * x)),
}  # fmt: skip
OTHER = {
    "matmul": (lambda x, y: x @ y, anp.matmul),
    "sum": (lambda x, dim, keep: x.sum(dim, keep), lambda x, dim, keep: anp.sum(x, axis=dim, keepdims=keep)),
    "reshape": (lambda x, shape: x.reshape(shape), lambda x, shape: anp.reshape(x, shape)),
    "permute": (lambda x, dims: x.permute(*dims), anp.transpose),
    "getitem": (lambda x, index: x[index], lambda x, index: x[index]),
    "cat": (lambda x, y, dim: mg.cat([x, y], dim), lambda x, y, dim: anp.concatenate([x, y], dim)),
    "expand": (lambda x, shape: x.expand(*shape), lambda x, shape: x * anp.ones(shape)),
}
OPERATIONS = {**UNARY, **BINARY, **OTHER}
OURS, THEIRS = 0, 1


# ---- drawing a program -----------------------------------------------------------------------------------


def broadcast(*shapes):
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def matmul_shape(a, b):
    """The shape of the product, or None; autograd's second derivatives know products of matrices only."""
    if len(a) != 2 or len(b) != 2 or a[-1] != b[0]:
        return None
    return (a[0], b[1])


def indices(shape):
    """Some indices for an array of this shape: numbers, slices, new axes, and places named twice."""
    n = shape[0]
    yield (Ellipsis, None)
    yield (slice(None, None, -1),)
    yield (slice(0, 1),)
    if n:
        yield (n - 1,)
        yield ([0, n - 1, 0],)


def choices(shapes, i):
    """All instructions whose first operand is value number i: (operation, operands, settings, shape of the result)."""
    x = shapes[i]
    found = [(name, (i,), (), x) for name in UNARY]
    for j, y in enumerate(shapes):
        if broadcast(x, y) is not None:
            found += [(name, (i, j), (), broadcast(x, y)) for name in BINARY]
        if matmul_shape(x, y):
            found.append(("matmul", (i, j), (), matmul_shape(x, y)))
        if x and len(x) == len(y) and x[:-1] == y[:-1]:
            found.append(("cat", (i, j), (len(x) - 1,), (*x[:-1], x[-1] + y[-1])))
    for dim in range(len(x)):
        found.append(("sum", (i,), (dim, False), (*x[:dim], *x[dim + 1 :])))
        found.append(("sum", (i,), (dim, True), (*x[:dim], 1, *x[dim + 1 :])))
    found += [("reshape", (i,), (shape,), shape) for shape in ((math.prod(x),), (1, *x))]
    found.append(("permute", (i,), (tuple(reversed(range(len(x)))),), tuple(reversed(x))))
    found.append(("expand", (i,), ((2, *x),), (2, *x)))
    if x:
        found += [("getitem", (i,), (index,), np.empty(x)[index].shape) for index in indices(x)]
    return found


@st.composite
def programs(draw, name):
    """Shapes of the inputs, and instructions, of which the first is the operation of this name."""
    inputs = [(3, 3), *draw(st.lists(st.sampled_from(SHAPES), max_size=2))]  # of (3, 3) every operation can be had
    shapes, program = list(inputs), []
    for step in range(draw(st.integers(2, 8))):
        at_hand = [choice for i in range(len(shapes)) for choice in choices(shapes, i) if step or choice[0] == name]
        kind = draw(st.sampled_from(sorted({choice[0] for choice in at_hand}))) if step else name
        _, operands, options, shape = draw(st.sampled_from([choice for choice in at_hand if choice[0] == kind]))
        if math.prod(shape) <= 64:
            program.append((kind, operands, options))
            shapes.append(shape)
    return inputs, program


def run(program, values, side):
    """All values, inputs included, in the order in which they came to be."""
    values = list(values)
    for name, operands, options in program:
        values.append(OPERATIONS[name][side](*[values[i] for i in operands], *options))
    return values


def fixed(shape, salt):
    """Fixed numbers that treat no element like another."""
    return np.cos(np.arange(math.prod(shape)).reshape(shape) * 1.7 + salt)


# ---- both ------------------------------------------------------------------------------------------------


def scalar_theirs(program, xs):
    """The last value and every other one, weighted; the squares make every input count."""
    return sum(anp.sum(fixed(y.shape, i) * (y + 0.1 * y * y)) for i, y in enumerate(run(program, xs, THEIRS)))


def scalar_ours(program, xs):
    return sum(
        (mg.as_tensor(fixed(y.shape, i)) * (y + 0.1 * y * y)).sum() for i, y in enumerate(run(program, xs, OURS))
    )


def theirs(program, arrays):
    def first(xs):
        return autograd.grad(lambda xs: scalar_theirs(program, xs))(xs)

    def of_gradients(xs):
        return sum(anp.sum(fixed(gx.shape, i) * (gx + gx * gx)) for i, gx in enumerate(first(xs)))

    return scalar_theirs(program, arrays), first(arrays), autograd.grad(of_gradients)(arrays)


def ours(program, arrays):
    xs = [mg.as_tensor(x).requires_grad_() for x in arrays]
    y = scalar_ours(program, xs)
    first = mg.grad(y, xs, create_graph=True)
    total = sum((mg.as_tensor(fixed(gx.shape, i)) * (gx + gx * gx)).sum() for i, gx in enumerate(first))
    second = mg.grad(total, xs)
    return y.item(), [gx.detach().numpy() for gx in first], [gx.numpy() for gx in second]


def assert_close(found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype == np.float64
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * scale)


few = settings(deadline=None, max_examples=12, derandomize=True)
each_operation = pytest.mark.parametrize("name", OPERATIONS)


def drawn_inputs(data, name):
    shapes, program = data.draw(programs(name))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    return program, [np.asarray(rng.uniform(-1.2, 1.2, shape)) for shape in shapes]


@each_operation
@given(data=st.data())
@few
def test_values_gradients_and_second_order_gradients_agree(name, data):
    program, arrays = drawn_inputs(data, name)
    before = [x.copy() for x in arrays]
    (y, first, second), (expected, gxs, ggxs) = ours(program, arrays), theirs(program, before)
    assert_close(y, expected)
    for found, known in zip([*first, *second], [*gxs, *ggxs], strict=True):
        assert_close(found, known)
    assert all(np.array_equal(x, kept) for x, kept in zip(arrays, before, strict=True))


@each_operation
@given(data=st.data())
@few
def test_backward_leaves_the_same_gradients_and_adds_to_them(name, data):
    program, arrays = drawn_inputs(data, name)
    xs = [mg.as_tensor(x).requires_grad_() for x in arrays]
    expected = autograd.grad(lambda xs: scalar_theirs(program, xs))(arrays)
    for count in (1, 2):
        scalar_ours(program, xs).backward()
        for x, gx in zip(xs, expected, strict=True):
            assert_close(x.grad, count * gx)
