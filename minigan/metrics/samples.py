"""Samples of either kind, images or points, for the metrics that compare them as they are, without a judge."""

from __future__ import annotations

from typing import Any

from minigan.errors import ShapeError
from minigan.metrics.checks import images, require_no_grey, rows
from minigan.ops.checks import tensor_of
from minigan.tensor import Tensor


def alike(metric: str, x: tuple[str, Any], y: tuple[str, Any]) -> tuple[Tensor, Tensor]:
    """Two sets of samples: both images (N, C, H, W) in [-1, 1], or both points (N, F).

    Args:
        metric: whose name the errors carry.
        x: what they are called, and the samples.
        y: the same of the others.

    Raises:
        ShapeError: they are neither, there are none, or the two sets are of different shapes.
        DTypeError: these are no numbers, or pixels that are whole ones.
        RangeError: a number is NaN or infinite, or a pixel is outside [-1, 1]; or images look like [0, 1], as their
            darkest pixels are exactly 0, or as they stand beside others that are mostly dark.

    >>> from minigan.metrics.samples import alike
    >>> x, y = alike("sliced_wasserstein", ("x", np.zeros((5, 2))), ("y", mg.ones(7, 2)))
    >>> x.shape, y.shape
    ((5, 2), (7, 2))
    """
    first, second = (_checked(metric, *samples) for samples in (x, y))
    if first.shape[1:] != second.shape[1:]:
        raise ShapeError(
            f"{metric}: expected {x[0]} and {y[0]} of one shape, but got {first.shape[1:]} and {second.shape[1:]} for "
            "each. Reshape or resize one of them."
        )
    if first.ndim == 4:
        _require_no_grey(metric, first, second)
    return first, second


def _require_no_grey(metric: str, first: Tensor, second: Tensor) -> None:
    """Raise if one of them looks like [0, 1], and there is a reason beyond bright images, which own data may be.

    Black is exactly 0 there, and 2 x / 255 - 1 is 0 for no whole number x.
    """
    for one, other in ((first, second), (second, first)):
        darkest = one.min().item()
        if darkest == 0 or (darkest > 0 and (other < -0.5).sum().item() > other.numel() / 2):
            require_no_grey(metric, one)


def _checked(metric: str, what: str, x: Any) -> Tensor:
    x = tensor_of(metric, x)
    if x.ndim == 4:
        return images(metric, x)
    if x.ndim != 2:
        raise ShapeError(
            f"{metric}: expected {what} as images (N, C, H, W) or points (N, F), but got shape {x.shape}. Reshape them."
        )
    return rows(metric, what, x)
