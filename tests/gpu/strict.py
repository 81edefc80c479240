"""A strict double of CuPy 14: NumPy does the arithmetic, and what CuPy refuses is refused.

`MODULE` can stand in ``sys.modules["cupy"]``. It has the names and keywords of `api`, and no others. It refuses

- arrays of NumPy's, 0-d ones too, where CuPy wants its own, and its own where NumPy wants them;
- NumPy's functions on arrays on the GPU, which CuPy would quietly take over;
- ``where=``, ``order=`` and ``subok=`` of ufuncs, lists as their arguments, and methods that few of CuPy's have;
- ``a @= b``, and writes that name a place twice;
- arrays of another device than the current one;
- within ``machine.allow_sync(False)``, whatever makes the host wait for the GPU.

As in CuPy, reductions give 0-d arrays, results lie in C order, indices out of range wrap around, and memory
that nobody has written to holds anything.
"""

import getpass
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from . import api, host, names
from .device_memory import DefaultPool, Memory, MemoryPointer, MemoryPool, UnownedMemory, using_allocator
from .machine import CUDADriverError, CUDARuntimeError, Device, Event, Graph, OutOfMemoryError, Stream, machine
from .strict_array import POISON, SCALARS, WRAPPING, _devices, _parts, _wrapped_around, call, ndarray, wrap

# ---- ufuncs ----------------------------------------------------------------------------------------------

AT_TYPES = {  # of the atomic operations that CuPy's kernels use
    "add": "int32 float16 float32 float64 uint32 uint64",
    "subtract": "int32 float16 float32 float64 uint32 uint64",
    "maximum": "int32 float32 float64 uint32 uint64",
    "minimum": "int32 float32 float64 uint32 uint64",
    "bitwise_and": "int32 uint32 int64 uint64",
    "bitwise_or": "int32 uint32 int64 uint64",
    "bitwise_xor": "int32 uint32 int64 uint64",
}


class ufunc:  # noqa: N801  (CuPy's name)
    """`cupy.ufunc`: elementwise, into C order."""

    def __init__(self, name: str) -> None:
        self._ufunc = getattr(np, name)
        self.__name__ = name
        self.nin, self.nout, self.nargs = self._ufunc.nin, self._ufunc.nout, self._ufunc.nargs

    def __call__(self, *args: Any, out: Any = None, **options: Any) -> Any:
        unknown = options.keys() - names.UFUNC_KEYWORDS
        if unknown or not self.nin <= len(args) <= self.nargs:
            raise TypeError(f"{self.__name__}: wrong arguments {len(args)} {sorted(unknown)}")
        outs = out if isinstance(out, tuple) else () if out is None else (out,)
        outs = outs or args[self.nin :]
        for value in (*args[: self.nin], *outs):
            self._check(value)
        if outs:
            options["out"] = tuple(outs)
        return call(self._ufunc, *args[: self.nin], order="C", **options)

    def _check(self, value: Any) -> None:
        if not isinstance(value, (ndarray, *SCALARS)):
            raise TypeError(f"{self.__name__}: Unsupported type {type(value)}")
        if isinstance(value, ndarray):
            machine.check(value._device)

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        self._implements("at")
        if str(a.dtype) not in AT_TYPES[self.__name__].split():
            raise TypeError(f"{self.__name__}.at: CuPy has no atomic operation for {a.dtype}")
        self._check(b)
        if not isinstance(b, ndarray):
            machine.wait("copying a number to the device")
        parts, masked = _parts(indices)
        if masked:
            machine.wait("adding to the elements of a mask")
        call(lambda a, b, *_: self._ufunc.at(a, _wrapped_around(a, parts), b), a, b, *_devices(indices))

    def reduce(self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
        self._implements("reduce")
        return call(self._ufunc.reduce, array, axis, dtype, out=out, keepdims=keepdims)

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> ndarray:
        self._implements("accumulate")
        return call(self._ufunc.accumulate, array, axis, dtype, out=out)

    def outer(self, A: Any, B: Any, **options: Any) -> ndarray:
        return self(A.reshape(*A.shape, *(1,) * B.ndim), B, **options)

    def _implements(self, method: str) -> None:
        if self.__name__ not in names.UFUNC_METHODS[method]:
            raise NotImplementedError(f"`cupy_{self.__name__}.{method}` is not supported yet")


# ---- functions -------------------------------------------------------------------------------------------

ABOUT = {  # tell something about an array, not of its values: no array
    "broadcast_shapes", "can_cast", "common_type", "iscomplexobj", "isrealobj", "isscalar", "may_share_memory",
    "min_scalar_type", "ndim", "shape", "shares_memory", "size",
}  # fmt: skip
FROM_HOST = {"array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray"}
WAITING = {  # the shape of the result, or an error, depends on values
    "argwhere", "bincount", "compress", "extract", "flatnonzero", "histogram", "nonzero", "place", "put", "unique",
}  # fmt: skip


def _function(name: str) -> Any:
    """CuPy's function of this name."""
    signature, function = api.signature(name), WRAPPING.get(name) or api._at(np, name)
    known = names.VARIABLE_KEYWORDS.get(name)

    def run(*args: Any, **options: Any) -> Any:
        signature.bind(*args, **options)
        if known is not None and not options.keys() <= known | signature.parameters.keys():
            raise TypeError(f"{name}() got unexpected keywords: CuPy knows {sorted(known)}")
        if name in ABOUT:
            return function(*[a._host if isinstance(a, ndarray) else a for a in args], **options)
        if name in WAITING or (name == "where" and len(args) + len(options) == 1):
            machine.wait(name)
        y = call(function, *args, **options)
        return wrap(np.asarray(y)) if isinstance(y, bool | int) else y

    run.__name__ = name
    run.__signature__ = signature
    return run


def _from_host(name: str) -> Any:
    """`asarray` and its like: a host array, a list or a number is copied to the device, and the host waits for it."""
    on_device = _function(name)

    def run(a: Any, *args: Any, **options: Any) -> ndarray:
        if isinstance(a, ndarray):
            return on_device(a, *args, **options)
        api.signature(name).bind(a, *args, **options)
        machine.wait(f"{name} of a host array")
        if isinstance(a, list | tuple) and any(isinstance(part, ndarray) for part in a):
            return on_device(a, *args, **options)
        options.pop("blocking", None)
        return wrap(np.array(a, *args, **{**options, "copy": True}))

    run.__signature__ = api.signature(name)
    return run


def _poisoned(name: str) -> Any:
    """`empty`: memory with values that nobody should rely on."""
    make = _function(name)

    def run(*args: Any, **options: Any) -> ndarray:
        x = make(*args, **options)
        x._host.fill(POISON[x.dtype.kind])
        return x

    return run


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> Any:
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def from_dlpack(array: Any, *, device: Any = None, copy: Any = None) -> ndarray:
    if not isinstance(array, ndarray):
        raise TypeError(f"CuPy takes no {type(array)} that lies on the host")
    return array.view()


class RawKernel:
    """`cupy.RawKernel`: its source is compiled for the CPU, once in a process, and run there."""

    def __init__(self, code: str, name: str, options: tuple[str, ...] = ()) -> None:
        self.code, self.name, self.options = code, name, options

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]) -> None:
        kernel = _compiled(self.code, self.options)[self.name]
        kernel.backwards = machine.backwards
        call(kernel, grid, block, tuple(self._checked(a) for a in args))

    def _checked(self, a: Any) -> Any:
        if isinstance(a, ndarray) and not a.flags.c_contiguous:
            raise ValueError(f"{self.name}: the kernel would not see the strides of an array that is not contiguous")
        return a


