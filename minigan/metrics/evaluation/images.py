"""Scores of images that need no judge: they compare pixels with those of training images, and of held-out ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU, Device
from minigan.metrics.neighbours import Memorisation, Neighbours, memorisation, nearest_training
from minigan.metrics.parzen import ParzenScore, choose_sigma, parzen_log_likelihood, unit_rows
from minigan.metrics.wasserstein import sliced_wasserstein
from minigan.ops.creation import as_tensor
from minigan.tensor import Tensor

NEAREST = 4  # training images to find for each sample: a copy is far nearer to the first than to the others
VALIDATION = 1000  # images that choose the width of a Parzen window, by the protocol
CENTRES = 10_000  # Parzen windows, by the protocol


@dataclass(frozen=True)
class ImageScores:
    """What `ImageReference.score` finds.

    Attributes:
        sliced_wasserstein: to the training images, see `minigan.metrics.sliced_wasserstein`.
        memorisation: see `minigan.metrics.memorisation`; None where no images were held out.
        parzen: see `minigan.metrics.parzen_log_likelihood`; None where no images were held out.
        sigma: of the Parzen window, by `minigan.metrics.choose_sigma`.
    """

    sliced_wasserstein: float
    memorisation: Memorisation | None = None
    parzen: ParzenScore | None = None
    sigma: float | None = None


@dataclass(frozen=True)
class ImageReference:
    """Training images and others of the same data.

    Attributes:
        training: float32 (M, C, H, W), in [-1, 1].
        others: float32 (K, C, H, W), in random order: the row of real samples takes the first of them.
        held_out: whether nobody trains on the others, as on a test split: else they cannot tell memorisation.
        labels: what the others show, (K,), if that is known.
        device: where they are compared.

    >>> from minigan.metrics.evaluation.images import ImageReference
    >>> x = np.random.default_rng(0).uniform(-1, 1, (300, 1, 4, 4)).astype(np.float32)
    >>> copied = ImageReference(x[:200], x[200:], held_out=True).score(x[:100])
    >>> copied.memorisation.nn_below_1_percent
    1.0
    """

    training: NDArray[np.float32]
    others: NDArray[np.float32]
    held_out: bool
    labels: NDArray[np.int64] | None = None
    device: Device = CPU

    def score(self, images: Any, nearest: Neighbours | None = None) -> ImageScores:
        """All scores of images, float32 (N, C, H, W).

        Args:
            images: the samples.
            nearest: what :meth:`nearest` found for them, if that is known already.

        Raises:
            ShapeError, DTypeError, RangeError: these are no images like the others.
        """
        return (
            self._scores(images, nearest or self.nearest(images), images) if self.held_out else self._distance(images)
        )

    def score_real(self, n: int) -> ImageScores:
        """The same of the first n of the others.

        Test images would find themselves among those of which Parzen windows tell the likelihood: for these, training
        images take their place, of those that do not choose the width.
        """
        images, found = self.others[:n], self.nearest_of_others
        if not self.held_out:
            return self._distance(images)
        return self._scores(images, Neighbours(found.distances[:n], found.indices[:n]), self._centres(n))

    def nearest(self, images: Any) -> Neighbours:
        """Where in :attr:`searched` the nearest to each image are; this takes longer than all else."""
        k = min(NEAREST, len(self.searched))
        return nearest_training(self._on_device(images), self._on_device(self.searched), k)

    @property
    def most(self) -> int:
        """How many images can be scored: as many real ones stand beside them, and as many Parzen windows."""
        return min(len(self.others), len(self._fitted)) if self.held_out else len(self.others)

    @cached_property
    def searched(self) -> NDArray[np.float32]:
        """All images that anybody may have trained on, among which the nearest are searched."""
        return self.training if self.held_out else np.concatenate([self.training, self.others])

    @cached_property
    def nearest_of_others(self) -> Neighbours:
        """To each of the others."""
        return self.nearest(self.others)

    @cached_property
    def repeats(self) -> bool:
        """Whether half of the others are training images, too, so that they tell nothing of copies."""
        return not np.median(self.nearest_of_others.distances[:, 0])

    def _distance(self, images: Any) -> ImageScores:
        """What needs no held-out images."""
        return ImageScores(sliced_wasserstein(self._on_device(images), self._on_device(self.training)))

    def _scores(self, images: Any, nearest: Neighbours, centres: Any) -> ImageScores:
        placed = self._pixels(centres)
        sigma = choose_sigma(placed, self._pixels(self.training[len(self._fitted) :][:VALIDATION]))
        return replace(
            self._distance(images),
            memorisation=None if self.repeats else memorisation(nearest, self.nearest_of_others),
            parzen=parzen_log_likelihood(placed, self._pixels(self.others), sigma),
            sigma=sigma,
        )

    def _centres(self, n: int) -> NDArray[np.float32]:
        """The first training images, or for n below 10,000 random ones of these, as MNIST's file is ordered."""
        first = self._fitted[: max(n, CENTRES)]
        return first[np.random.default_rng(0).permutation(len(first))[:n]]

    def _pixels(self, images: Any) -> Tensor:
        """A row in [0, 1] of each image: Parzen windows would take images without anything dark for such already."""
        return unit_rows(self._on_device(images))

    def _on_device(self, images: Any) -> Tensor:
        return as_tensor(images, device=self.device)

    @property
    def _fitted(self) -> NDArray[np.float32]:
        """All training images but the last sixth, whose first 1,000 choose the width: of MNIST, by the protocol."""
        return self.training[: len(self.training) * 5 // 6]
