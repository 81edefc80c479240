"""All that minigan says of samples, at once; and the same of real samples and of noise, without which it means nothing.

The data are prepared once, as a reference, with which many sets of samples can be compared:

    reference = reference_of(run.config)
    evaluate(samples, reference).digits.frechet_distance    # is that good?
    calibrate(reference, n=len(samples))                    # 10,000 real test images have 0.11, and noise has 325
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
from minigan.metrics.judge import DIGITS
from minigan.metrics.neighbours import Neighbours

LEAST = 50  # samples, of which a score says something
SETS = 10  # of real points at most, which tell how far perfect samples scatter
NOISE_SEARCHED = 1000  # samples of noise tell as well as all how far the nearest training images are, in less time
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
    def default_n(self) -> int:
        """How many samples to score if nobody says it."""
        return min(IMAGES if self.images else POINTS, self.most)

    @property
    def most(self) -> int:
        """How many samples can be scored."""
        return self.images.most if self.images else len(self.others)

    def check(self, n: int) -> int:
        """A number of samples that can be scored, see `checked_n`.

        Raises:
            ConfigError: too few or too many; says how many it takes.
        """
        return checked_n(n, self.most, 0 if self.digits is None else self.digits.features.shape[1])

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
        real: of real samples that nobody trained on, where there are such: what new ones get. Better than this is a
            bias of the score, or suspicious.
        noise: of random numbers.
        more: of points, the scores of other sets of as many real ones.
    """

    real: Scores
    noise: Scores
    more: tuple[Scores, ...] = ()

    @property
    def sets(self) -> tuple[Scores, ...]:
        """Of all sets of real samples."""
        return self.real, *self.more


def checked_n(n: int, most: int, width: int = 0) -> int:
    """A number of samples that can be scored: as many have to be there of real ones, and enough for a covariance.

    Args:
        n: the number.
        most: how many real ones can be scored beside them.
        width: of the features, where there is a judge.

    Raises:
        ConfigError: too few or too many; says how many it takes.
    """
    if not width:
        return whole_from("evaluate", "n", n, LEAST, most, f"{most:,} real samples can stand beside them")
    why = f"a covariance of {width} features needs the first, and there are {most:,} test images beside them"
    return whole_from("evaluate", "n", n, width + 1, most, why)


def evaluate(
    samples: Any, reference: Reference, asked: ArrayLike | None = None, nearest: Neighbours | None = None
) -> Scores:
    """All scores of samples that there are for their kind.

    Of 10,000 images of digits it takes some 20 seconds of two cores, two fifths of them for the nearest training
    images, and with a new reference some 12 more; memory reaches 0.7 GB. Only scores of as many samples compare.

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

    Noise is that of `noise_like`. Digits were asked for, too: of real images their labels, of noise any. Of points up
    to ten sets are scored, none of which shares one.

    Args:
        reference: with at least n other samples.
        n: as many as are scored beside them.
        seed: of the noise.

    Raises:
        ConfigError: ``n`` is too small for a score, or larger than the number of real samples; or ``seed`` is below 0.
        ArgumentError: one of them is no whole number.

    >>> from minigan.metrics.evaluation.scores import Reference, calibrate
    >>> from minigan.metrics.evaluation.points import PointReference
    >>> ring = mg.data.ring()
    >>> reference = Reference("ring", points=PointReference(ring.sample(5000)[0], ring.sample(2500, 1)[0], ring))
    >>> found = calibrate(reference, n=2500)
    >>> found.real.points.modes.high_quality > 0.98, found.noise.points.modes.high_quality < 0.01
    (True, True)
    """
    reference.check(n)
    rng = np.random.default_rng(whole_from("calibrate", "seed", seed, 0))
    real, *more = _real_points(reference.points, n) if reference.points else [_real_images(reference, n)]
    noise, asked = noise_like(reference.training, n, rng), rng.integers(DIGITS, size=n)
    images = reference.images
    nearest = images.nearest(noise[:NOISE_SEARCHED]) if images and images.held_out else None
    return Calibration(real, evaluate(noise, reference, asked, nearest), tuple(more))


def _real_images(reference: Reference, n: int) -> Scores:
    assert reference.images is not None, "there are no points"
    digits, labels = reference.digits, reference.images.labels
    return Scores(
        digits=None if digits is None else digits.score(reference.others[:n], None if labels is None else labels[:n]),
        images=reference.images.score_real(n),
    )


def _real_points(reference: PointReference, n: int) -> list[Scores]:
    sets = min(SETS, len(reference.others) // n)
    return [Scores(points=reference.score(part)) for part in np.split(reference.others[: sets * n], sets)]


def noise_like(real: NDArray[Any], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Samples of uniform noise, over all values that pixels can have, or over the box that points (M, F) fill.

    Args:
        real: images (M, C, H, W), of which the shape counts alone; or points.
        n: how many to draw.
        rng: from what.

    >>> from minigan.metrics.evaluation.scores import noise_like
    >>> noise = noise_like(np.array([[0.0, 5.0], [1.0, 7.0]]), 100, np.random.default_rng(0))
    >>> noise.shape, noise.min(axis=0).round(1).tolist(), noise.max(axis=0).round(1).tolist()
    ((100, 2), [0.0, 5.0], [1.0, 7.0])
    """
    low, high = (-1, 1) if real.ndim == 4 else (real.min(axis=0), real.max(axis=0))
    return rng.uniform(low, high, (n, *real.shape[1:])).astype(np.float32)
