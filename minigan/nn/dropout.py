"""Dropout: noise against memorising."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.errors import ConfigError
from minigan.nn.checks import require_array, require_dtype
from minigan.nn.module import Module
from minigan.ops import random
from minigan.tensor import Tensor


class Dropout(Module):
    """In training each value is 0 with probability p, else x / (1 - p); in evaluation nothing happens.

    Args:
        p: from 0 to 1.
        inplace: accepted for PyTorch's sake; the input stays as it is.

    Raises:
        ConfigError: p is outside [0, 1].
        DTypeError: the input is not of a floating point type.

    Source: Srivastava et al. 2014.

    >>> mg.nn.Dropout(0.9).eval()(mg.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not (isinstance(p, int | float | np.number) and 0 <= p <= 1):
            raise ConfigError(f"{type(self).__name__}: expected a probability p from 0 to 1, but got {p!r}.")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise, with a new mask at each call."""
        self._check(x)
        return random.dropout(x, self.p, self.training)

    def _check(self, x: Any) -> None:
        require_array(self, "the input", x)
        require_dtype(self, x, None)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Dropout2d(Dropout):
    """In training each channel of (N, C, H, W) or (C, H, W) is 0 with probability p, else x / (1 - p).

    Neighbouring values of an image tell of each other, so a channel is dropped as a whole. Arguments are those of
    `Dropout`.

    Raises:
        ConfigError: p is outside [0, 1].
        ShapeError: the input is of another shape.
        DTypeError: the input is not of a floating point type.

    Source: Tompson et al. 2015.

    >>> mg.nn.Dropout2d(0.9).eval()(mg.ones(1, 1, 2)).shape
    (1, 1, 2)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Channel by channel, with a new mask at each call."""
        self._check(x)
        return random.dropout2d(x, self.p, self.training)
