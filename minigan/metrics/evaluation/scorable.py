"""Which runs can be scored: those whose samples are new ones of a distribution of which something was held out."""

from __future__ import annotations

from collections.abc import Sequence

from minigan.data.parts import checked_split
from minigan.errors import ConfigError, DataError
from minigan.gan.config import Config
from minigan.gan.games.reconstruction import DAMAGES
from minigan.gan.source import data_of
from minigan.metrics.judge import DIGITS


def check_scorable(config: Config, asks: str = "evaluate") -> None:
    """Make sure that a run with these settings has samples, of all classes, and that test images are new to it.

    Args:
        config: of the run.
        asks: who wants to score it, as an error says.

    Raises:
        ConfigError: it has none, or they are not.
        DataError: classes of MNIST are missing in the part of it that the run was trained on.
    """
    if config.game.task in DAMAGES:
        raise ConfigError(
            f'{asks}: a run of the task "{config.game.task}" makes images of damaged images, which are no samples of '
            "a distribution; look at them with minigan sample."
        )
    if checked_split(config.data.split) == "test":
        raise ConfigError(
            f"{asks}: the run was trained on the test images, so there are no others to hold its samples against; "
            "train on the split train."
        )
    if config.data.source == "mnist" and config.data.limit:
        _check_classes(config, asks)


def _check_classes(config: Config, asks: str) -> None:
    limit, labels = config.data.limit, data_of(config).labels
    assert labels is not None, "MNIST has them"
    if missing := sorted(set(range(DIGITS)) - set(labels[:limit].tolist())):
        raise DataError(
            f"{asks}: none of the {limit:,} images that the run was trained on shows a {_listed(missing)}, expected "
            "all ten digits, as every score asks for them; train on more: data.limit."
        )


def _listed(numbers: Sequence[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}" if most else last
