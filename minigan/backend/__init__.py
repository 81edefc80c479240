"""Where arrays live and kernels run. An array's type picks its backend; nothing global is switched."""

from __future__ import annotations

import numpy as np

from minigan.backend.base import Array, Backend
from minigan.backend.device import Device
from minigan.backend.numpy import NumpyBackend
from minigan.errors import DTypeError

__all__ = ["Array", "Backend", "backend_of", "device_of", "get_backend"]

_backends: dict[type, Backend] = {np.ndarray: NumpyBackend()}


def get_backend(array: Array) -> Backend:
    """The backend that runs kernels on this array: one dictionary look-up by its type.

    Raises:
        DTypeError: the object is neither a NumPy nor a CuPy array.
    """
    try:
        return _backends[type(array)].of(array)
    except KeyError:
        return _load_backend(type(array)).of(array)


def backend_of(device: Device) -> Backend:
    """The backend whose arrays live on this device; imports CuPy for a CUDA device."""
    if device.type == "cpu":
        return _backends[np.ndarray]
    from minigan.backend.cupy import cupy_backend

    backend = cupy_backend(device.index or 0)
    _backends.setdefault(backend.array_type, backend)
    return backend


def device_of(array: Array) -> Device:
    """The device on which this array lives."""
    backend = get_backend(array)
    return Device(backend.device_type, backend.index)


def _load_backend(array_type: type) -> Backend:
    if array_type.__module__.split(".")[0] == "cupy":
        return backend_of(Device("cuda", 0))
    raise DTypeError(
        f"Expected a tensor, an array or a number, but got {array_type.__module__}.{array_type.__qualname__}. "
        "Convert it with mg.tensor(x)."
    )
