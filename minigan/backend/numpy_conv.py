"""Convolution on the CPU: the base kernels, in memory that is used again and again.

Fresh memory comes from the operating system page by page, which takes longer than filling it.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np

from minigan.backend.base.arrays import Array
from minigan.backend.base.conv import Conv

KEPT = 1 << 25  # bytes: more than this is given back

_kept = threading.local()


class NumpyConv(Conv):
    """Blocks of windows that stay near the caches; smaller ones would make the products slower."""

    patch_bytes = 1 << 22

    def _scratch(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        n = math.prod(shape) * np.dtype(dtype).itemsize
        if n > KEPT:
            return super()._scratch(name, shape, dtype)
        memory = getattr(_kept, name, None)
        if memory is None or memory.size < n:
            memory = np.empty(n, np.uint8)
            setattr(_kept, name, memory)
        return memory[:n].view(dtype).reshape(shape)
