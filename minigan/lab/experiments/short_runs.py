"""Runs that experiments make for themselves in a temporary folder, and what is known of their data."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from minigan.backend.device import CPU
from minigan.data.mixtures import MIXTURES, Mixture
from minigan.data.sources import make_mixture
from minigan.gan.build import DataFacts, build_game
from minigan.gan.config import Config
from minigan.gan.extensions import Checkpoints, Curves, Log
from minigan.gan.finite import StopOnNaN
from minigan.gan.run import Run
from minigan.gan.source import data_of, loader_of
from minigan.gan.trainer import Trainer


def train_run(config: Config, folder: Path) -> None:
    """Fill a run folder as `minigan train` does, without pictures of samples.

    Raises:
        DivergedError: a number is NaN or infinite; the folder is left as it is then.
    """
    loader = loader_of(config, data_of(config))
    game = build_game(config, DataFacts.of(loader, config), CPU)
    with closing(Run.create(folder, config)) as run:
        extensions = [StopOnNaN(), Log(run), Curves(run), Checkpoints(run)]
        Trainer(game, loader, config.training.steps, extensions, config.training.log_every).run()


def mixture_of(config: Config) -> Mixture | None:
    """That of the data, if they are points of one."""
    data = config.data
    return make_mixture(data.source, data.modes, data.std) if data.source in MIXTURES else None
