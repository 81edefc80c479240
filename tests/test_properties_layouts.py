"""Any shapes, broadcasts and layouts in memory: values, gradients and second-order gradients are PyTorch's."""

import pytest
from drawn_arrays import LAYOUTS, arrays, as_list, assert_as_in_torch, examples, shapes, that_broadcast
from hypothesis import assume, given
from hypothesis import strategies as st

import minigan as mg

pytestmark = pytest.mark.torch

ONE = {
    "neg": lambda lib, x: -x,
    "abs": lambda lib, x: lib.abs(x),
    "sign": lambda lib, x: lib.sign(x) * x,
    "square": lambda lib, x: lib.square(x),
    "cube": lambda lib, x: x**3,
    "sqrt": lambda lib, x: lib.sqrt(x * x + 0.1),
    "rsqrt": lambda lib, x: lib.rsqrt(x * x + 0.1),
    "reciprocal": lambda lib, x: lib.reciprocal(x + 3),
    "exp": lambda lib, x: lib.exp(x),
    "expm1": lambda lib, x: lib.expm1(x),
    "log": lambda lib, x: lib.log(x + 3),
    "log1p": lambda lib, x: lib.log1p(x + 2),
    "sin": lambda lib, x: lib.sin(x),
    "cos": lambda lib, x: lib.cos(x),
    "tanh": lambda lib, x: lib.tanh(x),
    "sigmoid": lambda lib, x: lib.sigmoid(x),
    "logsigmoid": lambda lib, x: lib.nn.functional.logsigmoid(x),
    "softplus": lambda lib, x: lib.nn.functional.softplus(x, 2.0),
    "relu": lambda lib, x: lib.relu(x) * x,
    "leaky_relu": lambda lib, x: lib.nn.functional.leaky_relu(x, 0.2) * x,
    "clamp": lambda lib, x: lib.clamp(x, -0.5, 1.1) * x,
    "ravel": lambda lib, x: x.reshape(-1) ** 2,
    "turn": lambda lib, x: x.permute(tuple(reversed(range(x.ndim)))) ** 2,
    "flip": lambda lib, x: lib.flip(x, tuple(range(x.ndim))) * x,
    "unsqueeze": lambda lib, x: x.unsqueeze(0) * x,
    "squeeze": lambda lib, x: x.squeeze() ** 2,
    "double": lambda lib, x: lib.stack([x, x * x, x]),
    "expand": lambda lib, x: x.expand(2, *x.shape) ** 2,
    "itself": lambda lib, x: (x * x, x.reshape(x.shape) * 2),
}
ALONG = {  # take the dimension, too
    "cat": lambda lib, x, dim: lib.cat([x, x * x], dim),
    "chunk": lambda lib, x, dim: tuple(part**2 for part in lib.chunk(x, 2, dim)),
    "split": lambda lib, x, dim: tuple(part**2 for part in lib.split(x, 1, dim)),
    "argmax": lambda lib, x, dim: x * lib.argmax(x, dim, keepdim=True),
    "max": lambda lib, x, dim: lib.max(x, dim)[0] ** 2,
    "min": lambda lib, x, dim: lib.min(x, dim, keepdim=True)[0] * x,
    "softmax": lambda lib, x, dim: lib.softmax(x, dim),
    "log_softmax": lambda lib, x, dim: lib.log_softmax(x, dim),
    "norm": lambda lib, x, dim: lib.norm(x, dim=dim),
}
REDUCE = {
    "sum": lambda lib, x, **at: x.sum(**at) ** 2,
    "mean": lambda lib, x, **at: x.mean(**at) ** 2,
    "var": lambda lib, x, **at: x.var(**at, correction=0),
    "std": lambda lib, x, **at: lib.std(x, **at, correction=0),
    "amax": lambda lib, x, **at: lib.amax(x, **at) ** 2,
    "amin": lambda lib, x, **at: lib.amin(x, **at) ** 2,
    "logsumexp": lambda lib, x, **at: lib.logsumexp(x, **at),
}
TWO = {
    "add": lambda lib, x, y: (x + y) ** 2,
    "sub": lambda lib, x, y: (x - y) ** 2,
    "mul": lambda lib, x, y: x * y,
    "div": lambda lib, x, y: x / (y + 3),
    "pow": lambda lib, x, y: (x + 2) ** y,
    "maximum": lambda lib, x, y: lib.maximum(x, y) ** 2,
    "minimum": lambda lib, x, y: lib.minimum(x, y) ** 2,
    "where": lambda lib, x, y: lib.where(x.detach() > y.detach(), x * y, y * y),
    "mse": lambda lib, x, y: (x - y).square().mean(),
}
each = lambda table: pytest.mark.parametrize("name", table)  # noqa: E731
DISTINCT = ("contiguous", "transposed", "strided", "backwards", "inner")  # in which no number stands twice


