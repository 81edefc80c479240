"""Optimizers on NumPy: all passes over a block while it is in the cache, then the next block.

A second thread was tried on halves of the buffer, and gained nothing dependable: for milliseconds after a matrix
product OpenBLAS's own threads keep the other cores busy, and where they are told to sleep at once, products wait for
them to wake.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigan.backend.base.arrays import Array, Number
from minigan.backend.base.optim import Optim

BLOCK = 65_536  # elements: a call costs nothing beside its work, and what it reads is still in a second-level cache


class NumpyOptim(Optim):
    """The update rules of the base class, block by block."""

    def sgd_(
        self,
        p: Array,
        g: Array,
        momentum_buffer: Array | None,
        *,
        lr: Number,
        momentum: Number,
        share: Number | None,
        weight_decay: float,
        nesterov: bool,
    ) -> None:
        def update(block: slice, t: Array, u: Array) -> None:
            pb, gb = p[block], _decayed(g[block], p[block], weight_decay, u)
            if momentum_buffer is not None:
                buffer = momentum_buffer[block]
                buffer *= momentum
                buffer += gb if share is None else np.multiply(gb, share, out=t)
                gb = np.add(gb, np.multiply(buffer, momentum, out=t), out=t) if nesterov else buffer
            pb -= np.multiply(gb, lr, out=t)

        _blockwise(p, update)

    def adam_(
        self,
        p: Array,
        g: Array,
        m: Array,
        v: Array,
        *,
        rate: Number,
        eps: Number,
        shrink: Number | None,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        beta1, beta2 = betas

        def update(block: slice, t: Array, u: Array) -> None:
            pb, mb, vb = p[block], m[block], v[block]
            if shrink is not None:
                pb *= shrink
            gb = _decayed(g[block], pb, weight_decay, u)
            mb *= beta1
            mb += np.multiply(gb, 1 - beta1, out=t)
            _add_square(vb, beta2, gb, t)
            np.sqrt(vb, out=t)
            t += eps
            np.divide(mb, t, out=t)
            t *= rate
            pb -= t

        _blockwise(p, update)

    def rmsprop_(
        self,
        p: Array,
        g: Array,
        square_avg: Array,
        momentum_buffer: Array | None,
        grad_avg: Array | None,
        *,
        lr: Number,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: float,
    ) -> None:
        def update(block: slice, t: Array, u: Array) -> None:
            pb, gb, variance = p[block], _decayed(g[block], p[block], weight_decay, u), square_avg[block]
            _add_square(variance, alpha, gb, t)
            if grad_avg is not None:
                mean = grad_avg[block]
                np.subtract(gb, mean, out=t)
                t *= 1 - alpha
                mean += t
                variance = np.subtract(variance, np.multiply(mean, mean, out=t), out=t)
            np.sqrt(variance, out=t)
            t += eps
            np.divide(gb, t, out=t)
            if momentum_buffer is not None:
                buffer = momentum_buffer[block]
                buffer *= momentum
                buffer += t
                pb -= np.multiply(buffer, lr, out=t)
            else:
                pb -= np.multiply(t, lr, out=t)

        _blockwise(p, update)

    def lerp_(self, x: Array, end: Array, weight: Number) -> None:
        if not x.flags.c_contiguous:  # x.reshape(-1) would be a copy, and the result be lost
            super().lerp_(x, end, weight)
            return
        flat, flat_end = x.reshape(-1), end.reshape(-1)

        def update(block: slice, t: Array, u: Array) -> None:
            np.subtract(flat_end[block], flat[block], out=t)
            t *= weight
            flat[block] += t

        _blockwise(flat, update)


def _decayed(g: Array, p: Array, weight_decay: float, out: Array) -> Array:
    """g + weight_decay p."""
    return np.add(g, np.multiply(p, weight_decay, out=out), out=out) if weight_decay else g


def _add_square(mean_square: Array, beta: float, g: Array, t: Array) -> None:
    """mean_square = beta mean_square + (1 - beta) g^2."""
    np.multiply(g, g, out=t)
    t *= 1 - beta
    mean_square *= beta
    mean_square += t


# ---- blocks ----------------------------------------------------------------------------------------------

Update = Callable[[slice, Any, Any], None]  # of a block, with two scratch arrays of its length


def _blockwise(p: Array, update: Update) -> None:
    """Update each block of p. Every rule is elementwise: the length of a block changes no bit of the result.

    Between parameters lie zeros that are nobody's: 0 / 0 there, without an eps, is no reason for a warning.
    """
    scratch = np.empty_like(p, shape=(2, min(BLOCK, p.size)))
    with np.errstate(all="ignore"):
        for start in range(0, p.size, BLOCK):
            block = slice(start, min(start + BLOCK, p.size))
            t, u = scratch[:, : block.stop - start]
            update(block, t, u)
