"""The data that samples of a run should look like, prepared to be compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU, Device
from minigan.data import Dataset, gather_pixels
from minigan.data.mixtures import MIXTURES
from minigan.data.room import check_room
from minigan.data.sources import make_mixture
from minigan.errors import ConfigError, DataError, NoSplitError
from minigan.gan.config import Config, DataConfig
from minigan.gan.source import data_of
from minigan.metrics.checks import instance
from minigan.metrics.evaluation.digits import DigitReference
from minigan.metrics.evaluation.images import ImageReference
from minigan.metrics.evaluation.points import PointReference
from minigan.metrics.evaluation.scorable import check_scorable
from minigan.metrics.evaluation.scores import IMAGES, LEAST, Reference, checked_n
from minigan.metrics.judge import load_judge
from minigan.metrics.neighbours import HUNDREDTH

REAL_POINTS = 25_000  # of a mixture: to compare with, and as many others
FRESH = 2**40  # seeds from here on draw points that no run was trained on, whose seeds are small by habit
COPIES = 3  # of the training images in memory: as they come, as floats, and what searching them takes


def different_data(configs: Sequence[Config]) -> list[str]:
    """The settings of the data for which no one reference fits all runs with these settings; none if one does."""
    first, *others = (asdict(_source(config.data)) for config in configs)
    names = [name for name, value in first.items() if any(other[name] != value for other in others)]
    return [name for name in names if "source" not in names or name not in ("modes", "std")]  # each has its usual ones


def all_of_mnist(config: Config) -> tuple[Dataset, Dataset]:
    """Training and test images, however many of them a run with these settings is trained on."""
    whole = replace(config, data=_source(config.data))
    return data_of(whole), data_of(whole, "test")


def _source(data: DataConfig) -> DataConfig:
    """What a reference depends on: of MNIST and of mixtures it is always the same, however many a run trained on."""
    usual = DataConfig()
    known = replace(data, drop_last=usual.drop_last)
    if data.source in MIXTURES:  # 0 stands for its usual modes, and their usual standard deviation
        mixture = make_mixture(data.source, data.modes, data.std)
        known = replace(known, modes=len(mixture.centres), std=mixture.std)
    return replace(known, limit=0, count=usual.count) if data.source in ("mnist", *MIXTURES) else known


def reference_of(
    config: Config,
    judge: str = "report",
    n: int | None = None,
    device: Device = CPU,
    tell: Callable[[str], object] = lambda _: None,
) -> Reference:
    """The data that samples of a run with these settings should look like.

    Of MNIST these are all 60,000 training images, and 10,000 test images, whatever part of them the run is trained on;
    of a mixture, points that no run has seen. Of other data, what the settings name, and its test split; if there is
    none, a random part of the training samples is set aside.

    Args:
        config: of the run.
        judge: "report" or "selection", where digits are to be judged.
        n: how many samples are to be scored, if that is known: whether it can be, is then said before the long work.
        device: where the judge looks at digits, and pixels are compared.
        tell: is told in a line what takes long, when nothing can be refused any more.

    Raises:
        ArgumentError: these are no settings.
        ConfigError: see `check_scorable`; or ``n`` is too small for a score, or larger than the number of real samples.
        DataError: see there, too; or the data are missing, damaged or too few, or the file of the judge is not the one
            that belongs to this version.

    >>> from minigan.metrics.evaluation.data import reference_of
    >>> reference = reference_of(mg.gan.load_preset("ring"))
    >>> reference.name, reference.training.shape, reference.default_n
    ('ring', (25000, 2), 2500)
    """
    instance("reference_of", "settings", config, Config, 'Pass those of a run, or load_preset("ring").')
    check_scorable(config)
    source = config.data.source
    if source == "mnist":
        return _of_digits(config, judge, n, device, tell)
    reference = _of_mixture(config.data) if source in MIXTURES else _of_files(config, device)
    if n is not None:
        reference.check(n)
    if reference.images and reference.images.held_out and reference.images.repeats:
        return replace(reference, left_out=f"{reference.left_out} {REPEATED}")
    return reference


def _of_mixture(data: DataConfig) -> Reference:
    mixture = make_mixture(data.source, data.modes, data.std)
    training, others = (mixture.sample(REAL_POINTS, seed)[0] for seed in (FRESH, FRESH + 1))
    return Reference(data.source, points=PointReference(training, others, mixture))


def _of_digits(config: Config, judge: str, n: int | None, device: Device, tell: Callable[[str], object]) -> Reference:
    judging = load_judge(judge)  # first: it says at once if its file is wrong
    judging.network.to(device)
    training, test = all_of_mnist(config)
    if n is not None:
        checked_n(n, len(test.samples), judging.network.head.in_features)
    assert test.labels is not None, "MNIST has them"
    tell(f"The judge looks at {len(training.samples):,} training images; all takes about a minute on two cores ...")
    # The protocol of Parzen windows tells training images by their places in the file. Test images are mixed: of the
    # file's first half, other people wrote the digits than of the second.
    images = ImageReference(
        gather_pixels(training.samples, np.arange(len(training.samples))),
        _mixed(test),
        held_out=True,
        labels=test.labels[_order(test)],
        device=device,
    )
    return Reference(training.name, DigitReference.of(judging, images.training), images)


NO_JUDGE = "No judge knows what these images show: the scores by a judge are of MNIST's digits."
NOT_HELD_OUT = (
    f"The data have no test split, so half of the training samples, at most {IMAGES:,}, are set aside as real ones, "
    "and no more than so many are scored."
)
NO_HUNDREDTH = "NN < 1% is left out: of fewer than 99 held-out images none is a hundredth."
REPEATED = "Memorisation is left out: half of the test images are training images, which tell nothing of copies."
NO_MEMORY = "Memorisation and Parzen windows, which need images that were held out from training, are left out."


def _of_files(config: Config, device: Device) -> Reference:
    training, others, held_out = _split(config)
    name, reasons = training.name, [NO_JUDGE] * training.is_images + [NOT_HELD_OUT] * (not held_out)
    if training.is_images:
        few = len(others.samples) < HUNDREDTH
        reasons += [NO_HUNDREDTH] * few if held_out else [NO_MEMORY]
    if not training.is_images:
        points = PointReference(_mixed(training), _mixed(others), None)
        return Reference(name, points=points, left_out=" ".join(reasons))
    images = ImageReference(_mixed(training), _mixed(others), held_out, device=device)
    return Reference(name, images=images, left_out=" ".join(reasons))


def _split(config: Config) -> tuple[Dataset, Dataset, bool]:
    """Training samples, others, and whether these are held out."""
    training = data_of(config)
    n = len(training.samples)
    check_room(COPIES * 4 * training.samples.size, f"{n:,} samples", "take fewer with data.limit")
    test = test_split(config, training)
    if test is not None:
        _check_enough(test, len(test.samples), LEAST, "test samples")
        _check_enough(training, n, LEAST * 6 // 5, "training samples")  # a sixth of images only choose sigma
        return training, test, True
    _check_enough(training, n, 2 * LEAST, "samples, as half of them are set aside")
    order, aside = _order(training), min(n // 2, IMAGES)
    rest, others = (Dataset(training.samples[part], None, training.name) for part in (order[aside:], order[:aside]))
    return rest, others, False


def test_split(config: Config, training: Dataset) -> Dataset | None:
    """All samples that a run with these settings is not trained on; None of data that come in one piece.

    What a limit leaves of the training samples says nothing of these.

    Raises:
        DataError: they are damaged, or of another shape than those that it is trained on.
    """
    try:
        test = data_of(replace(config, data=replace(config.data, limit=0)), "test")
    except (ConfigError, NoSplitError):
        return None
    if test.shape != training.shape:
        raise DataError(
            f"{test.name} holds test samples of shape {test.shape}, but training samples of {training.shape}, expected "
            "both alike; correct one of them."
        )
    return test


def _check_enough(data: Dataset, n: int, least: int, what: str) -> None:
    if n < least:
        raise DataError(
            f"evaluate: {data.name} holds {n:,} {what}, expected at least {least}, as scores of fewer say nothing; "
            "add some."
        )


def _mixed(data: Dataset) -> NDArray[np.float32]:
    """In random order: files are often sorted, by class or by writer, and some scores take a part of the samples."""
    return gather_pixels(data.samples, _order(data))


def _order(data: Dataset) -> NDArray[np.int64]:
    return np.random.default_rng(0).permutation(len(data.samples))
