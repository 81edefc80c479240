"""What metrics expect of samples, features and probabilities, said once; each error is one sentence and an advice.

All take the name of the metric first, and return a tensor on the device where the numbers are.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from minigan.backend import get_backend
from minigan.errors import ArgumentError, ConfigError, DTypeError, RangeError, ShapeError
from minigan.ops.checks import tensor_of, whole
from minigan.ops.joining import cat
from minigan.tensor import Tensor

ROWS = 4096  # samples at a time: what is made of all 60,000 images would take as much memory as they do, or twice
SUM_TOLERANCE = 1e-4  # of probabilities: a softmax in float32 is within 1e-6, printed ones within 1e-4
PIXEL_TOLERANCE = 1e-6  # some roundings in float32 beyond -1 and 1
OVERSHOOT, RARELY = 0.15, 1e-3  # of the pixels of digits in [0, 1] that a cubic spline moved, fewer are so far below 0
LARGEST = 1e100  # of samples: sums of products of two of them are numbers in float64, too

T = TypeVar("T")


def rows(metric: str, what: str, x: Any, least: int = 1) -> Tensor:
    """Samples that are points or features: a matrix with a row for each.

    Args:
        metric: whose name the errors carry.
        what: they are called, such as ``"fake samples"``.
        x: an array or a tensor; its type stays what it is.
        least: how many there must be.

    Raises:
        DTypeError: these are no numbers.
        ShapeError: they are no samples (N, F), or fewer than ``least``.
        RangeError: some hold NaN or infinity, and says how many of how many; or numbers too large to multiply.

    >>> from minigan.metrics.checks import rows
    >>> rows("frechet_distance", "fake samples", np.zeros((5, 64), np.float32)).shape
    (5, 64)
    """
    samples: Tensor = tensor_of(metric, x).detach()
    if samples.ndim != 2 or samples.numel() == 0:
        raise ShapeError(
            f"{metric}: expected {what} (N, F), N at least {least:,}, but got shape {samples.shape}. Pass one sample "
            "per row: of images what Judge.features returns, or x.reshape(len(x), -1), of numbers x.reshape(-1, 1)."
        )
    require_samples(metric, what, samples, least)
    require_finite(metric, what, samples)
    if samples.dtype.kind == "f" and (largest := samples.abs().max().item()) > LARGEST:
        raise RangeError(
            f"{metric}: {what} reach {largest:.3g}, expected at most {LARGEST:g}, so that products of two are numbers. "
            "Scale them."
        )
    return samples


def require_samples(metric: str, what: str, x: Tensor, least: int, why: str = "") -> None:
    """Raise if there are fewer samples than ``least``, and say ``why`` so many, such as ``"a covariance"``.

    Raises:
        ShapeError: there are fewer.
    """
    if len(x) < least:
        need = f" for {why}" if why else ""
        raise ShapeError(f"{metric}: expected at least {least:,} {what}{need}, but got {len(x):,}. Draw more.")


def pair(metric: str, x: tuple[str, Any], y: tuple[str, Any], least: int = 1) -> tuple[Tensor, Tensor]:
    """Two sets of samples of one width as matrices (N, F) and (M, F), each as :func:`rows` makes it, in float64.

    Args:
        metric: whose name the errors carry.
        x: what the first ones are called, and the samples.
        y: the same of the second ones.
        least: how many there must be of each.

    Raises:
        ShapeError: the widths differ; or as :func:`rows` does.
        DTypeError, RangeError: as :func:`rows` does.

    >>> from minigan.metrics.checks import pair
    >>> fake, real = pair("kernel_distance", ("fake", np.zeros((5, 2))), ("real", np.ones((7, 2), np.float32)))
    >>> fake.dtype, real.dtype
    (dtype('float64'), dtype('float64'))
    """
    first, second = (rows(metric, what, samples, least) for what, samples in (x, y))
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"{metric}: expected {x[0]} and {y[0]} of one width, but got {first.shape[1]:,} and {second.shape[1]:,} "
            "numbers for each. Pass both as the same features."
        )
    return first.double(), second.double()


def alike(metric: str, x: tuple[str, Any], y: tuple[str, Any]) -> tuple[Tensor, Tensor]:
    """Two sets of samples to compare as they are: both images (N, C, H, W) in [-1, 1], or both points (N, F).

    Args:
        metric: whose name the errors carry.
        x: what the first ones are called, and the samples.
        y: the same of the second ones.

    Raises:
        ShapeError: they are neither, there are none, or the two sets are of different shapes.
        DTypeError: these are no numbers, or pixels that are whole ones.
        RangeError: a number is NaN or infinite, or a pixel is outside [-1, 1]; or images look like [0, 1], as their
            darkest pixels are exactly 0, or as they stand beside others that are mostly dark.

    >>> from minigan.metrics.checks import alike
    >>> x, y = alike("sliced_wasserstein", ("x", np.zeros((5, 2))), ("y", mg.ones(7, 2)))
    >>> x.shape, y.shape
    ((5, 2), (7, 2))
    """
    first, second = (_images_or_points(metric, *samples) for samples in (x, y))
    if first.shape[1:] != second.shape[1:]:
        raise ShapeError(
            f"{metric}: expected {x[0]} and {y[0]} of one shape, but got {first.shape[1:]} and {second.shape[1:]} for "
            "each. Reshape or resize one of them."
        )
    if first.ndim == 4:
        _require_alike_ranges(metric, (x[0], first), (y[0], second))
    return first, second


def _images_or_points(metric: str, what: str, x: Any) -> Tensor:
    samples: Tensor = tensor_of(metric, x)
    if samples.ndim == 4:
        return images(metric, samples)
    if samples.ndim != 2:
        raise ShapeError(
            f"{metric}: expected {what} as images (N, C, H, W) or points (N, F), but got shape {samples.shape}. "
            "Reshape them."
        )
    return rows(metric, what, samples)


def _require_alike_ranges(metric: str, x: tuple[str, Tensor], y: tuple[str, Tensor]) -> None:
    """Raise if one of them looks like [0, 1], and there is a reason beyond bright images, which own data may be.

    Black is exactly 0 there, and 2 x / 255 - 1 is 0 for no whole number x.
    """
    for (what, one), (_, other) in ((x, y), (y, x)):
        darkest = one.min().item()
        if darkest == 0 or (other < -0.5).sum().item() > other.numel() / 2:
            require_not_unit_range(metric, what, one)


def images(metric: str, x: Any) -> Tensor:
    """Images (N, C, H, W) of floating point pixels from -1 to 1.

    Raises:
        DTypeError: these are no numbers, or whole ones.
        ShapeError: they have another shape, or there are none.
        RangeError: a pixel is NaN or outside [-1, 1].

    >>> from minigan.metrics.checks import images
    >>> images("nearest_training", np.linspace(-1, 1, 18).reshape(2, 1, 3, 3)).shape
    (2, 1, 3, 3)
    """
    pixels: Tensor = tensor_of(metric, x).detach()
    if pixels.ndim != 4 or pixels.numel() == 0:
        raise ShapeError(f"{metric}: expected images (N, C, H, W), but got shape {pixels.shape}. Reshape them.")
    if pixels.dtype.kind != "f":
        raise DTypeError(
            f"{metric}: expected floats from -1 to 1, but got {pixels.dtype}. Scale bytes x as x / 127.5 - 1."
        )
    require_finite(metric, "images", pixels)
    require_pixels(metric, pixels)
    return pixels


def require_pixels(metric: str, x: Tensor) -> None:
    """Raise unless pixels are from -1 to 1, but for rounding.

    Raises:
        RangeError: they are not.
    """
    low, high = x.min().item(), x.max().item()
    if not -1 - PIXEL_TOLERANCE <= low <= high <= 1 + PIXEL_TOLERANCE:  # a NaN is not, either
        raise RangeError(
            f"{metric}: expected pixels from -1 to 1, but got {low:.7g} to {high:.7g}. Scale or clamp them."
        )


def require_not_unit_range(metric: str, what: str, x: Tensor) -> None:
    """Raise if pixels look like those of [0, 1], given where black is -1.

    Hardly any of them is dark, while they fill more than half of [0, 1] from near its lower end on; where an image
    was resized or turned by splines, which overshoot, some are below 0. Images without anything dark may be like this,
    too, but no digits, which are black all around.

    Raises:
        RangeError: they do.
    """
    low, high = x.min().item(), x.max().item()
    dark = (x < -OVERSHOOT).sum().item()
    if low < 0.25 and high > 0.75 and dark <= RARELY * x.numel():
        raise RangeError(
            f"{metric}: expected {what} of pixels from -1 to 1, but {low:.4g} to {high:.4g} looks like [0, 1]. "
            "Scale them with 2 * x - 1."
        )


def numbers(metric: str, what: str, x: Any) -> NDArray[Any]:
    """Numbers as a host array of the type that they have: of a list, a tensor, or an array here or on a GPU.

    Raises:
        DTypeError: they are none, complex, masked, or not as many in each row.

    >>> from minigan.metrics.checks import numbers
    >>> numbers("kl_divergence", "counts", [3, 1])
    array([3, 1])
    """
    try:
        array = np.asarray(_on_host(x))
    except (TypeError, ValueError, RuntimeError):  # of lists of lists, and of PyTorch's tensors with gradients
        array = None
    if array is None or array.dtype.kind not in "fiub" or isinstance(x, np.ma.MaskedArray):
        found = f"an array of {x.dtype}" if type(x) is np.ndarray else type(x).__name__
        raise DTypeError(f"{metric}: expected {what} as real numbers, but got {found}. Pass an array of numbers.")
    return np.asarray(array)


def _on_host(x: Any) -> Any:
    """The same numbers where NumPy reads them: it refuses arrays on a GPU."""
    if isinstance(x, Tensor):
        return x.detach().to("cpu").numpy()
    try:
        return get_backend(x).to_host(x)
    except DTypeError:  # no array, but maybe a list
        return x


def instance(metric: str, what: str, value: Any, kind: type[T], advice: str) -> T:
    """The value, if it is of a class.

    Raises:
        ArgumentError: it is not.

    >>> from minigan.metrics.checks import instance
    >>> instance("caught_modes", "a mixture", mg.data.ring(), mg.data.Mixture, "Pass mg.data.ring().").std
    0.01
    """
    if not isinstance(value, kind):
        raise ArgumentError(f"{metric}: expected {what}, but got {type(value).__name__}. {advice}")
    return value


def probabilities(metric: str, p: Any) -> Tensor:
    """Probabilities of K classes for each of N samples, (N, K), in float64.

    Raises:
        DTypeError: these are no numbers.
        ShapeError: they are not (N, K), with N of at least 1 and K of at least 2.
        RangeError: one is NaN or below 0, or a row does not add up to 1.

    >>> from minigan.metrics.checks import probabilities
    >>> probabilities("classifier_score", mg.tensor([[0.0, 1.0], [2.0, 3.0]]).softmax(1)).dtype
    dtype('float64')
    """
    q: Tensor = tensor_of(metric, p).detach().double()
    if q.ndim != 2 or len(q) < 1 or q.shape[1] < 2:
        raise ShapeError(
            f"{metric}: expected probabilities (N, K) of at least 2 classes for each of at least 1 sample, "
            f"but got shape {q.shape}. Pass what Judge.probabilities returns."
        )
    require_finite(metric, "rows of probabilities", q)
    _require_none(metric, "hold numbers below 0", (q < 0).any(dim=1))
    _require_none(metric, "do not add up to 1", (q.sum(dim=1) - 1).abs() > SUM_TOLERANCE)
    return q


def _require_none(metric: str, what: str, broken: Tensor) -> None:
    """Raise if some rows are broken; says of how many what is amiss."""
    if n := _number(broken):
        raise RangeError(
            f"{metric}: {n:,} of {len(broken):,} rows {what}, expected probabilities. "
            "Make probabilities of logits x by x.softmax(dim=1), in float32 or float64."
        )


def whole_from(metric: str, name: str, value: Any, least: int, most: int | None = None, why: str = "") -> int:
    """A whole number from ``least`` to ``most``.

    Args:
        metric: whose name the errors carry.
        name: of the number.
        value: the number.
        least: the smallest that there is.
        most: the largest; with None there is none.
        why: what sets the bounds, such as ``"there are 50 real samples"``.

    Raises:
        ArgumentError: it is no whole number.
        ConfigError: it is outside.

    >>> from minigan.metrics.checks import whole_from
    >>> whole_from("precision_recall", "k", np.int64(3), 1, 49, why="there are 50 real samples")
    3
    """
    number = whole(metric, name, value)
    if number < least or (most is not None and number > most):
        bounds = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
        reason = f" ({why})" if why else ""
        raise ConfigError(f"{metric}: expected {name} {bounds}{reason}, but got {number:,}. Choose another {name}.")
    return number


def require_finite(metric: str, what: str, x: Tensor) -> None:
    """Raise if a number is NaN or infinite, and say in how many of the samples, x (N, ...).

    Raises:
        RangeError: some are.
    """
    finite = cat([part.isfinite().reshape(len(part), -1).all(dim=1) for part in x.detach().split(ROWS)])
    if broken := len(x) - _number(finite):
        raise RangeError(
            f"{metric}: {broken:,} of {len(x):,} {what} hold NaN or infinity, expected finite numbers. "
            "Find out where training diverged."
        )


def _number(mask: Tensor) -> int:
    """How often it is true."""
    return int(mask.sum().item())
