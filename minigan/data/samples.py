"""Turn arrays as people keep them into samples as networks take them: channels first, bytes or [-1, 1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minigan.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LARGEST_LABEL = 99_999


def as_samples(array: np.ndarray[Any, Any], name: str) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Samples out of any array of bytes or floating point numbers.

    Args:
        array: uint8 or floating point (N, H, W), (N, C, H, W), (N, H, W, C); or floating point (N, F).
        name: where it comes from, for messages.

    Returns:
        uint8 or float32 (N, C, H, W) with C = 1 or 3, or float32 (N, F).

    Raises:
        DataError: another type or shape, no samples, or numbers that are not finite or, in images, not in [-1, 1].

    Example:
        >>> from minigan.data.samples import as_samples
        >>> as_samples(np.zeros((7, 28, 28), np.uint8), "here").shape
        (7, 1, 28, 28)
    """
    if array.size == 0:
        raise DataError(f"{name} holds no samples (shape {array.shape}), expected at least one; use another file.")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise DataError(
            f"{name} holds {array.dtype} of shape {array.shape}, expected uint8, or float32 in [-1, 1]; "
            f"{_as_bytes(array)}."
        )
    if array.ndim == 2 and array.dtype.kind == "f":
        return _as_points(array, name)
    images = _channels_first(array, name)
    return np.ascontiguousarray(images if images.dtype == np.uint8 else _as_float_images(images, name))


def as_labels(array: np.ndarray[Any, Any], count: int, name: str) -> NDArray[np.int64]:
    """Labels out of an array of whole numbers (N,) or (N, 1).

    Args:
        array: one number for each sample.
        count: N, the number of samples.
        name: where it comes from, for messages.

    Returns:
        int64 (N,).

    Raises:
        DataError: another type or shape, or numbers that are no class numbers.

    Example:
        >>> from minigan.data.samples import as_labels
        >>> as_labels(np.array([[3], [1]], np.uint8), 2, "here")
        array([3, 1])
    """
    if array.dtype.kind not in "iu" or array.ndim == 0 or array.shape[1:] not in ((), (1,)):
        raise DataError(
            f"{name} holds {array.dtype} of shape {array.shape}, but labels are integers of shape (N,), one for each "
            "sample; convert them first."
        )
    if len(array) != count:
        raise DataError(
            f"{name} holds {len(array)} labels, expected one for each of {count} samples; give samples and labels that "
            "belong together."
        )
    if array.size and (array.min() < 0 or array.max() > LARGEST_LABEL):
        raise DataError(
            f"{name} holds labels from {array.min()} to {array.max()}, expected class numbers from 0 to at most "
            f"{LARGEST_LABEL}; number the classes from 0."
        )
    return array.reshape(-1).astype(np.int64)


def check_finite(array: np.ndarray[Any, Any], name: str) -> None:
    """Make sure that no number of these is NaN or infinite.

    Raises:
        DataError: one is.

    Example:
        >>> from minigan.data.samples import check_finite
        >>> check_finite(np.zeros(3), "here")
    """
    # The least and the greatest number are NaN or infinite if any is; looking at each would take a second array.
    if not np.isfinite([array.min(), array.max()]).all():
        raise DataError(f"{name} holds NaN or infinity, expected finite numbers; remove those samples.")


def on_white(picture: Picture) -> Picture:
    """A picture with transparency on white, the colour of the pages that most of them were made for.

    Args:
        picture: of mode RGBA.

    Returns:
        Of mode RGB: colour * opacity + white * (1 - opacity), rounded.

    Example:
        >>> from PIL import Image
        >>> from minigan.data.samples import on_white
        >>> on_white(Image.new("RGBA", (1, 1), (0, 100, 200, 51))).getpixel((0, 0))
        (204, 224, 244)
    """
    from PIL import Image

    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture)
    return white


def _as_bytes(array: np.ndarray[Any, Any]) -> str:
    """How other numbers x become bytes."""
    if array.dtype.kind == "b":
        return "take 255 * x.astype(numpy.uint8)"
    if array.dtype.kind in "iu" and array.min() >= 0 and array.max() <= 255:
        return "take x.astype(numpy.uint8)"
    return "make its numbers 0 to 255 first: those of 16 bits by (x // 257).astype(numpy.uint8)"


def _channels_first(array: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    if array.ndim == 3:
        return array[:, np.newaxis]
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return array
    if array.ndim == 4 and array.shape[3] == 4 and array.dtype == np.uint8:
        array = _opaque(array)
    if array.ndim == 4 and array.shape[3] in (1, 3):
        return array.transpose(0, 3, 1, 2)
    raise DataError(
        f"{name} has the shape {array.shape}, expected images (N, H, W), (N, C, H, W) or (N, H, W, C) with C = 1 or 3 "
        "(4 in bytes with transparency, last), or float32 points (N, F); reshape it."
    )


def _opaque(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    return np.stack([np.asarray(on_white(Image.fromarray(image))) for image in images])


def _as_points(array: np.ndarray[Any, Any], name: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        points = np.ascontiguousarray(array, np.float32)
    check_finite(points, name)
    return points


def _as_float_images(images: np.ndarray[Any, Any], name: str) -> NDArray[np.float32]:
    check_finite(images, name)
    low, high = images.min(), images.max()
    found = f"{name} holds images with values from {low!s} to {high!s}, expected [-1, 1]"
    if low < -1 or high > 1:
        raise DataError(f"{found}; scale them, or give bytes.")
    if low >= 0 and high > 0:  # black would become grey
        raise DataError(f"{found}; if black is 0 and white is 1, take 2 * x - 1.")
    return images.astype(np.float32)
