"""Layers with any options, inputs of any layout: values, gradients and second-order gradients are PyTorch's."""

import numpy as np
import pytest
from drawn_arrays import LAYOUTS, arrays, as_list, assert_as_in_torch, assert_same, derivatives, examples
from hypothesis import assume, given
from hypothesis import strategies as st

import minigan as mg

pytestmark = pytest.mark.torch

VARIED = tuple(kind for kind in LAYOUTS if "expanded" not in kind)  # equal numbers have no deviation to divide by


def check(torch, data, f, *xs):
    ys = as_list(f(mg, *[mg.as_tensor(x).requires_grad_() for x in xs]))
    assert_as_in_torch(torch, f, xs, [data.draw(arrays(y.shape, 0.2, 1.5)) for y in ys])


def weights(data, *shapes):
    """All of these, the first only, or none."""
    given = shapes[: data.draw(st.sampled_from([0, 1, len(shapes)]))]
    return [data.draw(arrays(shape)) for shape in given]


def pair(data, low, high):
    """A setting for the two sides of an image: one number, or two."""
    n = st.integers(low, high)
    return data.draw(st.one_of(n, st.tuples(n, n)))


def sides(setting):
    return setting if isinstance(setting, tuple) else (setting, setting)


# ---- normalisation ---------------------------------------------------------------------------------------


@given(data=st.data())
@examples(40)
def test_batch_norm(torch, data):
    channels, training = data.draw(st.integers(1, 3)), data.draw(st.booleans())
    shape = (data.draw(st.integers(2, 4)), channels, *data.draw(st.lists(st.integers(1, 3), max_size=2)))
    eps = data.draw(st.sampled_from([1e-5, 1e-2]))
    mean, var = np.linspace(-0.5, 0.5, channels), np.linspace(0.5, 1.5, channels)

    def f(lib, x, weight=None, bias=None):
        make = mg.tensor if lib is mg else torch.tensor
        return lib.nn.functional.batch_norm(x, make(mean), make(var), weight, bias, training=training, eps=eps)

    check(torch, data, f, data.draw(arrays(shape, kinds=VARIED)), *weights(data, (channels,), (channels,)))


@given(data=st.data())
@examples(30)
def test_layer_norm(torch, data):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    last = shape[data.draw(st.integers(0, len(shape) - 1)) :]
    assume(np.prod(last) > 2)
    f = lambda lib, x, *more: lib.nn.functional.layer_norm(x, last, *more, eps=0.01)  # noqa: E731
    check(torch, data, f, data.draw(arrays(shape, kinds=VARIED)), *weights(data, last, last))


@given(data=st.data())
@examples(20)
def test_instance_norm(torch, data):
    n, c, h, w = (data.draw(st.integers(low, 3)) for low in (1, 1, 2, 2))
    f = lambda lib, x, *more: lib.nn.functional.instance_norm(x, None, None, *more, eps=0.01)  # noqa: E731
    check(torch, data, f, data.draw(arrays((n, c, h, w), kinds=VARIED)), *weights(data, (c,), (c,)))


