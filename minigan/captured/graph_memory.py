"""Memory of a CUDA graph: what its kernels write to, and the numbers that the host writes for them before each launch.

A graph keeps the addresses of all that its kernels use. So its memory comes from a pool of its own, which nobody else
gets anything from, and all of which stays where it is as long as the graph, or any array in it, lives.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigan.backend import Array
from minigan.backend.cupy_kernels import WORDS, write_words


class GraphMemory:
    """A pool of CuPy's, as its arrays are made and die while the step is captured, one kernel after the other.

    Each graph has one to itself. If two shared one, the second's results would lie where the first has temporaries, and
    the first, launched again, would overwrite what the user still holds of the second: a gradient, for instance.

    Attributes:
        index: of its GPU.
    """

    def __init__(self, cuda: Any, index: int) -> None:
        self.index = index
        self._cuda = cuda
        self._taken: list[Any] = []
        self._pool = cuda.MemoryPool(partial(_take, cuda, self._taken))

    @property
    def nbytes(self) -> int:
        """How much it has taken of the GPU's."""
        return sum(memory.size for memory in self._taken)

    def malloc(self, size: int) -> Any:
        """Memory for an array, which keeps the pool alive: else CuPy's would free it while the array is in use."""
        block = self._pool.malloc(size)
        return self._cuda.MemoryPointer(self._cuda.UnownedMemory(block.ptr, size, (block, self), self.index), 0)


def _take(cuda: Any, taken: list[Any], size: int) -> Any:
    """More memory for a pool. It is noted, as a pool that gets no more frees what no array uses: but the graph does."""
    taken.append(cuda.Memory(size))
    return cuda.MemoryPointer(taken[-1], 0)


class Place(NamedTuple):
    """Where a few numbers lie: on the host, and then on the device."""

    on_host: Array
    on_device: Array


class Numbers:
    """Numbers that change from step to step.

    They lie in memory of no pool: what that of the graph gives out may have been another array's before, in the same
    step, and then one of the step's first kernels would overwrite what the host has just written. They get there as
    arguments of a kernel, so that the host need not wait, as it would for a copy.
    """

    def __init__(self, backend: Any) -> None:
        self._xp = backend.xp
        self._device = backend.xp.cuda.Device(backend.index)
        self._blocks: list[Place] = []  # of words
        self._used = 0  # words of the last of them

    def place(self, count: int, dtype: Any) -> Place:
        """A place for so many numbers side by side. CUDA allows to take memory for it while a stream is captured."""
        words = -(-count * np.dtype(dtype).itemsize // 8)
        if not self._blocks or self._used + words > len(self._blocks[-1].on_host):
            self._blocks.append(self._block(-(-words // WORDS) * WORDS))
            self._used = 0
        part = slice(self._used, self._used + words)
        self._used += words
        return Place(*(block[part].view(dtype)[:count] for block in self._blocks[-1]))

    def _block(self, words: int) -> Place:
        cuda = self._xp.cuda
        with self._device:
            memory = cuda.MemoryPointer(cuda.Memory(8 * words), 0)
            return Place(np.zeros(words, np.uint64), self._xp.ndarray((words,), np.uint64, memory))

    def write(self) -> None:
        """Bring what lies on the host to the device."""
        with self._device:
            for on_host, on_device in self._blocks:
                write_words(on_device, on_host)


def fill(place: Place, numbers: Callable[[], tuple[float, ...]]) -> None:
    """Put numbers to their place on the host."""
    place.on_host[:] = numbers()
