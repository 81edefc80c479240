"""What is measured: the training step of a preset, at some batch sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from minigan.backend.device import Device
from minigan.data import Dataset, Loader
from minigan.errors import ConfigError
from minigan.gan import Config, DataFacts, Trainer, build_game
from minigan.gan.source import data_of, loader_of

EAGER, CAPTURED = MODES = ("eager", "captured")
BATCH_SIZES = tuple(2**k for k in range(14))


class Task(NamedTuple):
    """A training at one batch size, but for device and mode."""

    config: Config
    data: Dataset
    facts: DataFacts

    def loader(self) -> Loader:
        """Its batches, in the order of the first epoch."""
        loader = loader_of(self.config, self.data)
        loader.indices_of(0)  # shuffles
        return loader

    def trainer(self, loader: Loader, device: Device, mode: str) -> Trainer:
        """Of a fresh game on these batches, ready for its first step, after which it ends."""
        game = build_game(self.config, self.facts, device)
        return Trainer(game, loader, steps=1, capture=mode == CAPTURED)


@dataclass(frozen=True)
class Work:
    """The training of a preset.

    Attributes:
        config: its settings.
        data: its samples.
        batch_sizes: those to measure, in ascending order.
    """

    config: Config
    data: Dataset
    batch_sizes: tuple[int, ...]

    @classmethod
    def of(cls, config: Config, batch_sizes: tuple[int, ...] | None = None) -> Work:
        """Settings with their data, at these batch sizes, or at those of `BATCH_SIZES` for which there are samples.

        Raises:
            ConfigError: there are fewer samples than in a batch.
            DataError: they are missing or damaged.
        """
        data = data_of(config)
        n = len(data.samples)
        if batch_sizes is not None and max(batch_sizes) > n:
            raise ConfigError(
                f"--batch-sizes: {max(batch_sizes):,} is more than the {n:,} samples of {data.name}, which "
                f"{config.name} is trained on; choose sizes of at most {n:,}."
            )
        return cls(config, data, batch_sizes or tuple(size for size in BATCH_SIZES if size <= n))

    @property
    def name(self) -> str:
        """The preset's."""
        return self.config.name

    @property
    def period(self) -> int:
        """In steps: a lazy penalty is due on one step in so many, which takes longer than the others."""
        rules = self.config.game
        penalties = rules.r1_gamma or rules.r2_gamma or rules.gradient_penalty or rules.dragan
        return rules.penalty_every if penalties else 1

    def at(self, batch_size: int) -> Task:
        """At one batch size. All batches have it: the short one at the end of an epoch is left out."""
        config = replace(
            self.config,
            training=replace(self.config.training, batch_size=batch_size),
            data=replace(self.config.data, drop_last=True),
        )
        return Task(config, self.data, DataFacts.of(loader_of(config, self.data), config))
