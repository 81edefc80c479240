"""BatchNorm: each channel of a batch to mean 0 and variance 1, then a learned scale and shift."""

from __future__ import annotations

from typing import Any, ClassVar

from minigan.errors import ShapeError
from minigan.nn.checks import require_array, require_dtype, require_size
from minigan.nn.module import Module, Parameter
from minigan.ops import norm
from minigan.ops.checks import real
from minigan.ops.creation import ones, tensor, zeros
from minigan.tensor import Tensor


class ChannelNorm(Module):
    """What BatchNorm and InstanceNorm share: parameters and running averages, one number per channel each.

    Attributes:
        inputs: the shapes of input that the layer takes, for its messages; ``{C}`` stands for the channels.
        ranks: the numbers of dimensions that these shapes have.
    """

    inputs: ClassVar[str]
    ranks: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        require_size(type(self).__name__, "num_features", num_features)
        made = {"device": device, "dtype": dtype}
        self.num_features = num_features
        self.eps = real(type(self).__name__, "eps", eps)
        self.momentum = None if momentum is None else real(type(self).__name__, "momentum", momentum)
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = Parameter(ones(num_features, **made)) if affine else None
        self.bias = Parameter(zeros(num_features, **made)) if affine else None
        self.running_mean = self.running_var = None
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features, **made))
            self.register_buffer("running_var", ones(num_features, **made))
            self.register_buffer("num_batches_tracked", tensor(0, device=device))

    def _check(self, x: Any, channel: int = 1) -> None:
        """Raise unless x is an input for this layer, with its channels in dimension ``channel``."""
        require_array(self, "the input", x)
        if x.ndim not in self.ranks or x.shape[channel] != self.num_features:
            raise ShapeError(
                f"{self!r} expected an input of shape {self.inputs.format(C=self.num_features)}, "
                f"but got {tuple(x.shape)}. Change the layer's num_features or the input."
            )
        own = self.running_mean if self.weight is None else self.weight
        require_dtype(self, x, own)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm(ChannelNorm):
    """What BatchNorm1d and BatchNorm2d share: all but the shapes that they take."""

    def forward(self, x: Tensor) -> Tensor:
        """Any of the layer's input shapes to the same shape."""
        self._check(x)
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
        """The weight of this batch; 1/n, if it is the n-th, makes the running average the mean of all batches.

        n is a buffer, so that it is saved with the layer: on a GPU the host waits for it, as in PyTorch.
        """
        if self.momentum is not None:
            return self.momentum
        return 1 / (int(self.num_batches_tracked) + 1) if self.training and self.track_running_stats else 0.0


class BatchNorm1d(BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L); source: Ioffe and Szegedy 2015.

    In training by the statistics of the batch, in evaluation by their running averages.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: the weight of a new batch in the running averages; None weighs all batches so far alike, but on a
            GPU makes each training step wait for their count.
        affine: learn a scale ``weight`` and a shift ``bias``.
        track_running_stats: keep running averages; without them evaluation uses the batch, too.

    Raises:
        ShapeError: the input is not (N, C) or (N, C, L), or training has a single value per channel.
        DTypeError: the input's type is not the layer's.

    >>> mg.nn.BatchNorm1d(3)(mg.randn(8, 3)).shape
    (8, 3)
    """

    inputs = "(N, {C}) or (N, {C}, L)"
    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch normalisation of images (N, C, H, W); else as :class:`BatchNorm1d`.

    Raises:
        ShapeError: the input is not (N, C, H, W), or training has a single value per channel.
        DTypeError: the input's type is not the layer's.

    >>> mg.nn.BatchNorm2d(3)(mg.randn(8, 3, 4, 4)).shape
    (8, 3, 4, 4)
    """

    inputs = "(N, {C}, H, W)"
    ranks = (4,)
