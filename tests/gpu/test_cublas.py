"""Matrix products by cuBLAS: the calls that its header declares, and the product itself for whatever lies in memory."""

import itertools

import numpy as np
import pytest

from minigan import backend as backends
from minigan.backend import cublas
from minigan.backend.base import Backend
from minigan.backend.device import Device
from minigan.errors import DeviceError

from . import fake_cublas, strict
from .conftest import install_double
from .fake_cublas import FakeCublas

rng = np.random.default_rng(0)


@pytest.fixture
def backend(gpu):
    return backends.backend_of(Device("cuda", 0))


# ---- the interface ---------------------------------------------------------------------------------------


def test_the_functions_take_what_the_header_declares():
    assert {name: list(types) for name, types in cublas.SIGNATURES.items()} == fake_cublas.prototypes()


@pytest.mark.gpu
def test_the_constants_are_those_of_the_installed_library():
    libs = pytest.importorskip("cupy_backends.cuda.libs.cublas", exc_type=ImportError)
    runtime = pytest.importorskip("cupy_backends.cuda.api.runtime")
    ours = cublas.OP_N, cublas.OP_T, cublas.GEMM_DEFAULT, cublas.R_32F, cublas.R_64F
    assert ours == (
        libs.CUBLAS_OP_N,
        libs.CUBLAS_OP_T,
        libs.CUBLAS_GEMM_DEFAULT,
        runtime.CUDA_R_32F,
        runtime.CUDA_R_64F,
    )
    ours = cublas.COMPUTE_32F, cublas.COMPUTE_64F, cublas.COMPUTE_32F_FAST_TF32
    assert ours == (libs.CUBLAS_COMPUTE_32F, libs.CUBLAS_COMPUTE_64F, libs.CUBLAS_COMPUTE_32F_FAST_TF32)


def test_a_status_other_than_success_is_an_error_that_says_so():
    library = FakeCublas().library()
    library.cublasCreate_v2 = lambda handle: 3
    with pytest.raises(DeviceError, match="cublasCreate_v2 failed with status 3: there is no memory left for it"):
        cublas.Cublas(library, 0)


def test_a_missing_library_is_named_with_what_to_install(monkeypatch):
    def no_such_module(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(cublas, "import_module", no_such_module)
    with pytest.raises(
        DeviceError, match=r"cuBLAS.*No module named 'cuda.pathfinder'.*pip install 'minigan\[cuda13\]'"
    ):
        cublas.library.__wrapped__()


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("0", False), ("1", True)])
def test_cupys_own_setting_chooses_tf32(monkeypatch, value, expected):
    monkeypatch.delenv("CUPY_TF32", raising=False)
    if value is not None:
        monkeypatch.setenv("CUPY_TF32", value)
    assert cublas.wants_tf32.__wrapped__() == expected


# ---- products --------------------------------------------------------------------------------------------

LAYOUTS = {  # ways in which m rows of n numbers may lie in memory
    "by rows": lambda xp, make, m, n: make(m, n),
    "by columns": lambda xp, make, m, n: make(n, m).T,
    "a part of wider rows": lambda xp, make, m, n: make(m, n + 3)[:, 1 : n + 1],
    "a part of longer columns": lambda xp, make, m, n: make(n, m + 3).T[2 : m + 2],
    "from within": lambda xp, make, m, n: make(m + 4, n)[3 : m + 3],
    "every other row": lambda xp, make, m, n: make(2 * m, n)[::2],
    "every other number": lambda xp, make, m, n: make(m, 2 * n)[:, ::2],
    "backwards": lambda xp, make, m, n: make(m, n)[::-1],
    "one row, shown often": lambda xp, make, m, n: xp.broadcast_to(make(n), (m, n)),
    "one column, shown often": lambda xp, make, m, n: xp.broadcast_to(make(m, 1), (m, n)),
}
COPIED = {"every other number", "backwards", "one row, shown often", "one column, shown often"}
SIZES = [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 4, 1), (3, 1, 1), (1, 1, 5), (1, 1, 1), (33, 17, 20)]
TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def maker(gpu, dtype):
    """Makes arrays of normal numbers on the GPU."""
    return lambda *shape: gpu.xp.asarray(rng.standard_normal(shape).astype(dtype))


def assert_product(found, x1, x2):
    """What was found is x1 x2, to within the rounding of sums of so many products."""
    expected = np.matmul(x1.get().astype(np.float64), x2.get().astype(np.float64))
    assert (found.dtype, found.shape) == (x1.dtype, expected.shape)
    size = np.matmul(abs(x1.get().astype(np.float64)), abs(x2.get().astype(np.float64)))
    limit = x1.shape[-1] * np.finfo(x1.dtype.name).eps * size
    assert (abs(found.get() - expected) <= limit).all()


