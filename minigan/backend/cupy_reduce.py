"""Sums on a GPU in a fixed order, by one launch or two: of all numbers of a few, and of each channel.

For channels the numbers are seen as (values / inner, channels, inner): images by rows have their pixels innermost,
while images whose channels lie last, and plain rows, have an inner length of 1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from minigan.backend.base.arrays import Array, Dims
from minigan.backend.base.reduce import Reduce
from minigan.backend.cupy_kernels import SUMMING, in_memory_order, kernel

ONE_BLOCK = 1024  # threads at most, of a block that sums all numbers
FEW = 1 << 15  # numbers that one block adds up no slower than many would
NEIGHBOURS = 32  # channels that such a block takes at once, if they lie side by side
AT_ONCE = 16  # values that a thread sums, if that does not make too many chunks
MOST_CHUNKS = 1024
LARGEST = 2**31 - 1  # size of an array, whose elements the kernels count in 32 bits


class Channels(NamedTuple):
    """Arrays of one shape, seen by channels.

    Attributes:
        arrays: contiguous views of them.
        channels: how many there are.
        inner: how many values of one channel lie side by side.
        values: how many a channel has.
    """

    arrays: tuple[Array, ...]
    channels: int
    inner: int
    values: int

    @property
    def layout(self) -> tuple[Any, Any]:
        """What a kernel is told of it."""
        return np.uint32(self.channels), np.uint32(self.inner)

    def chunks(self) -> tuple[int, int, int]:
        """For sums: how many channels a block takes, a power of 2; the length of a chunk, and how many there are."""
        width = 1 if self.inner > 1 else _neighbours(self.channels)
        length = max(SUMMING // width * AT_ONCE, -(-self.values // MOST_CHUNKS))
        return width, length, -(-self.values // length)


class CupyReduce(Reduce):
    """Overrides for float32 and float64 that lie in memory without gaps."""

    def sum(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        if (y := self._of_all(x, dim, keepdim, out, divisor=1)) is not None:
            return y
        of = channels_of(x) if dim is not None and per_channel(dim, x) and _is_place(out, x) else None
        if of is None:
            return super().sum(x, dim, keepdim, out)
        shape = (1, of.channels, *[1] * (x.ndim - 2)) if keepdim else (of.channels,)
        y = self.xp.empty(shape, x.dtype) if out is None else out
        self._by_channels(("chunk_sums", "join_sums"), y, of, of.arrays)
        return y

    def mean(self, x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
        y = self._of_all(x, dim, keepdim, out, divisor=x.size)
        return super().mean(x, dim, keepdim, out) if y is None else y

    def _of_all(self, x: Array, dim: Dims, keepdim: bool, out: Array | None, divisor: int) -> Array | None:
        """The sum of all numbers over the divisor, by one block; None if it is not that, or too much for one."""
        views = in_memory_order(x) if dim is None or len(dim) == x.ndim else None
        if views is None or not 0 < x.size <= FEW or not _is_place(out, x):
            return None
        y = self.xp.empty((1,) * x.ndim if keepdim else (), x.dtype) if out is None else out
        arguments = (y, *views, np.uint64(x.size), x.dtype.type(divisor))
        kernel("sum_of_all", x.dtype.char)((1,), (min(ONE_BLOCK, _power_of_2(x.size)),), arguments)
        return y

    def _by_channels(
        self, names: tuple[str, str], y: Array, of: Channels, arrays: tuple[Array, ...], *of_join: Any
    ) -> None:
        """Sums of each channel by chunks of its values, which the second kernel joins if there are several."""
        width, length, chunks = of.chunks()
        parts = y if chunks == 1 else self.xp.empty((y.size // of.channels, chunks, of.channels), y.dtype)
        sizes = np.uint32(of.values), np.uint32(length), np.uint32(width)
        grid = -(-of.channels // width), chunks
        kernel(names[0], y.dtype.char)(grid, (SUMMING,), (parts, *arrays, *of.layout, *sizes))
        if chunks > 1:
            width = _neighbours(of.channels)
            sizes = np.uint32(of.channels), np.uint32(chunks), np.uint32(width)
            kernel(names[1], y.dtype.char)((-(-of.channels // width),), (SUMMING,), (y, parts, *sizes, *of_join))


def channels_of(*arrays: Array) -> Channels | None:
    """Arrays of one shape by channels; None if they do not lie in memory like that."""
    x = arrays[0]
    views = in_memory_order(*arrays) if x.ndim > 1 and 0 < x.size <= LARGEST else None
    if views is None:
        return None
    inner = math.prod(x.shape[2:]) if views[0] is x else 1
    return Channels(views, x.shape[1], inner, x.size // x.shape[1])


def per_channel(dim: tuple[int, ...], x: Array) -> bool:
    """Whether all dimensions are reduced but the second."""
    return sorted(dim) == [0, *range(2, x.ndim)]


def _neighbours(channels: int) -> int:
    """How many channels a block sums at once where they are neighbours: a power of 2."""
    return min(NEIGHBOURS, _power_of_2(channels))


def _power_of_2(n: int) -> int:
    """The smallest one that is not below n."""
    return 1 << (n - 1).bit_length()


def _is_place(out: Array | None, x: Array) -> bool:
    """Whether sums of x can be put there."""
    return out is None or bool(out.dtype == x.dtype and out.flags.c_contiguous)
