"""CUDA kernels: compiled when first used, and launched on arrays as they lie in memory.

They are written for numbers of type REAL. All files in ``kernels/`` are compiled together, once for float32 and once
for float64, as one call of NVRTC takes less time than many. How many threads are launched depends on sizes alone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from minigan.backend.base.arrays import Array, Number

KERNELS = Path(__file__).parent / "kernels"
FIRST = ("common", "philox", "random", "sum")  # what the other files build on
THREADS = 128
SUMMING = 256  # threads in a block that sums over channels
PACK = 16  # bytes that one load moves, if they lie on such a boundary
WORDS = 16  # of 8 bytes, that one launch writes
NULL = np.uint64(0)  # CuPy passes it as a pointer to nowhere
TYPES = {"f": "float", "d": "double"}


def source() -> str:
    """The source of all kernels."""
    others = sorted({path.stem for path in KERNELS.glob("*.cu")} - set(FIRST))
    return "\n".join((KERNELS / f"{name}.cu").read_text(encoding="ascii") for name in (*FIRST, *others))


def options(char: str) -> tuple[str, ...]:
    """How to compile them for a type of numbers, "f" or "d"."""
    return ("-std=c++17", f"-DREAL={TYPES[char]}", f"-DSUMMING={SUMMING}")


@cache
def module(char: str) -> Any:
    """All kernels for this type of numbers."""
    import cupy

    return cupy.RawModule(code=source(), options=options(char))


@cache
def kernel(name: str, char: str) -> Any:
    """The kernel of this name for a type of numbers."""
    return module(char).get_function(name)


def launch(name: str, char: str, threads: int, *arguments: Any) -> None:
    """Run at least so many threads, in one dimension."""
    if threads:
        kernel(name, char)((-(-threads // THREADS),), (THREADS,), arguments)


def packs_in(arrays: tuple[Array, ...]) -> tuple[int, int]:
    """How many packs there are in contiguous arrays of one size, and threads to work on them and what is left over."""
    n, packs = arrays[0].size, arrays[0].size * arrays[0].itemsize // PACK
    for x in arrays:
        if x.data.ptr % PACK:
            packs = 0
    return packs, packs + n - packs * PACK // arrays[0].itemsize


def launch_each(name: str, arrays: tuple[Array, ...], *arguments: Any) -> None:
    """Run a kernel that works on each element of contiguous arrays of one size, in packs where they are aligned."""
    packs, threads = packs_in(arrays)
    launch(name, arrays[0].dtype.char, threads, *arrays, np.uint64(arrays[0].size), np.uint64(packs), *arguments)


def changing(number: Number, dtype: Any) -> tuple[Any, Any]:
    """The two arguments for a number that changes from step to step: its value, and where it is if it is in memory."""
    return (dtype.type(number), NULL) if np.isscalar(number) else (dtype.type(0), number.astype(dtype, copy=False))


def write_words(y: Array, x: Any) -> None:
    """Copy words (uint64) from the host, a multiple of 16 of them: as arguments of a kernel, so that nobody waits."""
    for i in range(0, len(x), WORDS):
        kernel("write_words", "f")((1,), (1,), (y[i : i + WORDS], *x[i : i + WORDS]))


def known(*arrays: Array) -> bool:
    """Whether there are kernels for these arrays: of float32 or of float64, all alike."""
    dtype = arrays[0].dtype
    for x in arrays:
        if x.dtype != dtype:
            return False
    return dtype.char in TYPES


def in_memory_order(*arrays: Array) -> tuple[Array, ...] | None:
    """Contiguous views of arrays of one shape that lie in memory alike: by rows, or with their channels last.

    None if they do not, or if there are no kernels for them.
    """
    shape, by_rows = arrays[0].shape, True
    for x in arrays:
        if x.shape != shape:
            return None
        by_rows = by_rows and x.flags.c_contiguous
    if not known(*arrays):
        return None
    if by_rows:
        return arrays
    views = tuple([x.transpose(0, 2, 3, 1) for x in arrays if len(shape) == 4])
    for view in views:
        if not view.flags.c_contiguous:
            return None
    return views or None


def laid_out_as(like: Array, x: Array, xp: Any) -> Array:
    """x, copied if it lies in memory otherwise than an array of its shape."""
    if x.strides == like.strides or (x.flags.c_contiguous and like.flags.c_contiguous):
        return x
    copied = xp.empty_like(like, x.dtype)
    xp.copyto(copied, x)
    return copied
