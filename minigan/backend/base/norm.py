"""Normalisation."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Kernels


class Norm(Kernels):
    """Shift and scale by statistics that the operations compute."""

    def normalize(self, x: Array, mean: Array, rstd: Array, weight: Array, bias: Array, out: Array = None) -> Array:
        """(x - mean) * rstd * weight + bias; all but x are small and broadcast."""
        y = self.xp.subtract(x, mean, out=out)
        y = self.xp.multiply(y, rstd * weight, out=y)
        return self.xp.add(y, bias, out=y)
