"""What follows a matrix product in an MLP, on a GPU: bias, leaky ReLU and dropout in one launch, without a mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.backend.base.arrays import Array
from minigan.backend.base.fused import Fused
from minigan.backend.cupy_kernels import NULL, PACK, in_memory_order, launch
from minigan.backend.cupy_random import MASKS, NO_WORDS, Words


class CupyFused(Fused):
    """Overrides for float32 and float64: each random word is made, decides, and is forgotten."""

    def bias_leaky_relu_dropout(
        self,
        x: Array,
        bias: Array | None,
        words: Any,
        negative_slope: float,
        threshold: int,
        scale: float,
        out: Array = None,
    ) -> Array:
        y = self.xp.empty_like(x) if out is None else out
        fits = bias is None or (bias.dtype == x.dtype and bias.shape == x.shape[-1:] and bias.flags.c_contiguous)
        if not fits or not _are_ours(words, y, x):
            return super().bias_leaky_relu_dropout(x, bias, words, negative_slope, threshold, scale, out)
        more = (NULL if bias is None else bias, np.uint32(x.shape[-1]), x.dtype.type(negative_slope))
        _launch("bias_leaky_relu_dropout_forward", (y, x), more, words, threshold, scale)
        return y

    def bias_leaky_relu_dropout_grad(
        self,
        gy: Array,
        y: Array,
        words: Any,
        negative_slope: float,
        threshold: int,
        scale: float,
        out: Array = None,
    ) -> Array:
        gx = self.xp.empty_like(gy) if out is None else out
        if not _are_ours(words, gx, gy, y):
            return super().bias_leaky_relu_dropout_grad(gy, y, words, negative_slope, threshold, scale, out)
        more = (y.dtype.type(negative_slope),)
        _launch("bias_leaky_relu_dropout_backward", (gx, gy, y), more, words, threshold, scale)
        return gx


def _are_ours(words: Any, *arrays: Array) -> bool:
    """Whether the kernels take these words, and arrays that lie in memory by rows."""
    drawn = words is None or (isinstance(words, Words) and not words.first)
    return drawn and arrays[0].ndim > 0 and arrays[0].flags.c_contiguous and in_memory_order(*arrays) is not None


def _launch(
    name: str, arrays: tuple[Array, ...], more: tuple[Any, ...], words: Words | None, threshold: int, scale: float
) -> None:
    """Run a thread for each block of words."""
    n, dtype = arrays[0].size, arrays[0].dtype
    packed = np.uint32(all(x.data.ptr % PACK == 0 for x in arrays))
    dropout = np.uint32(words is not None), np.uint32(threshold), dtype.type(scale), *(words or NO_WORDS).arguments
    launch(name, dtype.char, -(-n // MASKS), *arrays, np.uint64(n), packed, *more, *dropout)
