"""What CuPy's backend overrides agrees with the base class on any arrays, and makes nobody wait."""

import inspect

import numpy as np
import pytest

import minigan as mg
from minigan import backend as backends
from minigan.backend.base import Backend
from minigan.backend.cupy import CupyBackend
from minigan.backend.cupy_random import Words
from minigan.backend.device import Device
from minigan.backend.window import Window

from .calls import CALLS, ELEMENTWISE
from .machine import machine
from .maker import Maker

pytestmark = pytest.mark.slow

DEFINED_HERE_ALONE = {"of", "siblings", "to_host"}  # no kernels, or left to subclasses by the base class
CASES = [(name, case) for name, calls in CALLS.items() for case in calls]
every_call = pytest.mark.parametrize(("name", "case"), CASES)
TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


# ---- running them ----------------------------------------------------------------------------------------


@pytest.fixture
def backend(gpu):
    return backends.backend_of(Device("cuda", 0))


def on_gpu(gpu, a):
    """An argument, with arrays on the GPU."""
    if isinstance(a, dict):
        return {key: on_gpu(gpu, value) for key, value in a.items()}
    return gpu.array(a) if isinstance(a, np.ndarray) else a


def arguments(gpu, name, case, dtype):
    """Positional and keyword arguments."""
    args = [on_gpu(gpu, a) for a in CALLS[name][case](Maker(dtype))]
    return (args[:-1], args[-1]) if args and isinstance(args[-1], dict) else (args, {})


class Plain(Backend):
    """The base class on the GPU."""

    def __init__(self, gpu):
        self.xp = gpu.xp


def specified(gpu, name, args, settings):
    """What the base class gives, which knows words as an array."""
    plain = Plain(gpu)
    args = [
        plain.random_words(a.n, a.seed, a.purpose, a.step, a.site, a.first) if isinstance(a, Words) else a for a in args
    ]
    return getattr(plain, name)(*args, **settings)


EXACT = {
    "asarray", "table", "leaky_relu", "leaky_relu_grad", "relu", "relu_grad",
    "uniform", "integers", "dropout_mask", "gather_pixels",
    "bias_leaky_relu_dropout", "bias_leaky_relu_dropout_grad",
}  # fmt: skip


def assert_alike(gpu, found, expected, name):
    """The same array, but for rounding, which is measured by the largest number."""
    assert (type(found), found.dtype, found.shape) == (gpu.xp.ndarray, expected.dtype, expected.shape)
    if name in EXACT or expected.dtype.kind != "f":
        np.testing.assert_array_equal(found.get(), expected.get())
        return
    x, y = found.get(), expected.get()
    size = max(1.0, float(abs(y).max())) if y.size and np.isfinite(y).all() else 1.0
    tolerance = 32 * np.finfo(y.dtype).eps
    np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * size)


def overridden():
    public = [name for name, _ in inspect.getmembers(Backend, inspect.isfunction) if not name.startswith("_")]
    return {name for name in public if getattr(CupyBackend, name) is not getattr(Backend, name)}


def test_every_override_is_called_here():
    assert overridden() - DEFINED_HERE_ALONE == CALLS.keys()


@every_call
@TYPES
def test_an_override_agrees_with_the_base_class(gpu, backend, name, case, dtype):
    args, settings = arguments(gpu, name, case, dtype)
    args_, settings_ = arguments(gpu, name, case, dtype)
    expected = specified(gpu, name, args_, settings_)
    found = getattr(backend, name)(*args, **settings)
    if expected is not None:
        assert_alike(gpu, found, expected, name)
    for a, b in zip(args, args_, strict=True):
        if isinstance(a, gpu.xp.ndarray):  # whether it changes, as in an optimizer, or not
            assert_alike(gpu, a, b, name)


@pytest.mark.parametrize(("name", "case"), [case for case in CASES if case != ("asarray", "an array")])
def test_an_override_makes_nobody_wait(gpu, backend, name, case):
    args, settings = arguments(gpu, name, case, "float32")
    getattr(backend, name)(*args, **settings)  # the first time, tables are copied
    with gpu.no_sync():
        getattr(backend, name)(*args, **settings)


TAKING_OUT = [(name, case) for name, case in CASES if "out" in inspect.signature(getattr(Backend, name)).parameters]
PLACES = {  # a part of a larger array for results, from a place on that many numbers into it
    "in the middle": lambda memory, n: memory[4 : n + 4],
    "off the boundary": lambda memory, n: memory[5 : n + 5],
    "every other number": lambda memory, n: memory[4 : 2 * n + 4 : 2],
}


@pytest.mark.parametrize(("name", "case"), TAKING_OUT)
@pytest.mark.parametrize("place", PLACES)
def test_out_is_filled_and_returned_and_nothing_beside_it_is_touched(gpu, backend, name, case, place):
    args, settings = arguments(gpu, name, case, "float32")
    expected = getattr(backend, name)(*args, **settings)
    memory = gpu.xp.full(2 * expected.size + 9, 7, expected.dtype)
    part = PLACES[place](memory, expected.size)
    out = gpu.xp.lib.stride_tricks.as_strided(part, expected.shape, strides_of(expected.shape, part.strides[0]))
    assert getattr(backend, name)(*args, out=out, **settings) is out
    assert_alike(gpu, out, expected, name)
    part[...] = 7
    assert (memory == 7).all()


