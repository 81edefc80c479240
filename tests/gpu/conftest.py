"""One parametrisation decides which GPU a test computes on: the strict double of CuPy, or a real one.

``pytest -m "not gpu"`` runs a test on the double alone, ``pytest -m gpu`` on a real GPU alone.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest

import minigan as mg
from minigan import backend as backends
from minigan.backend import cublas, cupy_kernels
from minigan.backend import cupy as cupy_backends
from minigan.backend import device as device_module
from minigan.captured import cuda_graph
from minigan.variable import constant

from . import strict
from .fake_cublas import FakeCublas
from .machine import machine


class Gpu(NamedTuple):
    """A GPU to compute on.

    Attributes:
        xp: CuPy or its double.
        allow_sync: a context in which what makes the host wait for the GPU is an error, or is none again.
    """

    xp: Any
    allow_sync: Callable[[bool], AbstractContextManager]
    device = mg.Device("cuda", 0)

    def no_sync(self) -> AbstractContextManager:
        """A context in which whatever makes the host wait for the GPU is an error."""
        return self.allow_sync(False)

    def array(self, x: np.ndarray) -> Any:
        """A copy of x on the GPU that lies in memory as x does."""
        owner = x if x.base is None else x.base
        flat = self.xp.asarray(owner.ravel(order="K"))
        backwards = (*(slice(None, None, -1 if stride < 0 else 1) for stride in x.strides), ...)
        forwards = x[backwards]
        start = (forwards.ctypes.data - owner.ctypes.data) // x.itemsize if x.size else 0
        y = self.xp.lib.stride_tricks.as_strided(flat[start:], x.shape, forwards.strides)
        return y[backwards]

    def tensor(self, x: np.ndarray) -> mg.Tensor:
        """A tensor around :meth:`array`."""
        return constant(self.array(x))


@pytest.fixture(params=["double", pytest.param("real", marks=pytest.mark.gpu)])
def device_kind(request):
    """Whether the GPU is the strict double or a real one."""
    return request.param


@pytest.fixture
def gpu(device_kind, monkeypatch):
    """A GPU to compute on; the test is skipped, and says why, where it needs a real one and there is none."""
    if device_kind == "double":
        return Gpu(install_double(monkeypatch), machine.allow_sync)
    if reason := why_no_gpu():
        pytest.skip(reason)
    import cupy
    import cupyx

    return Gpu(cupy, cupyx.allow_synchronize)


@pytest.fixture
def double(monkeypatch):
    """The strict double, for what a real GPU does not show."""
    return Gpu(install_double(monkeypatch), machine.allow_sync)


@cache
def why_no_gpu():
    """What is amiss with the first GPU, and what to do; empty if it works."""
    state, sentence, command = device_module.probe()
    return "" if state == "ok" else f"needs a GPU: {sentence} Try: {command}"


def install_double(monkeypatch, devices=1):
    """The strict double in CuPy's place until the test ends, and one of cuBLAS; minigan forgets other ones."""
    monkeypatch.setattr(backends, "_backends", dict(backends._backends))
    monkeypatch.setattr(device_module, "_passed", {})
    cached = (cupy_backends, "cupy_backend"), (cupy_backends, "_table"), (cublas, "_cublas")
    for module, name in (*cached, (cupy_kernels, "module"), (cupy_kernels, "kernel"), (cuda_graph, "capture_stream")):
        monkeypatch.setattr(module, name, cache(getattr(module, name).__wrapped__))
    fake = FakeCublas()
    monkeypatch.setattr(cublas, "library", fake.library)
    double = strict.install(monkeypatch, devices)
    double.fake_cublas = fake
    return double
