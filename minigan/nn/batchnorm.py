"""BatchNorm: each channel of a batch to mean 0 and variance 1, then a learned scale and shift."""

from __future__ import annotations

from minigan.errors import DTypeError, ShapeError
from minigan.nn.module import Module, Parameter, require_array, require_size
from minigan.ops import norm
from minigan.ops.creation import ones, tensor, zeros
from minigan.tensor import Tensor


class BatchNorm1d(Module):
    """Batch normalisation of (N, C) or (N, C, L); source: Ioffe and Szegedy 2015.

    In training by the statistics of the batch, in evaluation by their running averages.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: the weight of a new batch in the running averages; None weighs all batches so far alike.
        affine: learn a scale ``weight`` and a shift ``bias``.
        track_running_stats: keep running averages; without them evaluation uses the batch, too.

    Raises:
        ShapeError: the input is not (N, C) or (N, C, L), or training has a single value per channel.
        DTypeError: the input's type is not the layer's.

    >>> mg.nn.BatchNorm1d(3)(mg.randn(8, 3)).shape
    (8, 3)
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        require_size("BatchNorm1d", "num_features", num_features)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = Parameter(ones(num_features)) if affine else None
        self.bias = Parameter(zeros(num_features)) if affine else None
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features))
            self.register_buffer("running_var", ones(num_features))
            self.register_buffer("num_batches_tracked", tensor(0))
        else:
            self.running_mean = self.running_var = None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) or (N, C, L) to the same shape."""
        require_array(self, "the input", x)
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            raise ShapeError(
                f"{self!r} expected an input of shape (N, {self.num_features}) or (N, {self.num_features}, L), "
                f"but got {tuple(x.shape)}. Change the layer's num_features or the input."
            )
        own = self.running_mean if self.weight is None else self.weight
        if own is not None and x.dtype != own.dtype:
            raise DTypeError(
                f"{self!r} holds {own.dtype} values, but got a {x.dtype} input. "
                f"Convert the input with x.to(mg.{own.dtype}) or the layer with .to()."
            )
        y = norm.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training,
            self._momentum(),
            self.eps,
        )
        if self.training and self.track_running_stats:
            self.num_batches_tracked += 1
        return y

    def _momentum(self) -> float:
        """The weight of this batch; 1/n, if it is the n-th, makes the running average the mean of all batches."""
        if self.momentum is not None:
            return self.momentum
        return 1 / (int(self.num_batches_tracked) + 1) if self.training and self.track_running_stats else 0.0

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )
