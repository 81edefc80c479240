"""Draw shuffled batches from one array, as a pure function of the seed and the step number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.backend import get_backend, philox
from minigan.data.samples import as_labels, check_finite
from minigan.errors import ConfigError, DataError


def gather_pixels(images: np.ndarray[Any, Any], indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Take samples out of an array, as new float32 numbers; bytes are mapped from 0..255 to [-1, 1].

    Args:
        images: uint8 (N, ...), or float32 (N, ...), which is taken as it is.
        indices: int64 (B,), each in [0, N).

    Returns:
        float32 (B, ...).

    Example:
        >>> mg.data.gather_pixels(np.array([[0], [51], [255]], np.uint8), np.array([2, 0, 1])).ravel().tolist()
        [1.0, -1.0, -0.6000000238418579]
    """
    pixels: NDArray[np.float32] = get_backend(images).gather_pixels(images, indices)
    return pixels


class Loader:
    """Shuffled batches of images or points, each sample once per epoch.

    Batch number `step` depends on (seed, step) alone, so a run resumes at any step, and is repeated, without
    any saved state.

    Args:
        images: uint8 (N, C, H, W) or (N, H, W), kept as one contiguous array (N, C, H, W), without a copy if
            it is contiguous already; or float32: images (N, C, H, W) in [-1, 1], or points (N, F), taken as they are.
        labels: class numbers, whole, (N,), if there are any.
        batch_size: Samples in a batch, at most N.
        seed: Picks the order of every epoch.
        drop_last: Leave out the last, short batch of each epoch (different samples each time).

    Raises:
        DataError: the images or labels are no arrays, have another shape or type, or are empty, not finite or no
            class numbers.
        ConfigError: batch_size is no whole number from 1 to N, or seed none from 0 to 2**64 - 1.

    Example:
        >>> loader = mg.data.Loader(np.zeros((10, 28, 28), np.uint8), batch_size=4)
        >>> len(loader), loader.batch(step=0).shape
        (2, (4, 1, 28, 28))
    """

    def __init__(
        self,
        images: np.ndarray[Any, Any],
        labels: np.ndarray[Any, Any] | None = None,
        batch_size: int = 128,
        seed: int = 0,
        drop_last: bool = True,
    ) -> None:
        self.images = _check_images(images)
        self.labels = None if labels is None else _check_labels(labels, len(self.images))
        _check_batch_size(batch_size, len(self.images))
        philox.permutation(0, seed, epoch=0)  # raises if it is no seed
        self.batch_size = batch_size
        self.seed = seed
        self.drop_last = drop_last
        self._shuffled: tuple[int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        """Batches per epoch."""
        whole, rest = divmod(len(self.images), self.batch_size)
        return whole if self.drop_last or not rest else whole + 1

    def batch(self, step: int) -> NDArray[np.float32]:
        """The samples of one step.

        Args:
            step: from 0, counted over all epochs.

        Returns:
            float32 (B, C, H, W) in [-1, 1], or (B, F).

        Raises:
            ConfigError: ``step`` is negative.

        Example:
            >>> loader = mg.data.Loader(np.zeros((4, 28, 28), np.uint8), batch_size=2)
            >>> epoch = [loader.batch(step) for step in range(len(loader))]
            >>> len(epoch), epoch[0].shape
            (2, (2, 1, 28, 28))
        """
        return gather_pixels(self.images, self.indices_of(step))

    def labels_of(self, step: int) -> NDArray[np.int64]:
        """The labels of :meth:`batch` (step): int64 (B,).

        Raises:
            ConfigError: there are no labels, or ``step`` is negative.
        """
        if self.labels is None:
            raise ConfigError("This Loader was made without labels; give it labels=, one for each image.")
        return self.labels[self.indices_of(step)]

    def indices_of(self, step: int) -> NDArray[np.int64]:
        """Which samples :meth:`batch` (step) holds: int64 (B,).

        Raises:
            ConfigError: ``step`` is negative.
        """
        if step < 0:
            raise ConfigError(f"Found step {step}, but steps count from 0; use 0 or a positive number.")
        epoch, position = divmod(step, len(self))
        start = position * self.batch_size
        return self.order(epoch)[start : start + self.batch_size]

    def order(self, epoch: int) -> NDArray[np.int64]:
        """All samples in the order of an epoch, counted from 0: int64 (N,), which nobody may write to."""
        if self._shuffled is None or self._shuffled[0] != epoch:
            order = philox.permutation(len(self.images), self.seed, epoch)
            order.flags.writeable = False  # indices_of hands out views of it
            self._shuffled = epoch, order
        return self._shuffled[1]


def _check_images(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not _has_image_type(_array(images, "images")):
        raise DataError(
            f"Found images of type {images.dtype} and shape {images.shape}, expected uint8 (N, H, W) or "
            "(N, C, H, W), or float32 (N, ...) that is already scaled to [-1, 1]; convert them first."
        )
    if images.size == 0:
        raise DataError(f"Found no images (shape {images.shape}), expected at least one; check where they come from.")
    if images.dtype == np.float32:
        check_finite(images, "The array given as images")
    if images.dtype == np.uint8 and images.ndim == 3:
        images = images[:, np.newaxis]
    return np.ascontiguousarray(images)


def _array(given: Any, name: str) -> np.ndarray[Any, Any]:
    if not isinstance(given, np.ndarray):
        raise DataError(f"Found {name} of type {type(given).__name__}, expected a NumPy array; convert them first.")
    return given


def _has_image_type(images: np.ndarray[Any, Any]) -> bool:
    if images.dtype == np.uint8:
        return images.ndim in (3, 4)
    return images.dtype == np.float32 and images.ndim >= 2


def _check_labels(labels: np.ndarray[Any, Any], count: int) -> NDArray[np.int64]:
    return as_labels(_array(labels, "labels"), count, "The array given as labels")


def _check_batch_size(batch_size: int, count: int) -> None:
    if not isinstance(batch_size, int | np.integer):
        raise ConfigError(f"Found batch size {batch_size!r}, expected a whole number; choose one from 1 to {count}.")
    if batch_size < 1:
        raise ConfigError(f"Found batch size {batch_size}, expected at least 1; choose a positive number.")
    if batch_size > count:
        raise ConfigError(
            f"The batch size {batch_size} is larger than the data set of {count} samples; choose a batch "
            f"size of at most {count}."
        )
