"""Every CUDA kernel compiles for the GPU, and what CuPy's backend overrides agrees with the base class."""

import re
from pathlib import Path

import numpy as np
import pytest

from minigan import backend as backends
from minigan.backend import cupy as cupy_backends
from minigan.backend.base import Backend
from minigan.backend.device import Device

from . import nvrtc

SOURCES = sorted((Path(backends.__file__).parent / "kernels").glob("*.cu"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_kernel_compiles_to_hopper_code_that_stays_in_registers(path):
    source = path.read_text(encoding="ascii")
    entries = re.findall(r'extern "C" __global__ void (\w+)\(', source)
    assert entries
    cubin, report = nvrtc.compile_cubin(source)
    assert cubin.startswith(b"\x7fELF")
    for entry in entries:
        assert f"Compiling entry function '{entry}' for 'sm_90'" in report
    assert set(re.findall(r"(\d+) bytes (?:stack frame|spill stores|spill loads)", report)) == {"0"}


def test_nvrtc_shows_the_compilers_message():
    with pytest.raises(SyntaxError, match="nowhere"):
        nvrtc.compile_cubin('extern "C" __global__ void k(float* x) { *x = nowhere; }')


def test_every_kernel_file_is_used_by_the_backend():
    source = Path(cupy_backends.__file__).read_text(encoding="utf-8")
    assert {path.stem for path in SOURCES} == set(re.findall(r'_kernel\("(\w+)"\)', source))


def test_a_table_is_copied_to_the_device_once(gpu):
    backend = backends.backend_of(Device("cuda", 0))
    table, truth = backend.table((1, 0), "int64"), backend.table((True, False), "bool")
    with gpu.no_sync():
        assert backend.table((1, 0), "int64") is table
        assert backend.table((True, False), "bool") is truth
    assert (table.dtype, truth.dtype) == (np.int64, np.bool_)


# ---- overrides -------------------------------------------------------------------------------------------

CALLS = {  # the arguments of some calls of each override
    "asarray": [(2.5,), (3, np.float32), (np.arange(3.0),), (np.arange(3), np.float64), (np.float32(0.1),)],
    "table": [((1, 0, 2), "int64"), ((True, False), "bool"), (((1, 2), (3, 4)), np.float32), ((), "int64")],
    "random_words": [(9, 3, 1, 2, 4), (0, 3, 1, 2, 4), (1000, 2**64 - 1, 2, 2**63, 7), (6, 1, 1, 1, 1, 5)],
}
DEFINED_HERE_ALONE = {"of", "to_host"}  # the base class leaves them to its subclasses


def overridden():
    return {name for name in vars(cupy_backends.CupyBackend) if name in dir(Backend) and not name.startswith("__")}


def test_every_override_is_called_here():
    assert overridden() - DEFINED_HERE_ALONE - {"device_type"} == CALLS.keys()


@pytest.mark.parametrize(("name", "args"), [(name, args) for name in CALLS for args in CALLS[name]], ids=str)
def test_an_override_agrees_with_the_base_class(gpu, name, args):
    backend = backends.backend_of(Device("cuda", 0))
    expected = getattr(Backend, name)(backend, *args)
    found = getattr(backend, name)(*args)
    assert (type(found), found.dtype, found.shape) == (gpu.xp.ndarray, expected.dtype, expected.shape)
    np.testing.assert_allclose(found.get(), expected.get(), rtol=1e-12)
