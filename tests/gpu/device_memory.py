"""The pretend memory of the machine: taken from CUDA, given out by pools, and full of nonsense once it is free.

A pool gives freed memory out again, as CuPy's does: in the order of one stream, in blocks of 512 bytes, the smallest
that is large enough, whose rest stays free. What is freed while a stream is captured is poisoned by a node of its
graph: whoever still reads it, or has written to it beforehand, finds out whenever the graph is launched.
"""

import contextlib
import ctypes
import weakref
from functools import partial
from typing import Any

import numpy as np

from .machine import CUDARuntimeError, OutOfMemoryError, machine

UNIT = 512  # bytes; every block begins on such a boundary
POISON = 0xFF  # of bytes: a float of them is NaN


class Memory:
    """`cupy.cuda.Memory`: so many bytes of the current device, taken from CUDA itself."""

    def __init__(self, size: int) -> None:
        if size > machine.room:
            raise CUDARuntimeError(2, "cudaErrorMemoryAllocation: out of memory")
        machine.room -= size
        self._machine = machine.started
        self.size, self.device_id = size, machine.current
        self._bytes = np.full(size + UNIT, POISON, np.uint8)
        self.ptr = self._bytes.ctypes.data + -self._bytes.ctypes.data % UNIT

    def __del__(self) -> None:
        if not hasattr(self, "_bytes"):  # there was no room for it
            return
        self._bytes.fill(POISON)
        if self._machine is machine.started:
            machine.room += self.size
            machine.graveyard.append(self._bytes)  # a graph that still uses it finds nonsense, and no other array


class UnownedMemory:
    """`cupy.cuda.UnownedMemory`: memory that somebody else has taken, whom it keeps alive."""

    def __init__(self, ptr: int, size: int, owner: Any, device_id: int = -1) -> None:
        self.ptr, self.size, self.device_id, self._owner = ptr, size, device_id, owner


class MemoryPointer:
    """`cupy.cuda.MemoryPointer`: a place in some memory, which it keeps alive."""

    def __init__(self, mem: Any, offset: int) -> None:
        self.mem, self.ptr, self.device_id = mem, mem.ptr + offset, mem.device_id


class PooledMemory:
    """A block, which goes back to its pool in the end. It keeps neither that nor the memory alive: in CuPy neither."""

    def __init__(self, pool: "MemoryPool", ptr: int, size: int, device_id: int) -> None:
        self.ptr, self.size, self.device_id, self._pool = ptr, size, device_id, weakref.ref(pool)

    def __del__(self) -> None:
        if (pool := self._pool()) is not None:
            pool._free(self)


class MemoryPool:
    """`cupy.cuda.MemoryPool`, for arrays of one device."""

    def __init__(self, allocator: Any = None) -> None:
        self._allocator = allocator or (lambda size: MemoryPointer(Memory(size), 0))
        self._blocks: list[tuple[int, Memory, int]] = []  # that are free: sizes, and where they begin
        self._in_use: dict[int, tuple[int, Memory, int]] = {}  # the others, by their addresses
        self._total = 0

    def malloc(self, size: int) -> MemoryPointer:
        size = -(-size // UNIT) * UNIT
        fitting = [block for block in self._blocks if block[0] >= size]
        if fitting:
            found = min(fitting, key=lambda block: block[0])
            self._blocks.remove(found)
            length, memory, offset = found
        else:
            length, memory, offset = size, self._more(size), 0
        if length > size:
            self._blocks.append((length - size, memory, offset + size))
        self._in_use[memory.ptr + offset] = size, memory, offset
        return MemoryPointer(PooledMemory(self, memory.ptr + offset, size, memory.device_id), 0)

    def _more(self, size: int) -> Memory:
        try:
            memory = self._allocator(size).mem
        except CUDARuntimeError:
            self.free_all_blocks()
            try:
                memory = self._allocator(size).mem
            except CUDARuntimeError:
                raise OutOfMemoryError(f"Out of memory allocating {size:,} bytes.") from None
        self._total += size
        return memory

    def _free(self, block: PooledMemory) -> None:
        poison = partial(bytes_at(block.ptr, block.size).fill, POISON)
        if machine.graph is not None:
            machine.graph.nodes.append(poison)
        else:
            poison()
        self._blocks.append(self._in_use.pop(block.ptr))

    def free_all_blocks(self, stream: Any = None) -> None:
        whole = [block for block in self._blocks if block[0] == block[1].size]
        self._blocks = [block for block in self._blocks if block[0] < block[1].size]
        self._total -= sum(block[0] for block in whole)

    def total_bytes(self) -> int:
        return self._total


class DefaultPool:
    """What `cupy.get_default_memory_pool` gives: its arrays lie in NumPy's memory, and what it has taken it keeps."""

    def free_all_blocks(self, stream: Any = None) -> None:
        pass

    def total_bytes(self) -> int:
        return machine.pooled


@contextlib.contextmanager
def using_allocator(allocator):
    """`cupy.cuda.using_allocator`: arrays that are made inside, by this thread, get their memory from there."""
    machine.allocators.append(allocator)
    try:
        yield
    finally:
        machine.allocators.pop()


def bytes_at(ptr: int, size: int) -> Any:
    """The memory there, as bytes that can be written."""
    return np.frombuffer((ctypes.c_ubyte * size).from_address(ptr), np.uint8)


def array_at(pointer: MemoryPointer, shape: Any, dtype: Any, strides: Any = None) -> Any:
    """A host array in this memory."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.ndarray(shape, dtype, bytes_at(pointer.ptr, size) if size else None, strides=strides if size else None)
