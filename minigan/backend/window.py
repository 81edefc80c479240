"""Where the windows of convolutions and pooling lie, from sizes alone."""

from __future__ import annotations

from typing import NamedTuple

Pair = tuple[int, int]


class Window(NamedTuple):
    """A grid of windows over a grid of values; each field is (rows, columns).

    Output o sees the inputs ``o * stride + tap * dilation - padding`` of all taps below ``kernel``; what lies
    outside of the inputs is padding. Both grids' sizes are kept, as neither tells the other.
    """

    kernel: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    inputs: Pair
    outputs: Pair

    @property
    def taps(self) -> int:
        """How many values a window sees."""
        return self.kernel[0] * self.kernel[1]

    @property
    def span(self) -> Pair:
        """The size of the padded inputs: as far as the inputs or the last window reach."""
        h, w = (max(self.padding[d] + self.inputs[d], self._reach(d)) for d in (0, 1))
        return h, w

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where the inputs lie in the padded inputs."""
        h, w = (slice(p, p + n) for p, n in zip(self.padding, self.inputs, strict=True))
        return h, w

    def places(self, row: int, column: int) -> tuple[slice, slice]:
        """Where one tap of each window lies in the padded inputs."""
        return self._places(0, row), self._places(1, column)

    def _places(self, d: int, tap: int) -> slice:
        start = tap * self.dilation[d]
        return slice(start, start + (self.outputs[d] - 1) * self.stride[d] + 1, self.stride[d])

    def _reach(self, d: int) -> int:
        return (self.outputs[d] - 1) * self.stride[d] + (self.kernel[d] - 1) * self.dilation[d] + 1
