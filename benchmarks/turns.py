"""Timing several sides fairly on a noisy machine: each in a process of its own, one turn after the other.

While one side works the others sleep, and the order of the turns changes every round, so that all see the same
weather on the machine. A turn starts with calls that are not timed, which wake threads and caches up. What is
compared are the medians over all timed calls. All sides keep freed memory alike (`set_up`). Workers load this file, so
minigan is imported only where it is used: PyTorch's process holds nothing of it.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

Work = Callable[[int], object]  # called with 0, 1, 2, ...
Times = dict[str, list[list[float]]]  # milliseconds of each call, by side and round

WARM_UP = 3  # calls at the start of each turn that are not timed
MALLOC = {  # what `minigan.backend.memory.keep_freed_memory` asks of glibc; a process reads it when it starts
    "MALLOC_MMAP_THRESHOLD_": str(1 << 25),
    "MALLOC_TRIM_THRESHOLD_": str((1 << 31) - 1),
}


def set_up(threads: int) -> None:
    """What the workers find in their environment; to be called before they start.

    All may use so many threads and keep the memory of arrays that are gone, and NumPy runs its fastest kernels; those
    that the user has chosen stay.
    """
    from minigan import blas

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.update(MALLOC)
    os.environ.update(blas.settings())


def measure(sides: Mapping[str, Callable[[], Work]], rounds: int, calls: int) -> Times:
    """Time each side's work; a side is a function that loads its library and returns what is to be timed."""
    return measure_with_memory(sides, rounds, calls)[0]


def measure_with_memory(
    sides: Mapping[str, Callable[[], Work]], rounds: int, calls: int
) -> tuple[Times, dict[str, int]]:
    """As `measure`, and the most memory that each side's process has held, in bytes."""
    context = multiprocessing.get_context("spawn")
    pipes, times = {}, {side: [] for side in sides}
    for side, make in sides.items():
        pipes[side], theirs = context.Pipe()
        context.Process(target=_work, args=(make, theirs), daemon=True).start()
        theirs.close()  # so that a worker that fails ends the wait for it
    for i in range(rounds + 1):
        for side in sides if i % 2 else reversed(sides):
            pipes[side].send(calls)
            seconds = pipes[side].recv()
            if i:  # the first round loads libraries
                times[side].append([1e3 * s for s in seconds])
    memory = {}
    for side, pipe in pipes.items():
        pipe.send(0)
        memory[side] = pipe.recv()
    return times, memory


def _work(make: Callable[[], Work], pipe: Connection) -> None:
    """A worker: for each number received, run so many calls and send their seconds."""
    work, k = make(), 0
    while n := pipe.recv():
        seconds = []
        for i in range(-WARM_UP, n):
            start = time.perf_counter()
            work(k)
            if i >= 0:
                seconds.append(time.perf_counter() - start)
            k += 1
        pipe.send(seconds)
    pipe.send(peak_memory())


def peak_memory() -> int:
    """Of this process, in bytes. What Linux tells of children by getrusage counts their parents' memory, too."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(1024 * int(line.split()[1]) for line in status.read_text().splitlines() if line[:6] == "VmHWM:")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def median(rounds: list[list[float]]) -> float:
    """The median over all calls of all rounds."""
    return statistics.median(ms for turn in rounds for ms in turn)


def in_worker(function: Callable[..., Any], *args: Any) -> Any:
    """What the function returns in a worker: NumPy's kernels and threads may be others there than in this process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, args)


def report(times: Times, unit: str = "ms") -> str:
    """NumPy's BLAS, then a line for each side: median, spread, and the first side's time over its time, in ms or us."""
    from minigan import blas
    from minigan.bench.spread import spread

    ours, scale = next(iter(times)), 1e3 if unit == "us" else 1
    lines = [f"NumPy's matrix products: {in_worker(blas.running)}"]
    lines += [f"{'':26}{'median ' + unit:>10}{'10%':>8}{'90%':>8}   {ours} / this   by round"]
    for side, rounds in times.items():
        low, high = spread([scale * ms for turn in rounds for ms in turn])
        ratios = [statistics.median(a) / statistics.median(b) for a, b in zip(times[ours], rounds, strict=True)]
        ratio = median(times[ours]) / median(rounds)
        compared = "" if side == ours else f"{ratio:12.2f}       {min(ratios):.2f} .. {max(ratios):.2f}"
        lines.append(f"{side:26}{scale * median(rounds):10.1f}{low:8.1f}{high:8.1f}   {compared}")
    return "\n".join(line.rstrip() for line in lines)
