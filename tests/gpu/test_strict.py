"""The strict double refuses what CuPy refuses, waits where CuPy waits, and has CuPy's names and no others."""

import copy
import pickle

import numpy as np
import pytest

from minigan import backend as backends
from minigan.backend.device import device

from . import api, strict
from .conftest import install_double
from .machine import Device, SynchronizationError, machine

HOST = np.arange(6.0).reshape(2, 3)


@pytest.fixture
def xp(monkeypatch):
    return install_double(monkeypatch, devices=2)


@pytest.fixture
def x(xp):
    return xp.asarray(HOST)


# ---- its names are CuPy's --------------------------------------------------------------------------------


def test_the_written_list_is_that_of_the_installed_cupy():
    cupy = pytest.importorskip("cupy", reason="comparing names needs CuPy: pip install cupy-cuda13x")
    assert api.FILE.read_text(encoding="ascii").splitlines() == api.record(cupy)


@pytest.mark.parametrize("name", sorted(strict.OWN))
def test_what_is_not_from_the_list_is_cupys_too(name):
    cupy = pytest.importorskip("cupy", reason="comparing names needs CuPy: pip install cupy-cuda13x")
    assert hasattr(cupy, name)
    for part in vars(strict.CUDA) if name == "cuda" else ():
        assert hasattr(cupy.cuda, part)
        for leaf in getattr(vars(strict.CUDA)[part], "__dict__", ()) if part in ("driver", "memory", "runtime") else ():
            assert hasattr(getattr(cupy.cuda, part), leaf)


def test_every_name_of_the_list_can_be_had(xp):
    for name, what in api.read().items():
        if not name.startswith("ndarray."):
            value = xp
            for part in name.split("."):
                value = getattr(value, part)
            assert what == api.NUMPY or callable(value)


@pytest.mark.parametrize("name", ["errstate", "nditer", "vecdot", "insert", "einsum_path", "block", "spacing", "no"])
def test_names_that_cupy_lacks_are_missing(xp, name):
    with pytest.raises(AttributeError, match=f"CuPy has no {name}"):
        getattr(xp, name)


@pytest.mark.parametrize("name", ["resize", "setflags", "ctypes", "__index__", "__array_interface__", "to_device"])
def test_arrays_lack_what_cupys_lack(x, name):
    assert not hasattr(x, name)


# ---- refusals --------------------------------------------------------------------------------------------

