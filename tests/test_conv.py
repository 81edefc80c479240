"""Convolution: values and derivatives are PyTorch's over random options, layers start alike, bad input is named."""

import numpy as np
import pytest

import minigan as mg
from minigan.backend.base import Backend
from minigan.backend.numpy import NumpyBackend
from minigan.backend.window import Window

F = mg.nn.functional
FAST = NumpyBackend()


class Random:
    """Options of a convolution, drawn until the result has rows and columns."""

    def __init__(self, seed):
        self.rng = rng = np.random.default_rng(seed)
        self.groups = int(rng.integers(1, 4))
        inner, outer = (1, 1) if seed % 5 == 0 else rng.integers(1, 3, 2)  # every fifth is depthwise
        self.kernel, self.stride, self.dilation = (self.pair(1, high) for high in (5, 4, 3))
        self.padding = self.pair(0, 3)
        self.output_padding = tuple(int(rng.integers(0, s)) for s in self.stride)
        self.channels = int(inner) * self.groups, int(outer) * self.groups
        self.batch = 1 + seed % 3
        self.bias = bool(seed % 2)

    def pair(self, low, high):
        return tuple(int(n) for n in self.rng.integers(low, high + 1, 2))

    def array(self, *shape):
        """Often every other element of a larger array."""
        step = int(self.rng.integers(1, 3))
        return self.rng.standard_normal([step * n for n in shape])[tuple(slice(None, None, step) for _ in shape)]

    def forward(self):
        """Arrays and a call of conv2d; the image is as large as one window or larger."""
        reach = [d * (k - 1) + 1 - 2 * p for d, k, p in zip(self.dilation, self.kernel, self.padding, strict=True)]
        size = [max(n, 1) + int(self.rng.integers(0, 6)) for n in reach]
        c, o = self.channels
        arrays = [self.array(self.batch, c, *size), self.array(o, c // self.groups, *self.kernel)]
        options = self.stride, self.padding, self.dilation, self.groups
        return self.with_bias(arrays, o), lambda lib, x, w, b=None: lib.conv2d(x, w, b, *options)

    def transposed(self):
        """Arrays and a call of conv_transpose2d; not more is cut off than there is."""
        c, o = self.channels
        size = [int(n) + 2 * p for n, p in zip(self.rng.integers(1, 5, 2), self.padding, strict=True)]
        arrays = [self.array(self.batch, o, *size), self.array(o, c // self.groups, *self.kernel)]
        options = self.stride, self.padding, self.output_padding, self.groups, self.dilation
        return self.with_bias(arrays, c), lambda lib, x, w, b=None: lib.conv_transpose2d(x, w, b, *options)

    def with_bias(self, arrays, n):
        return [*arrays, self.array(n)] if self.bias else arrays


def derivatives(grad, constant, xs, y):
    """y, its gradients and second-order gradients, each of a sum that treats no element like another."""
    weights = np.cos(np.arange(int(np.prod(y.shape))) * 1.7).reshape(tuple(y.shape))
    first = grad((y * constant(weights)).sum(), xs, create_graph=True)
    second = grad(sum((gx * gx * gx).sum() for gx in first), xs)
    return [y, *first, *second]


def assert_same(torch, arrays, call):
    xs = [mg.tensor(x, requires_grad=True) for x in arrays]
    twins = [torch.tensor(x, requires_grad=True) for x in arrays]
    ours = derivatives(mg.grad, mg.tensor, xs[:2], call(F, *xs))
    theirs = derivatives(torch.autograd.grad, torch.tensor, twins[:2], call(torch.nn.functional, *twins))
    for y, expected in zip(ours, theirs, strict=True):
        assert y.shape == tuple(expected.shape)
        np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    if len(xs) == 3:
        (gb,) = mg.grad((call(F, *xs) ** 2).sum(), xs[2])
        (expected,) = torch.autograd.grad((call(torch.nn.functional, *twins) ** 2).sum(), twins[2])
        np.testing.assert_allclose(gb.numpy(), expected.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(60))
def test_conv2d_is_pytorchs_to_second_order(torch, seed):
    assert_same(torch, *Random(seed).forward())


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(60))
def test_conv_transpose2d_is_pytorchs_to_second_order(torch, seed):
    assert_same(torch, *Random(seed).transposed())


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (4, 2)])
@pytest.mark.parametrize("dilation", [1, (2, 3)])
def test_padding_by_name_is_pytorchs(torch, padding, kernel, dilation):
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, 2, 8, 9)), rng.standard_normal((3, 2, *kernel))]
    assert_same(torch, arrays, lambda lib, x, w: lib.conv2d(x, w, padding=padding, dilation=dilation))


# ---- kernels ---------------------------------------------------------------------------------------------

DCGAN = Window((4, 4), (2, 2), (1, 1), (1, 1), (6, 8), (3, 4))


