"""Conditional BatchNorm: one network for all labels, told the label by its scales and shifts."""

from __future__ import annotations

from typing import Any

from minigan.errors import ShapeError
from minigan.nn import init
from minigan.nn.batchnorm import BatchNorm2d
from minigan.nn.checks import require_array, require_size
from minigan.nn.embedding import Embedding
from minigan.ops.shape import _reshape
from minigan.tensor import Tensor


class ConditionalBatchNorm2d(BatchNorm2d):
    """BatchNorm2d whose scale and shift are looked up by the label of each image.

    Sources: Dumoulin, Shlens and Kudlur 2017; de Vries et al. 2017.

    Args:
        num_features: C.
        num_classes: how many labels there are.
        eps, momentum, track_running_stats: as for :class:`BatchNorm2d`.

    Attributes:
        scale: an :class:`Embedding` (num_classes, num_features) that starts at 1.
        shift: one that starts at 0.

    Raises:
        ShapeError: the images are not (N, C, H, W), or the labels not (N,).
        DTypeError: the images' type is not the layer's, or the labels are no whole numbers.
        IndexRangeError: on the CPU: a label is not from 0 to below num_classes.

    >>> layer = mg.nn.ConditionalBatchNorm2d(3, num_classes=10)
    >>> layer(mg.randn(2, 3, 4, 4), mg.tensor([7, 0])).shape
    (2, 3, 4, 4)
    """

    def __init__(
        self,
        num_features: int,
        num_classes: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, False, track_running_stats, device, dtype)
        require_size("ConditionalBatchNorm2d", "num_classes", num_classes)
        self.num_classes = num_classes
        self.scale = Embedding(num_classes, num_features, device=device, dtype=dtype)
        self.shift = Embedding(num_classes, num_features, device=device, dtype=dtype)
        init.ones_(self.scale.weight)
        init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        """Images x (N, C, H, W) with labels y (N,) to images of the same shape."""
        require_array(self, "the input", x)
        require_array(self, "the labels", y)
        if tuple(y.shape) != tuple(x.shape[:1]):
            raise ShapeError(
                f"{self!r} expected one label for each image, (N,), but got labels {tuple(y.shape)} "
                f"for images {tuple(x.shape)}. Reshape the labels."
            )
        own = (*y.shape, self.num_features, 1, 1)
        scale, shift = (_reshape(table(y), shape=own) for table in (self.scale, self.shift))
        return super().forward(x) * scale + shift

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.num_features}, num_classes={self.num_classes}, eps={self.eps}, momentum={self.momentum}, "
            f"track_running_stats={self.track_running_stats}"
        )
