"""Randomness, all of it from one place: Philox streams that depend only on seed, purpose, step and site.

No generator state is ever saved: a draw is named by (seed, purpose, step, site, index), so a run resumes, forks
and repeats by setting the step. ``site`` counts the draws within a step: two Dropouts draw differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend, backend_of, get_backend, philox
from minigan.backend.device import device as resolve_device
from minigan.errors import ConfigError
from minigan.ops.shape import sizes_of
from minigan.tape import operand, primitive
from minigan.variable import constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor


class Stream:
    """Where in the random streams the program stands: the seed, the step, and the next site."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.step = 0
        self.site = 0

    def words(self, backend: Any, n: int, purpose: int) -> Array:
        """n fresh 64-bit words: each call is a new site."""
        words = backend.random_words(n, self.seed, purpose, self.step, self.site)
        self.site += 1
        return words


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


def rand(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1).

    >>> mg.rand(2, 3).shape
    (2, 3)
    """
    return _draw("uniform", sizes_of(size), dtype, device, requires_grad)


def randn(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Standard normal numbers.

    >>> mg.randn(2, 3).shape
    (2, 3)
    """
    return _draw("normal", sizes_of(size), dtype, device, requires_grad)


def _draw(kernel: str, shape: tuple[int, ...], dtype: Any, where: Any, requires_grad: bool) -> Tensor:
    dtype = np.dtype(dtype or np.float32)
    backend = backend_of(resolve_device(where))
    n = int(np.prod(shape))
    n += n % 2  # normals come in pairs
    words = stream.words(backend, n if dtype == np.float64 else n // 2, philox.NOISE)
    return constant(getattr(backend, kernel)(words, shape, dtype)).requires_grad_(requires_grad)


@primitive(x=lambda gy, mask: _mask(gy, mask))
def _mask(k: Backend, x: Array, mask: Array) -> Array:
    """y = x mask."""
    return k.mul(x, mask)


def dropout(x: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """In training: each value is 0 with probability p, else x / (1 - p).

    Decided by 16-bit integers, so p is met to within 1/65536 and masks are the same bits on every device.
    Source: Srivastava et al. 2014.

    Raises:
        ConfigError: p is outside [0, 1].
    """
    if not 0 <= p <= 1:
        raise ConfigError(f"dropout: expected a probability p from 0 to 1, but got {p}.")
    x = operand(x)
    if not training or p == 0:
        return x  # type: ignore[no-any-return]
    backend = get_backend(x._data)
    words = stream.words(backend, -(-x._data.size // 4), philox.DROPOUT)
    scale = 0.0 if p == 1 else 1 / (1 - p)
    mask = backend.dropout_mask(words, x.shape, min(round((1 - p) * 2**16), 2**16 - 1), scale, x.dtype)
    return _mask(x, constant(backend.asarray(mask)))
