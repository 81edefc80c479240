"""Gradients layer by layer through a training on MNIST, and what settings of the networks do to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from minigan.errors import ConfigError
from minigan.gan.config import Config, load_preset, preset_names, set_fields
from minigan.gan.source import data_of, loader_of
from minigan.lab.experiments.flow_compared import PLAYERS, PRESET, compared
from minigan.lab.experiments.flow_training import WatchedTraining, train
from minigan.lab.numbers import Numbers
from minigan.lab.options import OneOf, Seed, Steps, Whole, checked
from minigan.lab.repeatable import repeatable

PRESETS = tuple(name for name in preset_names() if load_preset(name).data.source == "mnist")
SHOWN = 5  # at so many steps fakes are kept, and what D says of their pixels


@dataclass(frozen=True, kw_only=True, repr=False)
class Flow(Numbers):
    """What `flow` returns.

    Attributes:
        preset: the name of the preset.
        narrow: by what the widths of its layers were divided.
        batch_size: samples in a step.
        lr: the learning rates of G and D.
        steps: the number of each watched step, counted from 0.
        shown: at which of them (their places in ``steps``) fakes were kept.
        trainings: the trainings by name, the preset first.
        groups: the names of those that belong together, the preset first in each: ``between`` differ in what stands
            between the layers, ``init`` in where their weights start.
        left_out: changes that this preset cannot have, with the reason.
    """

    preset: str
    narrow: int
    batch_size: int
    lr: tuple[float, float]
    steps: NDArray[np.int64]
    shown: NDArray[np.int64]
    trainings: dict[str, WatchedTraining]
    groups: dict[str, list[str]]
    left_out: dict[str, str]

    @property
    def pixels_beside_preset(self) -> dict[str, float]:
        """By training, the signal at the pixels in the first step over that of the preset."""
        preset = self.trainings[PRESET].at_fake[0]
        return {name: float(training.at_fake[0] / preset) for name, training in self.trainings.items()}


@checked
@repeatable
def flow(
    *,
    preset: Annotated[str, OneOf(PRESETS)] = "reference",
    steps: Steps = 450,
    narrow: Annotated[int, Whole(1, 1000)] = 4,
    points: Annotated[int, Whole(SHOWN, 300)] = 30,
    seed: Seed = 0,
) -> Flow:
    """Train a preset, and the same with one thing changed, from the same seed; watch some of the steps.

    A watched step is played like any other, so that watching changes nothing.

    Args:
        preset: whose networks and settings to take.
        steps: how many steps to train, at least as many as points.
        narrow: divide the widths of all hidden layers by this; 1 for the preset's own networks, which take longer.
        points: at how many steps to look.
        seed: of weights, noise and the order of the images.

    Raises:
        ConfigError: a number is out of range, or the preset is none of those that train on MNIST.

    >>> from minigan.lab.experiments.flow import flow
    >>> data = flow(steps=5, points=5, narrow=32)
    >>> [layer.name for layer in data.trainings["preset"].layers]
    ['G 1', 'G 2', 'G 3', 'G 4', 'D 1', 'D 2', 'D 3', 'D 4']
    >>> data.trainings["preset"].gradient.shape
    (8, 5)
    """
    if steps < points:
        raise ConfigError(f"steps: expected at least as many as points, {points}, but got {steps}; lower points.")
    base = _base(preset, narrow, seed)
    loader = loader_of(base, data_of(base))
    at = np.linspace(0, steps - 1, points).astype(np.int64)
    shown = np.array([0, *np.linspace(1, points - 1, SHOWN - 1).astype(np.int64)])  # much happens at first
    groups, left_out = compared(base)
    variants = {variant.name: variant for group in groups.values() for variant in group}
    trainings = {
        name: train(set_fields(base, variant.settings), variant.about, loader, at, shown)
        for name, variant in variants.items()
    }
    names = {group: [variant.name for variant in members] for group, members in groups.items()}
    lr = base.generator.lr, base.discriminator.lr
    return Flow(
        preset=preset,
        narrow=narrow,
        batch_size=base.training.batch_size,
        lr=lr,
        steps=at,
        shown=shown,
        trainings=trainings,
        groups=names,
        left_out=left_out,
    )


def _base(preset: str, narrow: int, seed: int) -> Config:
    config = load_preset(preset)
    widths = {
        f"{player}.{part}": [max(1, width // narrow) for width in getattr(getattr(config, player), part)]
        for player in PLAYERS
        for part in ("hidden", "dense")
    }
    return set_fields(config, [f"training.seed={seed}", *(f"{path}={value}" for path, value in widths.items())])
