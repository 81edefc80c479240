"""The CuPy backend on a stand-in for CuPy: kernels run on the device of their arrays, and devices do not mix."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import minigan as mg
from minigan import backend as backends
from minigan.backend import cupy as cupy_module
from minigan.variable import constant


class FakeDevice:
    """`cupy.cuda.Device`: a number, and a context that makes it the current one."""

    current = [0]  # noqa: RUF012  (shared on purpose: one process has one current device)

    def __init__(self, id: int) -> None:
        self.id = id

    def __enter__(self):
        self.current.append(self.id)

    def __exit__(self, *exception):
        self.current.pop()


class FakeArray(np.ndarray):
    """An array that lives on the device that was current when it was made."""

    def __array_finalize__(self, source):
        self.id = FakeDevice.current[-1]

    device = property(lambda self: FakeDevice(self.id))


def as_fake(x, dtype=None):
    return np.asarray(x, dtype).view(FakeArray)


def on_current_device(name):
    """NumPy's function of this name, whose arrays are made on the current device as CuPy's are."""
    f = getattr(np, name)
    if isinstance(f, type) or not callable(f):
        return f
    return lambda *args, **options: as_fake(f(*args, **options))


@pytest.fixture
def two_gpus(monkeypatch):
    cupy = ModuleType("cupy")
    cupy.ndarray, cupy.asarray = FakeArray, as_fake
    cupy.asnumpy = lambda x: np.array(x)
    cupy.cuda = SimpleNamespace(Device=FakeDevice, runtime=SimpleNamespace(getDeviceCount=lambda: 2))
    cupy.__getattr__ = on_current_device
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(backends, "_backends", dict(backends._backends))
    monkeypatch.setattr(FakeArray, "__module__", "cupy")
    cupy_module.cupy_backend.cache_clear()
    yield lambda values, index: constant(backends.backend_of(mg.Device("cuda", index)).asarray(values, np.float32))
    cupy_module.cupy_backend.cache_clear()


@pytest.mark.parametrize("index", [0, 1])
def test_results_live_on_the_device_of_their_arguments(two_gpus, index):
    x = two_gpus([1.0, 2.0], index)
    y = mg.exp(x * 2.0) + x
    assert x.device == y.device == mg.Device("cuda", index)
    assert FakeDevice.current == [0]  # and the current device is what it was
    np.testing.assert_allclose(y.to("cpu").numpy(), np.exp([2.0, 4.0]) + np.array([1, 2]), rtol=1e-6)


def test_gradients_live_on_the_device_of_their_tensors(two_gpus):
    x = two_gpus([1.0, 2.0], 1).requires_grad_()
    (x * x).sum().backward()
    assert x.grad.device.id == 1
    assert x.grad.tolist() == [2.0, 4.0]


def test_tensors_of_two_gpus_or_of_gpu_and_cpu_do_not_mix(two_gpus):
    x = two_gpus([1.0], 0)
    with pytest.raises(mg.DeviceError, match=r'add: expected all tensors on one device, but found cuda:0 and cuda:1.*'
                       r'x.to\("cuda:0"\)'):  # fmt: skip
        x + two_gpus([1.0], 1)
    with pytest.raises(mg.DeviceError, match="found cuda:0 and cpu"):
        x + mg.ones(1)
