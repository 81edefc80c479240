"""Randomness, all of it from one place: Philox streams that depend only on seed, purpose, step and site.

No generator state is ever saved: a draw is named by (seed, purpose, step, site, index), so a run resumes, forks
and repeats by setting the step. ``site`` counts the draws within a step: two Dropouts draw differently.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend, backend_of, device_of, get_backend, philox
from minigan.backend.device import device as resolve_device
from minigan.errors import ConfigError, DTypeError, ShapeError
from minigan.ops.checks import floating_tensor, real, tensor_of
from minigan.ops.promotion import number_type
from minigan.ops.shape import sizes_of
from minigan.tape import primitive
from minigan.variable import constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor


class Stream:
    """Where in the random streams the program stands: the seed, the step, and the next site; for all threads one."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.step = 0
        self.site = 0
        self._taking = threading.Lock()

    def words(self, backend: Any, n: int, purpose: int) -> Array:
        """n fresh 64-bit words: each call is a new site."""
        with self._taking:  # no two threads the same site
            step, site = self.step, self.site
            self.site += 1
        return backend.random_words(n, self.seed, purpose, step, site)


stream = Stream()


def manual_seed(seed: int) -> None:
    """Start all random streams anew from this seed, at step 0.

    >>> mg.manual_seed(3)
    >>> x = mg.rand(2)
    >>> mg.manual_seed(3)
    >>> bool((mg.rand(2) == x).numpy().all())
    True
    """
    philox.checked("seed", seed)
    stream.seed, stream.step, stream.site = seed, 0, 0


def set_step(step: int) -> None:
    """Start step number ``step`` of the random streams: the same step draws the same numbers.

    >>> mg.set_step(7)
    >>> x = mg.rand(2)
    >>> mg.set_step(7)
    >>> bool((mg.rand(2) == x).numpy().all())
    True
    """
    philox.checked("step", step)
    stream.step, stream.site = step, 0


@contextmanager
def fork_rng() -> Iterator[None]:
    """Inside, the random streams may be seeded and drawn from; afterwards they go on where they were.

    >>> from minigan.ops.random import fork_rng
    >>> mg.set_step(7)
    >>> with fork_rng():
    ...     x = mg.rand(2)
    >>> bool((mg.rand(2) == x).numpy().all())
    True
    """
    before = stream.seed, stream.step, stream.site
    try:
        yield
    finally:
        stream.seed, stream.step, stream.site = before


def rand(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1).

    >>> mg.rand(2, 3).shape
    (2, 3)
    """
    return _draw("uniform", "rand", sizes_of("rand", size), dtype, device, requires_grad)


def randn(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Standard normal numbers.

    >>> mg.randn(2, 3).shape
    (2, 3)
    """
    return _draw("normal", "randn", sizes_of("randn", size), dtype, device, requires_grad)


def rand_like(input: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1), in the shape and, unless told otherwise, of the type and on the device of the input.

    >>> mg.rand_like(mg.zeros(2, 3)).shape
    (2, 3)
    """
    return _like("uniform", "rand_like", input, dtype, device, requires_grad)


def randn_like(input: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Standard normal numbers, in the shape and, unless told otherwise, of the type and on the device of the input.

    >>> x = mg.zeros(2, 3)
    >>> (x + 0.1 * mg.randn_like(x)).shape  # instance noise
    (2, 3)
    """
    return _like("normal", "randn_like", input, dtype, device, requires_grad)