class RawModule:
    """`cupy.RawModule`: several kernels, compiled together."""

    def __init__(self, *, code: str, options: tuple[str, ...] = ()) -> None:
        self.code, self.options = code, options

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self.code, name, self.options)


@cache
def _compiled(code: str, options: tuple[str, ...]) -> dict[str, host.Kernel]:
    host.require_compiler()
    defined = tuple(option for option in options if option.startswith("-D"))  # the others are NVIDIA's
    folder = Path(tempfile.gettempdir()) / f"minigan-kernels-{getpass.getuser()}"  # kept: compiling takes seconds
    folder.mkdir(mode=0o700, exist_ok=True)
    return host.compile_module(code, folder, defined)


# ---- the module ------------------------------------------------------------------------------------------


DEFAULT_POOL = DefaultPool()
PROPERTIES = {"name": b"NVIDIA H200", "totalGlobalMem": 139 * 2**30, "major": 9, "minor": 0}
CUDA = SimpleNamespace(
    Device=Device,
    Event=Event,
    Graph=Graph,
    Memory=Memory,
    MemoryPointer=MemoryPointer,
    MemoryPool=MemoryPool,
    Stream=Stream,
    UnownedMemory=UnownedMemory,
    driver=SimpleNamespace(CUDADriverError=CUDADriverError),
    get_current_stream=lambda: machine.stream,
    get_elapsed_time=lambda begun, ended: ended.time - begun.time,
    is_available=lambda: True,
    memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
    runtime=SimpleNamespace(
        CUDARuntimeError=CUDARuntimeError,
        driverGetVersion=lambda: 13000,
        getDeviceCount=lambda: machine.devices,
        getDeviceProperties=lambda device: PROPERTIES,
        memGetInfo=lambda: (machine.room, PROPERTIES["totalGlobalMem"]),
        runtimeGetVersion=lambda: 13020,
    ),
    using_allocator=using_allocator,
)
OWN = {
    "RawKernel": RawKernel, "RawModule": RawModule, "__version__": "14.2.0", "asnumpy": asnumpy, "cuda": CUDA,
    "from_dlpack": from_dlpack, "get_default_memory_pool": lambda: DEFAULT_POOL, "is_available": CUDA.is_available,
    "ndarray": ndarray, "ufunc": ufunc,
}  # fmt: skip


class _Module(ModuleType):
    """The names of one module of CuPy's, made when first asked for."""

    def __getattr__(self, name: str) -> Any:
        path = f"{self.__name__}.{name}".removeprefix("cupy.")
        if path in ("linalg", "lib", "lib.stride_tricks"):
            value: Any = _Module(f"cupy.{path}")
        elif path not in api.read():
            raise AttributeError(f"CuPy has no {path}")
        else:
            value = _made(path, api.read()[path])
        setattr(self, name, value)
        return value


def _made(path: str, what: str) -> Any:
    if what == api.NUMPY:
        return api._at(np, path)
    if what == api.UFUNC:
        return ufunc(path)
    if path in FROM_HOST:
        return _from_host(path)
    return _poisoned(path) if path in ("empty", "empty_like") else _function(path)


MODULE: Any = _Module("cupy")
vars(MODULE).update(OWN)


def install(monkeypatch: Any, devices: int = 1) -> Any:
    """Put the double in CuPy's place until the test ends, on a machine with so many GPUs; returns it."""
    machine.start(devices)
    monkeypatch.setitem(sys.modules, "cupy", MODULE)
    return MODULE
