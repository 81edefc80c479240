"""Pooling and resampling: PyTorch's values, indices and derivatives over random options; bad input is named."""

import itertools

import numpy as np
import pytest

import minigan as mg
from minigan.backend.numpy import NumpyBackend
from minigan.backend.window import Window

F = mg.nn.functional
FAST = NumpyBackend()


def assert_same(torch, call, x):
    """Values, gradients and, where there are any, second-order gradients."""
    ours, theirs = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = call(F, ours), call(torch.nn.functional, theirs)
    assert y.shape == tuple(expected.shape)
    np.testing.assert_allclose(y.detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    (gx,) = mg.grad((y**3).sum(), ours, create_graph=True)
    (expected,) = torch.autograd.grad((expected**3).sum(), theirs, create_graph=True)
    np.testing.assert_allclose(gx.detach().numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    (ggx,) = mg.grad((gx**3).sum(), ours)
    (expected,) = torch.autograd.grad((expected**3).sum(), theirs)
    np.testing.assert_allclose(ggx.numpy(), expected.numpy(), rtol=1e-9, atol=1e-9)


def options(seed):
    """A random image, often with equal values or strided, and the settings of a pool that PyTorch takes."""
    rng = np.random.default_rng(seed)
    kernel = [int(n) for n in rng.integers(1, 5, 2)]
    stride = None if seed % 3 == 0 else [int(n) for n in rng.integers(1, 5, 2)]
    padding = [int(rng.integers(0, k // 2 + 1)) for k in kernel]
    dilation = [1, 1] if seed % 2 else [int(n) for n in rng.integers(1, 3, 2)]
    size = [d * (k - 1) + 1 + int(rng.integers(0, 6)) for d, k in zip(dilation, kernel, strict=True)]
    x = rng.standard_normal((2 * int(rng.integers(1, 3)), 4, *size))[::2, ::2]
    return np.round(x) if seed % 4 == 0 else x, kernel, stride, padding, dilation, bool(rng.integers(2))


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(40))
def test_max_pool2d_is_pytorchs_to_second_order(torch, seed):
    x, kernel, stride, padding, dilation, ceil = options(seed)
    assert_same(torch, lambda lib, x: lib.max_pool2d(x, kernel, stride, padding, dilation, ceil), x)
    ours = F.max_pool2d(mg.tensor(x), kernel, stride, padding, dilation, ceil, return_indices=True)
    theirs = torch.nn.functional.max_pool2d(
        torch.tensor(x), kernel, stride, padding, dilation, ceil, return_indices=True
    )
    for y, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(y.numpy(), expected.numpy())


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(40))
def test_avg_pool2d_is_pytorchs_to_second_order(torch, seed):
    x, kernel, stride, padding, _, ceil = options(seed)
    for count, divisor in ((True, None), (False, None), (True, 3)):
        assert_same(torch, lambda lib, x: lib.avg_pool2d(x, kernel, stride, padding, ceil, count, divisor), x)  # noqa: B023


@pytest.mark.torch
def test_a_nan_or_an_infinity_wins_where_it_does_in_pytorch(torch):
    x = np.zeros((1, 1, 4, 6))
    x[0, 0, 0, :3] = np.nan
    x[0, 0, 2:, 2:] = -np.inf
    x[0, 0, 3, 1] = np.inf
    ours = F.max_pool2d(mg.tensor(x), 2, 1, 1, return_indices=True)
    theirs = torch.nn.functional.max_pool2d(torch.tensor(x), 2, 1, 1, return_indices=True)
    for y, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(y.numpy(), expected.numpy())


def pytorchs_gradient_is_wrong(lengths, factors):
    """Lines and volumes: it forgets a factor that rounds to 1 or 2, which its forward does not."""
    rounded = [int(n * f) / n for n, f in zip(lengths, factors, strict=True)]
    return len(lengths) != 2 and any(r in (1, 2) and r != f for r, f in zip(rounded, factors, strict=True))


@pytest.mark.torch
@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 2, 4, 3), (1, 2, 2, 3, 2)])
def test_nearest_upsampling_is_pytorchs_for_every_size_and_factor(torch, shape):
    x, space = np.random.default_rng(0).standard_normal(shape), len(shape) - 2
    for size in ([1] * space, list(range(3, 3 + space)), [9] * space):
        assert_same(torch, lambda lib, x: lib.interpolate(x, size=size), x)  # noqa: B023
    for factor in (2, 3, 0.5, 0.7, 1.0, 1.3, 1.5, 2.4, [1.1, 2.0, 0.6][:space]):
        if pytorchs_gradient_is_wrong(shape[2:], np.broadcast_to(factor, space)):
            continue
        assert_same(torch, lambda lib, x: lib.interpolate(x, scale_factor=factor), x)  # noqa: B023