def randint(low: int, high: Any = None, size: Any = None, dtype: Any = np.int64, device: Any = None) -> Tensor:
    """Whole numbers from low to below high; ``randint(high, size)`` starts at 0.

    Each comes of 32 random bits, so the probabilities of two numbers differ by at most (high - low) / 2^32 of either.

    Raises:
        ConfigError: high is not above low, or not within 2^32 of it.
        DTypeError: ``dtype`` is not an integer type, or cannot hold the numbers.

    >>> mg.randint(10, (2, 3)).shape
    (2, 3)
    """
    if size is None:  # randint(high, size)
        high, size = None, high
    if high is None:
        low, high = 0, low
    if size is None or not isinstance(low, int | np.integer) or not isinstance(high, int | np.integer):
        raise ConfigError(
            f"randint: expected whole numbers and a size, as in randint(low, high, (2, 3)) or randint(high, (2, 3)), "
            f"but got low={low!r}, high={high!r}, size={size!r}."
        )
    if not 0 < high - low <= 2**32:
        raise ConfigError(f"randint: expected low < high <= low + 2**32, but got low={low} and high={high}.")
    dtype = number_type(dtype)
    if dtype.kind not in "iu" or not np.iinfo(dtype).min <= low <= high - 1 <= np.iinfo(dtype).max:
        raise DTypeError(f"randint: a tensor of {dtype} cannot hold whole numbers from {low} to {high - 1}.")
    shape, backend = sizes_of("randint", (size,)), backend_of(resolve_device(device))
    words = stream.words(backend, -(-math.prod(shape) // 2), philox.NOISE)
    return constant(backend.integers(words, shape, int(low), int(high), dtype))


def _like(kernel: str, name: str, x: Any, dtype: Any, where: Any, requires_grad: bool) -> Tensor:
    x = tensor_of(name, x)
    return _draw(kernel, name, x.shape, dtype or x.dtype, where or device_of(x._data), requires_grad)


def _draw(kernel: str, name: str, shape: tuple[int, ...], dtype: Any, where: Any, requires_grad: bool) -> Tensor:
    dtype = number_type(dtype or np.float32)
    if dtype.kind != "f":
        raise DTypeError(f"{name}: expected a floating point type, but got {dtype}. Pass dtype=mg.float32.")
    backend = backend_of(resolve_device(where))
    n = int(np.prod(shape))
    n += n % 2  # normals come in pairs
    words = stream.words(backend, n if dtype == np.float64 else n // 2, philox.NOISE)
    return constant(getattr(backend, kernel)(words, shape, dtype)).requires_grad_(requires_grad)


@primitive(x=lambda gy, mask: _mask(gy, mask))
def _mask(k: Backend, x: Array, mask: Array) -> Array:
    """y = x mask."""
    return k.mul(x, mask)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training: each value x is 0 with probability p, else x / (1 - p).

    Decided by 16-bit integers, so p is met to within 1/65536 and masks are the same bits on every device.
    ``inplace`` is accepted for PyTorch's sake; the input stays as it is.
    Source: Srivastava et al. 2014.

    Raises:
        ConfigError: p is outside [0, 1].
        DTypeError: in training, the input is not floating point.

    >>> mg.nn.functional.dropout(mg.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    x = tensor_of("dropout", input)
    return _dropped("dropout", x, x.shape, p, training)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training: each channel x of (N, C, H, W) or (C, H, W) is 0 with probability p, else x / (1 - p).

    ``inplace`` is accepted for PyTorch's sake; the input stays as it is.

    Source: Tompson et al. 2015.

    Raises:
        ConfigError: p is outside [0, 1].
        ShapeError: the input is of another shape.

    >>> mg.nn.functional.dropout2d(mg.ones(1, 2, 2), p=1.0)
    tensor([[[0., 0.],
             [0., 0.]]])
    """
    x = tensor_of("dropout2d", input)
    if len(x.shape) not in (3, 4):
        raise ShapeError(
            f"dropout2d: expected an input (N, C, H, W) or (C, H, W), but got {x.shape}. Reshape it, or use dropout."
        )
    return _dropped("dropout2d", x, (*x.shape[:-2], 1, 1), p, training)


def _dropped(name: str, x: Tensor, mask_shape: tuple[int, ...], p: float, training: bool) -> Tensor:
    """x times a mask of this shape, which broadcasts over it."""
    p = real(name, "p", p)
    if not 0 <= p <= 1:
        raise ConfigError(f"{name}: expected a probability p from 0 to 1, but got {p}.")
    if not training or p == 0:
        return x
    x = floating_tensor(name, x)
    backend = get_backend(x._data)
    words, threshold, scale = decisions(backend, math.prod(mask_shape), p)
    mask = backend.dropout_mask(words, mask_shape, threshold, scale, x.dtype)
    return _mask(x, constant(backend.asarray(mask)))


def decisions(backend: Backend, n: int, p: float) -> tuple[Any, int, float]:
    """The random words that decide which of n numbers dropout keeps, below which 16-bit number, and their factor."""
    words = stream.words(backend, -(-n // 4), philox.DROPOUT)
    return words, min(round((1 - p) * 2**16), 2**16 - 1), 0.0 if p == 1 else 1 / (1 - p)
