"""Moving a tensor between devices. The gradient moves back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigan.backend import Array, Backend, backend_of, get_backend
from minigan.backend.device import Device
from minigan.errors import DTypeError
from minigan.tape import primitive


def transfer(data: Any, to: Device) -> Any:
    """A copy of the array on another device."""
    return backend_of(to).asarray(get_backend(data).to_host(data))


def parse_to(args: Sequence[Any], device: Any, dtype: Any) -> tuple[Any, Any]:
    """The device and the data type, each None if not given, that ``.to(*args, device=, dtype=)`` was called with."""
    for arg in args:
        if isinstance(arg, Device) or (isinstance(arg, str) and arg.split(":")[0] in ("cpu", "cuda", "auto")):
            device = arg
        else:
            dtype = arg
    return device, None if dtype is None else _data_type(dtype)


def _data_type(dtype: Any) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise DTypeError(
            f'to: expected a device such as "cpu" or "cuda:0", or a data type such as mg.float32, but got {dtype!r}.'
        ) from None
    return found


@primitive(x=lambda gy, to, source: to_device(gy, to=source, source=to))
def to_device(k: Backend, x: Array, *, to: Device, source: Device) -> Array:
    """x on the device ``to``; its gradient goes to ``source``, where x was."""
    return transfer(x, to)