@TYPES
@pytest.mark.parametrize(("one", "other"), list(itertools.product(LAYOUTS, LAYOUTS)))
def test_matrices_are_multiplied_however_they_lie_in_memory(gpu, backend, one, other, dtype):
    make = maker(gpu, dtype)
    for m, k, n in SIZES:
        x1, x2 = LAYOUTS[one](gpu.xp, make, m, k), LAYOUTS[other](gpu.xp, make, k, n)
        with gpu.no_sync():
            y = backend.matmul(x1, x2)
        assert_product(y, x1, x2)


@TYPES
@pytest.mark.parametrize("where", [name for name in LAYOUTS if "shown often" not in name])
def test_a_product_goes_wherever_it_is_wanted_and_nowhere_else(gpu, backend, where, dtype):
    make = maker(gpu, dtype)
    for m, k, n in SIZES:
        x1, x2, out = make(m, k), make(k, n), LAYOUTS[where](gpu.xp, make, m, n)
        around = out if out.base is None else out.base
        before = around.copy()
        assert backend.matmul(x1, x2, out) is out
        assert_product(out, x1, x2)
        out[...] = LAYOUTS[where](gpu.xp, lambda *shape, kept=before: kept.reshape(shape), m, n)
        assert (around == before).all()


@pytest.mark.parametrize("name", LAYOUTS)
def test_only_what_cublas_cannot_read_is_copied(gpu, name):
    x = LAYOUTS[name](gpu.xp, maker(gpu, "float32"), 3, 4)
    assert (cublas.as_matrix(x) is None) == (name in COPIED)


STACKS = {  # the shapes of stacks of matrices, and how their memory is seen as such
    "stacks": ((2, 3, 4), (2, 4, 5), lambda x: x, lambda x: x),
    "stacks of stacks": ((3, 2, 3, 4), (3, 2, 4, 5), lambda x: x, lambda x: x),
    "transposed matrices": ((2, 4, 3), (2, 5, 4), lambda x: x.swapaxes(1, 2), lambda x: x.swapaxes(1, 2)),
    "groups side by side": ((3, 2, 4), (2, 4, 5), lambda x: x.transpose(1, 0, 2), lambda x: x),
    "every other matrix": ((4, 3, 4), (2, 4, 5), lambda x: x[::2], lambda x: x),
    "backwards": ((2, 3, 4), (2, 4, 5), lambda x: x[::-1], lambda x: x[:, ::-1]),
    "a stack and a matrix": ((2, 3, 4), (4, 5), lambda x: x, lambda x: x),
    "a transposed stack and a matrix": ((2, 4, 3), (4, 5), lambda x: x.swapaxes(1, 2), lambda x: x),
    "a matrix and a stack": ((3, 4), (2, 4, 5), lambda x: x, lambda x: x),
    "a single one for all": ((1, 3, 4), (2, 4, 5), lambda x: x, lambda x: x),
    "broadcast both ways": ((2, 1, 3, 4), (3, 4, 5), lambda x: x, lambda x: x),
    "stacks of one": ((1, 3, 4), (1, 4, 5), lambda x: x, lambda x: x),
}


@TYPES
@pytest.mark.parametrize("name", STACKS)
def test_stacks_of_matrices_are_multiplied_one_by_one(gpu, backend, name, dtype):
    make, (one, other, see1, see2) = maker(gpu, dtype), STACKS[name]
    x1, x2 = see1(make(*one)), see2(make(*other))
    with gpu.no_sync():
        y = backend.matmul(x1, x2)
    assert_product(y, x1, x2)
    wide = make(*y.shape[:-1], y.shape[-1] + 2)
    for out in (make(*y.shape), wide[..., 1:-1], make(*y.shape[:-2], *y.shape[:-3:-1]).swapaxes(-1, -2)):
        assert backend.matmul(x1, x2, out) is out
        assert_product(out, x1, x2)


EMPTY = [
    ((0, 4), (4, 5)),
    ((3, 0), (0, 5)),
    ((3, 4), (4, 0)),
    ((0, 3, 4), (0, 4, 5)),
    ((2, 3, 0), (0, 5)),
    ((0, 3, 4), (4, 5)),
]


@pytest.mark.parametrize(("one", "other"), EMPTY)
def test_products_of_nothing_are_empty_or_zeros(gpu, backend, one, other):
    make = maker(gpu, "float32")
    x1, x2 = make(*one), make(*other)
    assert_product(backend.matmul(x1, x2), x1, x2)
    out = backend.matmul(x1, x2) + 1
    assert_product(backend.matmul(x1, x2, out), x1, x2)