def calls(dtype, n=5, c=9, o=4):
    """Each kernel's name and arrays, in different layouts, for images of few and of many channels."""
    rng = np.random.default_rng(0)
    x, gy = rng.standard_normal((n, 6, 8, c)).astype(dtype), rng.standard_normal((n, o, 3, 4)).astype(dtype)
    weight, b = rng.standard_normal((o, c, 4, 4)).astype(dtype), rng.standard_normal(max(o, c)).astype(dtype)
    x = x.transpose(0, 3, 1, 2)
    return {
        "conv2d": (x, weight, b[:o]),
        "conv2d_input_grad": (gy, weight, b[:c]),
        "conv2d_weight_grad": (gy, x),
    }


@pytest.mark.parametrize("name", ["conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
@pytest.mark.parametrize("channels", [1, 9])
def test_blocks_of_the_batch_make_no_difference(monkeypatch, name, channels):
    arrays = calls("float64", c=channels)[name]
    whole = getattr(FAST, name)(*arrays, DCGAN, 1)
    monkeypatch.setattr(NumpyBackend, "patch_bytes", 1)
    np.testing.assert_allclose(getattr(FAST, name)(*arrays, DCGAN, 1), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("last", [False, True])
def test_results_are_the_same_bits_wherever_they_are_written(name, dtype, last):
    arrays = calls(dtype)[name]
    y = getattr(FAST, name)(*arrays, DCGAN, 1)
    assert y.dtype == dtype
    n, c, h, w = y.shape
    out = np.empty((n, h, w, c), dtype).transpose(0, 3, 1, 2) if last else np.empty(y.shape, dtype)
    assert getattr(FAST, name)(*arrays, DCGAN, 1, out=out) is out
    np.testing.assert_array_equal(out, y)


@pytest.mark.parametrize("name", ["conv2d", "conv2d_input_grad", "conv2d_weight_grad"])
def test_the_layout_of_the_arguments_changes_no_bit(name):
    arrays = calls("float32")[name]
    plain = [np.ascontiguousarray(x) for x in arrays]
    strided = [np.repeat(x, 2, -1)[..., ::2] for x in arrays]
    kernel = getattr(FAST, name)
    for other in (plain, strided):
        np.testing.assert_array_equal(kernel(*other, DCGAN, 1), kernel(*arrays, DCGAN, 1))


def test_convolution_keeps_channels_last_in_memory_for_the_next_one():
    y = F.conv2d(mg.zeros(2, 3, 5, 5), mg.zeros(4, 3, 3, 3))
    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous


def test_gradients_of_weight_and_bias_are_written_straight_into_the_optimizers_buffer(monkeypatch):
    layer = mg.nn.Conv2d(2, 3, 3)
    mg.optim.SGD(layer.parameters(), lr=0.1).zero_grad()
    copies = []
    monkeypatch.setattr(NumpyBackend, "copy_", lambda self, x, source: copies.append(x.shape))
    layer(mg.ones(2, 2, 5, 5)).sum().backward()
    assert copies == []
    np.testing.assert_array_equal(layer.bias.grad, [18, 18, 18])
    np.testing.assert_array_equal(layer.weight.grad, np.full((3, 2, 3, 3), 18))


# ---- layers ----------------------------------------------------------------------------------------------

LAYERS = {
    "Conv2d": [((3, 8, 3), {}), ((4, 6, (2, 3)), {"stride": 2, "padding": 1, "groups": 2, "bias": False}),
               ((2, 2, 3), {"padding": "same", "dilation": 2})],
    "ConvTranspose2d": [((3, 8, 3), {}), ((4, 6, (4, 2)), {"stride": 2, "padding": 1, "groups": 2, "bias": False}),
                        ((2, 2, 3), {"stride": 3, "output_padding": (1, 2), "dilation": 2})],
}  # fmt: skip
MADE = [(name, args, options) for name, cases in LAYERS.items() for args, options in cases]


@pytest.mark.torch
@pytest.mark.parametrize(("name", "args", "options"), MADE)
def test_layers_hold_and_compute_what_pytorchs_do(torch, name, args, options):
    layer, twin = (getattr(nn, name)(*args, **options) for nn in (mg.nn, torch.nn))
    shapes = {key: tuple(x.shape) for key, x in twin.state_dict().items()}
    assert {key: x.shape for key, x in layer.state_dict().items()} == shapes
    twin.load_state_dict({key: torch.tensor(x) for key, x in layer.state_dict().items()})
    assert repr(layer) == repr(twin)
    for shape in ((2, args[0], 7, 6), (args[0], 7, 6)):
        x = mg.randn(*shape)
        expected = twin(torch.tensor(x.numpy())).detach().numpy()
        np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize("name", LAYERS)
def test_weights_and_biases_are_drawn_from_pytorchs_range(torch, name):
    layer, twin = (getattr(nn, name)(16, 64, (3, 5), groups=4) for nn in (mg.nn, torch.nn))
    for ours, theirs in ((layer.weight, twin.weight.detach()), (layer.bias, twin.bias.detach())):
        bound = float(theirs.abs().max())
        assert abs(ours.data).max() == pytest.approx(bound, rel=0.1)
        assert ours.data.std() == pytest.approx(float(theirs.std()), rel=0.2)


# ---- bad input -------------------------------------------------------------------------------------------

X, W = mg.zeros(2, 4, 5, 5), mg.zeros(4, 4, 3, 3)
BAD = {
    "conv2d: expected an input (N, C, H, W) or (C, H, W), but got (2, 4)": lambda: F.conv2d(mg.zeros(2, 4), W),
    "conv2d: expected a weight (O, C / groups, kh, kw) with O divisible by 1 groups":
        lambda: F.conv2d(mg.zeros(2, 3, 5, 5), W),
    "conv2d: expected a weight (O, C / groups, kh, kw) with O divisible by 3 groups": lambda: F.conv2d(X, W, groups=3),
    "conv2d: expected a weight (O, C / groups, kh, kw) and an input with channels":
        lambda: F.conv2d(X, mg.zeros(4, 4, 3)),
    "conv2d: expected a bias (4,), one for each channel of the result, but got (3,)":
        lambda: F.conv2d(X, W, mg.zeros(3)),
    "conv2d: expected an input large enough for a window of (3, 3) and dilation (3, 3)":
        lambda: F.conv2d(X, W, dilation=3),
    "conv2d: expected padding of at least 0, but got (-1, -1)": lambda: F.conv2d(X, W, padding=-1),
    "conv2d: expected stride of at least 1, but got (0, 1)": lambda: F.conv2d(X, W, stride=(0, 1)),
    "conv2d: expected dilation of at least 1": lambda: F.conv2d(X, W, dilation=0),
    "conv2d: expected groups of at least 1, but got 0": lambda: F.conv2d(X, W, groups=0),
    "conv2d: expected stride as a whole number or two, but got 1.5": lambda: F.conv2d(X, W, stride=1.5),
    "conv2d: expected padding as a whole number or two, but got (1, 2, 3)": lambda: F.conv2d(X, W, padding=(1, 2, 3)),
    "conv2d: expected padding as numbers, 'valid', or 'same' with stride 1, but got 'same' with stride (2, 2)":
        lambda: F.conv2d(X, W, padding="same", stride=2),
    "conv2d: expected all tensors to have one data type, but found float32 and float64":
        lambda: F.conv2d(X, W.double()),
    "conv_transpose2d: expected an input (N, C, H, W)": lambda: F.conv_transpose2d(mg.zeros(4), W),
    "conv_transpose2d: expected a weight (C, O / groups, kh, kw) with C":
        lambda: F.conv_transpose2d(mg.zeros(2, 3, 5, 5), W),
    "conv_transpose2d: expected an output_padding below the stride or the dilation, but got (2, 2)":
        lambda: F.conv_transpose2d(X, W, stride=2, output_padding=2),
    "conv_transpose2d: expected an input large enough for a padding of (4, 4)":
        lambda: F.conv_transpose2d(X, W, padding=4),
    "conv_transpose2d: expected all tensors": lambda: F.conv_transpose2d(X, W.double()),
    "Conv2d: expected channels that 3 groups divide, but got 4 in and 6 out": lambda: mg.nn.Conv2d(4, 6, 3, groups=3),
    "Conv2d: expected kernel_size of at least 1": lambda: mg.nn.Conv2d(4, 6, 0),
    "Conv2d: expected padding of at least 0": lambda: mg.nn.Conv2d(4, 6, 3, padding=-1),
    "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1)) expected an input of shape (N, 1, H, W) or (1, H, W)":
        lambda: mg.nn.Conv2d(1, 2, 3)(X),
    "Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1)) holds float32 values, but got a float64 input":
        lambda: mg.nn.Conv2d(1, 2, 3)(mg.zeros(1, 5, 5, dtype=mg.float64)),
    "ConvTranspose2d(1, 2, kernel_size=(3, 3), stride=(1, 1)) expected an input of shape (N, 1, H, W)":
        lambda: mg.nn.ConvTranspose2d(1, 2, 3)(mg.zeros(5, 5)),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_what_makes_no_sense_is_named(message):
    with pytest.raises(mg.MiniganError) as error:
        BAD[message]()
    assert str(error.value).startswith(message)
    assert str(error.value).endswith(".")


def test_the_specification_takes_all_windows_at_once():
    assert Backend.patch_bytes > NumpyBackend.patch_bytes
