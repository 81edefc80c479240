"""Batches out of images that lie on the GPU: taken, and mapped to [-1, 1], in one launch."""

from __future__ import annotations

import math

import numpy as np

from minigan.backend.base.arrays import Array
from minigan.backend.base.pixels import Pixels
from minigan.backend.cupy_kernels import launch

WIDTH = 4  # pixels of a thread, if the size of an image allows


class CupyPixels(Pixels):
    """An override for bytes."""

    def gather_pixels(self, images: Array, indices: Array) -> Array:
        if images.dtype != np.uint8 or not images.flags.c_contiguous or not len(images):
            return super().gather_pixels(images, indices)
        if indices.dtype != np.int64 or not indices.flags.c_contiguous:
            return super().gather_pixels(images, indices)
        y, size = self.xp.empty((*indices.shape, *images.shape[1:]), np.float32), math.prod(images.shape[1:])
        packed = size % WIDTH == 0 and images.data.ptr % WIDTH == 0
        counts = np.int64(len(images)), np.uint64(size), np.uint64(y.size), np.uint32(packed)
        launch("gather_pixels", "f", y.size // WIDTH if packed else y.size, y, images, indices, *counts)
        return y
