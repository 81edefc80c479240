"""Images of another size."""

from __future__ import annotations

from itertools import accumulate

from minigan.backend.base.arrays import Array, Kernels, Shape


class Resample(Kernels):
    """Values repeated or left out along one dimension; ``places`` rises, so the way back is a gather."""

    def pick(self, x: Array, places: Shape, dim: int) -> Array:
        """y[i] = x[places[i]] along ``dim``."""
        return self.xp.take(x, self.table(places, "int64"), dim)

    def pick_grad(self, gy: Array, places: Shape, length: int, dim: int) -> Array:
        """gx[j] = sum of gy[i] over the i with places[i] = j: the first of them, then the second, and so on."""
        counts = [0] * length
        for place in places:
            counts[place] += 1
        ends = list(accumulate(counts))
        shape = [length if d == dim else 1 for d in range(gy.ndim)]
        gx = self.xp.zeros((*gy.shape[:dim], length, *gy.shape[dim + 1 :]), gy.dtype)
        for nth in range(max(counts, default=0)):
            there = self.table(tuple([nth < n for n in counts]), "bool").reshape(shape)
            source = tuple([min(end - n + nth, len(places) - 1) for end, n in zip(ends, counts, strict=True)])
            gx += self.xp.where(there, self.xp.take(gy, self.table(source, "int64"), dim), 0)
        return gx