@pytest.mark.torch
@pytest.mark.parametrize("factor", [1, 2, 3])
def test_pixel_shuffle_is_pytorchs(torch, factor):
    for shape in ((2, 2, 18 * factor * factor, 2, 3), (36, 1, 2)):
        x = np.random.default_rng(0).standard_normal(shape)
        assert_same(torch, lambda lib, x: lib.pixel_shuffle(x, factor), x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_type_stays(dtype):
    x = mg.ones(1, 4, 4, 4, dtype=dtype, requires_grad=True)
    for y in (F.max_pool2d(x, 2), F.avg_pool2d(x, 2, padding=1), F.avg_pool2d(x, 2, divisor_override=3),
              F.interpolate(x, scale_factor=1.5), F.pixel_shuffle(x, 2)):  # fmt: skip
        (gx,) = mg.grad(y.sum(), x)
        assert y.dtype == gx.dtype == dtype


# ---- kernels ---------------------------------------------------------------------------------------------

GRID = Window((3, 2), (2, 1), (1, 1), (1, 2), (5, 4), (3, 4))
GRADIENTS = {
    "window_sum": (np.ones((2, 3, 5, 4), np.float32), GRID),
    "window_sum_grad": (np.ones((2, 3, 3, 4), np.float32), GRID),
    "max_pool2d_grad": (np.ones((2, 3, 3, 4), np.float32), np.full((2, 3, 3, 4), 5), GRID),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_kernels_write_to_out(name):
    y = getattr(FAST, name)(*GRADIENTS[name])
    out = np.full(y.shape, 99, np.float32)
    assert getattr(FAST, name)(*GRADIENTS[name], out=out) is out
    np.testing.assert_array_equal(out, y)


def test_windows_lie_where_the_formula_says():
    x = np.arange(20.0).reshape(1, 1, 5, 4)
    y = FAST.window_sum(x, GRID)
    for o, p in itertools.product(range(3), range(4)):
        rows = [o * 2 + i - 1 for i in range(3)]
        columns = [p + 2 * j - 1 for j in range(2)]
        inside = [x[0, 0, r, c] for r in rows for c in columns if 0 <= r < 5 and 0 <= c < 4]
        assert y[0, 0, o, p] == sum(inside)


# ---- layers ----------------------------------------------------------------------------------------------

LAYERS = [
    ("MaxPool2d", (2,), {}),
    ("MaxPool2d", ((3, 2),), {"stride": 1, "padding": 1, "ceil_mode": True}),
    ("AvgPool2d", (2,), {}),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}),
    ("Upsample", (), {"scale_factor": 2.0}),
    ("Upsample", ((3, 7),), {}),
    ("PixelShuffle", (2,), {}),
]


@pytest.mark.torch
@pytest.mark.parametrize(("name", "args", "settings"), LAYERS)
def test_layers_compute_and_show_what_pytorchs_do(torch, name, args, settings):
    layer, twin = (getattr(nn, name)(*args, **settings) for nn in (mg.nn, torch.nn))
    x = mg.randn(2, 4, 6, 5)
    np.testing.assert_allclose(layer(x).numpy(), twin(torch.tensor(x.numpy())).numpy(), rtol=1e-6)
    assert repr(layer) == repr(twin)
    with pytest.raises(mg.DTypeError, match=name):
        layer([[1.0]])


def test_a_max_pool_layer_gives_indices_on_request():
    y, indices = mg.nn.MaxPool2d(2, return_indices=True)(mg.arange(16.0).reshape(1, 4, 4))
    assert indices.tolist() == [[[5, 7], [13, 15]]]
    assert y.tolist() == [[[5.0, 7.0], [13.0, 15.0]]]


# ---- bad input -------------------------------------------------------------------------------------------

X = mg.zeros(2, 4, 5, 5)
BAD = {
    "max_pool2d: expected an input (N, C, H, W) or (C, H, W), but got (5, 5)": lambda: F.max_pool2d(mg.zeros(5, 5), 2),
    "max_pool2d: expected a floating point input, but got int64": lambda: F.max_pool2d(mg.ones(1, 2, 2, dtype=int), 2),
    "max_pool2d: expected kernel_size of at least 1, but got (0, 0)": lambda: F.max_pool2d(X, 0),
    "max_pool2d: expected stride of at least 1": lambda: F.max_pool2d(X, 2, 0),
    "max_pool2d: expected padding of at least 0": lambda: F.max_pool2d(X, 2, padding=-1),
    "max_pool2d: expected a padding of at most half a window, but got (2, 2) for a window of (3, 3)":
        lambda: F.max_pool2d(X, 3, padding=2),
    "max_pool2d: expected an input large enough for a window of (6, 6)": lambda: F.max_pool2d(X, 6),
    "max_pool2d: expected at least one value in each window":
        lambda: F.max_pool2d(mg.zeros(1, 5, 1), (1, 2), padding=(0, 1), dilation=(1, 2)),
    "avg_pool2d: expected a divisor_override other than 0": lambda: F.avg_pool2d(X, 2, divisor_override=0),
    "avg_pool2d: expected an input (N, C, H, W)": lambda: F.avg_pool2d(mg.tensor(3.0), 2),
    "interpolate: expected mode 'nearest', but got 'bilinear'": lambda: F.interpolate(X, 2, mode="bilinear"),
    "interpolate: expected an input (N, C, ...)": lambda: F.interpolate(mg.zeros(2, 2), 2),
    "interpolate: expected either size or scale_factor": lambda: F.interpolate(X),
    "interpolate: expected 2 numbers as size, but got (1, 2, 3)": lambda: F.interpolate(X, (1, 2, 3)),
    "interpolate: expected lengths of at least 1": lambda: F.interpolate(X, scale_factor=0.1),
    "pixel_shuffle: expected a whole upscale_factor of at least 1, but got 0": lambda: F.pixel_shuffle(X, 0),
    "pixel_shuffle: expected an input (..., C, H, W) with C divisible by 9": lambda: F.pixel_shuffle(X, 3),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_what_makes_no_sense_is_named(message):
    with pytest.raises(mg.MiniganError) as error:
        BAD[message]()
    assert str(error.value).startswith(message)
    assert str(error.value).endswith(".")
