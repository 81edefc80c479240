"""Who scores the samples of a training, and by what: a judge looks at digits, modes are counted, pixels are compared.

A score is made again and again while a training waits, so it consists of what is quick; `minigan evaluate` has all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import Device
from minigan.data import Dataset, gather_pixels
from minigan.data.mixtures import MIXTURES, Mixture
from minigan.data.room import check_room
from minigan.data.sources import make_mixture
from minigan.errors import ConfigError, DataError
from minigan.gan.config import Config, DataConfig
from minigan.gan.pictures import Panel, Panels
from minigan.gan.source import data_of
from minigan.metrics.classes import class_histogram
from minigan.metrics.evaluation.data import FRESH, REAL_POINTS, check_scorable
from minigan.metrics.evaluation.digits import DigitReference
from minigan.metrics.frechet import frechet_distance
from minigan.metrics.inception import classifier_score
from minigan.metrics.judge import load_judge
from minigan.metrics.manifolds import precision_recall
from minigan.metrics.modes import caught_modes
from minigan.metrics.wasserstein import sliced_wasserstein, wasserstein_1d

RANKED_BY = ("frechet_distance", "modes", "sliced_wasserstein", "wasserstein_1d")  # first of all, by each scorer
COPIES = 4  # of the samples in memory: as G draws them, joined, and what a score makes of them


class Scorer(Protocol):
    """What `minigan.metrics.scoring.Scoring` asks.

    Attributes:
        panels: of a picture with the numbers: what each shows, and the names of its curves.
        of_real: the numbers of as many real samples that no run is trained on; empty if there are none.
        names: of the numbers that every score has, and that it is ranked by.
        facts: without which the numbers mean nothing, such as whose judgement they are.
    """

    panels: ClassVar[Panels]

    @property
    def of_real(self) -> Mapping[str, float]:
        """See the class."""

    @property
    def names(self) -> Sequence[str]:
        """See the class."""

    @property
    def facts(self) -> dict[str, str]:
        """See the class."""

    def score(self, samples: NDArray[np.float32], asked: NDArray[np.int64] | None) -> dict[str, float]:
        """The numbers, by name; ``asked`` are the classes that G was asked for, if it was."""

    def rank(self, numbers: Mapping[str, float]) -> tuple[float, ...]:
        """The greater, the better."""

    def told(self, numbers: Mapping[str, float]) -> str:
        """The most important numbers, in a few words."""


@dataclass(frozen=True)
class DigitScorer:
    """The judge to choose by looks at digits.

    The best are those with the smallest Frechet distance: the classifier score says nothing of what is missing within a
    class, and near its upper end it scatters more from samples to samples than it changes from epoch to epoch.

    Attributes:
        reference: the judge, and what it makes of the training images.
        of_real: see `Scorer`.
    """

    reference: DigitReference
    of_real: Mapping[str, float] = field(default_factory=dict)
    panels: ClassVar[Panels] = (
        Panel("Frechet distance", {"frechet_distance": "lower is better"}, "log"),
        Panel("classifier score", {"classifier_score": "at best 10"}),
        Panel(
            "shares", {"precision": "precision", "recall": "recall", "as_asked": "as asked", "rarest": "rarest digit"}
        ),
    )

    @property
    def names(self) -> Sequence[str]:
        """Both scores."""
        return "classifier_score", "frechet_distance"

    @property
    def facts(self) -> dict[str, str]:
        """The SHA-256 of the judge."""
        return {"judge": self.reference.judge.sha256}

    def score(self, samples: NDArray[np.float32], asked: NDArray[np.int64] | None) -> dict[str, float]:
        """Of images, (N, 1, 28, 28)."""
        real, (features, p) = self.reference.features, self.reference.judge.outputs(samples)
        near = precision_recall(features, real[: len(features)])
        told = {} if asked is None else {"as_asked": float((p.argmax(1) == asked).mean())}
        return {
            "classifier_score": classifier_score(p, splits=1).mean,
            "frechet_distance": frechet_distance(features, real),
            "precision": near.precision,
            "recall": near.recall,
            "rarest": class_histogram(p).rarest,
            **told,
        }

    def rank(self, numbers: Mapping[str, float]) -> tuple[float, ...]:
        """By the Frechet distance."""
        return (-numbers["frechet_distance"],)

    def told(self, numbers: Mapping[str, float]) -> str:
        """Both scores."""
        return f"classifier {numbers['classifier_score']:.2f}  Frechet {numbers['frechet_distance']:.2f}"


@dataclass(frozen=True)
class ModeScorer:
    """The modes of a mixture are counted; the best points reach most of them, and are spread over these most evenly.

    Quality is the last to decide: whoever draws nothing but the centres has more of it than the mixture itself, and so
    has whoever draws nearly all from one mode. The best has as much as a perfect sampler.

    Attributes:
        mixture: which the points should come from.
        of_real: see `Scorer`.
    """

    mixture: Mixture
    of_real: Mapping[str, float] = field(default_factory=dict)
    panels: ClassVar[Panels] = (
        Panel("modes", {"modes": "modes caught"}, "whole"),
        Panel("share", {"high_quality": "points of high quality"}),
        Panel("KL", {"kl": "shares of the modes, from equal ones"}),
    )

    @classmethod
    def of(cls, mixture: Mixture, n: int) -> ModeScorer:
        """With the score of n fresh points."""
        return cls(mixture, cls(mixture).score(mixture.sample(n, FRESH)[0], None))

    @cached_property
    def perfect(self) -> float:
        """The quality of points of the mixture: where modes overlap, no formula has it."""
        return caught_modes(self.mixture.sample(REAL_POINTS, FRESH)[0], self.mixture).high_quality

    @property
    def names(self) -> Sequence[str]:
        """Modes and quality."""
        return "modes", "high_quality"

    @property
    def facts(self) -> dict[str, str]:
        """None: nobody judges."""
        return {}

    def score(self, samples: NDArray[np.float32], asked: NDArray[np.int64] | None) -> dict[str, float]:
        """Of points, (N, F)."""
        found = caught_modes(samples, self.mixture)
        kl = {} if math.isnan(found.kl) else {"kl": found.kl}
        return {"modes": found.modes, "high_quality": found.high_quality, **kl}

    def rank(self, numbers: Mapping[str, float]) -> tuple[float, ...]:
        """By modes, by how even they are, and by how near the quality is to that of a perfect sampler."""
        return numbers["modes"], -numbers.get("kl", math.inf), -abs(numbers["high_quality"] - self.perfect)

    def told(self, numbers: Mapping[str, float]) -> str:
        """Modes and quality."""
        return f"modes {numbers['modes']:.0f}  high quality {numbers['high_quality']:.1%}"


@dataclass(frozen=True)
class DistanceScorer:
    """Samples of which nobody knows what they show are compared with as many real ones; the nearest are the best.

    Attributes:
        real: images (M, C, H, W), or points (M, F).
    """

    real: NDArray[np.float32]
    of_real: ClassVar[Mapping[str, float]] = {}  # nobody knows whether there are others than those to compare with
    panels: ClassVar[Panels] = (
        Panel(
            "distance",
            {"sliced_wasserstein": "sliced Wasserstein, lower is better", "wasserstein_1d": "Wasserstein"},
            "log",
        ),
    )

    @classmethod
    def of(cls, data: Dataset, n: int) -> DistanceScorer:
        """With n of the real samples, at random, or all if there are fewer."""
        return cls(gather_pixels(data.samples, np.random.default_rng(0).permutation(len(data.samples))[:n]))

    @property
    def names(self) -> Sequence[str]:
        """The distance: exact of numbers, else along lines."""
        return ("wasserstein_1d",) if self.real.shape[1:] == (1,) else ("sliced_wasserstein",)

    @property
    def facts(self) -> dict[str, str]:
        """None: nobody judges."""
        return {}

    def score(self, samples: NDArray[np.float32], asked: NDArray[np.int64] | None) -> dict[str, float]:
        """Of samples of the same shape."""
        (name,) = self.names
        if name == "wasserstein_1d":
            return {name: wasserstein_1d(samples, self.real)}
        power = 1 if self.real.ndim == 2 else 2  # points may have gaps, where 2 ranks too wide ones above perfect ones
        return {name: sliced_wasserstein(samples, self.real, p=power)}

    def rank(self, numbers: Mapping[str, float]) -> tuple[float, ...]:
        """By the distance."""
        return (-numbers[self.names[0]],)

    def told(self, numbers: Mapping[str, float]) -> str:
        """The distance."""
        return f"Wasserstein {numbers[self.names[0]]:.4f}"


def scorer_of(config: Config, data: Dataset, device: Device) -> Scorer | None:
    """Who scores a training with these settings; None if they ask for no scores.

    Args:
        config: the settings.
        data: that they name.
        device: where the judge is to look at digits.

    Raises:
        ConfigError: samples of this training cannot be scored, or not so many.
        DataError: the data lack classes, or the file of the judge is not the one that belongs to this version.

    >>> from minigan.metrics.scorers import scorer_of
    >>> config = mg.gan.set_field(mg.gan.load_preset("ring"), "score.every=1")
    >>> scorer = scorer_of(config, mg.gan.source.data_of(config), mg.device("cpu"))
    >>> points, _ = scorer.mixture.sample(2500)
    >>> scorer.told(scorer.score(points, None))
    'modes 8  high quality 99.2%'
    """
    n = config.score.n
    if not config.score.every:
        return None
    _check_scorable(config)
    check_room(COPIES * 4 * n * math.prod(data.shape), f"{n:,} samples to score", "lower score.n")
    if config.data.source in MIXTURES:
        return ModeScorer.of(make_mixture(config.data.source, config.data.modes, config.data.std), n)
    return _of_digits(config, device) if config.data.source == "mnist" else DistanceScorer.of(data, n)


def _check_scorable(config: Config) -> None:
    """What `minigan evaluate` refuses is not scored while it is trained, either."""
    try:
        check_scorable(config)
    except (ConfigError, DataError) as error:
        reason = str(error).removeprefix("evaluate: ")
        raise type(error)(f"score.every: {reason} To train without scores: --set score.every=0.") from None


def _of_digits(config: Config, device: Device) -> DigitScorer:
    judge = load_judge("selection")
    least = judge.network.head.in_features + 1
    if config.score.n < least:
        raise ConfigError(
            f"score.n: expected at least {least}, as a covariance of {least - 1} features needs, but got "
            f"{config.score.n}; raise it."
        )
    judge.network.to(device)
    mnist = replace(config, data=DataConfig())
    whole = data_of(mnist).samples
    reference = DigitReference.of(judge, gather_pixels(whole, np.arange(len(whole))))
    return DigitScorer(reference, _of_test_images(DigitScorer(reference), data_of(mnist, "test"), config.score.n))


def _of_test_images(scorer: DigitScorer, test: Dataset, n: int) -> Mapping[str, float]:
    """The score of n of them, at random; none if there are fewer, as the score of fewer is another."""
    if n > len(test.samples):
        return {}
    chosen = np.random.default_rng(0).permutation(len(test.samples))[:n]
    assert test.labels is not None, "MNIST has them"
    return scorer.score(gather_pixels(test.samples, chosen), test.labels[chosen])
