"""Losses, element by element."""

from __future__ import annotations

from minigan.backend.base.activation import Activation
from minigan.backend.base.arrays import Array


class Loss(Activation):
    """Cross entropies that neither overflow nor lose the digits that matter."""

    def bce(self, x: Array, target: Array) -> Array:
        """-t log x - (1 - t) log(1 - x), each logarithm held above -100."""
        return -target * self._log_above_100(x) - (1 - target) * self._log_above_100(1 - x)

    def bce_grad(self, gy: Array, x: Array, target: Array) -> Array:
        return gy * (x - target) / self.xp.maximum(x * (1 - x), 1e-12)

    def _log_above_100(self, x: Array) -> Array:
        # e^-101 has the same clamped logarithm as 0, and NumPy does not warn about it.
        smallest = 2.0**-146
        return self.xp.maximum(self.xp.log(self.xp.maximum(x, smallest)), -100)

    def bce_with_logits(self, x: Array, target: Array) -> Array:
        """(1 - t) x + max(-x, 0) + log(1 + e^-|x|), which overflows for no x; infinite or nan for infinite ones."""
        xp = self.xp
        return (1 - target) * x + xp.maximum(-x, 0) + xp.log1p(xp.exp(-xp.absolute(x)))

    def bce_with_logits_grad(self, gy: Array, x: Array, target: Array) -> Array:
        # sigmoid(x) - t, in a form that keeps all digits where D is sure and right: for t = 1 it is -sigmoid(-x).
        # Of sigmoid(x) and sigmoid(-x), one is 1 / (1 + e) and the other e / (1 + e).
        e, one, positive = self.xp.exp(-self.xp.absolute(x)), x.dtype.type(1), x >= 0
        fake = (1 - target) * self.xp.where(positive, one, e)
        real = target * self.xp.where(positive, e, one)
        return gy * (fake - real) / (1 + e)
