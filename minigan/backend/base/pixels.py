"""Batches of images."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Kernels


class Pixels(Kernels):
    """Samples out of a data set that stays where it is."""

    def gather_pixels(self, images: Array, indices: Array) -> Array:
        """images[indices] as float32; bytes are mapped from 0..255 to [-1, 1].

        pixel / 127.5 - 1, written so that it rounds only once: black and white are exactly -1 and 1, and the values lie
        symmetric about 0. On the CPU, for 128 MNIST images, this is three times as fast as a table of 256 numbers.
        """
        samples = self.xp.take(images, indices, 0)
        if samples.dtype == self.xp.float32:
            return samples
        pixels, half_range = samples.astype(self.xp.float32), self.xp.float32(127.5)
        pixels -= half_range
        pixels /= half_range
        return pixels