LAYERS = {
    "Linear": (lambda lib: lib.nn.Linear(3, 4), (2, 3)),
    "Conv2d": (lambda lib: lib.nn.Conv2d(2, 3, 2, stride=2, padding=1), (2, 2, 3, 4)),
    "ConvTranspose2d": (lambda lib: lib.nn.ConvTranspose2d(2, 3, 3, stride=2, output_padding=1), (2, 2, 2, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
@given(data=st.data())
@examples(10)
def test_spectral_norm(torch, name, data):
    make, shape = LAYERS[name]
    options = {"n_power_iterations": data.draw(st.integers(1, 3)), "eps": data.draw(st.sampled_from([1e-12, 1e-3]))}
    torch.manual_seed(data.draw(st.integers(0, 99)))
    theirs = torch.nn.utils.spectral_norm(make(torch).double(), **options)
    ours = mg.nn.utils.spectral_norm(make(mg).double(), **options)
    ours.load_state_dict(theirs.state_dict())
    training = data.draw(st.booleans())
    ours.train(training), theirs.train(training)
    x = data.draw(arrays(shape))
    gy = data.draw(arrays(tuple(theirs(torch.tensor(np.array(x, order="C"))).shape), 0.2, 1.5))
    ours.load_state_dict(theirs.state_dict())

    def found(lib, module, grad, make):
        xs = [make(x), *[value for _, value in sorted(module.named_parameters())]]
        return derivatives(lambda lib, x, *parameters: module(x), lib, grad, xs, [make(gy)])

    expected = found(
        torch, theirs, torch.autograd.grad, lambda x: torch.tensor(np.array(x, order="C"), requires_grad=True)
    )
    mine = found(mg, ours, mg.grad, lambda x: mg.as_tensor(x).requires_grad_())
    for a, b in zip(mine, expected, strict=True):
        assert_same(a, b)


# ---- images ----------------------------------------------------------------------------------------------


def convolution_sizes(data):
    groups = data.draw(st.integers(1, 3))
    n, c_in, c_out = data.draw(st.integers(1, 2)), *(groups * data.draw(st.integers(1, 2)) for _ in range(2))
    kernel = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    options = {
        "stride": pair(data, 1, 3), "padding": pair(data, 0, 2), "dilation": pair(data, 1, 2), "groups": groups,
    }  # fmt: skip
    return n, c_in, c_out, kernel, options


@given(data=st.data())
@examples(60)
def test_conv2d(torch, data):
    n, c_in, c_out, kernel, options = convolution_sizes(data)
    size = tuple(data.draw(st.integers(2, 5)) for _ in range(2))
    reach = [
        d * (k - 1) + 1 - 2 * p
        for d, k, p in zip(*map(sides, (options["dilation"], kernel, options["padding"])), strict=True)
    ]
    assume(all(s >= r for s, r in zip(size, reach, strict=True)))
    xs = [data.draw(arrays((n, c_in, *size))), data.draw(arrays((c_out, c_in // options["groups"], *kernel)))]
    bias = [data.draw(arrays((c_out,)))] if data.draw(st.booleans()) else []
    check(torch, data, lambda lib, *xs: lib.nn.functional.conv2d(*xs, **options), *xs, *bias)


@given(data=st.data())
@examples(60)
def test_conv_transpose2d(torch, data):
    n, c_in, c_out, kernel, options = convolution_sizes(data)
    size = tuple(data.draw(st.integers(1, 4)) for _ in range(2))
    stride, padding, dilation = (sides(options[key]) for key in ("stride", "padding", "dilation"))
    extra = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    made = zip(size, stride, padding, dilation, kernel, extra, strict=True)
    assume(all((i - 1) * s - 2 * p + d * (k - 1) + e + 1 > 0 for i, s, p, d, k, e in made))
    options["output_padding"] = extra
    xs = [data.draw(arrays((n, c_in, *size))), data.draw(arrays((c_in, c_out // options["groups"], *kernel)))]
    bias = [data.draw(arrays((c_out,)))] if data.draw(st.booleans()) else []
    check(torch, data, lambda lib, *xs: lib.nn.functional.conv_transpose2d(*xs, **options), *xs, *bias)


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@given(data=st.data())
@examples(25)
def test_pooling(torch, name, data):
    kernel = pair(data, 1, 3)
    padding = data.draw(st.integers(0, min(sides(kernel)) // 2))
    options = {"stride": data.draw(st.sampled_from([None, 1, 2, (1, 2)])), "padding": padding}
    if name == "avg_pool2d":
        options["count_include_pad"] = data.draw(st.booleans())
    x = data.draw(
        arrays((data.draw(st.integers(1, 2)), 2, *[data.draw(st.integers(3, 5)) for _ in range(2)]), kinds=VARIED)
    )
    check(torch, data, lambda lib, x: getattr(lib.nn.functional, name)(x, kernel, **options) ** 2, x)


@given(data=st.data())
@examples(15)
def test_images_made_larger(torch, data):
    r = data.draw(st.integers(1, 3))
    x = data.draw(arrays((2, r * r, data.draw(st.integers(1, 3)), 2)))
    check(torch, data, lambda lib, x: lib.nn.functional.interpolate(x, scale_factor=r, mode="nearest") ** 2, x)
    check(torch, data, lambda lib, x: lib.nn.functional.pixel_shuffle(x, r) ** 2, x)
