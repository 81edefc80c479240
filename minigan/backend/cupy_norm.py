"""Normalisation of channels on a GPU: a launch or two for all statistics, and one for what is made with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.backend.base.arrays import Array
from minigan.backend.base.norm import Norm
from minigan.backend.cupy_kernels import NULL, known, laid_out_as, launch, packs_in
from minigan.backend.cupy_reduce import Channels, CupyReduce, channels_of, per_channel


class CupyNorm(CupyReduce, Norm):
    """Overrides for statistics per channel: all dimensions but the second are reduced."""

    def moments(self, x: Array, dim: tuple[int, ...]) -> Array:
        of = channels_of(x) if per_channel(dim, x) else None
        if of is None:
            return super().moments(x, dim)
        y = self.xp.empty((2, 1, of.channels, *[1] * (x.ndim - 2)), x.dtype)
        self._by_channels(
            ("chunk_moments", "join_moments"), y, of, of.arrays, np.uint32(of.values), np.uint32(of.chunks()[1])
        )
        return y

    def normalize(
        self, x: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None, out: Array = None
    ) -> Array:
        y = self.xp.empty_like(x) if out is None else out
        of = channels_of(y, x) if _are_of_channels(x, mean, rstd, weight, bias) else None
        if of is None:
            return super().normalize(x, mean, rstd, weight, bias, out)
        _each("normalize", of, mean, rstd, _or_null(weight), _or_null(bias))
        return y

    def norm_sums(self, gy: Array, x: Array, mean: Array, rstd: Array, dim: tuple[int, ...]) -> Array:
        fits = per_channel(dim, x) and _are_of_channels(x, mean, rstd)
        of = channels_of(laid_out_as(x, gy, self.xp), x) if fits else None
        if of is None:
            return super().norm_sums(gy, x, mean, rstd, dim)
        y = self.xp.empty((2, *mean.shape), x.dtype)
        self._by_channels(("chunk_norm_sums", "join_norm_sums"), y, of, (*of.arrays, mean, rstd), rstd)
        return y

    def norm_grad(self, gy: Array, x: Array, mean: Array, rstd: Array, sums: Array, weight: Array | None) -> Array:
        gx = self.xp.empty_like(x)
        fits = _are_of_channels(x, mean, rstd, weight, sums[0]) and sums.flags.c_contiguous
        of = channels_of(gx, laid_out_as(x, gy, self.xp), x) if fits else None
        if of is None:
            return super().norm_grad(gy, x, mean, rstd, sums, weight)
        _each("norm_backward", of, mean, rstd, sums, _or_null(weight), x.dtype.type(1 / of.values))
        return gx


def _each(name: str, of: Channels, *arguments: Any) -> None:
    """Run a kernel that works on each element."""
    packs, threads = packs_in(of.arrays)
    first = of.arrays[0]
    counts = np.uint32(first.size), np.uint32(packs)
    launch(name, first.dtype.char, threads, *of.arrays, *counts, *of.layout, *arguments)


def _are_of_channels(x: Array, *parts: Array | None) -> bool:
    """Whether each of these, where it is given, is one number for each channel of x."""
    shape = (1, *x.shape[1:2], *[1] * (x.ndim - 2))
    there = [part for part in parts if part is not None]
    return known(x, *there) and all(part.shape == shape and part.flags.c_contiguous for part in there)


def _or_null(part: Array | None) -> Any:
    return NULL if part is None else part
