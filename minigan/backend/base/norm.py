"""Normalisation: statistics of groups of values, and what it means to shift and scale by them."""

from __future__ import annotations

from minigan.backend.base.arrays import Array
from minigan.backend.base.reduce import Reduce


class Norm(Reduce):
    """A group is what is reduced over ``dim``. Statistics keep the reduced dimensions, so they broadcast."""

    def moments(self, x: Array, dim: tuple[int, ...]) -> Array:
        """The mean of each group and its variance (divided by n, not n - 1), one after the other."""
        mean = self.mean(x, dim, True)
        centred = x - mean
        centred *= centred
        return self.xp.stack((mean, self.mean(centred, dim, True)))

    def normalize(
        self, x: Array, mean: Array, rstd: Array, weight: Array | None, bias: Array | None, out: Array = None
    ) -> Array:
        """(x - mean) * rstd * weight + bias."""
        y = self.xp.subtract(x, mean, out=out)
        y = self.xp.multiply(y, rstd if weight is None else rstd * weight, out=y)
        return y if bias is None else self.xp.add(y, bias, out=y)

    def norm_sums(self, gy: Array, x: Array, mean: Array, rstd: Array, dim: tuple[int, ...]) -> Array:
        """The sums over each group of gy and of gy * (x - mean) * rstd, one after the other."""
        moment = self.sum(gy * (x - mean), dim, True)
        moment *= rstd
        return self.xp.stack((self.sum(gy, dim, True), moment))

    def norm_grad(self, gy: Array, x: Array, mean: Array, rstd: Array, sums: Array, weight: Array | None) -> Array:
        """What ``normalize`` sends back to x if mean and rstd are those of x; ``sums`` are those of gy."""
        n = max(x.size // max(mean.size, 1), 1)
        gx = x - mean
        gx *= rstd * sums[1] / n
        gx += sums[0] / n
        self.xp.subtract(gy, gx, out=gx)
        gx *= rstd if weight is None else rstd * weight
        return gx