OTHERS = [("int64", "int64"), ("float32", "float64"), ("float16", "float16"), ("bool", "bool")]


@pytest.mark.parametrize("types", OTHERS)
def test_other_numbers_are_multiplied_by_cupy(gpu, backend, types):
    x1, x2 = (gpu.xp.asarray((rng.standard_normal((3, 3)) * 3).astype(t)) for t in types)
    found, expected = backend.matmul(x1, x2), Backend.matmul(backend, x1, x2)
    assert found.dtype == expected.dtype
    assert (found == expected).all()


def test_shapes_that_do_not_fit_are_refused(gpu, backend):
    make = maker(gpu, "float32")
    for one, other in (((2, 3), (2, 3)), ((2, 3, 4), (3, 4, 5)), ((3,), (4, 5))):
        with pytest.raises(ValueError, match=r"matmul|mismatch|broadcast"):
            backend.matmul(make(*one), make(*other))


@TYPES
def test_linear_layers_and_their_gradients_are_products(gpu, backend, dtype):
    make = maker(gpu, dtype)
    x, weight, bias, gy, out = make(2, 7, 4), make(5, 4), make(5), make(2, 7, 5), make(5, 4)
    assert_product(backend.linear(x, weight, None), x, weight.T)
    with_bias = backend.linear(x, weight, bias)
    assert (with_bias == backend.linear(x, weight, None) + bias).all()
    assert_product(backend.linear_weight_grad(gy, x), gy.reshape(14, 5).T, x.reshape(14, 4))
    assert backend.linear_weight_grad(gy, x, out) is out
    assert_product(out, gy.reshape(14, 5).T, x.reshape(14, 4))
    assert_product(backend.matmul_grad1(gy[0], weight.T), gy[0], weight)
    assert_product(backend.matmul_grad2(gy[0], x[0]), x[0].T, gy[0])


# ---- what the double sees of cuBLAS ----------------------------------------------------------------------


def test_a_product_of_matrices_is_one_call_that_transposes_by_flags(monkeypatch):
    xp = install_double(monkeypatch)
    backend = backends.backend_of(Device("cuda", 0))

    def make(*shape):
        return xp.ones(shape, xp.float32)

    backend.matmul(make(3, 4), make(4, 5))
    backend.matmul(make(4, 3).T, make(5, 4).T)
    backend.matmul(make(2, 3, 4), make(2, 4, 5))
    backend.matmul(make(2, 3, 4), make(4, 5))
    backend.matmul(make(1, 3, 4), make(1, 4, 5))
    assert xp.fake_cublas.calls == [
        ("cublasGemmEx", 0, 0, 5, 3, 4, 1),
        ("cublasGemmEx", 1, 1, 5, 3, 4, 1),
        ("cublasGemmStridedBatchedEx", 0, 0, 5, 3, 4, 2),
        ("cublasGemmEx", 0, 0, 5, 6, 4, 1),
        ("cublasGemmEx", 0, 0, 5, 3, 4, 1),
    ]


def test_each_device_and_stream_has_a_handle_with_a_workspace_of_its_own(monkeypatch):
    xp = install_double(monkeypatch, devices=2)
    streams = []
    for index in range(2):
        with xp.cuda.Device(index):
            streams.append(xp.cuda.Stream(non_blocking=True))
    one, other = streams
    for index, current in ((0, one), (1, other), (0, xp.cuda.Stream.null), (0, one), (1, other)):
        with xp.cuda.Device(index), current:
            backends.backend_of(Device("cuda", index)).matmul(xp.ones((2, 2)), xp.ones((2, 2)))
    handles = xp.fake_cublas.handles.values()
    assert [handle.stream for handle in handles] == [one.ptr, other.ptr, 0]
    assert all(handle.workspace == 32 << 20 for handle in handles)


@pytest.mark.parametrize(("major", "tf32"), [(9, True), (8, True), (7, False)])
def test_tf32_is_used_where_it_is_asked_for_and_the_gpu_has_it(monkeypatch, major, tf32):
    xp = install_double(monkeypatch)
    monkeypatch.setattr(cublas, "wants_tf32", lambda: True)
    monkeypatch.setitem(strict.PROPERTIES, "major", major)
    found = cublas.cublas()
    assert found._kinds["f"].compute == (cublas.COMPUTE_32F_FAST_TF32 if tf32 else cublas.COMPUTE_32F)
    assert found._kinds["d"].compute == cublas.COMPUTE_64F
    assert backends.backend_of(Device("cuda", 0)).matmul(xp.ones((2, 3)), xp.ones((3, 2))).tolist() == [[3, 3], [3, 3]]
