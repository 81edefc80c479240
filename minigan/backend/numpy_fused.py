"""Bias, leaky ReLU and dropout on NumPy: all passes over some rows while these are in the cache, then the next rows.

Nothing is chosen element by element: numpy.where takes a branch for each, mispredicted as often as not. What was kept
is a factor of 0 or ``scale``, and on which side of 0 a value lies is one of 1 or the slope.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from minigan.backend.base.arrays import Array
from minigan.backend.base.fused import Fused
from minigan.backend.base.random import size_of
from minigan.backend.numpy_optim import BLOCK


class NumpyFused(Fused):
    """The base class's passes, in place and block by block."""

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
        y = np.empty_like(x) if out is None else out
        numbers = None if words is None else _numbers(words, x)
        for rows in _blocks(x):
            t = x[rows] if bias is None else np.add(x[rows], bias, out=y[rows])
            t = np.maximum(t, np.multiply(t, negative_slope), out=y[rows])
            if numbers is not None:
                np.multiply(t, _kept(numbers[rows], threshold, scale, t), out=t)
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
        if words is None:
            return self.leaky_relu_grad(gy, y, negative_slope, out)
        gx = np.empty_like(gy) if out is None else out
        numbers = _numbers(words, y)
        for rows in _blocks(y):
            g = np.multiply(gy[rows], _kept(numbers[rows], threshold, scale, gy), out=gx[rows])
            np.multiply(g, slopes(y[rows], negative_slope), out=g)
        return gx


def slopes(y: Array, negative_slope: float, out: Array = None) -> Array:
    """1 where y > 0, else the slope, which is at most 1."""
    slope = y.dtype.type(negative_slope)
    # Not numpy.maximum: of an array and a number it takes four times as long. (1 - slope) + slope rounds to 1.
    factor = np.multiply(np.greater(y, 0), 1 - slope, out=out)
    factor += slope
    return factor


def _kept(numbers: Array, threshold: int, scale: float, x: Array) -> Array:
    """``scale`` where dropout keeps an element of x, else 0; of x only the type matters."""
    return np.less(numbers, threshold) * x.dtype.type(scale)


def _numbers(words: Array, x: Array) -> Array:
    """Of random words, a 16-bit number for each element of x."""
    return words.view(np.uint16)[: size_of(x.shape)].reshape(x.shape)


def _blocks(x: Array) -> Iterator[Any]:
    """Indices of the first dimension of x, each of at most BLOCK elements, or of one row."""
    if x.size <= BLOCK or x.ndim < 2:  # the last dimension is that of the bias
        yield ...
        return
    step = max(1, BLOCK * len(x) // x.size)
    for start in range(0, len(x), step):
        yield slice(start, start + step)
