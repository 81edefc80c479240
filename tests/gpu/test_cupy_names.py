"""Every array function, method and keyword that the GPU's backend uses exists in CuPy.

Asked are the installed CuPy and, where there is none, too, the strict double with its written list of CuPy's names.
"""

import importlib
from pathlib import Path

import numpy as np
import pytest

from . import names, strict

device = importlib.import_module("minigan.backend.device")
FOLDER = Path(device.__file__).parent


@pytest.fixture(scope="module", params=["installed", "written"])
def cupy(request):
    return strict.MODULE if request.param == "written" else installed()


def installed():
    return pytest.importorskip("cupy", reason="checking names needs CuPy: pip install cupy-cuda13x")


def test_the_installed_cupy_is_the_release_that_minigan_supports():
    assert installed().__version__.split(".")[0] == "14"


FILES = sorted(  # what runs on a GPU: the base kernels, and whatever is not NumPy's own
    str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py") if not path.name.startswith("numpy")
)


def read(file):
    return (FOLDER / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES)
def test_cupy_has_whatever_the_backend_asks_of_it(cupy, file):
    assert names.problems(read(file), cupy) == []


def test_the_specification_is_seen_whole():
    used = {name for file in FILES for name in names.uses(read(file))}
    assert {"add", "matmul", "where", "sum", "concatenate", "add.at", "RawModule", "cuda.Device"} <= used
    assert all(names.uses(read(file)) for file in FILES if "self.xp." in read(file))


# ---- the check itself ------------------------------------------------------------------------------------

RIGHT = """
import math
import numpy as np

class Kernels(Base):
    def right(self, x, y, out=None):
        xp = self.xp
        self.take(x, mode="wrap")
        super().sum(x, where=y)
        np.clip(3, min=0)
        z = self.xp.add(x, y, out=out, dtype=self.xp.float32)
        z = self.xp.sum(z, axis=0, keepdims=True, out=out) + self.xp.pi * math.pi
        z = xp.linalg.norm(z, axis=(0, 1)) + xp.matmul(x, y, out=out)
        xp.add.at(z, 0, x)
        xp.copyto(z, x, where=y)
        xp.pad(xp.stack([x, y], 0), 1, constant_values=0)
        values = self.xp.maximum(*x, out=out).astype(self.xp.float32, copy=False)
        return values.reshape(-1, 2).sum(axis=1, keepdims=True).transpose(1, 0).T
"""


def test_what_cupy_has_passes(cupy):
    assert names.problems(RIGHT, cupy) == []


PLANTED = {
    "self.xp.vecdot(x, y)": "CuPy has no vecdot",
    "xp.insert(x, 0, y)": "CuPy has no insert",
    "cupy.linalg.multi_dot([x, y])": "CuPy has no linalg.multi_dot",
    "self.xp.nowhere.add(x, y)": "CuPy has no nowhere",
    "f = self.xp.frompyfunc": "CuPy has no frompyfunc",
    "self.xp.add(x, y, where=m)": "add takes no where=",
    "self.xp.exp(x, y, z)": "exp takes 1 arrays, not 3",
    "self.xp.add(x, y, **options)": "add takes no **=",
    "self.xp.maximum.reduce(x)": "CuPy implements no maximum.reduce",
    "self.xp.divide.at(x, i, y)": "CuPy implements no divide.at",
    "self.xp.add.reduce(x, initial=0)": "add.reduce: got an unexpected keyword argument 'initial'",
    "self.xp.sum(x, where=m)": "sum: got an unexpected keyword argument 'where'",
    "self.xp.max(x, initial=0)": "max: got an unexpected keyword argument 'initial'",
    "self.xp.clip(x, min=0)": "clip: missing a required argument: 'a_min'",
    "self.xp.take(x, i, mode='clip')": "take: got an unexpected keyword argument 'mode'",
    "self.xp.zeros(3, device='cpu')": "zeros: got an unexpected keyword argument 'device'",
    "self.xp.matmul(x, y, where=m)": "matmul: got an unexpected keyword argument 'where'",
    "self.xp.einsum('i,i', x, y, out=z)": "einsum is not known to take out=",
    "self.xp.sum(x, **options)": "sum is given **, which hides its keywords from this check",
    "self.xp.where(x)(y).setflags(write=False)": "CuPy has no ndarray.setflags",
    "x.resize(3)": "CuPy has no ndarray.resize",
    "x[0].sum(where=m)": "ndarray.sum: got an unexpected keyword argument 'where'",
    "x.argsort(stable=True)": "ndarray.argsort: got an unexpected keyword argument 'stable'",
    "x.swapaxes(0)": "ndarray.swapaxes: missing a required argument: 'axis2'",
}


@pytest.mark.parametrize("line", PLANTED)
def test_what_cupy_has_not_is_found(cupy, line):
    source = f"def f(self, x, y):\n    xp = self.xp\n    {line}\n"
    assert names.problems(source, cupy) == [f"line 3: {PLANTED[line]}"]


def test_every_array_method_of_cupy_shows_which_keywords_it_takes(cupy):
    shared = [n for n in names.ARRAY_ATTRIBUTES if callable(getattr(np.ndarray, n)) and hasattr(cupy.ndarray, n)]
    assert len(shared) > 40
    unchecked = [n for n in shared if "keywords" in str(names.problems(f"x.{n}(no_such_keyword=0)", cupy))]
    silent = [n for n in shared if not names.problems(f"x.{n}(no_such_keyword=0)", cupy)]
    assert (unchecked, silent) == ([], [])


# ---- the probe -------------------------------------------------------------------------------------------


def test_the_probe_understands_the_real_cupy(monkeypatch):
    cupy = installed()
    monkeypatch.setattr(device, "_passed", {})
    state, sentence, _ = device.probe()
    assert state == ("ok" if device._driver_version() else "no-driver")
    assert cupy.__version__ in sentence
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError) as error:
        cupy.cuda.runtime.getDeviceProperties(10_000)
    assert isinstance(error.value.status, int)
