"""When G forgets modes: what the loss, the learning rates, D's steps and packing have to do with it.

Small games on eight Gaussians in a circle, each from several seeds; what is told apart from chance is what all seeds
agree on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.collapse_runs import COUNTED, LOOKS, MIXTURES, Run, Setting, run_setting, sweep
from minigan.lab.numbers import Numbers
from minigan.lab.options import Plane, Repeats, Seed, Whole, checked
from minigan.lab.repeatable import repeatable
from minigan.metrics.modes import caught_modes

RATES = (2.5e-4, 1e-3, 4e-3)
LOSSES = ("minimax", "non-saturating", "least-squares", "hinge", "wasserstein")
D_STEPS = (1, 2, 4)
PACKS = (1, 2, 4)

SLOW_D = Setting(lr_D=2.5e-4)
"""A game whose G is four times as fast as its D."""

SAVED = (SLOW_D, Setting(lr_D=2.5e-4, pack=2), Setting(lr_D=4e-3))
"""The same, and two changes of one setting each that may save it."""

STEPS = 1500  # are enough to fill the ring, if anything is
FRAMES, KEPT = 31, 100  # of the films


@dataclass(frozen=True)
class Perfect:
    """The data themselves, counted like fakes.

    Attributes:
        high_quality: the share of points near a mode.
        together: how often two points come from the same mode.
    """

    high_quality: float
    together: float


@dataclass(frozen=True, repr=False)
class Collapse(Numbers):
    """What `collapse` found.

    Attributes:
        data: the mixture's name.
        centres: of its modes, (K, 2).
        seeds: of each setting.
        steps: of each game.
        rates, losses, slow_D: the settings of the three maps, row by row: learning rates of G by those of D; losses by
            learning rates of D; steps of D by packing, for a D that is slow.
        runs: of all settings and seeds.
        films: some fakes of the game with the slow D, from the seed that catches fewest modes, and of the two changes.
        perfect: what a perfect G would get.
    """

    data: str
    centres: NDArray[np.float64]
    seeds: list[int]
    steps: int
    rates: list[list[Setting]]
    losses: list[list[Setting]]
    slow_D: list[list[Setting]]
    runs: list[Run]
    films: list[Run]
    perfect: Perfect

    def of(self, setting: Setting) -> list[Run]:
        """The runs of a setting, one for each seed."""
        return [run for run in self.runs if run.setting == setting]


@checked
@repeatable
def collapse(
    *,
    data: Plane = "ring",
    steps: Annotated[int, Whole(LOOKS, 100_000)] = STEPS,
    seed: Seed = 0,
    repeats: Repeats = 4,
) -> Collapse:
    """When G forgets modes: losses, steps, learning rates and packing compared.

    Args:
        data: where real points come from: eight Gaussians on the ring, twenty-five on the grid.
        steps: of each game.
        seed: of initial weights, z and the data.
        repeats: how many games of each setting, each with the next seed.

    Raises:
        ConfigError: a value out of range, or other data.

    >>> from minigan import lab
    >>> found = lab.collapse(steps=30, repeats=1)
    >>> len(found.runs), found.runs[0].shares.shape
    (29, (25, 8))
    """
    mixture, seeds = MIXTURES[data], [seed + k for k in range(repeats)]
    rates = [[Setting(lr_G=lr_G, lr_D=lr_D) for lr_D in RATES] for lr_G in RATES]
    losses = [[Setting(loss=loss, lr_D=lr_D) for lr_D in RATES] for loss in LOSSES]
    slow_D = [[Setting(lr_D=SLOW_D.lr_D, d_steps=d, pack=pack) for pack in PACKS] for d in D_STEPS]
    settings = [setting for table in (rates, losses, slow_D) for row in table for setting in row]
    runs = sweep(settings, seeds, mixture, steps)
    worst = min((run for run in runs if run.setting == SLOW_D), key=lambda run: run.at_last).seed
    films = [run_setting(setting, worst, mixture, steps, looks=min(FRAMES, steps), kept=KEPT) for setting in SAVED]
    points, labels = mixture.sample(20 * COUNTED, seed=1)
    perfect = Perfect(caught_modes(points, mixture).high_quality, float((labels[::2] == labels[1::2]).mean()))
    return Collapse(data, mixture.centres, seeds, steps, rates, losses, slow_D, runs, films, perfect)
