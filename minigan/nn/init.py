"""Initial weights, from the Philox stream for initialisation. Each function fills a tensor and returns it."""

from __future__ import annotations

import math

from minigan.backend import get_backend, philox
from minigan.errors import ShapeError
from minigan.ops.random import stream
from minigan.tensor import Tensor


def uniform_(x: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Numbers drawn evenly from [a, b).

    >>> mg.nn.init.uniform_(mg.zeros(3), 2.0, 2.5).numpy().min() >= 2
    np.True_
    """
    return _fill(x, "uniform", b - a, a)


def normal_(x: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Normal numbers with this mean and standard deviation.

    >>> mg.nn.init.normal_(mg.zeros(2, 3), std=0.02).shape
    (2, 3)
    """
    return _fill(x, "normal", std, mean)


def constant_(x: Tensor, val: float) -> Tensor:
    """One value everywhere.

    >>> mg.nn.init.constant_(mg.zeros(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    get_backend(x._data).copy_(x._data, get_backend(x._data).full(x.shape, val, x.dtype))
    x.count_change()
    return x


def zeros_(x: Tensor) -> Tensor:
    """Zeros everywhere.

    >>> mg.nn.init.zeros_(mg.ones(2))
    tensor([0., 0.])
    """
    return constant_(x, 0.0)


def ones_(x: Tensor) -> Tensor:
    """Ones everywhere.

    >>> mg.nn.init.ones_(mg.zeros(2))
    tensor([1., 1.])
    """
    return constant_(x, 1.0)


def kaiming_uniform_(x: Tensor, a: float = 0.0) -> Tensor:
    """Uniform in +-sqrt(6 / ((1 + a^2) fan_in)): keeps the variance of signals through leaky ReLUs of slope a.

    Source: He et al. 2015, equation 15.

    Raises:
        ShapeError: x has fewer than 2 dimensions (out, in, ...).

    >>> bool((abs(mg.nn.init.kaiming_uniform_(mg.zeros(4, 6)).numpy()) <= 1).all())  # sqrt(6 / 6)
    True
    """
    bound = math.sqrt(6 / ((1 + a * a) * max(fan_in(x), 1)))
    return uniform_(x, -bound, bound)


def fan_in(x: Tensor) -> int:
    """How many inputs feed each output of a weight (out, in, ...).

    Raises:
        ShapeError: x has fewer than 2 dimensions.

    >>> mg.nn.init.fan_in(mg.zeros(8, 3, 4, 4))
    48
    """
    if x.ndim < 2:
        raise ShapeError(f"fan_in: expected a weight with at least 2 dimensions (out, in, ...), but got {x.shape}.")
    return x.numel() // x.shape[0] if x.shape[0] else 0


def _fill(x: Tensor, kernel: str, scale: float, shift: float) -> Tensor:
    """X = scale * draws + shift. Drawn in float32, so that a network starts the same in either type."""
    backend = get_backend(x._data)
    n = x.numel() + x.numel() % 2
    draws = getattr(backend, kernel)(stream.words(backend, n // 2, philox.INIT), x.shape, "float32")
    backend.copy_(x._data, backend.add(backend.mul(draws, scale), shift))
    x.count_change()
    return x
