"""InstanceNorm: each channel of each image to mean 0 and variance 1."""

from __future__ import annotations

from typing import Any

from minigan.nn.batchnorm import ChannelNorm
from minigan.ops import norm
from minigan.ops.shape import squeeze, unsqueeze
from minigan.tensor import Tensor


class InstanceNorm2d(ChannelNorm):
    """Instance normalisation of (N, C, H, W) or (C, H, W); source: Ulyanov, Vedaldi and Lempitsky 2016.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: the weight of a new batch in the running averages, if there are any.
        affine: learn a scale ``weight`` and a shift ``bias``.
        track_running_stats: keep running averages, and use them in evaluation.

    Raises:
        ShapeError: the input is of another shape, or has a single value per channel.
        DTypeError: the input's type is not the layer's.

    >>> mg.nn.InstanceNorm2d(3)(mg.randn(8, 3, 4, 4)).shape
    (8, 3, 4, 4)
    """

    inputs = "(N, {C}, H, W) or ({C}, H, W)"
    ranks = (3, 4)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) or (C, H, W) to the same shape."""
        self._check(x, channel=-3)
        images = x if x.ndim == 4 else unsqueeze(x, 0)
        y = norm.instance_norm(
            images,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return y if x.ndim == 4 else squeeze(y, 0)
