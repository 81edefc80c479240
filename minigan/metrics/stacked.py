"""Stacked MNIST: three random digits as the colours of one image, so a thousand classes, of which a GAN may lose many.

The count of L. Metz et al., "Unrolled Generative Adversarial Networks" (2017), by the protocol of A. Srivastava et al.,
"VEEGAN" (2017), and Z. Lin et al., "PacGAN" (2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.data.room import check_room
from minigan.errors import DataError, ShapeError
from minigan.metrics.checks import instance, numbers, whole_from
from minigan.metrics.divergence import kl_divergence
from minigan.metrics.judge import DIGITS, Judge
from minigan.ops.checks import tensor_of

PLACES = np.array([100, 10, 1])  # class 123 is red 1, green 2, blue 3


@dataclass(frozen=True, eq=False)
class StackedModes:
    """What `stacked_modes` finds.

    Attributes:
        modes: how many of the classes are seen at all.
        of: how many there are, 1,000.
        counts: the images of each class, int64 (1000,).
        kl: how uneven they are, KL(counts / N || uniform) in nats, 0 to ln 1000 = 6.91.
    """

    modes: int
    of: int
    counts: NDArray[np.int64]
    kl: float


def stack_digits(
    images: ArrayLike, labels: ArrayLike, n: int, seed: int = 0
) -> tuple[NDArray[np.uint8] | NDArray[np.float32], NDArray[np.int64]]:
    """Make the data set: in each colour of each image a digit, drawn at random with replacement.

    The articles train with 128,000. It takes O(n) time and memory, 2.4 kB per image in bytes.

    Args:
        images: digits (N, H, W) or (N, 1, H, W), as `minigan.data.load_mnist` gives them, of any type.
        labels: what they show, 0 to 9, (N,); all ten have to be there.
        n: how many to make, at least 1.
        seed: the same seed makes the same images.

    Returns:
        Images (n, 3, H, W) of the same type, and their classes, int64 (n,): 100 red + 10 green + blue.

    Raises:
        ShapeError: ``images`` have another shape, or another number than ``labels``.
        DTypeError: these are no numbers.
        DataError: a digit is missing from the labels, or one is not from 0 to 9.
        ConfigError: ``n`` is below 1 or more than fits into memory, or ``seed`` is below 0.

    Example:
        >>> images, labels = mg.data.load_mnist("test")
        >>> stacked, classes = mg.metrics.stack_digits(images, labels, n=5)
        >>> stacked.shape, stacked.dtype, classes.shape
        ((5, 3, 28, 28), dtype('uint8'), (5,))
    """
    images, labels = numbers("stack_digits", "images", images), numbers("stack_digits", "labels", labels)
    _check_digits(images, labels)
    n, seed = whole_from("stack_digits", "n", n, 1), whole_from("stack_digits", "seed", seed, 0)
    images = images.reshape(len(images), *images.shape[-2:])
    check_room(n * 3 * images[0].nbytes, f"{n:,} stacked images to make", "make fewer")
    picked = np.random.default_rng(seed).integers(len(images), size=(n, 3))
    return images[picked], (labels[picked] @ PLACES).astype(np.int64)


def stacked_modes(images: Any, judge: Judge) -> StackedModes:
    """Count which of the thousand classes generated images show, as a judge sees them.

    Each colour is shown to the judge as an image of its own. Modes are from 1 to 1,000, and more are better; the
    divergence is from 0 to 6.91, and less is better. Both articles take 26,000 images, and so should whoever compares
    with them: more images find more classes, and the KL of N images of m classes is about (m - 1) / (2 N) too high, at
    most .0192. Real digits have 1,000 modes and .020 to .030, a DCGAN 99 and 3.40, and PacDCGAN2 1,000 and .06 (Lin et
    al. 2018). A misread digit finds a class that is not there: a judge that is wrong once in a hundred digits is so in
    three of a hundred images. It takes O(N) time, 26,000 images six seconds of two cores, and memory for 500 at a time.

    Args:
        images: float32 (N, 3, 28, 28), white ink 1 on black -1.
        judge: of the digits.

    Raises:
        ShapeError: ``images`` have another shape, or there are none.
        DTypeError: they are not float32.
        RangeError: a pixel is NaN or outside [-1, 1].
        ArgumentError: ``judge`` is no `Judge`.

    Example:
        >>> digits, labels = mg.data.load_mnist("test")
        >>> stacked, _ = mg.metrics.stack_digits(digits, labels, n=50)
        >>> images = mg.data.Loader(stacked, batch_size=50).batch(0)
        >>> found = mg.metrics.stacked_modes(images, mg.metrics.load_judge("report"))
        >>> found.modes, found.of, round(found.kl, 2)
        (50, 1000, 3.0)
    """
    instance("stacked_modes", "a judge", judge, Judge, "Pass load_judge().")
    x = tensor_of("stacked_modes", images).detach()
    if x.ndim != 4 or x.shape[1:] != (3, 28, 28) or len(x) == 0:
        raise ShapeError(
            f"stacked_modes: expected images (N, 3, 28, 28), N at least 1, but got shape {x.shape}. "
            "Pass samples of a generator that was trained on what stack_digits makes."
        )
    digits = np.stack([judge.logits(x[:, [colour]]).argmax(1) for colour in range(3)], axis=1)
    counts = np.bincount(digits @ PLACES, minlength=DIGITS**3).astype(np.int64)
    return StackedModes(modes=int(np.count_nonzero(counts)), of=len(counts), counts=counts, kl=kl_divergence(counts))


def _check_digits(images: NDArray[Any], labels: NDArray[Any]) -> None:
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[1] != 1):
        raise ShapeError(
            f"stack_digits: expected images (N, H, W) or (N, 1, H, W), but got shape {images.shape}. Pass grey images."
        )
    if labels.shape != (len(images),):
        raise ShapeError(
            f"stack_digits: expected a label for each of the {len(images):,} images, but got labels of shape "
            f"{labels.shape}. Pass those of the same split."
        )
    found, expected = set(np.unique(labels).tolist()), set(range(DIGITS))
    if others := sorted(found - expected):
        raise DataError(f"stack_digits: expected labels from 0 to 9, but found {others[:5]}. Leave such images out.")
    if missing := sorted(expected - found):
        raise DataError(f"stack_digits: no image is labelled {missing}, expected all ten digits. Take more images.")
