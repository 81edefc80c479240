"""Random numbers, made of the words of Philox streams."""

from __future__ import annotations

from typing import Any

from minigan.backend import philox
from minigan.backend.base.arrays import Array, Kernels, Shape


class Random(Kernels):
    """The same words give the same numbers on every device."""

    def random_words(self, n: int, seed: int, purpose: int, step: int, site: int, first: int = 0) -> Array:
        """n 64-bit words of the Philox stream, see `minigan.backend.philox`; in what form only kernels need to know."""
        return self.xp.asarray(philox.words(n, seed=seed, purpose=purpose, step=step, site=site, first=first))

    def dropout_mask(self, words: Array, shape: Shape, threshold: int, scale: float, dtype: Any) -> Array:
        """``scale`` where a 16-bit number is below ``threshold``, else 0. Integers make it exact."""
        n = size_of(shape)
        mask = (words.view(self.xp.uint16)[:n].reshape(shape) < threshold).astype(dtype)
        mask *= scale
        return mask

    def uniform(self, words: Array, shape: Shape, dtype: Any) -> Array:
        """Numbers in [0, 1): the top 24 bits of 32-bit words for float32, 53 of 64 for float64."""
        n = size_of(shape)
        if self.xp.dtype(dtype) == self.xp.float64:
            return ((words[:n] >> 11) * 2.0**-53).reshape(shape)
        bits = words.view(self.xp.uint32)[:n] >> 8
        return (bits.astype(self.xp.float32) * self.xp.float32(2.0**-24)).reshape(shape).astype(dtype)

    def normal(self, words: Array, shape: Shape, dtype: Any) -> Array:
        """Standard normals by Box and Muller (1958), two from two uniforms."""
        n = size_of(shape)
        pairs = self.uniform(words, ((n + 1) // 2, 2), dtype)
        radius = self.xp.sqrt(-2 * self.xp.log(1 - pairs[:, 0]))  # 1 - u is in (0, 1]: the log is finite
        angle = 2 * self.xp.pi * pairs[:, 1]
        both = self.xp.stack((radius * self.xp.cos(angle), radius * self.xp.sin(angle)), 1)
        return both.reshape(-1)[:n].reshape(shape).astype(dtype)

    def integers(self, words: Array, shape: Shape, low: int, high: int, dtype: Any) -> Array:
        """Numbers from low to below high: 32 random bits, times high - low, without the last 32 bits."""
        n = size_of(shape)
        bits = words.view(self.xp.uint32)[:n].astype(self.xp.uint64)
        return ((bits * self.xp.uint64(high - low) >> 32).astype(self.xp.int64) + low).reshape(shape).astype(dtype)


def size_of(shape: Shape) -> int:
    """The number of elements of this shape."""
    n = 1
    for length in shape:
        n *= length
    return n
