"""Matrix products."""

from __future__ import annotations

from minigan.backend.base.arrays import Array, Kernels


class Linalg(Kernels):
    """Where the time goes."""

    def matmul(self, x1: Array, x2: Array, out: Array = None) -> Array:
        return self.xp.matmul(x1, x2, out=out)

    def matmul_grad1(self, gy: Array, x2: Array) -> Array:
        return self.matmul(gy, x2.swapaxes(-1, -2))  # a view: the BLAS reads either order as it lies

    def matmul_grad2(self, gy: Array, x1: Array) -> Array:
        return self.matmul(x1.swapaxes(-1, -2), gy)

    def linear(self, x: Array, weight: Array, bias: Array | None, out: Array = None) -> Array:
        """x @ weight.T + bias for x (..., in), weight (out, in), bias (out,)."""
        y = self.xp.matmul(x, weight.T, out=out)
        return y if bias is None else self.xp.add(y, bias, out=y)

    def linear_weight_grad(self, gy: Array, x: Array, out: Array = None) -> Array:
        """The (out, in) matrix of sums of gy x^T over all leading positions."""
        rows = gy.reshape(-1, gy.shape[-1])
        return self.xp.matmul(rows.T, x.reshape(rows.shape[0], x.shape[-1]), out=out)
