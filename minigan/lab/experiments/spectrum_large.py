"""The largest eigenvalues of networks of the usual size, whose Jacobian nobody could write down."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace

from minigan.backend.device import CPU
from minigan.data import Loader
from minigan.gan.build import DataFacts, build_game
from minigan.gan.config import Config, load_preset
from minigan.gan.game import Game
from minigan.gan.source import batch_of, data_of, loader_of
from minigan.gan.trainer import Trainer
from minigan.lab.experiments.spectrum_eigenvalues import Eigenvalues
from minigan.lab.jacobian import JacobianVector, costs_of
from minigan.ops.random import manual_seed, set_step

LARGEST = 16
TOLERANCE = 1e-4  # of products in float32


@dataclass(frozen=True)
class Large:
    """The networks of a preset at one moment of a training.

    Attributes:
        preset: whose.
        gamma: the weight of R1.
        step: after which.
        parameters: of both networks.
        products: how many products with J^T it took.
        eigenvalues: the largest.
    """

    preset: str
    gamma: float
    step: int
    parameters: int
    products: int
    eigenvalues: Eigenvalues


def large_networks(preset: str, steps: int, gammas: tuple[float, ...], seed: int) -> tuple[Large, ...]:
    """The networks of a preset before and after so many steps, for each weight of R1.

    Raises:
        ConfigError: there is no such preset, or it does not go with R1.
    """
    found = []
    for gamma in gammas:
        config = _changed(load_preset(preset), gamma, steps, seed)
        loader = loader_of(config, data_of(config))
        game = build_game(config, DataFacts.of(loader, config), CPU)
        found.append(_look(preset, gamma, game, loader))
        Trainer(game, loader, steps).run()
        found.append(_look(preset, gamma, game, loader))
    return tuple(found)


def _changed(config: Config, gamma: float, steps: int, seed: int) -> Config:
    """R1 in every step, on logits."""
    return replace(
        config,
        discriminator=replace(config.discriminator, output="logit"),
        game=replace(config.game, r1_gamma=gamma, penalty_every=1),
        training=replace(config.training, steps=steps, seed=seed),
    )


def _look(preset: str, gamma: float, game: Game, loader: Loader) -> Large:
    """On the first batch. D is asked as in training, with the same dropout in all products."""
    manual_seed(loader.seed)
    set_step(0)
    products = JacobianVector(*costs_of(deepcopy(game), batch_of(loader, 0, CPU)))
    found = products.largest(LARGEST, TOLERANCE, loader.seed)
    return Large(preset, gamma, game.steps, len(products), found.products, Eigenvalues(found.eigenvalues))
