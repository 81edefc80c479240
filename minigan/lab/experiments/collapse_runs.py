"""Small games on a plane, watched: which modes each of them catches, and when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import device
from minigan.data import Loader, grid, ring
from minigan.data.mixtures import Mixture
from minigan.gan import build_game, load_preset, set_fields
from minigan.gan.game import Game
from minigan.lab.numbers import Numbers
from minigan.metrics.modes import caught_modes
from minigan.ops.creation import as_tensor
from minigan.ops.random import manual_seed, set_step

Floats = NDArray[np.float64]

MIXTURES = {"ring": ring(std=0.1), "grid": grid(std=0.2)}
"""Wider modes than usual, so that a thousand steps are enough to fill them."""

WIDTH, BATCH = 32, 128
POINTS, COUNTED = 20_000, 2_500  # of the data; of the fakes that are counted, as the papers do
LOOKS = 25  # at the fakes of a run
CLIP = 0.1  # of the weights of a Wasserstein critic


@dataclass(frozen=True)
class Setting:
    """What may change from game to game."""

    loss: str = "non-saturating"
    lr_G: float = 1e-3
    lr_D: float = 1e-3
    d_steps: int = 1
    pack: int = 1

    @property
    def name(self) -> str:
        """In a few words."""
        more = [f"{self.d_steps} steps of D"] * (self.d_steps > 1) + [f"packs of {self.pack}"] * (self.pack > 1)
        return ", ".join([self.loss, f"lr of G {self.lr_G:g}, of D {self.lr_D:g}", *more])

    def game(self, seed: int) -> Game:
        """Two networks of two hidden layers; nothing that is known to help, such as R1 or an average of G."""
        clip = CLIP if self.loss == "wasserstein" else 0.0
        settings = (
            f"generator.hidden=[{WIDTH},{WIDTH}]",
            f"discriminator.hidden=[{WIDTH},{WIDTH}]",
            f"generator.lr={self.lr_G}",
            f"discriminator.lr={self.lr_D}",
            "generator.ema_decay=0.0",
            "game.r1_gamma=0.0",
            f'game.loss="{self.loss}"',
            f"game.clip_weights={clip}",
            f"game.d_steps={self.d_steps}",
            f"game.pack={self.pack}",
            f"training.seed={seed}",
        )
        config = set_fields(load_preset("ring"), settings)
        game = build_game(config, (2,), device("cpu"))
        game.capture()
        return game


@dataclass(frozen=True, repr=False)
class Run(Numbers):
    """What became of a game.

    Attributes:
        setting: of the game.
        seed: of its weights, samples and z.
        steps: at which the fakes were looked at, (T,).
        shares: of the fakes that are near each mode, (T, K).
        fakes: some of them, (T, N, 2); none if nobody asked.
    """

    setting: Setting
    seed: int
    steps: list[int]
    shares: Floats
    fakes: NDArray[np.float32] | None = None

    @property
    def modes(self) -> NDArray[np.int64]:
        """How many are caught, (T,)."""
        caught: NDArray[np.int64] = (self.shares > 0).sum(1)
        return caught

    @property
    def at_last(self) -> float:
        """How many modes are caught at once: the mean of the last third of the run."""
        return float(self.modes[-(len(self.steps) // 3) :].mean())

    @property
    def ever(self) -> int:
        """How many modes were caught at any time."""
        return int((self.shares > 0).any(0).sum())

    @property
    def together(self) -> float:
        """How often two fakes near a mode are near the same one: the mean of all looks at which any are; else NaN."""
        shares = self.shares[self.shares.any(1)]
        return float(np.mean((shares**2).sum(1) / shares.sum(1) ** 2)) if len(shares) else math.nan

    @property
    def high_quality(self) -> float:
        """The share of the fakes near any mode, in the last third of the run."""
        return float(self.shares[-(len(self.steps) // 3) :].sum(1).mean())


def run_setting(setting: Setting, seed: int, mixture: Mixture, steps: int, looks: int = LOOKS, kept: int = 0) -> Run:
    """Play a game and look at its fakes, ``looks`` times from the first step to the last; keep some of them."""
    game = setting.game(seed)
    manual_seed(seed)
    loader = Loader(mixture.sample(POINTS, seed)[0], batch_size=BATCH, seed=seed)
    z = game.noise.fixed(COUNTED, seed, device("cpu"))
    places = sorted({round(step) for step in np.linspace(1, steps, looks)})
    shares, fakes = [], []
    for step in range(1, steps + 1):
        set_step(step)
        first = step * game.batches_per_step
        game.step(*(as_tensor(loader.batch(first + i)) for i in range(game.batches_per_step)))
        if step in places:
            drawn = game.draw(z).numpy()
            shares.append(shares_near(drawn, mixture))
            fakes.append(drawn[:kept].copy())
    return Run(setting, seed, places, np.array(shares), np.array(fakes) if kept else None)


def shares_near(fakes: NDArray[np.float32], mixture: Mixture) -> Floats:
    """Of the fakes, near each mode (K,): none if G has diverged."""
    if not np.isfinite(fakes).all():
        return np.zeros(len(mixture.centres))
    return caught_modes(fakes, mixture).counts / len(fakes)


def sweep(settings: Sequence[Setting], seeds: Sequence[int], mixture: Mixture, steps: int) -> list[Run]:
    """Each setting from each seed, and each pair once."""
    return [run_setting(setting, seed, mixture, steps) for setting in dict.fromkeys(settings) for seed in seeds]
