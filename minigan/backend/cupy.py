"""CuPy on NVIDIA GPUs: the base kernels as they stand, and Philox words made on the device.

Importing this module never imports CuPy; :func:`cupy_backend` does, when a GPU is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from minigan.backend.base import Array, Backend

KERNELS = Path(__file__).parent / "kernels"
THREADS = 128


class CupyBackend(Backend):
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
            if callable(method) and not name.startswith("_") and name not in ("of", "array_type"):
                setattr(self, name, _on_device(self.xp.cuda.Device(self.index), method))

    def of(self, x: Array) -> Backend:
        return self if x.device.id == self.index else cupy_backend(x.device.id)

    def asarray(self, x: Any, dtype: Any = None) -> Array:
        # A number goes along as an argument of a kernel: to copy it to the device, the host would wait.
        return self.xp.full((), x, dtype) if self.xp.isscalar(x) else self.xp.asarray(x, dtype)

    def table(self, values: tuple[Any, ...], dtype: Any) -> Array:
        return _table(self.index, values, dtype)

    def to_host(self, x: Array) -> Any:
        return self.xp.asnumpy(x)

    def random_words(self, n: int, seed: int, purpose: int, step: int, site: int, first: int = 0) -> Array:
        words = self.xp.empty(n, self.xp.uint64)
        # Scalars go in as NumPy uint64: CuPy would pass a Python int as a signed 64-bit number.
        n_, first_, seed_, purpose_, site_, step_ = (self.xp.uint64(i) for i in (n, first, seed, purpose, site, step))
        blocks = (first % 4 + n + 3) // 4
        grid = (max(1, (blocks + THREADS - 1) // THREADS),)
        in_memory = self.asarray(step_, self.xp.uint64)  # see kernels/philox.cu
        _kernel("philox")(grid, (THREADS,), (words, n_, first_, seed_, purpose_, site_, in_memory))
        return words


@cache
def _kernel(name: str) -> Any:
    """The kernel ``NAME_words`` of kernels/NAME.cu, compiled on first use."""
    import cupy

    return cupy.RawKernel((KERNELS / f"{name}.cu").read_text(), f"{name}_words")


@lru_cache(maxsize=1024)
def _table(index: int, values: tuple[Any, ...], dtype: Any) -> Array:
    """The array on the current device, that of this index. It is copied there once: the host waits for a copy."""
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
