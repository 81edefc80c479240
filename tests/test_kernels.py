"""The base class of backends is the specification: every override keeps its signature and gives its results."""

import inspect

import numpy as np
import pytest

from minigan.backend.base import Backend
from minigan.backend.cupy import CupyBackend
from minigan.backend.numpy import NumpyBackend


class Specification(Backend):
    """The base class on NumPy, with what it leaves open."""

    xp = np
    array_type = np.ndarray
    device_type = "cpu"

    def to_host(self, x):
        return x


SPECIFICATION, FAST = Specification(), NumpyBackend()
REDUCTIONS = ["sum", "mean", "norm2", "norm", "amax", "amin"]
BOTH = pytest.mark.parametrize("backend", [SPECIFICATION, FAST], ids=["base", "numpy"])
TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def kernels(cls):
    return {name: f for name, f in inspect.getmembers(cls, inspect.isfunction) if not name.startswith("_")}


def overrides(cls):
    return [name for name in kernels(Backend) if getattr(cls, name) is not getattr(Backend, name)]


# ---- signatures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "name"), [(cls, name) for cls in (NumpyBackend, CupyBackend) for name in overrides(cls)]
)
def test_an_override_keeps_the_signature(cls, name):
    assert inspect.signature(getattr(cls, name)) == inspect.signature(getattr(Backend, name))


@pytest.mark.parametrize("cls", [NumpyBackend, CupyBackend])
def test_a_backend_adds_no_kernel_that_the_specification_lacks(cls):
    assert set(kernels(cls)) == set(kernels(Backend))


def test_there_are_overrides_to_be_tested():
    assert {"tanh_grad", "leaky_relu", "adam_", "getitem_grad"} <= set(overrides(NumpyBackend))
    assert {"to_host", "random_words"} <= set(overrides(CupyBackend))


# ---- arguments: for every kernel, in every layout --------------------------------------------------------

LAYOUTS = {
    "contiguous": lambda make: make(4, 6),
    "transposed": lambda make: make(6, 4).T,
    "strided": lambda make: make(8, 12)[::2, ::2],
    "backwards": lambda make: make(4, 6)[::-1, ::-1],
    "vector": lambda make: make(17),
    "0-d": lambda make: make(),
    "empty": lambda make: make(0, 3),
    "shown by broadcasting": lambda make: np.broadcast_to(make(6), (4, 6)),
}
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def maker(dtype, low=-2.0, high=2.0):
    random = np.random.default_rng(0)
    return lambda *shape: np.asarray(random.uniform(low, high, shape), dtype)


def elementwise_arguments(name, layout, dtype):
    """One or two arrays of one layout, and the other settings, for a kernel that works element by element."""
    low = 0.1 if name in ("log", "sqrt", "rsqrt", "pow", "log1p", "reciprocal", "div", "bce") else -2.0
    make = maker(dtype, low, 0.9 if name == "bce" else 2.0)
    settings = {"negative_slope": 0.2, "beta": 2.0, "threshold": 0.5}
    names = [n for n in inspect.signature(getattr(Backend, name)).parameters if n not in ("self", "out")]
    return [settings[n] if n in settings else LAYOUTS[layout](make) for n in names]


ELEMENTWISE = [
    "add", "sub", "mul", "div", "pow", "neg", "abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1",
    "log", "log1p", "sin", "cos", "maximum", "minimum", "tanh", "tanh_grad", "sigmoid", "sigmoid_grad", "softplus",
    "softplus_grad", "logsigmoid", "relu", "relu_grad", "leaky_relu", "leaky_relu_grad", "bce", "bce_with_logits",
    "bce_with_logits_grad",
]  # fmt: skip
WITH_OUT = [name for name in ELEMENTWISE if "out" in inspect.signature(getattr(Backend, name)).parameters]


