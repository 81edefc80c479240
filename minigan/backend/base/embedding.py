"""Rows of a table, chosen by whole numbers."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Kernels


class Embedding(Kernels):
    """The table is a matrix; indices may have any shape."""

    def embedding(self, weight: Array, indices: Array) -> Array:
        """The rows with these indices: indices.shape + (row length,)."""
        return weight[indices]

    def embedding_grad(self, gy: Array, indices: Array, rows: int) -> Array:
        """Sums of the rows of gy that were read from each row: a matrix product, so no order of threads changes it."""
        chosen = self.xp.arange(rows)[:, None] == indices.reshape(1, -1)
        return self.xp.matmul(chosen.astype(gy.dtype), gy.reshape(-1, gy.shape[-1]))
