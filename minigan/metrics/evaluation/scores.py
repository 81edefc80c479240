"""All that minigan says of samples, at once; and the same of real samples and of noise, without which it means nothing.

The data are prepared once, as a reference, with which many sets of samples can be compared:

    reference = reference_of(run.config)                    # minigan.metrics.evaluation.data
    evaluate(samples, reference).digits.frechet_distance    # 8.1, say: is that good?
    calibrate(reference, n=len(samples))                    # real test images have 1.2, noise has 400
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.errors import ConfigError
from minigan.metrics.checks import whole_from
from minigan.metrics.evaluation.digits import DigitReference, DigitScores
from minigan.metrics.evaluation.images import ImageReference, ImageScores
from minigan.metrics.evaluation.points import PointReference, PointScores
from minigan.metrics.neighbours import Neighbours

SOME = 1000  # samples of noise tell as well as all how far the nearest training images are, which takes long
IMAGES, POINTS = 10_000, 2500  # samples to score if nobody says how many: the articles' numbers


@dataclass(frozen=True)
class Scores:
    """What `evaluate` finds: numbers only.

    Attributes:
        digits: by a judge; None if the samples are no digits of MNIST.
        images: by pixels; None if the samples are points.
        points: None if the samples are images.
    """

    digits: DigitScores | None = None
    images: ImageScores | None = None
    points: PointScores | None = None


@dataclass(frozen=True)
class Reference:
    """Data to compare samples with.

    Attributes:
        name: of the data, such as "MNIST".
        digits: what a judge makes of the training images, if there is a judge of such images.
        images: the pixels; None of points.
        points: None of images.
        left_out: why some scores are missing, in sentences; empty if none is.
    """

    name: str
    digits: DigitReference | None = None
    images: ImageReference | None = None
    points: PointReference | None = None
    left_out: str = ""

    @property
    def training(self) -> NDArray[np.float32]:
        """The real samples to compare with."""
        return self._samples.training

    @property
    def others(self) -> NDArray[np.float32]:
        """The real samples that are scored in the row of real ones."""
        return self._samples.others

    @property
    def usual(self) -> int:
        """How many samples to score if nobody says it."""
        return min(IMAGES if self.images else POINTS, len(self.others))

    def check(self, n: int) -> int:
        """A number of samples that can be scored: as many have to be there of real ones, and enough for a covariance.

        Raises:
            ConfigError: too few or too many; says how many it takes.
        """
        most = len(self.others)
        if self.digits is None:
            return whole_from("evaluate", "n", n, 2, most, f"there are {most:,} real samples to score beside them")
        width = self.digits.features.shape[1]
        why = f"a covariance of {width} features needs the first, and there are {most:,} test images beside them"
        return whole_from("evaluate", "n", n, width + 1, most, why)

    @property
    def _samples(self) -> ImageReference | PointReference:
        found = self.images or self.points
        if found is None:
            raise ConfigError(f"Reference {self.name!r}: expected images or points to compare with, but got neither.")
        return found


@dataclass(frozen=True)
class Calibration:
    """The scores between which samples lie.

    Attributes:
        real: of real samples that nobody trained on, where there are such: the best possible.
        noise: of random numbers: the worst.
    """

    real: Scores
    noise: Scores


def evaluate(
    samples: Any, reference: Reference, asked: ArrayLike | None = None, nearest: Neighbours | None = None
) -> Scores:
    """All scores of samples that there are for their kind.

    Of 10,000 images of digits it takes 14 seconds of one core, half of them for the nearest training images, and with a
    new reference 10 more; memory stays below 750 MB. Only scores of as many samples compare.

    Args:
        samples: images (N, C, H, W), float32 in [-1, 1], or points (N, F).
        reference: data of the same kind.
        asked: the classes that G was asked for, (N,), if it was.
        nearest: what `ImageReference.nearest` found for the samples, if it is known already.

    Raises:
        ShapeError: they are no such samples, or too few.
        DTypeError: they are no numbers.
        RangeError: some are NaN or infinite, or pixels are not from -1 to 1, or look like [0, 1].

    >>> from minigan.metrics.evaluation.scores import Reference, evaluate
    >>> from minigan.metrics.evaluation.points import PointReference
    >>> ring = mg.data.ring()
    >>> reference = Reference("ring", points=PointReference(ring.sample(5000)[0], ring.sample(2500, 1)[0], ring))
    >>> evaluate(ring.sample(2500, seed=2)[0], reference).points.modes.modes
    8
    """
    return Scores(
        digits=None if reference.digits is None else reference.digits.score(samples, asked),
        images=None if reference.images is None else reference.images.score(samples, nearest),
        points=None if reference.points is None else reference.points.score(samples),
    )


def calibrate(reference: Reference, n: int, seed: int = 0) -> Calibration:
    """The same scores of n real samples and of n samples of noise.

    Noise is uniform: over all values that pixels can have, or over the box that the real points fill.

    Args:
        reference: with at least n other samples.
        n: as many as are scored beside them.
        seed: of the noise.

    Raises:
        ConfigError: ``n`` is too small for a score, or larger than the number of real samples.

    >>> from minigan.metrics.evaluation.scores import Reference, calibrate
    >>> from minigan.metrics.evaluation.points import PointReference
    >>> ring = mg.data.ring()
    >>> reference = Reference("ring", points=PointReference(ring.sample(5000)[0], ring.sample(2500, 1)[0], ring))
    >>> found = calibrate(reference, n=2500)
    >>> found.real.points.modes.high_quality > 0.98, found.noise.points.modes.high_quality < 0.01
    (True, True)
    """
    reference.check(n)
    real = Scores(
        digits=None if reference.digits is None else reference.digits.score(reference.others[:n]),
        images=None if reference.images is None else reference.images.score_real(n),
        points=None if reference.points is None else reference.points.score(reference.others[:n]),
    )
    noise = _noise(reference, n, seed)
    nearest = None if reference.images is None else reference.images.nearest(noise[:SOME])
    return Calibration(real, evaluate(noise, reference, nearest=nearest))


def _noise(reference: Reference, n: int, seed: int) -> NDArray[np.float32]:
    shape = (n, *reference.training.shape[1:])
    low, high = (-1, 1) if reference.images else (reference.training.min(axis=0), reference.training.max(axis=0))
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)