@pytest.mark.parametrize("name", [name for name in ELEMENTWISE if name in overrides(NumpyBackend)])
@every_layout
@TYPES
def test_an_elementwise_override_gives_the_specified_result(name, layout, dtype):
    arguments = elementwise_arguments(name, layout, dtype)
    expected, found = getattr(SPECIFICATION, name)(*arguments), getattr(FAST, name)(*arguments)
    assert found.dtype == expected.dtype == dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("slope", [0.0, 0.01, 0.2, 1.0, 1.5])
@pytest.mark.parametrize("name", ["leaky_relu", "leaky_relu_grad"])
def test_every_slope_gives_the_specified_result_at_kinks_and_infinities_too(name, slope):
    x = np.array([-np.inf, -1.5, -0.0, 0.0, 1.5, np.inf, np.nan], np.float32)
    arguments = (x, slope) if name == "leaky_relu" else (np.full_like(x, 3.0), x, slope)
    expected, found = (getattr(b, name)(*arguments) for b in (SPECIFICATION, FAST))
    np.testing.assert_array_equal(found, expected)


@BOTH
@pytest.mark.parametrize("name", WITH_OUT)
@every_layout
@TYPES
def test_out_receives_the_result_and_inputs_stay_as_they_are(backend, name, layout, dtype):
    arguments = elementwise_arguments(name, layout, dtype)
    before = [np.array(a) for a in arguments]
    expected = getattr(backend, name)(*arguments)
    out = np.full(np.shape(expected), 99, dtype)
    result = getattr(backend, name)(*arguments, out=out)
    assert result is out
    np.testing.assert_array_equal(out, expected)
    for argument, copy in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(argument, copy)


@BOTH
@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize(("dim", "keepdim"), [((0,), False), ((1,), True), ((0, 1), False), (None, False)])
def test_reductions_write_to_out(backend, name, dim, keepdim):
    x, more = maker("float32")(4, 6).T, (3.0,) * (name == "norm")
    expected = np.asarray(getattr(backend, name)(x, dim, keepdim, *more))
    out = np.full(expected.shape, 99, np.float32)
    assert getattr(backend, name)(x, dim, keepdim, *more, out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("name", [name for name in REDUCTIONS if name in overrides(NumpyBackend)])
@pytest.mark.parametrize(("dim", "keepdim"), [((0,), False), ((-1,), True), (None, False), ((), False)])
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("0-d", "empty")])
@TYPES
def test_a_reduction_override_gives_the_specified_result(name, dim, keepdim, layout, dtype):
    x = LAYOUTS[layout](maker(dtype))
    expected, found = (getattr(b, name)(x, dim, keepdim) for b in (SPECIFICATION, FAST))
    assert found.dtype == expected.dtype == dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps)


@BOTH
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "expected"), [("sum", 0.0), ("mean", np.nan)])
def test_a_reduction_of_nothing_is_its_limit(backend, name, expected):
    np.testing.assert_array_equal(getattr(backend, name)(np.zeros((0, 3), np.float32), (0,), False), [expected] * 3)
    assert getattr(backend, name)(np.zeros((0, 3), np.float32), (1,), False).shape == (0,)


