"""Memory: how much a training takes, and how much there is."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
from collections.abc import Iterator

import numpy as np

from minigan.backend import backend_of
from minigan.backend.device import Device
from minigan.backend.memory import physical_memory

TABLE = 1 << 19
USABLE = {"cpu": 0.75, "cuda": 0.95}  # the rest of a CPU's memory is for the system


class Peak:
    """The most bytes that were in use at a time; known at the end of the block."""

    nbytes = 0

    def restart(self) -> None:
        """Look from here on: what is held by now still counts, but not what was taken and given back before."""
        gc.collect()  # or the garbage of before would count until Python happens to collect it
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()


@contextlib.contextmanager
def peak_memory(device: Device) -> Iterator[Peak]:
    """Measure what memory is asked for inside.

    On the CPU that is what Python and NumPy allocate, besides what was there before: `tracemalloc` hears of each array,
    and slows down what runs inside. On a GPU it is what CuPy's own pool has taken by the end: it gives nothing back,
    and holds no handles of libraries and no compiled kernels.

    >>> from minigan.bench.memory import peak_memory
    >>> with peak_memory(mg.device("cpu")) as peak:
    ...     x = np.ones(10**6)
    >>> 8_000_000 <= peak.nbytes < 8_100_000
    True
    """
    gc.collect()
    peak = Peak()
    with (_traced if device.type == "cpu" else _pooled)(device, peak):
        yield peak


@contextlib.contextmanager
def _traced(device: Device, peak: Peak) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak.nbytes = tracemalloc.get_traced_memory()[1] - _tables_of_python()
    finally:
        tracemalloc.stop()


def _tables_of_python() -> int:
    """The bytes of large blocks that are no arrays.

    Python's table of all names in the program, of a megabyte or so, has to grow every now and then. That it happened
    now is no property of what was measured, whose own objects are small, however many there are.
    """
    traces = tracemalloc.take_snapshot().traces
    return sum(t.size for t in traces if t.domain != np.lib.tracemalloc_domain and t.size >= TABLE)


@contextlib.contextmanager
def _pooled(device: Device, peak: Peak) -> Iterator[None]:
    xp = backend_of(device).xp
    with xp.cuda.Device(device.index):
        pool = xp.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
    yield
    with xp.cuda.Device(device.index):
        peak.nbytes = max(0, pool.total_bytes() - before)


def usable_memory(device: Device) -> int:
    """The bytes that trainings may take: three quarters of what the machine has, or nearly all that a GPU has free."""
    there = (physical_memory() or 2**62) if device.type == "cpu" else _free_on_gpu(device)
    return int(USABLE[device.type] * there)


def _free_on_gpu(device: Device) -> int:
    """What no program has taken, when CuPy's pool has given back what it does not use."""
    xp = backend_of(device).xp
    with xp.cuda.Device(device.index):
        xp.get_default_memory_pool().free_all_blocks()
        free, _ = xp.cuda.runtime.memGetInfo()
    return int(free)
