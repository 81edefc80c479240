"""From settings to data, and from data to what a step is played on."""

from __future__ import annotations

import weakref

from minigan.backend import backend_of
from minigan.backend.device import Device
from minigan.data import Dataset, Loader, open_data
from minigan.gan.batch import Batch
from minigan.gan.config import Config
from minigan.variable import constant


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
    """Batch ``number``, counted over all epochs, on a device; with labels, if there are any.

    For a GPU all samples are copied there once, and batches are gathered there.
    """
    if device.type == "cpu":
        return Batch.of(loader.batch(number), None if loader.labels is None else loader.labels_of(number), device)
    residents = _residents.setdefault(loader, {})
    if device not in residents:
        residents[device] = _Resident(loader, device)
    return residents[device].batch(number)


class _Resident:
    """The samples of a loader on a GPU, as they are on the host: images as bytes."""

    def __init__(self, loader: Loader, device: Device) -> None:
        self.lengths = len(loader), loader.batch_size
        self.order_of = weakref.WeakMethod(loader.order)
        self.backend = backend_of(device)
        self.images = self.backend.asarray(loader.images)
        self.labels = None if loader.labels is None else self.backend.asarray(loader.labels)
        self.epoch, self.order = -1, self.backend.empty((0,), "int64")

    def batch(self, number: int) -> Batch:
        """A batch; nothing is copied from the host but the order of a new epoch."""
        batches, size = self.lengths
        epoch, position = divmod(number, batches)
        if epoch != self.epoch:
            order_of = self.order_of()
            assert order_of is not None, "whoever asks for a batch has the loader"
            self.epoch, self.order = epoch, self.backend.asarray(order_of(epoch))
        indices = self.order[position * size : (position + 1) * size]
        labels = None if self.labels is None else constant(self.backend.embedding(self.labels, indices))
        return Batch(constant(self.backend.gather_pixels(self.images, indices)), labels)


_residents: weakref.WeakKeyDictionary[Loader, dict[Device, _Resident]] = weakref.WeakKeyDictionary()
