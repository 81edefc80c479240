"""CuPy on NVIDIA GPUs: the base kernels, and kernels of our own where one launch does the work of many.

Importing this module never imports CuPy; :func:`cupy_backend` does, when a GPU is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from minigan.backend.base import Array, Backend
from minigan.backend.cupy_conv import CupyConv
from minigan.backend.cupy_elementwise import CupyElementwise
from minigan.backend.cupy_fused import CupyFused
from minigan.backend.cupy_norm import CupyNorm
from minigan.backend.cupy_optim import CupyOptim
from minigan.backend.cupy_pixels import CupyPixels
from minigan.backend.cupy_random import CupyRandom


class CupyBackend(CupyConv, CupyPixels, CupyNorm, CupyFused, CupyElementwise, CupyRandom, CupyOptim, Backend):
    """Kernels on the `cupy.ndarray`s of one GPU."""

    device_type = "cuda"

    def __init__(self, index: int) -> None:
        import cupy

        self.xp = cupy
        self.array_type = cupy.ndarray
        self.index = index
        if cupy.cuda.runtime.getDeviceCount() > 1:
            self._run_on_own_device()

    def _run_on_own_device(self) -> None:
        """CuPy allocates and launches on the current device, whichever its arguments live on: make it this one."""
        for name in dir(Backend):
            method = getattr(self, name)
            if callable(method) and not name.startswith("_") and name not in ("of", "siblings", "array_type"):
                setattr(self, name, _on_device(self.xp.cuda.Device(self.index), method))

    def of(self, x: Array) -> Backend:
        return self if x.device.id == self.index else cupy_backend(x.device.id)

    def siblings(self) -> list[Backend]:
        return [cupy_backend(index) for index in range(self.xp.cuda.runtime.getDeviceCount())]

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        # A number goes along as an argument of a kernel: to copy it to the device, the host would wait.
        return self.xp.full((), x, dtype) if self.xp.isscalar(x) else self.xp.asarray(x, dtype)

    def table(self, values: tuple[Any, ...], dtype: Any) -> Array:
        return _table(self.index, values, dtype)

    def to_host(self, x: Array) -> Any:
        return self.xp.asnumpy(x)


@cache
def _table(index: int, values: tuple[Any, ...], dtype: Any) -> Array:
    """The array on the current device, that of this index.

    It is copied there once, as the host waits for a copy, and kept for good, as a captured graph may read it.
    """
    import cupy

    return cupy.asarray(values, dtype)


@cache
def cupy_backend(index: int) -> CupyBackend:
    """The one backend of this GPU in this process."""
    return CupyBackend(index)


def _on_device(device: Any, kernel: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **params: Any) -> Any:
        with device:
            return kernel(*args, **params)

    return run
