"""The array module of traced kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.captured.traced import TracedArray, enter, filled, made, plain


class TracedNumpy:
    """NumPy, but new arrays are traced from their first value on."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @property
    def lib(self) -> Any:
        """`numpy.lib`, as far as kernels use it."""
        return _Lib

    def empty(self, shape: Any, dtype: Any = float) -> Any:
        """`numpy.empty`."""
        return made(np.empty(shape, dtype))

    def zeros(self, shape: Any, dtype: Any = float) -> Any:
        """`numpy.zeros`."""
        return filled(np.empty(shape, dtype), 0)

    def ones(self, shape: Any, dtype: Any = float) -> Any:
        """`numpy.ones`."""
        return filled(np.empty(shape, dtype), 1)

    def full(self, shape: Any, value: Any, dtype: Any = None) -> Any:
        """`numpy.full`."""
        return filled(np.full(shape, plain(value), dtype), value)

    def array(self, x: Any, dtype: Any = None, copy: bool = True, order: Any = "K") -> Any:
        """`numpy.array`; of an array always a copy."""
        return x.copy(order) if isinstance(x, np.ndarray) else self.asarray(x, dtype)

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        """`numpy.asarray`; numbers known beforehand are the same in every replay, and nobody may write to them."""
        if isinstance(x, TracedArray):
            return x if dtype is None or x.dtype == dtype else x.astype(dtype)
        y = np.array(x, dtype)
        y.flags.writeable = False
        return enter(y)

    def arange(self, *args: Any, **kwargs: Any) -> Any:
        """`numpy.arange`."""
        return self.asarray(np.arange(*args, **kwargs))

    def eye(self, *args: Any, **kwargs: Any) -> Any:
        """`numpy.eye`."""
        return self.asarray(np.eye(*args, **kwargs))

    def indices(self, dimensions: Any) -> Any:
        """`numpy.indices`."""
        return self.asarray(np.indices(dimensions))

    def ascontiguousarray(self, x: Any) -> Any:
        """`numpy.ascontiguousarray`."""
        return x if x.flags.c_contiguous else x.copy()


class _Strides:
    @staticmethod
    def as_strided(x: Any, shape: Any, strides: Any) -> Any:
        return np.lib.stride_tricks.as_strided(plain(x), shape, strides).view(TracedArray)


class _Lib:
    stride_tricks = _Strides
