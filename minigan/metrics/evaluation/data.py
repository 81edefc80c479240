"""From a run to what `minigan.metrics.evaluation` compares: its samples, and the data that they should look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU
from minigan.data import Dataset, gather_pixels
from minigan.data.mixtures import MIXTURES
from minigan.data.parts import checked_split
from minigan.data.room import check_room
from minigan.data.sources import make_mixture
from minigan.errors import ConfigError, DataError
from minigan.gan.config import Config, DataConfig
from minigan.gan.game import Game
from minigan.gan.sampling import classes_of, sample
from minigan.gan.source import data_of
from minigan.metrics.evaluation.digits import DigitReference
from minigan.metrics.evaluation.images import ImageReference
from minigan.metrics.evaluation.points import PointReference
from minigan.metrics.evaluation.scores import IMAGES, Reference
from minigan.metrics.judge import load_judge

REAL_POINTS = 25_000  # of a mixture: to compare with, and as many others
FRESH = 2**40  # seeds from here on draw points that no run was trained on, whose seeds are small by habit
RESTORING = ("repair", "super-resolution")
DIGITS = 10
COPIES = 3  # of the training images in memory: as they come, as floats, and what searching them takes


class Drawn(NamedTuple):
    """Samples of a run.

    Attributes:
        samples: float32 (N, ...).
        asked: the classes that G was asked for, in turn, (N,); None if it cannot be asked.
    """

    samples: NDArray[np.float32]
    asked: NDArray[np.int64] | None


def draw(game: Game, n: int, seed: int = 0) -> Drawn:
    """Samples to score: of a G that is told classes as many of each, give or take one, in turn.

    Args:
        game: whose; its networks are on the CPU.
        n: how many.
        seed: of z.

    Raises:
        ConfigError: G makes images of images.
        DivergedError: some samples are no numbers.

    >>> from minigan.metrics.evaluation.data import draw
    >>> game = mg.gan.build_game(mg.gan.load_preset("default"), (1, 28, 28), mg.device("cpu"))
    >>> drawn = draw(game, 20)
    >>> drawn.samples.shape, drawn.asked
    ((20, 1, 28, 28), None)
    """
    classes = classes_of(game)
    asked = np.arange(n) % classes if classes else None
    return Drawn(sample(game, n, seed, CPU, asked), asked)


def same_data(configs: Sequence[Config]) -> bool:
    """Whether samples of runs with these settings can be compared with one reference."""
    return len({_source(config.data) for config in configs}) == 1


def _source(data: DataConfig) -> DataConfig:
    """What a reference depends on: of MNIST and of mixtures it is always the same, however many a run trained on."""
    usual = DataConfig()
    known = replace(data, limit=0, count=usual.count) if data.source in ("mnist", *MIXTURES) else data
    return replace(known, drop_last=usual.drop_last)


def reference_of(config: Config, judge: str = "report") -> Reference:
    """The data that samples of a run with these settings should look like.

    Of MNIST these are all 60,000 training images, and 10,000 test images, whatever part of them the run is trained on;
    of a mixture, points that no run has seen. Of other data, what the settings name, and its test split; if there is
    none, a random part of the training samples is set aside.

    Args:
        config: of the run.
        judge: "report" or "selection", where digits are to be judged.

    Raises:
        ConfigError: see `check_scorable`.
        DataError: see there, too; or the data are missing, damaged or too few, or the file of the judge is not the one
            that belongs to this version.

    >>> from minigan.metrics.evaluation.data import reference_of
    >>> reference = reference_of(mg.gan.load_preset("ring"))
    >>> reference.name, reference.training.shape, reference.usual
    ('ring', (25000, 2), 2500)
    """
    check_scorable(config)
    source = config.data.source
    if source in MIXTURES:
        return _of_mixture(config.data)
    return _of_digits(config, judge) if source == "mnist" else _of_files(config)


def check_scorable(config: Config) -> None:
    """Make sure that a run with these settings has samples, of all classes, and that test images are new to it.

    Raises:
        ConfigError: it has none, or they are not.
        DataError: classes of MNIST are missing in the part of it that the run was trained on.
    """
    if config.game.task in RESTORING:
        raise ConfigError(
            f'evaluate: a run of the task "{config.game.task}" makes images of damaged images, which are no samples of '
            "a distribution; look at them with minigan sample."
        )
    if checked_split(config.data.split) == "test":
        raise ConfigError(
            "evaluate: the run was trained on the test images, so there are no others to hold its samples against; "
            "train on the split train."
        )
    if config.data.source == "mnist" and config.data.limit:
        _check_classes(config)


def _check_classes(config: Config) -> None:
    limit, labels = config.data.limit, data_of(config).labels
    assert labels is not None, "MNIST has them"
    if missing := sorted(set(range(DIGITS)) - set(labels[:limit].tolist())):
        raise DataError(
            f"evaluate: none of the {limit:,} images that the run was trained on shows a {_listed(missing)}, expected "
            "all ten digits, as every score asks for them; train on more: data.limit."
        )


def _listed(numbers: Sequence[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}" if most else last


def _of_mixture(data: DataConfig) -> Reference:
    mixture = make_mixture(data.source, data.modes, data.std)
    training, others = (mixture.sample(REAL_POINTS, seed)[0] for seed in (FRESH, FRESH + 1))
    return Reference(data.source, points=PointReference(training, others, mixture))


def _of_digits(config: Config, judge: str) -> Reference:
    judging = load_judge(judge)  # first: it says at once if its file is wrong
    whole = replace(config, data=_source(config.data))
    training, test = data_of(whole), data_of(whole, "test")
    images = ImageReference(_pixels(training), _pixels(test), held_out=True)
    return Reference(training.name, DigitReference.of(judging, images.training), images)


NO_JUDGE = "No judge knows what these images show: the scores by a judge are of MNIST's digits."
NOT_HELD_OUT = (
    "The data have no test split, so nothing was held out from training: memorisation and Parzen windows, which need "
    "that, are left out, and the real samples are a part of the training samples."
)


def _of_files(config: Config) -> Reference:
    training, others, held_out = _split(config)
    name, reasons = training.name, [NO_JUDGE] * training.is_images + [NOT_HELD_OUT] * (not held_out)
    told = " ".join(reasons)
    if training.is_images:
        return Reference(name, images=ImageReference(_mixed(training), _mixed(others), held_out), left_out=told)
    return Reference(name, points=PointReference(_mixed(training), _mixed(others), None), left_out=told)


def _split(config: Config) -> tuple[Dataset, Dataset, bool]:
    """Training samples, others, and whether these are held out."""
    training = data_of(config)
    n = len(training.samples)
    if n < 4:
        raise DataError(f"evaluate: {training.name} holds {n} samples, expected at least 4.")
    check_room(COPIES * 4 * training.samples.size, f"{n:,} samples", "take fewer with data.limit")
    try:
        return training, data_of(config, "test"), True
    except (ConfigError, DataError):  # these data come in one piece
        order = np.random.default_rng(0).permutation(n)
        aside = min(n // 2, IMAGES)
        rest, others = (Dataset(training.samples[part], None, training.name) for part in (order[aside:], order[:aside]))
        return rest, others, False


def _mixed(data: Dataset) -> NDArray[np.float32]:
    """In random order: files are often sorted by class, and some scores take a part of the samples."""
    return gather_pixels(data.samples, np.random.default_rng(0).permutation(len(data.samples)))


def _pixels(data: Dataset) -> NDArray[np.float32]:
    return gather_pixels(data.samples, np.arange(len(data.samples)))
