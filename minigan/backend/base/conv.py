"""Convolution as one matrix product: each window of the input becomes a row (im2col), the weight a matrix.

Images are (N, C, H, W) to the caller, but channels lie last in memory: so a window is a few long pieces of memory,
a product's rows are the result as it should lie, and the operations after it keep that order. Copies are made for
a block of samples at a time, which bounds their size; how many depends on sizes only, so results repeat bit by bit.

Multiplications (and as many additions) of each of the three products, for weight (O, C / groups, kh, kw):
N * Ho * Wo * O * (C / groups) * kh * kw.
"""

from __future__ import annotations

from typing import Any

from minigan.backend.base.arrays import Array
from minigan.backend.base.linalg import Linalg
from minigan.backend.window import Pair, Window

FEW = 8  # channels


class Conv(Linalg):
    """Convolution and its two gradients: each is bilinear, and the gradients of each are the other two."""

    patch_bytes = 1 << 28  # of windows copied at a time

    def conv2d(
        self, x: Array, weight: Array, bias: Array | None, window: Window, groups: int, out: Array = None
    ) -> Array:
        """x (N, C, H, W), weight (O, C / groups, kh, kw), bias (O,) to (N, O, Ho, Wo)."""
        y = self._channels_last(out, (x.shape[0], *window.outputs, weight.shape[0]), x.dtype)
        matrix = self._matrix(weight, groups).transpose(0, 2, 1)
        for block in self._blocks(x.shape[0], x.shape[1] * x.itemsize, window):
            self.matmul(self._patches(x[block], window, groups), matrix, out=_rows(y[block], groups))
            if bias is not None:
                y[block] += bias
        return self._channels_first(y, out)

    def conv2d_input_grad(
        self, gy: Array, weight: Array, bias: Array | None, window: Window, groups: int, out: Array = None
    ) -> Array:
        """gy (N, O, Ho, Wo) to (N, C, H, W): what each window saw, summed where windows overlap."""
        channels = weight.shape[1] * groups
        gx = self._channels_last(out, (gy.shape[0], *window.inputs, channels), gy.dtype)
        pieces = self._pieces(weight, window, groups)
        for block in self._blocks(gy.shape[0], channels * gy.itemsize, window):
            rows = _rows(self.xp.ascontiguousarray(gy[block].transpose(0, 2, 3, 1)), groups)
            gx[block] = self._overlap(rows, pieces, window, channels)
            if bias is not None:
                gx[block] += bias
        return self._channels_first(gx, out)

    def conv2d_weight_grad(self, gy: Array, x: Array, window: Window, groups: int, out: Array = None) -> Array:
        """gy (N, O, Ho, Wo), x (N, C, H, W) to (O, C / groups, kh, kw): products summed over all windows."""
        o, c = gy.shape[1], x.shape[1] // groups
        gw = self.xp.zeros((groups, window.taps * c, o // groups), gy.dtype)
        for block in self._blocks(x.shape[0], x.shape[1] * x.itemsize, window):
            rows = _rows(self.xp.ascontiguousarray(gy[block].transpose(0, 2, 3, 1)), groups)
            gw += self.matmul(self._patches(x[block], window, groups).transpose(0, 2, 1), rows)
        gw = gw.reshape(groups, *window.kernel, c, o // groups).transpose(0, 4, 3, 1, 2).reshape(o, c, *window.kernel)
        return self.xp.ascontiguousarray(gw) if out is None else self._into(out, gw)

    # ---- layouts -----------------------------------------------------------------------------------------

    def _channels_last(self, out: Array | None, shape: tuple[int, ...], dtype: Any) -> Array:
        """Memory for a result (N, H, W, C): that of ``out``, if its channels lie last."""
        last = None if out is None else out.transpose(0, 2, 3, 1)
        return last if last is not None and last.flags.c_contiguous else self.xp.empty(shape, dtype)

    def _channels_first(self, y: Array, out: Array | None) -> Array:
        y = y.transpose(0, 3, 1, 2)
        if out is None:
            return y
        return out if out.transpose(0, 2, 3, 1).flags.c_contiguous else self._into(out, y)

    def _matrix(self, weight: Array, groups: int) -> Array:
        """weight as (groups, O / groups, kh kw C / groups)."""
        o, c, kh, kw = weight.shape
        return self.xp.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(groups, o // groups, kh * kw * c)

    def _pieces(self, weight: Array, window: Window, groups: int) -> list[tuple[int, int, Array]]:
        """The weight in pieces of neighbouring taps: first row and column, and (groups, O / groups, h, w, C / groups).

        No two windows share a place among the taps of a piece, so its product can be added at once. With few channels
        such products would be too narrow: then all taps are one piece.
        """
        o, c, kh, kw = weight.shape
        taps = weight.transpose(0, 2, 3, 1).reshape(groups, o // groups, kh, kw, c)
        h, w = window.kernel if c < FEW else (-(-s // d) for s, d in zip(window.stride, window.dilation, strict=True))
        starts = [(i, j) for i in range(0, kh, h) for j in range(0, kw, w)]
        return [(i, j, self.xp.ascontiguousarray(taps[:, :, i : i + h, j : j + w])) for i, j in starts]

    def _blocks(self, n: int, pixel_bytes: int, window: Window) -> list[slice]:
        """n samples in parts of one length, the windows of each of which fit into ``patch_bytes``."""
        sample = window.taps * window.outputs[0] * window.outputs[1] * pixel_bytes
        parts = max(1, -(-n * sample // self.patch_bytes))
        step = max(1, -(-n // parts))
        return [slice(start, start + step) for start in range(0, n, step)]

    def _scratch(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """Memory that this kernel is free to use, until it next asks for memory of this name."""
        return self.xp.empty(shape, dtype)

    # ---- windows -----------------------------------------------------------------------------------------

    def _patches(self, x: Array, window: Window, groups: int) -> Array:
        """All windows of x, as (groups, N Ho Wo, kh kw C / groups)."""
        n, channels = x.shape[:2]
        c, (ho, wo) = channels // groups, window.outputs
        padded = self._padded(x, window)
        padded = padded.reshape(*padded.shape[:3], groups, c)
        views = self._windows(padded, window, (0, 0), window.kernel).transpose(5, 0, 1, 2, 3, 4, 6)
        if not views.flags.c_contiguous:
            views = self._into(self._scratch("patches", views.shape, x.dtype), views)
        return views.reshape(groups, n * ho * wo, window.taps * c)

    def _padded(self, x: Array, window: Window) -> Array:
        """x as (N, H, W, C), with zeros around it."""
        last = x.transpose(0, 2, 3, 1)
        if window.span == window.inputs:
            return last
        padded = self._scratch("padded", (x.shape[0], *window.span, x.shape[1]), x.dtype)
        padded[...] = 0
        padded[:, *window.inside] = last
        return padded

    def _overlap(self, rows: Array, pieces: list[tuple[int, int, Array]], window: Window, channels: int) -> Array:
        """The products of the rows and each piece of the weight, added where its taps look: (N, H, W, C).

        The order of additions is fixed, so the sums are the same bits each time.
        """
        groups, c, (ho, wo) = rows.shape[0], channels // rows.shape[0], window.outputs
        n = rows.shape[1] // (ho * wo)
        total = self._scratch("padded", (n, *window.span, groups, c), rows.dtype)
        total[...] = 0
        for row, column, piece in pieces:
            o, h, w = piece.shape[1:4]
            product = self._scratch("patches", (groups, n * ho * wo, h * w * c), rows.dtype)
            self.matmul(rows, piece.reshape(groups, o, h * w * c), out=product)
            product = product.reshape(groups, n, ho, wo, h, w, c).transpose(1, 2, 3, 4, 5, 0, 6)
            step_h, step_w = (1, 1) if c < FEW else (h, w)
            for i in range(0, h, step_h):
                for j in range(0, w, step_w):
                    part = product[:, :, :, i : i + step_h, j : j + step_w]
                    places = self._windows(total, window, (row + i, column + j), part.shape[3:5])
                    places += part
        return total[:, *window.inside].reshape(n, *window.inputs, channels)

    def _windows(self, x: Array, window: Window, first: Pair, taps: Pair) -> Array:
        """A view of the padded x (N, H, W, groups, c): some taps of all windows, (N, Ho, Wo, *taps, groups, c)."""
        corner = x[:, first[0] * window.dilation[0] :, first[1] * window.dilation[1] :]
        sn, sh, sw, sg, sc = x.strides
        outputs = sh * window.stride[0], sw * window.stride[1]
        inside = sh * window.dilation[0], sw * window.dilation[1]
        shape = (x.shape[0], *window.outputs, *taps, *x.shape[3:])
        return self.xp.lib.stride_tricks.as_strided(corner, shape, (sn, *outputs, *inside, sg, sc))


def _rows(y: Array, groups: int) -> Array:
    """(N, H, W, C), channels last in memory, as (groups, N H W, C / groups): a view."""
    n, h, w, c = y.shape
    return y.reshape(n * h * w, groups, c // groups).transpose(1, 0, 2)
