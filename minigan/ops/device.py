"""Moving a tensor between devices. The gradient moves back."""

from __future__ import annotations

from typing import Any

from minigan.backend import Array, Backend, backend_of, get_backend
from minigan.backend.device import Device
from minigan.tape import primitive


def transfer(data: Any, to: Device) -> Any:
    """A copy of the array on another device."""
    return backend_of(to).asarray(get_backend(data).to_host(data))


@primitive(x=lambda gy, to, source: to_device(gy, to=source, source=to))
def to_device(k: Backend, x: Array, *, to: Device, source: Device) -> Array:
    """x on the device ``to``; its gradient goes to ``source``, where x was."""
    return transfer(x, to)
