"""Dropout: noise against memorising."""

from __future__ import annotations

from minigan.errors import ConfigError
from minigan.nn.module import Module
from minigan.ops import random
from minigan.tensor import Tensor


class Dropout(Module):
    """In training each value is 0 with probability p, else x / (1 - p); in evaluation nothing happens.

    Raises:
        ConfigError: p is outside [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ConfigError(f"Dropout: expected a probability p from 0 to 1, but got {p}.")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise, with a new mask at each call."""
        return random.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"
