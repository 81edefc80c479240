"""Pooling: sums and maxima of windows, tap by tap. The ways back add shifted views up, so their order is fixed."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Kernels
from minigan.backend.window import Window


class Pool(Kernels):
    """Images are (N, C, H, W); indices count the places of one image's channel, row by row."""

    def window_sum(self, x: Array, window: Window, out: Array = None) -> Array:
        """The sum of each window: one addition per tap."""
        padded = self._surround(x, window, 0)
        y = self.xp.empty((*x.shape[:2], *window.outputs), x.dtype) if out is None else out
        y[...] = 0
        for row, column in _taps(window):
            y += padded[:, :, *window.places(row, column)]
        return y

    def window_sum_grad(self, gy: Array, window: Window, out: Array = None) -> Array:
        """gy at every place that its window saw, summed where windows overlap."""
        total = self.xp.zeros((*gy.shape[:2], *window.span), gy.dtype)
        for row, column in _taps(window):
            total[:, :, *window.places(row, column)] += gy
        return self._inside(total, window, out)

    def max_pool2d_indices(self, x: Array, window: Window) -> Array:
        """Where each window's maximum is: the first of equals, but the last nan if there is one, as in PyTorch."""
        padded = self._surround(x, window, 0)
        seen = self._surround(self.xp.ones((1, 1, *window.inputs), bool), window, False)
        best = self.xp.zeros((*x.shape[:2], *window.outputs), x.dtype)
        indices = self.xp.full(best.shape, -1, self.xp.int64)
        for row, column in _taps(window):
            places = window.places(row, column)
            value = padded[:, :, *places]
            wins = seen[:, :, *places] & ((value > best) | (value != value) | (indices < 0))
            best = self.xp.where(wins, value, best)
            indices = self.xp.where(wins, self._indices(window, row, column), indices)
        return indices

    def max_pool2d(self, x: Array, indices: Array) -> Array:
        """The values of x at the indices."""
        n, c, h, w = x.shape
        flat = self.xp.take_along_axis(x.reshape(n, c, h * w), indices.reshape(n, c, -1), 2)
        return flat.reshape(indices.shape)

    def max_pool2d_grad(self, gy: Array, indices: Array, window: Window, out: Array = None) -> Array:
        """gy at the places that the indices name, summed where several windows name one."""
        total = self.xp.zeros((*gy.shape[:2], *window.span), gy.dtype)
        for row, column in _taps(window):
            chosen = indices == self._indices(window, row, column)
            total[:, :, *window.places(row, column)] += self.xp.where(chosen, gy, 0)
        return self._inside(total, window, out)

    def _surround(self, x: Array, window: Window, value: float) -> Array:
        """x with a constant around it."""
        if window.span == window.inputs:
            return x
        padded = self.xp.full((*x.shape[:2], *window.span), value, x.dtype)
        padded[:, :, *window.inside] = x
        return padded

    def _inside(self, padded: Array, window: Window, out: Array) -> Array:
        """What is not padding; a copy, or the padding would stay in memory, too."""
        if out is not None:
            return self._into(out, padded[:, :, *window.inside])
        return padded if window.span == window.inputs else self.xp.array(padded[:, :, *window.inside], order="C")

    def _indices(self, window: Window, row: int, column: int) -> Array:
        """The index of one tap of each window, (Ho, Wo); of no meaning in the padding."""
        rows = self.xp.arange(window.outputs[0]) * window.stride[0] + (row * window.dilation[0] - window.padding[0])
        columns = self.xp.arange(window.outputs[1]) * window.stride[1]
        columns += column * window.dilation[1] - window.padding[1]
        return rows[:, None] * window.inputs[1] + columns


def _taps(window: Window) -> list[tuple[int, int]]:
    return [(row, column) for row in range(window.kernel[0]) for column in range(window.kernel[1])]