@BOTH
@TYPES
def test_products_write_to_out(backend, dtype):
    make = maker(dtype)
    x, weight, bias, gy = make(6, 5).T, make(3, 6), make(3), make(3, 5).T
    for name, arguments, expected in (
        ("matmul", (x, weight.T), x @ weight.T),
        ("linear", (x, weight, bias), x @ weight.T + bias),
        ("linear", (x, weight, None), x @ weight.T),
        ("linear_weight_grad", (gy, x), gy.T @ x),
        ("linear_weight_grad", (gy.reshape(1, 5, 3), x.reshape(1, 5, 6)), gy.T @ x),
        ("normalize", (x, make(1, 6), make(1, 6), make(1, 6), make(1, 6)), None),
    ):
        plain = getattr(backend, name)(*arguments)
        out = np.full(plain.shape, 99, dtype)
        assert getattr(backend, name)(*arguments, out=out) is out
        np.testing.assert_array_equal(out, plain)
        if expected is not None:
            np.testing.assert_allclose(plain, expected, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


def test_every_kernel_with_out_is_tested():
    tested = {*WITH_OUT, *REDUCTIONS, "matmul", "linear", "linear_weight_grad", "normalize"}
    tested |= {"conv2d", "conv2d_input_grad", "conv2d_weight_grad"}  # in test_conv.py
    tested |= {"window_sum", "window_sum_grad", "max_pool2d_grad"}  # in test_pool.py
    tested |= {"bias_leaky_relu_dropout", "bias_leaky_relu_dropout_grad"}  # in test_fused.py
    with_out = {name for name, f in kernels(Backend).items() if "out" in inspect.signature(f).parameters}
    assert with_out == tested


def test_every_override_is_tested():
    others = {"to_host", "flat_buffer", "getitem_grad"}  # below
    others |= {"adam_", "sgd_", "rmsprop_", "lerp_"}  # in test_optimizer_kernels.py
    others |= {"matmul", "embedding_grad"}  # above, and in test_embedding_gradients.py
    others |= {"moments", "normalize", "norm_sums", "norm_grad"}  # in test_normalisation.py
    others |= {"bias_leaky_relu_dropout", "bias_leaky_relu_dropout_grad"}  # in test_fused.py
    assert set(overrides(NumpyBackend)) <= {*ELEMENTWISE, *REDUCTIONS, *others}


# ---- the other overrides ---------------------------------------------------------------------------------

INDICES = [
    1, -1, slice(None), slice(1, None), slice(None, None, -1), (slice(None), 2), (0, -1), ..., (..., 0), None,
    (None, 1), [0, 0, 2], [-1, 2], (slice(None), [1, 1, 3]), ([0, 0], [1, 1]), ((0, 0),), (range(-1, 2),),
    np.array([[0, 1], [1, 1]]), np.array([True, False, True]), (slice(None), np.array([True, False, False, True])),
    np.arange(12).reshape(3, 4) % 5 == 0, [True, True, False], np.array(1), (np.array(0), slice(None)),
    np.bool_(True), slice(0, 0), [], (np.int64(1), slice(None)), True,
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=repr)
@TYPES
def test_the_gradient_of_an_index_counts_each_mention(index, dtype):
    index = np.array(index, int) if isinstance(index, list) and not index else index
    places = np.arange(12).reshape(3, 4)[index]
    gy = maker(dtype)(*np.shape(places))
    expected = np.zeros(12, dtype)
    for place, value in zip(np.ravel(places), np.ravel(gy), strict=True):
        expected[place] += value
    for backend in (SPECIFICATION, FAST):
        gx = backend.getitem_grad(gy, (3, 4), index)
        assert gx.dtype == dtype
        np.testing.assert_allclose(gx, expected.reshape(3, 4), rtol=1e-6)


@TYPES
@pytest.mark.parametrize("n", [0, 1, 1000])
def test_flat_buffers_are_zeros_that_start_on_a_cache_line(n, dtype):
    for _ in range(5):
        buffer = FAST.flat_buffer(n, np.dtype(dtype))
        assert buffer.shape == (n,)
        assert buffer.dtype == dtype
        assert not buffer.any()
        assert buffer.ctypes.data % 64 == 0 or not n
        assert buffer.flags.writeable


def test_arrays_are_their_own_host_arrays():
    x = np.ones(3)
    assert FAST.to_host(x) is x


@TYPES
def test_normals_are_made_of_pairs_of_uniforms_by_box_and_muller(dtype):
    bits = np.random.default_rng(0).integers(0, 2**64, 40, np.uint64)
    u = FAST.uniform(bits, (40,), dtype).astype(float).reshape(20, 2)
    radius, angle = np.sqrt(-2 * np.log1p(-u[:, 0])), 2 * np.pi * u[:, 1]
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()
    np.testing.assert_allclose(FAST.normal(bits, (40,), dtype), expected, rtol=100 * np.finfo(dtype).eps, atol=1e-6)