def check(torch, data, f, *xs):
    """Compare, with gradients of the outputs in any layout, also such that show one number everywhere."""
    ys = [y for y in as_list(f(mg, *[mg.as_tensor(x).requires_grad_() for x in xs])) if y.requires_grad]
    gys = [data.draw(arrays(y.shape, 0.2, 1.5)) for y in ys]
    assert_as_in_torch(torch, f, xs, gys)


@each(ONE)
@given(data=st.data())
@examples(12)
def test_functions_of_one_tensor(torch, name, data):
    check(torch, data, ONE[name], data.draw(arrays(data.draw(shapes()))))


@each(ALONG)
@given(data=st.data())
@examples(12)
def test_functions_along_one_dimension(torch, name, data):
    shape = data.draw(shapes(1).filter(lambda shape: 0 not in shape))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    x = data.draw(arrays(shape, 0.2, 1.9, kinds=DISTINCT))
    check(torch, data, lambda lib, x: ALONG[name](lib, x, dim), x)


@each(REDUCE)
@given(data=st.data())
@examples(20)
def test_reductions_over_any_dimensions(torch, name, data):
    shape = data.draw(shapes(1))
    dims = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    assume(name == "sum" or (0 not in shape and all(shape[d] > 1 for d in dims)))  # one number has no deviation
    at = {"dim": tuple(d - len(shape) * data.draw(st.booleans()) for d in dims), "keepdim": data.draw(st.booleans())}
    x = data.draw(arrays(shape, kinds=DISTINCT if name == "std" else tuple(LAYOUTS)))
    check(torch, data, lambda lib, x: REDUCE[name](lib, x, **at), x)


@each(TWO)
@given(data=st.data())
@examples(15)
def test_functions_of_two_tensors_that_broadcast(torch, name, data):
    xs = [data.draw(arrays(shape)) for shape in data.draw(that_broadcast())]
    assume(name != "mse" or all(x.size for x in xs))
    check(torch, data, TWO[name], *xs)


@each(TWO)
@given(data=st.data())
@examples(8)
def test_one_tensor_used_twice_in_one_function(torch, name, data):
    x = data.draw(arrays(data.draw(shapes().filter(lambda shape: 0 not in shape))))
    check(torch, data, lambda lib, x: (TWO[name](lib, x, x), TWO[name](lib, x, x * 2)), x)


@given(data=st.data())
@examples(40)
def test_products_of_stacks_that_broadcast(torch, data):
    stacks = data.draw(that_broadcast())
    n, m, k = data.draw(st.tuples(*[st.integers(0, 3)] * 3))
    left, right = (*stacks[0], n, k), (*stacks[1], k, m)
    cut = data.draw(st.sampled_from([(left, right), ((k,), right), (left, (k,)), ((k,), (k,))]))
    check(torch, data, lambda lib, x, y: x @ y, *[data.draw(arrays(shape)) for shape in cut])


@given(data=st.data())
@examples(20)
def test_linear_with_any_leading_dimensions(torch, data):
    n, m = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    xs = [data.draw(arrays(shape)) for shape in [(*data.draw(shapes(0, 2)), n), (m, n), (m,)]]
    check(torch, data, lambda lib, x, w, b: lib.nn.functional.linear(x, w, b), *xs)


@st.composite
def indices(draw, shape):
    """What may stand in brackets, and PyTorch takes too."""
    index = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        kinds = [slice(None), slice(draw(st.integers(-n - 1, n)), None), slice(None, None, draw(st.integers(1, 2)))]
        kinds += [draw(st.integers(-n, n - 1))] if n else []
        index.append(draw(st.sampled_from(kinds)))
    if shape and shape[0] and draw(st.booleans()):
        index[:1] = [draw(st.lists(st.integers(-shape[0], shape[0] - 1), min_size=1, max_size=4))]
    return tuple(index + draw(st.sampled_from([[], [None], [Ellipsis], [Ellipsis, None]])))


@given(data=st.data())
@examples(60)
def test_indexing(torch, data):
    x = data.draw(arrays(data.draw(shapes(1))))
    index = data.draw(indices(x.shape))
    check(torch, data, lambda lib, x: x[index] ** 2, x)
