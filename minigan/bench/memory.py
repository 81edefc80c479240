"""Memory: how much a training takes, and how much there is."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
from collections.abc import Iterator

from minigan.backend import backend_of
from minigan.backend.device import Device
from minigan.backend.memory import physical_memory

USABLE = {"cpu": 0.75, "cuda": 0.95}  # the rest of a CPU's memory is for the system


class Peak:
    """The most bytes that were in use at a time; known at the end of the block."""

    nbytes = 0


@contextlib.contextmanager
def peak_memory(device: Device) -> Iterator[Peak]:
    """Measure what memory is asked for inside.

    On the CPU that is what Python and NumPy allocate, besides what was there before: `tracemalloc` hears of each array,
    and slows down what runs inside. On a GPU it is what CuPy's pools have taken by the end: they give nothing back.

    >>> from minigan.bench.memory import peak_memory
    >>> with peak_memory(mg.device("cpu")) as peak:
    ...     x = np.ones(10**6)
    >>> 8_000_000 <= peak.nbytes < 8_100_000
    True
    """
    gc.collect()
    peak = Peak()
    with (_traced if device.type == "cpu" else _taken)(device, peak):
        yield peak


@contextlib.contextmanager
def _traced(device: Device, peak: Peak) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak.nbytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@contextlib.contextmanager
def _taken(device: Device, peak: Peak) -> Iterator[None]:
    free = _free_on_gpu(device)
    yield
    peak.nbytes = free - _free_on_gpu(device, trim=False)


def usable_memory(device: Device) -> int:
    """The bytes that trainings may take: three quarters of what the machine has, or nearly all that a GPU has free."""
    there = (physical_memory() or 2**62) if device.type == "cpu" else _free_on_gpu(device)
    return int(USABLE[device.type] * there)


def _free_on_gpu(device: Device, trim: bool = True) -> int:
    """What no program has taken; first, CuPy's pool gives back what it does not use, if it is to be trimmed."""
    xp = backend_of(device).xp
    with xp.cuda.Device(device.index):
        if trim:
            xp.get_default_memory_pool().free_all_blocks()
        free, _ = xp.cuda.runtime.memGetInfo()
    return int(free)
