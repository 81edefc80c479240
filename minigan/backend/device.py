"""Where tensors live: the CPU, or one of the GPUs that CuPy can use.

`device` is the one place where a device is resolved, and `probe` the one place that finds out whether a GPU
truly works. CuPy is imported by the probe alone, so a program that asks for no GPU never loads it.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Any, NamedTuple

from minigan.errors import DeviceError

# ---- the device ----------------------------------------------------------------------------------------


class Device:
    """The CPU or one GPU; immutable, comparable, hashable. Made by `device`.

    ``with device(...):`` makes it the default of every factory inside.

    Attributes:
        type: "cpu" or "cuda".
        index: The number of the GPU; None for the CPU, as in PyTorch.

    Example:
        >>> mg.Device("cuda", 1), str(mg.Device("cuda", 1)), mg.Device("cpu")
        (device(type='cuda', index=1), 'cuda:1', device(type='cpu'))
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: str, index: int | None = None) -> None:
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "index", None if type == "cpu" else index or 0)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A device cannot be changed: make another one in place of setting {name!r}.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"A device cannot be changed: {name!r} cannot be deleted.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Device):
            return NotImplemented
        return self.type == other.type and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return Device, (self.type, self.index)

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type={self.type!r}{index})"

    def __enter__(self) -> Device:
        _defaults.set((*_defaults.get(), self))
        return self

    def __exit__(self, *exception: object) -> None:
        _defaults.set(_defaults.get()[:-1])


DeviceLike = Device | str
CPU = Device("cpu")

# The defaults of the `with` blocks that are open, innermost last. Like PyTorch's, they hold for one thread.
_defaults: ContextVar[tuple[Device, ...]] = ContextVar("defaults", default=(CPU,))


def get_default_device() -> Device:
    """The device on which factories put tensors when none is named: the CPU unless changed."""
    return _defaults.get()[-1]


def set_default_device(spec: DeviceLike) -> None:
    """Make a device the default of this thread's factories; inside a ``with device`` block, until its end.

    Raises:
        DeviceError: as `device` does.
    """
    _defaults.set((*_defaults.get()[:-1], device(spec)))


def device(spec: DeviceLike | None = None) -> Device:
    """The device that a text names.

    Args:
        spec: "cpu"; "cuda" (the first GPU) or "cuda:1"; "auto", the first GPU if it truly works and the CPU
            if not; a Device, which is returned as it is; or None, the default device.

    Raises:
        DeviceError: the text names no device, or a GPU that cannot be used; the message says why not.

    Example:
        >>> with mg.device("cpu"):
        ...     print(mg.get_default_device())
        cpu
    """
    if isinstance(spec, Device):
        return spec
    if spec is None:
        return get_default_device()
    if spec == "cpu":
        return CPU
    if spec == "auto":
        return Device("cuda") if probe().state == "ok" else CPU
    return _cuda(spec)


def _cuda(spec: str) -> Device:
    match = re.fullmatch("cuda(?::([0-9]+))?", spec) if isinstance(spec, str) else None
    if match is None:
        raise DeviceError(f"Unknown device {spec!r}: expected 'auto', 'cpu', 'cuda' or 'cuda:N', N from 0.")
    found = Device("cuda", int(match[1] or 0))
    state, sentence, command = probe(found.index or 0)
    if state != "ok":
        raise DeviceError(f"Device {found} cannot be used: {sentence} Try: {command}")
    return found


# ---- does it work? -------------------------------------------------------------------------------------


class Probe(NamedTuple):
    """What `probe` found.

    Attributes:
        state: "ok", or the first thing that is amiss: "no-cupy", "broken-import", "no-driver", "old-driver",
            "no-device", "no-nvrtc" (this or another CUDA library) or "no-memory".
        sentence: The same in words.
        command: What to type to mend it; empty if all is well.
    """

    state: str
    sentence: str
    command: str = ""


_passed: dict[int, Probe] = {}


def probe(index: int = 0) -> Probe:
    """Find out whether GPU number ``index`` works, by computing on it; never raises.

    Imports CuPy if it is installed. A success is remembered; a failure is looked into afresh each time, as it
    may have been mended since.
    """
    if index not in _passed:
        result = _probe(index)
        if result.state != "ok":
            return result
        _passed[index] = result
    return _passed[index]


