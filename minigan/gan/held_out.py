"""What the players make of images that they were not trained on: does D know the data, or its training set?"""

# ruff: noqa: D102  (what the methods of an Extension are for is told there)

from __future__ import annotations

import math

import numpy as np

from minigan.data import Dataset, gather_pixels
from minigan.gan.batch import Batch
from minigan.gan.folder import LOG
from minigan.gan.game import Game
from minigan.gan.means import rounded
from minigan.gan.run import Run
from minigan.gan.trainer import Extension, Trainer


class HeldOut(Extension):
    """A line in log.jsonl every so many epochs, with the means over a held-out data set.

    In a D that tells training images from others, D_x_test falls below D_x: it has learned them by heart.

    Args:
        run: where to.
        data: the held-out samples.
        every: epochs between two lines.
    """

    def __init__(self, run: Run, data: Dataset, every: int = 1) -> None:
        self.run = run
        self.data = data
        self.every = every

    def after_epoch(self, trainer: Trainer) -> None:
        if trainer.epoch_due(self.every):
            means = rounded(assess(trainer.game, self.data))
            self.run.append(LOG, {"step": trainer.step, "epoch": trainer.epoch, **means})


def assess(game: Game, data: Dataset, chunk: int = 1000) -> dict[str, float]:
    """The means of `Game.assess` over a whole data set, at most ``chunk`` samples at a time."""
    device = next(game.discriminator.network.parameters()).device
    sums: dict[str, float] = {}
    # parts of almost the same size: a short one at the end might be too small for a D that sees several at once
    for indices in np.array_split(np.arange(len(data.samples)), math.ceil(len(data.samples) / chunk)):
        labels = None if data.labels is None else data.labels[indices]
        for name, mean in game.assess(Batch.of(gather_pixels(data.samples, indices), labels, device)).items():
            sums[name] = sums.get(name, 0.0) + mean.item() * len(indices)
    return {name: total / len(data.samples) for name, total in sums.items()}
