"""Rows of a table, chosen by whole numbers."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Kernels


class Embedding(Kernels):
    """The table is a matrix; indices may have any shape."""

    def embedding(self, weight: Array, indices: Array) -> Array:
        """The rows with these indices: indices.shape + (row length,)."""
        return weight[indices]

    def embedding_grad(self, gy: Array, indices: Array, rows: int) -> Array:
        """Sums of the rows of gy that were read from each row.

        Sorted by index, the rows of gy that belong together are neighbours. In log2(n) steps each is added up with
        those before it: with the one before, then the two before these, and so on. So no order of threads changes
        the sums, and no value touches those of other rows.
        """
        n = indices.size
        if not n:
            return self.xp.zeros((rows, gy.shape[-1]), gy.dtype)
        places = indices.reshape(-1).astype(self.xp.int64) % rows  # on a GPU, indices out of range wrap around
        order = self.xp.argsort(places, kind="stable")
        chosen, sums = places[order], gy.reshape(n, -1)[order]
        for step in [1 << i for i in range((n - 1).bit_length())]:
            together = (chosen[step:] == chosen[:-step])[:, None]
            sums[step:] += self.xp.where(together, sums[:-step], 0)
        row = self.xp.arange(rows)
        last = self.xp.searchsorted(chosen, row, side="right") - 1
        return self.xp.where((chosen[last] == row)[:, None], sums[last], 0)
