"""z, the noise that G makes its samples of."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigan.backend import backend_of, philox
from minigan.backend.device import Device
from minigan.errors import ConfigError
from minigan.ops.random import rand, randn
from minigan.tensor import Tensor
from minigan.variable import constant


@dataclass(frozen=True)
class Noise:
    """A distribution of z (N, z_dim).

    Attributes:
        z_dim: its length.
        distribution: "normal" for N(0, 1), "uniform" for U(-1, 1).
        scale: what it is multiplied by: sqrt(3) gives uniform noise the variance 1.

    Raises:
        ConfigError: there is no such distribution.

    >>> mg.gan.Noise(100).draw(2).shape
    (2, 100)
    """

    z_dim: int
    distribution: str = "normal"
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.distribution not in ("normal", "uniform"):
            raise ConfigError(f'Noise: expected the distribution "normal" or "uniform", but got {self.distribution!r}.')

    def draw(self, n: int, dtype: Any = np.float32, device: Any = None) -> Tensor:
        """n fresh ones for training, from the streams that `minigan.manual_seed` and `minigan.set_step` set."""
        draw = randn if self.distribution == "normal" else rand
        return self._shaped(draw(n, self.z_dim, dtype=dtype, device=device))

    def fixed(self, n: int, seed: int, device: Device, site: int = 0) -> Tensor:
        """n for samples that are looked at: set by the seed, apart from the streams that training draws from.

        With the same seed, more of them begin with the same z as fewer. Another ``site`` gives others.

        >>> mg.gan.Noise(100).fixed(2, seed=0, device=mg.device("cpu")).shape
        (2, 100)
        """
        backend = backend_of(device)
        words = backend.random_words(math.ceil(n * self.z_dim / 2), seed, philox.SAMPLE, 0, site)
        draw: Callable[..., Any] = backend.normal if self.distribution == "normal" else backend.uniform
        return self._shaped(constant(draw(words, (n, self.z_dim), np.dtype(np.float32))))

    def _shaped(self, z: Tensor) -> Tensor:
        """From N(0, 1) or U(0, 1) to this distribution."""
        if self.distribution == "uniform":
            z = 2 * z - 1
        return z if self.scale == 1 else z * self.scale
