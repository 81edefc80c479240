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

    def flip(self, x: Array, dims: Shape) -> Array:
        return self.xp.flip(x, dims)

    def expand(self, x: Array, shape: Shape) -> Array:
        return self.xp.broadcast_to(x, shape)

    def cat(self, xs: Sequence[Array], dim: int) -> Array:
        return self.xp.concatenate(xs, dim)

    def getitem(self, x: Array, index: Any) -> Array:
        return x[index]

    def setitem_(self, x: Array, index: Any, value: Any) -> None:
        x[index] = value

    def getitem_grad(self, gy: Array, shape: Shape, index: Any) -> Array:
        """Zeros of ``shape`` to which gy is added at ``index``, once per mention of a place."""
        gx = self.xp.zeros(shape, gy.dtype)
        self.xp.add.at(gx, index, gy)
        return gx

    def gather(self, x: Array, index: Array, dim: int) -> Array:
        """y[i, j] = x[index[i, j], j] for dim 0; the index may be shorter than x in other dimensions."""
        return self.xp.take_along_axis(x[_beginning(index.shape, dim)], index, dim)

    def gather_grad(self, gy: Array, index: Array, shape: Shape, dim: int) -> Array:
        """Zeros of ``shape`` to which gy is added at the places that ``gather`` read."""
        gx = self.xp.zeros(shape, gy.dtype)
        places = list(self.xp.indices(index.shape))
        places[dim] = index
        self.xp.add.at(gx, tuple(places), gy)
        return gx

    def pad(self, x: Array, pads: Sequence[tuple[int, int]], value: float) -> Array:
        """x with ``value`` around it: (before, after) for each dimension, none of them below 0."""
        y = self.xp.full([before + n + after for n, (before, after) in zip(x.shape, pads, strict=True)], value, x.dtype)
        y[tuple([slice(before, before + n) for n, (before, _) in zip(x.shape, pads, strict=True)])] = x
        return y


def _beginning(shape: Shape, dim: int) -> tuple[slice, ...]:
    """The first places of each dimension, as many as the shape has; of dimension ``dim`` all."""
    return tuple([slice(None) if d == dim else slice(n) for d, n in enumerate(shape)])
