"""From settings to data, and from data to what a step is played on."""

from __future__ import annotations

from minigan.backend.device import Device
from minigan.data import Dataset, Loader, open_data
from minigan.gan.config import Config
from minigan.gan.game import Batch


def data_of(config: Config, split: str = "") -> Dataset:
    """The samples of ``config.data``; of another ``split``, if one is named.

    Raises:
        DataError: they are missing or damaged.
        ConfigError: there is no such split.

    >>> from minigan.gan.source import data_of
    >>> data_of(mg.gan.load_preset("default"), "test").shape
    (1, 28, 28)
    """
    data = config.data
    return open_data(
        data.source,
        split or data.split,
        limit=data.limit,
        size=data.size,
        channels=data.channels,
        count=data.count,
        modes=data.modes,
        std=data.std,
        seed=config.training.seed,
    )


def loader_of(config: Config, data: Dataset) -> Loader:
    """The batches that a run of these settings trains on.

    Raises:
        ConfigError: there are fewer samples than in a batch.
    """
    training = config.training
    return Loader(data.samples, data.labels, training.batch_size, training.seed, config.data.drop_last)


def batch_of(loader: Loader, number: int, device: Device) -> Batch:
    """Batch ``number``, counted over all epochs, on a device; with labels, if there are any."""
    return Batch.of(loader.batch(number), None if loader.labels is None else loader.labels_of(number), device)
