"""What a device can do at most, measured: matrix products and copies.

A kernel takes at least the time of its arithmetic at the speed of matrix products, and at least that of its bytes at
the speed of copies, whichever is longer (the roofline model; Williams, Waterman and Patterson 2009). Small arrays may
still be in a cache, from which they are copied faster, so the speed of copies depends on how much is moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from minigan.backend import backend_of
from minigan.backend.device import CPU, Device

PRODUCTS = {  # (m, k, n) of x1 (m, k) @ x2 (k, n): sizes of layers, and larger ones where these are too small
    "cpu": ((128, 784, 1024), (512, 512, 512), (1024, 1024, 1024)),
    "cuda": ((1024, 1024, 1024), (2048, 2048, 2048), (4096, 4096, 4096)),
}
COPIES = {  # bytes moved, read and written: from what a cache holds to what none does
    "cpu": (2**18, 2**20, 2**22, 2**24, 2**26, 2**28),
    "cuda": (2**22, 2**24, 2**26, 2**28, 2**30),
}
AT_ONCE = {"cpu": 1, "cuda": 10}  # a GPU is given several runs, so that it need not wait for the next to be launched
SECONDS = 0.1  # for each size


class Limits(NamedTuple):
    """What a device can do at most.

    Attributes:
        flops: float32 operations per second, in matrix products.
        copies: bytes per second, read and written, of copies that move so many bytes or more; from few bytes to many.

    >>> from minigan.roofline import Limits
    >>> cpu = Limits(flops=100e9, copies={10**6: 50e9, 10**8: 20e9})
    >>> cpu.seconds(flops=1e9, nbytes=10**7), cpu.seconds(flops=0, nbytes=10**7), cpu.seconds(flops=0, nbytes=10**9)
    (0.01, 0.0002, 0.05)
    >>> print(cpu)
    100 GFLOP/s in matrix products, 20 GB/s in copies, 50 in caches
    """

    flops: float
    copies: dict[int, float]

    def __str__(self) -> str:
        speeds = [speed / 1e9 for speed in self.copies.values()]
        products = f"{self.flops / 1e9:,.0f} GFLOP/s in matrix products"
        return f"{products}, {speeds[-1]:,.0f} GB/s in copies, {speeds[0]:,.0f} in caches"

    def copy_speed(self, nbytes: int) -> float:
        """Bytes per second where so many are moved."""
        smallest = min(self.copies)
        return self.copies[max(size for size in self.copies if size <= max(nbytes, smallest))]

    def seconds(self, flops: float, nbytes: int) -> float:
        """The least time of a kernel with this work to do."""
        return max(flops / self.flops, nbytes / self.copy_speed(nbytes))


@cache
def limits(device: Device = CPU) -> Limits:
    """Those of this device, measured once in a process, in about a second.

    >>> from minigan.roofline import limits
    >>> limits().flops > 1e8
    True
    """
    return Limits(matmul_flops(device), copy_speeds(device))


def matmul_flops(device: Device = CPU) -> float:
    """The FLOP/s of float32 matrix products: 2 m n k over the seconds of the best run, at the fastest of a few sizes.

    The best, since whatever else the machine does can only make a run slower. The threads are those of NumPy's BLAS.
    """
    backend, draw = backend_of(device), np.random.default_rng(0).standard_normal
    best = 0.0
    for m, k, n in PRODUCTS[device.type]:  # random numbers: a GPU multiplies zeros faster
        x1, x2 = (backend.asarray(draw(shape, np.float32)) for shape in ((m, k), (k, n)))
        y = backend.empty((m, n), np.float32)
        seconds = _fastest(lambda x1=x1, x2=x2, y=y: backend.matmul(x1, x2, out=y), device)  # type: ignore[misc]
        best = max(best, 2 * m * n * k / seconds)
    return best


def copy_speeds(device: Device = CPU) -> dict[int, float]:
    """The bytes per second, read and written, of copies that move so many bytes: never less than of larger ones.

    A small copy is held up by what a call costs, which is no limit of the memory.
    """
    best, speeds = 0.0, {}
    for nbytes in reversed(COPIES[device.type]):
        best = max(best, _copy_speed(nbytes, device))
        speeds[nbytes] = best
    return dict(reversed(speeds.items()))


def _copy_speed(nbytes: int, device: Device) -> float:
    backend = backend_of(device)
    x, y = (backend.full((nbytes // 8,), 1.0, np.float32) for _ in range(2))
    return nbytes / _fastest(lambda: backend.copy_(y, x), device)


# ---- time ----------------------------------------------------------------------------------------------------


def synchronize(device: Device) -> None:
    """Wait until the device has done all that it was asked for; the CPU always has."""
    if device.type == "cuda":
        backend_of(device).xp.cuda.Device(device.index).synchronize()


def _fastest(work: Callable[[], object], device: Device) -> float:
    """Seconds of its fastest run, after one that is not timed."""
    n = AT_ONCE[device.type]
    work()
    synchronize(device)
    times: list[float] = []
    begun = time.perf_counter()
    while not times or time.perf_counter() - begun < SECONDS:
        start = time.perf_counter()
        for _ in range(n):
            work()
        synchronize(device)
        times.append((time.perf_counter() - start) / n)
    return min(times)