def strides_of(shape, step):
    """The strides of an array by rows whose numbers lie ``step`` bytes apart."""
    return tuple(step * int(np.prod(shape[d + 1 :])) for d in range(len(shape)))


@pytest.mark.parametrize(("name", "case"), TAKING_OUT)
def test_out_may_have_its_channels_last(gpu, backend, name, case):
    args, settings = arguments(gpu, name, case, "float32")
    expected = getattr(backend, name)(*args, **settings)
    if expected.ndim == 4:
        n, c, h, w = expected.shape
        out = gpu.xp.zeros((n, h, w, c), np.float32).transpose(0, 3, 1, 2)
        assert getattr(backend, name)(*args, out=out, **settings) is out
        assert_alike(gpu, out, expected, name)


@pytest.mark.parametrize("case", ["dropped", "kept"])
@pytest.mark.parametrize("name", ["bias_leaky_relu_dropout", "bias_leaky_relu_dropout_grad"])
def test_a_result_may_take_the_place_of_the_first_argument(gpu, backend, name, case):
    args, _ = arguments(gpu, name, case, "float32")
    expected = getattr(backend, name)(*args)
    assert getattr(backend, name)(*args, out=args[0]) is args[0]
    assert_alike(gpu, args[0], expected, name)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_channels_that_lie_last_stay_there(gpu, backend, name):
    args, settings = arguments(gpu, name, "channels last", "float32")
    assert getattr(backend, name)(*args, **settings).strides == args[0].strides


# ---- what the double alone can show ----------------------------------------------------------------------


@every_call
@TYPES
def test_a_kernel_gives_the_same_bits_whatever_the_order_of_its_threads(double, name, case, dtype):
    found = []
    for machine.backwards in (False, True):
        args, settings = arguments(double, name, case, dtype)
        y = getattr(backends.backend_of(Device("cuda", 0)), name)(*args, **settings)
        found.append([x.get() for x in (y, *args) if isinstance(x, double.xp.ndarray)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


LAUNCHES = {  # of kernels of our own, besides which none of CuPy's runs: one each
    **dict.fromkeys((*ELEMENTWISE, "mean", "sum", "adam_"), "a matrix"),
    "lerp_": "a number in memory",
    "uniform": "(7, 3)",
    "normal": "(7, 3)",
    "dropout_mask": "40000, (7, 3)",
    "gather_pixels": "bytes",
    "bias_leaky_relu_dropout": "dropped",
    "bias_leaky_relu_dropout_grad": "dropped",
    "moments": "(128, 33), by rows",
    "norm_sums": "(3, 8, 2, 3), channels last",
    "normalize": "affine, (9, 2, 30, 40), by rows",
    "norm_grad": "weighted, (9, 2, 30, 40), channels last",
}


def test_pixels_are_those_of_the_loader_bit_for_bit(gpu, backend):
    images, indices = np.arange(512, dtype=np.uint8).reshape(8, 1, 8, 8), np.array([7, 0, 3])
    found = backend.gather_pixels(gpu.xp.asarray(images), gpu.xp.asarray(indices))
    np.testing.assert_array_equal(found.get(), mg.data.gather_pixels(images, indices))


def test_a_convolution_of_single_places_copies_no_windows(double):
    args, _ = arguments(double, "conv2d", "1 x 1, channels last", "float32")
    before = machine.launches
    backends.backend_of(Device("cuda", 0)).conv2d(*args)
    assert machine.launches - before == 2  # a product, and the bias


def test_there_may_be_more_samples_than_blocks_in_a_dimension_of_a_launch(gpu, backend):
    n, window = 65_540, Window((2, 2), (1, 1), (1, 0), (1, 1), (1, 2), (2, 1))
    x, weight = gpu.array(Maker("float32")(n, 1, 1, 2)), gpu.array(Maker("float32")(1, 1, 2, 2))
    y = backend.conv2d(x, weight, None, window, 1)
    for found, args in ((y, (x, weight)), (backend.conv2d_input_grad(y, weight, None, window, 1), (y, weight))):
        name = "conv2d" if found is y else "conv2d_input_grad"
        assert_alike(gpu, found, specified(gpu, name, (*args, None, window, 1), {}), name)


def test_a_gradient_lies_in_memory_as_the_result_of_the_forward_pass_does(gpu, backend):
    args, _ = arguments(gpu, "tanh_grad", "mixed layouts", "float32")
    assert backend.tanh_grad(*args).strides == args[1].strides != args[0].strides


@pytest.mark.parametrize("name", LAUNCHES)
def test_an_override_is_one_launch(double, name):
    args, settings = arguments(double, name, LAUNCHES[name], "float32")
    before = machine.launches
    getattr(backends.backend_of(Device("cuda", 0)), name)(*args, **settings)
    assert machine.launches - before == 1
