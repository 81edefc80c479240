"""Sums on NumPy of which much is added up: as exact as NumPy's own where those are, and never far worse.

NumPy adds what lies side by side in memory in pairs of pairs, so that errors hardly grow, but what lies apart one
after the other: a long column in float32 loses digits with every row. Here such a column is cut into pieces of about
the square root of its length, and the sums of the pieces are added up.
"""

from __future__ import annotations

from itertools import groupby
from math import inf, isqrt, prod

import numpy as np

from minigan.backend.base.arrays import Array, Dims

SMALL = 16_384  # elements: below this, to think about the order costs more than the sum
LONG = 256  # numbers, one after the other, that NumPy is left to add
CACHED = 32_768  # elements that stay in the second-level cache while others are added to them


def total(x: Array, dim: Dims, keepdim: bool, out: Array = None) -> Array:
    """The sum over the dimensions ``dim``, or over all."""
    if x.size < SMALL or dim is None or x.dtype.kind != "f" or prod([x.shape[d] for d in dim]) <= LONG:
        return np.add.reduce(x, axis=dim, keepdims=keepdim, out=out)
    dims = {d % x.ndim for d in dim}
    # As NumPy does, take repeated values for the outermost of what is summed, and for the innermost of what is kept.
    order = sorted(range(x.ndim), key=lambda d: -(abs(x.strides[d]) or (inf if d in dims else 0)))
    y, summed = _merged(x.transpose(order), [d in dims for d in order])
    if all(summed) or prod([n for n, is_summed in zip(y.shape[:-1], summed, strict=False) if is_summed]) <= LONG:
        return np.add.reduce(x, axis=dim, keepdims=keepdim, out=out)
    y = _sum_in_order(y, summed)
    y = y.reshape([1 if d in dims else x.shape[d] for d in order]).transpose(np.argsort(order))
    y = y if keepdim else y.squeeze(tuple(dims))
    if out is None:
        return y
    np.copyto(out, y)
    return out


def column_sums(x: Array) -> Array:
    """The sum over the first dimension, which is cut into pieces if it is long."""
    n, width = len(x), x.size // len(x)
    if n <= LONG:
        return np.add.reduce(x, axis=0)
    length = isqrt(n)
    whole = n - n % length
    pieces = x[:whole].reshape(-1, length, *x.shape[1:])
    # Adding whole pieces is faster, as they are longer than rows, while their sum stays in the cache.
    y = column_sums(column_sums(pieces) if length * width <= CACHED else np.add.reduce(pieces, axis=1))
    return y if whole == n else y + np.add.reduce(x[whole:], axis=0)


def _merged(x: Array, summed: list[bool]) -> tuple[Array, list[bool]]:
    """x, and which of its dimensions are summed; neighbours are one dimension where they lie in memory like one."""
    if not x.flags.c_contiguous:
        return x, summed
    groups = [list(group) for _, group in groupby(range(x.ndim), key=summed.__getitem__)]
    return x.reshape([prod([x.shape[d] for d in group]) for group in groups]), [summed[group[0]] for group in groups]


def _sum_in_order(x: Array, summed: list[bool]) -> Array:
    """The sum over the ``summed`` dimensions of x, whose strides fall, from the last to the first; they remain as 1."""
    if summed[-1]:
        x = np.add.reduce(x, axis=-1, keepdims=True)
    for d in reversed(range(x.ndim - 1)):
        if summed[d]:
            x = np.expand_dims(column_sums(np.moveaxis(x, d, 0)), d)
    return x
