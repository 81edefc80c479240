"""A training of which no run folder is kept: benchmarks score it, or look at it, as it goes."""

from __future__ import annotations

import sys

from minigan.backend.device import CPU
from minigan.gan import Config, DataFacts, Extension, Game, Trainer, build_game
from minigan.gan.signals import exit_code
from minigan.gan.source import data_of, loader_of


def train(config: Config, *extensions: Extension, until: int | None = None) -> Game:
    """Train by these settings from their first step to the last one, or until another.

    A signal ends the program: half a training is not what its numbers are told of.
    """
    loader = loader_of(config, data_of(config))
    game = build_game(config, DataFacts.of(loader, config), CPU)
    trainer = Trainer(game, loader, until or config.training.steps, extensions)
    trainer.run()
    if trainer.stopped_by is not None:
        sys.exit(exit_code(trainer.stopped_by))
    return game
