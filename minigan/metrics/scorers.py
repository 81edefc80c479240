"""Who scores the samples of a training, and by what: a judge looks at digits, modes are counted, pixels are compared.

A score is made again and again while a training waits, so it consists of what is quick; `minigan evaluate` has all.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.backend.device import Device
from minigan.data import Dataset, gather_pixels
from minigan.data.mixtures import MIXTURES, Mixture
from minigan.data.room import check_room
from minigan.data.sources import make_mixture
from minigan.errors import ConfigError, DataError
from minigan.gan.config import Config
from minigan.gan.pictures import Panel, Panels
from minigan.metrics.divergence import kl_divergence
from minigan.metrics.evaluation.data import FRESH, REAL_POINTS, all_of_mnist, test_split
from minigan.metrics.evaluation.digits import DigitReference
from minigan.metrics.evaluation.scorable import check_scorable
from minigan.metrics.evaluation.scores import LEAST, noise_like
from minigan.metrics.judge import load_judge
from minigan.metrics.modes import caught_modes
from minigan.metrics.wasserstein import sliced_wasserstein, wasserstein_1d

COPIES = 4  # of the samples in memory: as G draws them, joined, and what a score makes of them

Samples = NDArray[np.float32]
Asked = NDArray[np.int64] | None
Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Scorer:
    """What `minigan.metrics.scoring.Scoring` asks.

    Attributes:
        score: the numbers, by name, of samples (N, ...) and of the classes that G was asked for, (N,), if it was.
        rank: of the numbers of a score; the greater, the better.
        ranked_by: which numbers that are, the most important one first.
        told: the most important numbers in a few words, as a format of their names.
        names: of the numbers that every score has.
        panels: of a picture with the numbers: what each shows, and the names of its curves.
        facts: without which the numbers mean nothing: whose judgement they are, or to which data. Numbers of other
            facts do not compare.
        of_real: the numbers of as many real samples that no run is trained on; empty if there are none.
        of_noise: those of as many random ones. Between these two lie those of G.
    """

    score: Callable[[Samples, Asked], dict[str, float]]
    rank: Callable[[Numbers], tuple[float, ...]]
    ranked_by: str
    told: str
    names: tuple[str, ...]
    panels: Panels
    facts: Mapping[str, str] = field(default_factory=dict)
    of_real: Numbers = field(default_factory=dict)
    of_noise: Numbers = field(default_factory=dict)

    def tell(self, numbers: Numbers) -> str:
        """The most important numbers, in a few words."""
        return self.told.format_map(numbers)


# ---- digits ------------------------------------------------------------------------------------------------

DIGIT_PANELS = (
    Panel("Frechet distance", {"frechet_distance": "generated, lower is better"}, "log"),
    Panel("classifier score", {"classifier_score": "generated, at best 10"}),
    Panel(
        "shares",
        {"precision": "precision", "recall": "recall", "class_accuracy": "class accuracy", "rarest": "rarest class"},
    ),
)


def digit_scorer(reference: DigitReference, test: Dataset, n: int) -> Scorer:
    """A judge looks at digits, and those with the smallest Frechet distance are the best.

    The classifier score says nothing of what is missing within a class, and is highest where every digit is always
    drawn in the same way.

    Args:
        reference: the judge, and what it makes of the training images.
        test: images with labels, of which n are scored, too, if there are so many: the score of fewer is another.
        n: how many samples will be scored.
    """

    def score(samples: Samples, asked: Asked) -> dict[str, float]:
        found = reference.score(samples, asked, kernel=False)
        told = {} if found.class_accuracy is None else {"class_accuracy": found.class_accuracy}
        return {
            "classifier_score": found.classifier_score,
            "frechet_distance": found.frechet_distance,
            "precision": found.precision,
            "recall": found.recall,
            "rarest": found.classes.rarest,
            **told,
        }

    return Scorer(
        score=score,
        rank=lambda numbers: (-numbers["frechet_distance"],),
        ranked_by="frechet_distance",
        told="classifier {classifier_score:.2f}  Frechet {frechet_distance:.2f}",
        names=("classifier_score", "frechet_distance"),
        panels=DIGIT_PANELS,
        facts={"judge": reference.judge.sha256},
        of_real=score(*_some(test, n)) if n <= len(test.samples) else {},
        of_noise=score(noise_like(test.samples, n, np.random.default_rng(0)), None),
    )


def _some(data: Dataset, n: int) -> tuple[Samples, Asked]:
    """N of the samples at random, or all if there are fewer, and their labels."""
    chosen = np.random.default_rng(0).permutation(len(data.samples))[:n]
    return gather_pixels(data.samples, chosen), None if data.labels is None else data.labels[chosen].astype(np.int64)


# ---- points of a mixture -----------------------------------------------------------------------------------

MODE_PANELS = (
    Panel("modes", {"modes": "modes caught"}, "whole"),
    Panel("share", {"high_quality": "points of high quality"}),
    Panel(
        "KL",
        {"kl": "KL of the modes' shares", "kl_of_all": "KL of all, with what is near no mode"},
        "log",
    ),
)


def mode_scorer(mixture: Mixture, n: int) -> Scorer:
    """The best points reach most modes of a mixture, and are spread over these as those of a perfect sampler.

    What is near no mode is one class more, so that one divergence sees both the shares of the modes and the quality:
    one after the other, the first would always decide, by what is chance in it. And it is as large for too much quality
    as for too little: whoever draws nothing but the centres has more of it than the mixture itself.

    Args:
        mixture: which the points should come from.
        n: how many points will be scored; as many fresh ones are, as real ones.
    """

    def score(samples: Samples, asked: Asked) -> dict[str, float]:
        found = caught_modes(samples, mixture)
        kl = {} if math.isnan(found.kl) else {"kl": found.kl}
        far = len(samples) - int(found.counts.sum())
        of_all = kl_divergence([*found.counts, far], reference=perfect)
        return {"modes": found.modes, "high_quality": found.high_quality, **kl, "kl_of_all": of_all}

    # where modes overlap, no formula has the quality of a perfect sampler; a share of 0 would make all else infinite
    near = caught_modes(mixture.sample(REAL_POINTS, FRESH)[0], mixture).high_quality
    quality, modes = min(near, 1 - 1 / REAL_POINTS), len(mixture.centres)
    perfect = [quality / modes] * modes + [1 - quality]

    real, _ = mixture.sample(n, FRESH + 1)  # others than those that made the shares
    return Scorer(
        score=score,
        rank=lambda numbers: (numbers["modes"], -numbers["kl_of_all"]),
        ranked_by="modes, kl_of_all",
        told="modes {modes:.0f}  high quality {high_quality:.1%}",
        names=("modes", "high_quality", "kl_of_all"),
        panels=MODE_PANELS,
        facts={"data": _sha256(mixture.centres, mixture.std)},
        of_real=score(real, None),
        of_noise=score(noise_like(real, n, np.random.default_rng(0)), None),
    )


# ---- whatever else -----------------------------------------------------------------------------------------

DISTANCE_PANELS = (
    Panel(
        "Wasserstein distance",
        {"sliced_wasserstein": "generated, sliced, lower is better", "wasserstein_1d": "generated, lower is better"},
        "log",
    ),
)


def distance_scorer(data: Dataset, n: int, test: Dataset | None = None) -> Scorer:
    """Samples of which nobody knows what they show are compared with real ones; the nearest are the best.

    Args:
        data: images (M, C, H, W), or points (M, F), of which the distance is exact for F = 1, else along lines.
        n: to compare with, at random, or all if there are fewer; as many are scored of real ones, and of noise.
        test: other real samples, of which n are scored, if there are so many.
    """
    real, _ = _some(data, n)
    power = 1 if real.ndim == 2 else 2  # points may have gaps, where 2 ranks too wide ones above perfect ones
    name = "wasserstein_1d" if real.shape[1:] == (1,) else "sliced_wasserstein"

    def score(samples: Samples, asked: Asked) -> dict[str, float]:
        exact = name == "wasserstein_1d"
        return {name: wasserstein_1d(samples, real) if exact else sliced_wasserstein(samples, real, p=power)}

    return Scorer(
        score=score,
        rank=lambda numbers: (-numbers[name],),
        ranked_by=name,
        told=f"Wasserstein {{{name}:.4f}}",
        names=(name,),
        panels=DISTANCE_PANELS,
        facts={"data": _sha256(real)},
        of_real=score(*_some(test, n)) if test is not None and n <= len(test.samples) else {},
        of_noise=score(noise_like(real, n, np.random.default_rng(0)), None),
    )


def _sha256(*arrays: ArrayLike) -> str:
    """Of what samples are held against."""
    return hashlib.sha256(b"".join(np.asarray(array).tobytes() for array in arrays)).hexdigest()


# ---- of a training -----------------------------------------------------------------------------------------


def scorer_of(
    config: Config, data: Dataset, device: Device, tell: Callable[[str], object] = lambda _: None
) -> Scorer | None:
    """Who scores a training with these settings; None if they ask for no scores.

    Args:
        config: the settings.
        data: that they name.
        device: where the judge is to look at digits.
        tell: is told in a line what takes long, when nothing of the scores can be refused any more.

    Raises:
        ConfigError: samples of this training cannot be scored, or not so many.
        DataError: the data lack classes, or the file of the judge is not the one that belongs to this version.

    >>> from minigan.metrics.scorers import scorer_of
    >>> config = mg.gan.set_field(mg.gan.load_preset("ring"), "score.every=1")
    >>> scorer = scorer_of(config, mg.gan.source.data_of(config), mg.device("cpu"))
    >>> points, _ = mg.data.ring().sample(2500)
    >>> scorer.tell(scorer.score(points, None))
    'modes 8  high quality 99.2%'
    """
    n = config.score.n
    if not config.score.every:
        return None
    _check_scorable(config)
    _check_enough(n)
    check_room(COPIES * 4 * n * math.prod(data.shape), f"{n:,} samples to score", "lower score.n")
    if config.data.source in MIXTURES:
        return mode_scorer(make_mixture(config.data.source, config.data.modes, config.data.std), n)
    if config.data.source == "mnist":
        return _of_digits(config, device, tell)
    return distance_scorer(data, n, test_split(config, data))


def _check_scorable(config: Config) -> None:
    """What `minigan evaluate` refuses is not scored while it is trained, either."""
    try:
        check_scorable(config, "score.every")
    except (ConfigError, DataError) as error:
        raise type(error)(f"{error} To train without scores: --set score.every=0.") from None


def _check_enough(n: int, width: int = 0) -> None:
    """As `minigan evaluate` does, which asks for more where there are features, so many of them."""
    least = width + 1 if width else LEAST
    why = f"as a covariance of {width} features needs" if width else "as scores of fewer say nothing"
    if n < least:
        raise ConfigError(f"score.n: expected at least {least}, {why}, but got {n}; raise it.")


def _of_digits(config: Config, device: Device, tell: Callable[[str], object]) -> Scorer:
    judge, n = load_judge("selection"), config.score.n
    _check_enough(n, judge.network.head.in_features)
    judge.network.to(device)
    training, test = all_of_mnist(config)
    if n > (most := len(training.samples)):
        raise ConfigError(
            f"score.n: expected at most {most:,}, as precision and recall need as many training images, but got {n:,}; "
            "lower it."
        )
    tell(f"The judge looks at {len(training.samples):,} training images, against which samples will be scored ...")
    reference = DigitReference.of(judge, gather_pixels(training.samples, np.arange(len(training.samples))))
    return digit_scorer(reference, test, n)