REFUSED = {  # what CuPy does not do: (what is called, the error, a part of its message)
    "an array becomes a NumPy array": (lambda xp, x: np.asarray(x), TypeError, "Implicit conversion"),
    "NumPy's function on an array": (lambda xp, x: np.exp(x), TypeError, "use xp.exp"),
    "NumPy's reduction of an array": (lambda xp, x: np.sum(x), TypeError, "use xp.sum"),
    "a NumPy array is added": (lambda xp, x: x + HOST, TypeError, "Unsupported type"),
    "a 0-d NumPy array is added": (lambda xp, x: x + np.ones(()), TypeError, "Unsupported type"),
    "an array is added to a NumPy array": (lambda xp, x: HOST + x, TypeError, "use xp.add"),
    "a NumPy array in a function": (lambda xp, x: xp.concatenate([x, HOST]), TypeError, "Unsupported type"),
    "where with a NumPy array": (lambda xp, x: xp.where(HOST > 0, x, x), TypeError, "Unsupported type"),
    "a list in a ufunc": (lambda xp, x: xp.add(x, [1, 2, 3]), TypeError, "Unsupported type"),
    "a string in a ufunc": (lambda xp, x: x + "1", TypeError, "Unsupported type"),
    "None in a ufunc": (lambda xp, x: x == None, TypeError, "Unsupported type"),  # noqa: E711
    "ufunc where": (lambda xp, x: xp.exp(x, where=x > 0), TypeError, "wrong arguments"),
    "ufunc order": (lambda xp, x: xp.exp(x, order="F"), TypeError, "wrong arguments"),
    "ufunc subok": (lambda xp, x: xp.add(x, x, subok=False), TypeError, "wrong arguments"),
    "too many arrays": (lambda xp, x: xp.exp(x, x, x), TypeError, "wrong arguments"),
    "sum initial": (lambda xp, x: x.sum(initial=0), TypeError, "initial"),
    "max where": (lambda xp, x: xp.max(x, where=x > 0), TypeError, "where"),
    "mean where": (lambda xp, x: xp.mean(x, where=x > 0), TypeError, "where"),
    "var correction": (lambda xp, x: x.var(correction=1), TypeError, "correction"),
    "clip min": (lambda xp, x: xp.clip(x, min=0), TypeError, "a_min"),
    "take mode": (lambda xp, x: xp.take(x, 0, mode="clip"), TypeError, "mode"),
    "reshape shape": (lambda xp, x: xp.reshape(x, shape=(6,)), TypeError, "newshape"),
    "sort stable": (lambda xp, x: xp.sort(x, stable=True), TypeError, "stable"),
    "argsort stable": (lambda xp, x: x.argsort(stable=True), TypeError, "stable"),
    "stack arrays": (lambda xp, x: xp.stack(arrays=[x]), TypeError, "tup"),
    "count_nonzero keepdims": (lambda xp, x: xp.count_nonzero(x, keepdims=True), TypeError, "keepdims"),
    "matmul where": (lambda xp, x: xp.matmul(x, x.T, where=x), TypeError, "where"),
    "einsum out": (lambda xp, x: xp.einsum("ij->i", x, out=x), TypeError, "unexpected keywords"),
    "as_strided writeable": (
        lambda xp, x: xp.lib.stride_tricks.as_strided(x, writeable=True), TypeError, "writeable",
    ),
    "zeros device": (lambda xp, x: xp.zeros(3, device="cpu"), TypeError, "device"),
    "asarray device": (lambda xp, x: xp.asarray(HOST, device="cpu"), TypeError, "device"),
    "multiply.at": (lambda xp, x: xp.multiply.at(x, 0, 2), NotImplementedError, "multiply.at"),
    "add.at of int64": (lambda xp, x: xp.add.at(x.astype(int), 0, 2), TypeError, "no atomic operation for int64"),
    "maximum.reduce": (lambda xp, x: xp.maximum.reduce(x), NotImplementedError, "maximum.reduce"),
    "maximum.accumulate": (lambda xp, x: xp.maximum.accumulate(x), NotImplementedError, "maximum.accumulate"),
    "a NumPy array is assigned": (lambda xp, x: x.__setitem__(slice(None), HOST), ValueError, "cannot be filled"),
    "a 0-d NumPy array is assigned": (lambda xp, x: x.__setitem__(0, np.ones(())), ValueError, "cannot be filled"),
    "a list is assigned": (lambda xp, x: x.__setitem__(0, [1, 2, 3]), ValueError, "cannot be filled"),
    "a place is named twice": (lambda xp, x: x.__setitem__(xp.asarray([0, 0]), x), ValueError, "names a place twice"),
    "an index out of range": (lambda xp, x: x[2], IndexError, "out of bounds"),
    "in": (lambda xp, x: 1 in x, TypeError, "no `in`"),
    "a hash": (lambda xp, x: {x}, TypeError, "unhashable"),
    "objects": (lambda xp, x: xp.asarray(["a"]), ValueError, "Unsupported dtype"),
    "long doubles": (lambda xp, x: xp.zeros(2, np.longdouble), ValueError, "Unsupported dtype"),
    "an array as a length": (lambda xp, x: [1, 2][xp.asarray(0)], TypeError, "indices must be integers"),
    "writeable": (lambda xp, x: x.flags.writeable, AttributeError, "writeable"),
    "pickling": (lambda xp, x: pickle.dumps(x), TypeError, "save x.get"),
    "DLPack to the host": (lambda xp, x: np.from_dlpack(x), (BufferError, RuntimeError), "device|GPU"),
    "DLPack from the host": (lambda xp, x: xp.from_dlpack(HOST), TypeError, "lies on the host"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cupy_refuses_is_refused(xp, x, what):
    run, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        run(xp, x)


def test_a_product_in_place_is_refused(x):
    with pytest.raises(TypeError, match="a @= b"):
        x @= x


# ---- waiting ---------------------------------------------------------------------------------------------

WAITS = {
    "get": lambda xp, x: x.get(),
    "asnumpy": lambda xp, x: xp.asnumpy(x),
    "set": lambda xp, x: x.set(HOST),
    "item": lambda xp, x: x[0, 0].item(),
    "tolist": lambda xp, x: x.tolist(),
    "float": lambda xp, x: float(x[0, 0]),
    "int": lambda xp, x: int(x[0, 0]),
    "bool": lambda xp, x: bool((x > 0).any()),
    "if": lambda xp, x: 1 if (x > 0).all() else 0,
    "print": lambda xp, x: repr(x),
    "format": lambda xp, x: f"{x}",
    "nonzero": lambda xp, x: xp.nonzero(x),
    "x.nonzero": lambda xp, x: x.nonzero(),
    "where of one argument": lambda xp, x: xp.where(x),
    "unique": lambda xp, x: xp.unique(x),
    "a mask": lambda xp, x: x[x > 0],
    "a row mask": lambda xp, x: x[:, x[0] > 0],
    "setting a mask": lambda xp, x: x.__setitem__(x > 0, 0),
    "a list as an index": lambda xp, x: x[[0, 1]],
    "a NumPy array as an index": lambda xp, x: x[np.array([0, 1])],
    "setting a number at an array": lambda xp, x: x.__setitem__(xp.arange(2), 1.0),
    "adding a number at an array": lambda xp, x: xp.add.at(x, xp.arange(2), 1.0),
    "asarray": lambda xp, x: xp.asarray(HOST),
    "asarray of a number": lambda xp, x: xp.asarray(1.0),
    "array": lambda xp, x: xp.array([1.0, 2.0]),
    "synchronize": lambda xp, x: xp.cuda.Device().synchronize(),
}
DOES_NOT_WAIT = {
    "arithmetic": lambda xp, x: (x * 2 + np.float32(1)) @ x.T / 3,
    "a number on the left": lambda xp, x: np.float64(2) * x,
    "reductions": lambda xp, x: x.sum() + x.max(axis=0, keepdims=True),
    "parts": lambda xp, x: (x[0], x[:, None, ::-1], x[1, 2], x[..., -1]),
    "index arrays": lambda xp, x: x[xp.arange(2), xp.zeros(2, int)],
    "setting": lambda xp, x: (x.__setitem__(0, 1.0), x.__setitem__(slice(1), x[1:]), x.fill(2)),
    "where": lambda xp, x: xp.where(x > 0, x, 0),
    "copyto": lambda xp, x: xp.copyto(x, 0.5, where=x > 1),
    "making": lambda xp, x: (xp.full((2,), 3.0), xp.zeros_like(x), xp.empty(3), xp.eye(2), xp.arange(3)),
    "copies": lambda xp, x: (x.copy(), x.astype(np.float32), xp.asarray(x), xp.array(x), copy.deepcopy(x)),
    "looking": lambda xp, x: (x.shape, len(x), x.dtype, x.strides, x.base, x.device, xp.ndim(x), x.data.ptr),
}


@pytest.mark.parametrize("what", WAITS)
def test_what_makes_the_host_wait_is_counted_and_can_be_forbidden(xp, x, what):
    before = len(machine.waits)
    WAITS[what](xp, x)
    assert len(machine.waits) > before
    with machine.allow_sync(False), pytest.raises(SynchronizationError, match="makes the host wait"):
        WAITS[what](xp, x)


@pytest.mark.parametrize("what", DOES_NOT_WAIT)
def test_what_stays_on_the_device_makes_nobody_wait(xp, x, what):
    with machine.allow_sync(False):
        DOES_NOT_WAIT[what](xp, x)


# ---- what it computes ------------------------------------------------------------------------------------


def test_everything_that_is_computed_is_an_array(xp, x):
    for y in (x.sum(), xp.max(x), x[0, 0], x[0] @ x[0], xp.array_equal(x, x), xp.count_nonzero(x), xp.exp(x[0, 0])):
        assert type(y) is xp.ndarray
        assert y.shape == ()


def test_results_lie_in_c_order_whatever_the_arguments_do(xp, x):
    for y in (x.T * 2, xp.exp(x.T), xp.where(x.T > 0, x.T, 0), x.T.sum(axis=0, keepdims=True)):
        assert y.flags.c_contiguous


def test_indices_out_of_range_wrap_around(xp, x):
    far = xp.asarray([2, -3, 5])
    assert x[far].tolist() == HOST[[0, 1, 1]].tolist()
    assert x[:, far].tolist() == HOST[:, [2, 0, 2]].tolist()
    assert x[..., None, far].tolist() == HOST[..., None, [2, 0, 2]].tolist()
    xp.add.at(x, (xp.asarray([2, 2]), xp.asarray([0, 3])), 10.0)
    assert x.tolist() == [[20.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


@pytest.mark.parametrize("name", ["take", "take_along_axis"])
def test_indices_out_of_range_of_functions_wrap_around(xp, x, name):
    found = getattr(xp, name)(x, xp.asarray([[2, 4], [-1, -3]]), 1)
    assert found.tolist() == getattr(np, name)(HOST, np.array([[2, 1], [2, 0]]), 1).tolist()


def test_views_show_the_memory_of_their_base(xp, x):
    strided = xp.lib.stride_tricks.as_strided(x, (2,), (8,))
    for view in (x.T, x[0], x[0, 0], x.reshape(6), xp.broadcast_to(x, (2, 2, 3)), x.T[0], x.view(), strided):
        assert view.base is x
    for other in (x, x.copy(), x.astype(np.float64), x[xp.arange(1)], x.T.reshape(6), x + 1):
        assert other.base is None


def test_what_need_not_be_copied_is_the_same_array(xp, x):
    y = xp.empty((2, 3))
    assert xp.asarray(x) is xp.ascontiguousarray(x) is x.astype(x.dtype, copy=False) is x
    assert xp.add(x, x, out=y) is xp.add(x, x, y) is xp.sum(x[None], 0, out=y) is y
    before = x
    x += 1
    assert before is x


def test_memory_that_nobody_wrote_to_holds_nothing_useful(xp):
    assert np.isnan(xp.empty(3).get()).all()
    assert (xp.empty_like(xp.zeros(3, int)).get() == -77).all()


# ---- several devices -------------------------------------------------------------------------------------


def test_arrays_are_made_on_the_current_device_and_computed_with_there_only(xp):
    x = xp.zeros(3)
    with xp.cuda.Device(1):
        y = xp.zeros(3)
        assert (y + 1).device == y.device == Device(1)
        for run in (lambda: x + 1, lambda: x + y, lambda: xp.sum(x), lambda: x.fill(1), lambda: x.__setitem__(0, 1)):
            with pytest.raises(ValueError, match="array device = 0 while current = 1"):
                run()
        assert x.reshape(3, 1)[1:].device == Device(0)  # a view needs no kernel
        assert x.copy().device == Device(1)
        assert copy.copy(x).device == Device(0)
    assert machine.current == 0


def test_there_are_as_many_devices_as_the_machine_has(xp):
    assert xp.cuda.runtime.getDeviceCount() == 2
    with pytest.raises(ValueError, match="no GPU 2"), xp.cuda.Device(2):
        pass


# ---- captured streams ------------------------------------------------------------------------------------


@pytest.fixture
def captured(xp):
    """A function that captures what a function launches; returns the graph and what the function returned."""

    def capture(function):
        stream, pool = xp.cuda.Stream(non_blocking=True), xp.cuda.MemoryPool()
        with stream, xp.cuda.using_allocator(pool.malloc):
            stream.begin_capture()
            try:
                result = function()
            finally:
                graph = stream.end_capture()
        return graph, pool, result

    return capture


def test_nothing_runs_before_the_graph_is_launched_and_all_of_it_each_time(xp, x, captured):
    total, out = xp.zeros(3), xp.zeros((2, 3))

    def step():
        y = x * 2 + xp.ones((2, 3))
        xp.add(y.T, 1, out=out.T)
        total[...] += y.sum(0)
        return y

    graph, pool, y = captured(step)
    assert total.tolist() == [0] * 3
    assert np.isnan(y.get()).all()
    assert pool.total_bytes() >= y.nbytes
    for launch in (1, 2):
        graph.launch()
        np.testing.assert_array_equal(y.get(), HOST * 2 + 1)
        np.testing.assert_array_equal(out.get(), HOST * 2 + 2)
        np.testing.assert_array_equal(total.get(), launch * (HOST * 2 + 1).sum(0))
    x.fill(1)
    graph.launch()
    assert (y.get() == 3).all()


def test_kernels_and_products_become_parts_of_the_graph(xp, captured):
    backend = backends.backend_of(device("cuda"))
    x, w = (xp.asarray(HOST[:, :2].astype(np.float32)) for _ in range(2))
    graph, _, y = captured(lambda: backend.tanh(backend.matmul(x, w)))
    assert np.isnan(y.get()).all()
    for value in (0, 1):
        w.fill(value)
        graph.launch()
        np.testing.assert_allclose(y.get(), np.tanh(x.get() @ w.get()), rtol=1e-6)


def test_what_waits_or_calls_cupys_cublas_cannot_be_captured(xp, x, captured):
    for run in (x.get, lambda: float(x.sum()), lambda: xp.asarray(HOST), lambda: xp.nonzero(x)):
        with pytest.raises(xp.cuda.runtime.CUDARuntimeError, match="not permitted while a stream is captured"):
            captured(run)
    with pytest.raises(NotImplementedError, match="cuBLAS"):
        captured(lambda: x @ x.T)
    with pytest.raises(RuntimeError, match="null stream"):
        xp.cuda.Stream.null.begin_capture()
    with pytest.raises(RuntimeError, match="not captured"):
        xp.cuda.Stream().end_capture()
