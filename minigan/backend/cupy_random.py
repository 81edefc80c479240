"""Random numbers on a GPU: words that are made where they are used, in registers, and stored nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minigan.backend.base.arrays import Array, Shape
from minigan.backend.base.random import Random
from minigan.backend.cupy_kernels import NULL, TYPES, launch

BLOCK = 32  # bytes that Philox makes at a time
MASKS = 16  # numbers that a block decides about, see base/random.py


@dataclass(frozen=True, slots=True)
class Words:
    """So many words of a Philox stream, as kernels take them in place of an array of words.

    Attributes:
        n, seed, purpose, step, site, first: which words, see `minigan.backend.philox.words`.
        start: None; or, in a step that is captured, an array of three uint64: the seed, the step, and the first site.
            Then ``seed`` and ``step`` do not count, and ``site`` counts from the third of them.
    """

    n: int
    seed: int
    purpose: int
    step: int
    site: int
    first: int = 0
    start: Array | None = None

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What a kernel is told of the stream."""
        # As NumPy uint64: CuPy would pass a Python int as a signed 64-bit number.
        numbers = [np.uint64(x) for x in (self.seed, self.purpose, self.step, self.site)]
        return (*numbers, NULL if self.start is None else self.start)


NO_WORDS = Words(0, 0, 0, 0, 0)


class CupyRandom(Random):
    """The words themselves are never asked for, but by kernels of the base class, for numbers of other types."""

    def random_words(self, n: int, seed: int, purpose: int, step: int, site: int, first: int = 0) -> Array:
        return Words(n, seed, purpose, step, site, first)

    def dropout_mask(self, words: Array, shape: Shape, threshold: int, scale: float, dtype: Any) -> Array:
        mask = self._draw("draw_mask", words, shape, dtype, np.uint32(threshold), np.dtype(dtype).type(scale))
        return super().dropout_mask(self._stored(words), shape, threshold, scale, dtype) if mask is None else mask

    def uniform(self, words: Array, shape: Shape, dtype: Any) -> Array:
        u = self._draw("draw_uniform", words, shape, dtype)
        return super().uniform(self._stored(words), shape, dtype) if u is None else u

    def normal(self, words: Array, shape: Shape, dtype: Any) -> Array:
        z = self._draw("draw_normal", words, shape, dtype)
        return super().normal(self._stored(words), shape, dtype) if z is None else z

    def integers(self, words: Array, shape: Shape, low: int, high: int, dtype: Any) -> Array:
        return super().integers(self._stored(words), shape, low, high, dtype)

    def _draw(self, name: str, words: Array, shape: Shape, dtype: Any, *arguments: Any) -> Array | None:
        """Numbers from a kernel; None if there is none for these words or this type."""
        char = np.dtype(dtype).char
        if not isinstance(words, Words) or words.first or char not in TYPES:
            return None
        y = self.xp.empty(shape, dtype)
        of_a_block = MASKS if name == "draw_mask" else BLOCK // y.itemsize
        launch(name, char, -(-y.size // of_a_block), y, np.uint64(y.size), *arguments, *words.arguments)
        return y

    def _stored(self, words: Any) -> Array:
        """The words in memory."""
        if not isinstance(words, Words):
            return words
        y, first = self.xp.empty(words.n, self.xp.uint64), np.uint64(words.first)
        blocks = (words.first % 4 + words.n + 3) // 4
        launch("philox_words", "f", blocks, y, np.uint64(words.n), first, *words.arguments)
        return y
