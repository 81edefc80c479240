"""Dropout: noise against memorising."""

from __future__ import annotations

import numpy as np

from minigan.errors import ConfigError, DTypeError
from minigan.nn.module import Module, require_array
from minigan.ops import random
from minigan.tensor import Tensor


class Dropout(Module):
    """In training each value is 0 with probability p, else x / (1 - p); in evaluation nothing happens.

    Raises:
        ConfigError: p is outside [0, 1].
        DTypeError: the input is not of a floating point type.

    Source: Srivastava et al. 2014.

    >>> mg.nn.Dropout(0.9).eval()(mg.ones(3))
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not (isinstance(p, int | float | np.number) and 0 <= p <= 1):
            raise ConfigError(f"Dropout: expected a probability p from 0 to 1, but got {p!r}.")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise, with a new mask at each call."""
        require_array(self, "the input", x)
        if x.dtype.kind != "f":
            raise DTypeError(
                f"{self!r} expected floating point values, but got {x.dtype}. Convert them with x.float()."
            )
        return random.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"
