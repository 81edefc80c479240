"""CuPy on NVIDIA GPUs: the base kernels as they stand, and Philox words made on the device.

Importing this module never imports CuPy; :func:`cupy_backend` does, when a GPU is first asked for.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from minigan.backend.base import Array, Backend

KERNELS = Path(__file__).parent / "kernels"
THREADS = 128


class CupyBackend(Backend):
    """Kernels on `cupy.ndarray`, each run on the device that is current: the one its arrays live on."""

    device_type = "cuda"

    def __init__(self) -> None:
        import cupy

        self.xp = cupy
        self.array_type = cupy.ndarray

    def device_index(self, x: Array) -> int:
        return int(x.device.id)

    def to_host(self, x: Array) -> Any:
        return self.xp.asnumpy(x)

    def synchronize(self) -> None:
        self.xp.cuda.get_current_stream().synchronize()

    def random_words(self, n: int, seed: int, purpose: int, step: int, site: int, first: int = 0) -> Array:
        words = self.xp.empty(n, self.xp.uint64)
        # Scalars go in as NumPy uint64: CuPy would pass a Python int as a signed 64-bit number.
        n_, first_, seed_, purpose_, site_ = (self.xp.uint64(i) for i in (n, first, seed, purpose, site))
        step_ = self.xp.asarray(step, self.xp.uint64)
        blocks = (first % 4 + n + 3) // 4
        grid = (max(1, (blocks + THREADS - 1) // THREADS),)
        _kernel("philox")(grid, (THREADS,), (words, n_, first_, seed_, purpose_, site_, step_))
        return words


@cache
def _kernel(name: str) -> Any:
    """The kernel ``NAME_words`` of kernels/NAME.cu, compiled on first use."""
    import cupy

    return cupy.RawKernel((KERNELS / f"{name}.cu").read_text(), f"{name}_words")


@cache
def cupy_backend() -> CupyBackend:
    """The one CuPy backend of this process."""
    return CupyBackend()