def _probe(index: int) -> Probe:
    try:
        import cupy
    except Exception as error:  # a damaged installation raises anything, not only ImportError
        return _import_failed(error)
    runtime = cupy.cuda.runtime
    driver = runtime.driverGetVersion()  # 0 if there is none
    if driver == 0:
        return Probe(
            "no-driver",
            f"CuPy {cupy.__version__} is installed, but no NVIDIA driver was found.",
            "install the driver from https://www.nvidia.com/drivers (in a container: docker run --gpus all)",
        )
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        if error.status == _INSUFFICIENT_DRIVER:
            return _old_driver(driver, runtime.runtimeGetVersion())
        return _not_seen(f"The NVIDIA driver offers no GPU ({_words_of(error)}).")
    if index >= count:
        return _not_seen(f"There is no GPU number {index}: counting from 0, {count} can be seen.")
    return _try_device(cupy, index)


_OUT_OF_MEMORY = 2  # of cudaError_t and of CUresult alike
_INSUFFICIENT_DRIVER = 35  # of cudaError_t


def _try_device(cupy: Any, index: int) -> Probe:
    """Compute on the GPU what needs memory, NVRTC and cuBLAS: all that minigan needs."""
    try:
        with cupy.cuda.Device(index):
            x = cupy.arange(4, dtype=cupy.float32).reshape(2, 2)
            total = float((x @ x + 1).sum())
            properties = cupy.cuda.runtime.getDeviceProperties(index)
    except Exception as error:  # whichever library fails first raises its own kind
        return _device_failed(cupy, index, error)
    if total != 26:
        return Probe("no-device", f"The GPU cuda:{index} computes {total} where 26 is right.", _LIST)
    name, gib = properties["name"].decode(), properties["totalGlobalMem"] / 2**30
    return Probe("ok", f"The GPU cuda:{index} works: {name}, {gib:.0f} GiB, CuPy {cupy.__version__}.")


def _device_failed(cupy: Any, index: int, error: Any) -> Probe:
    runtime = cupy.cuda.runtime
    from_cuda = isinstance(error, runtime.CUDARuntimeError | cupy.cuda.driver.CUDADriverError)
    if isinstance(error, MemoryError) or (from_cuda and error.status == _OUT_OF_MEMORY):
        return Probe("no-memory", f"The GPU cuda:{index} has no free memory left.", _LIST)
    if from_cuda:
        return Probe("no-device", f"The GPU cuda:{index} does not answer ({_words_of(error)}).", _LIST)
    return Probe(
        "no-nvrtc",
        f"CuPy sees the GPU cuda:{index}, but lacks a CUDA library to compute on it ({_words_of(error)}).",
        _install(runtime.runtimeGetVersion()),
    )


def _import_failed(error: Exception) -> Probe:
    driver = _driver_version()
    if isinstance(error, ModuleNotFoundError) and error.name == "cupy":
        also = "" if driver else ", and no NVIDIA driver was found"
        return Probe("no-cupy", f"CuPy is not installed{also}.", _install(driver))
    reason = _words_of(error.__cause__ or error)  # CuPy wraps the cause into a page of advice
    sentence = f"CuPy is installed, but importing it fails ({reason})."
    return Probe("broken-import", sentence, f"{_UNINSTALL} && {_install(driver)}")


def _old_driver(driver: int, built_for: int) -> Probe:
    sentence = f"The NVIDIA driver supports CUDA {_dotted(driver)}, but this CuPy needs {_dotted(built_for)}."
    if driver < 12000:
        return Probe("old-driver", sentence, "update the driver from https://www.nvidia.com/drivers")
    return Probe("old-driver", sentence, f"{_UNINSTALL} && {_install(driver)}")


def _not_seen(sentence: str) -> Probe:
    import os

    hidden = "CUDA_VISIBLE_DEVICES" in os.environ
    return Probe("no-device", sentence, "unset CUDA_VISIBLE_DEVICES" if hidden else _LIST)


_LIST = "nvidia-smi (it lists the GPUs, their state and who uses them)"

# Two CuPy wheels side by side break each other, so whatever is there goes first; pip skips what is not.
_UNINSTALL = "pip uninstall -y cupy cupy-cuda12x cupy-cuda13x"


def _install(cuda_version: int) -> str:
    extra = "cuda12" if 0 < cuda_version < 13000 else "cuda13"
    return f"pip install 'minigan[{extra}]'"


def _driver_version() -> int:
    """The newest CUDA that the NVIDIA driver supports, 13000 for 13.0; 0 without a driver. Needs no CuPy."""
    import ctypes
    import sys

    version = ctypes.c_int(0)
    try:
        library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        library.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return 0
    return version.value


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _words_of(error: BaseException) -> str:
    """The error's type and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
