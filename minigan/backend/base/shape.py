"""Values that move: views wherever the array module can give one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigan.backend.base.arrays import Array, Kernels, Shape


class ShapeKernels(Kernels):
    """Each that takes values is followed by the one that puts their gradients back."""

    def reshape(self, x: Array, shape: Shape) -> Array:
        return x.reshape(shape)

    def permute(self, x: Array, dims: Shape) -> Array:
        return x.transpose(dims)

    def expand(self, x: Array, shape: Shape) -> Array:
        return self.xp.broadcast_to(x, shape)

    def cat(self, xs: Sequence[Array], dim: int) -> Array:
        return self.xp.concatenate(xs, dim)

    def getitem(self, x: Array, index: Any) -> Array:
        return x[index]

    def getitem_grad(self, gy: Array, shape: Shape, index: Any) -> Array:
        """Zeros of ``shape`` to which gy is added at ``index``, once per mention of a place."""
        gx = self.xp.zeros(shape, gy.dtype)
        self.xp.add.at(gx, index, gy)
        return gx

    def take_along_dim(self, x: Array, indices: Array, dim: int) -> Array:
        return self.xp.take_along_axis(x, indices, dim)

    def take_along_dim_grad(self, gy: Array, indices: Array, shape: Shape, dim: int) -> Array:
        """Zeros of ``shape`` to which gy is added at the places that ``take_along_dim`` read."""
        gx = self.xp.zeros(shape, gy.dtype)
        places = list(self.xp.indices(indices.shape))
        places[dim] = indices
        self.xp.add.at(gx, tuple(places), gy)
        return gx
