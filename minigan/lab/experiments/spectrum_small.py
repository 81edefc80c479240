"""The small game of the spectrum: a few hundred weights, so that its whole Jacobian can be written down.

The real points and z are the same in every step, so that the field is a function of the weights alone, and a point
where it vanishes is a stationary point of the training.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU
from minigan.data.mixtures import ring
from minigan.gan.batch import Batch
from minigan.gan.build import build_game
from minigan.gan.config import Config
from minigan.gan.game import Game
from minigan.gan.losses import get_loss
from minigan.gan.penalties import R1
from minigan.lab.experiments.spectrum_eigenvalues import Eigenvalues
from minigan.lab.jacobian import JacobianVector, Vector, costs_of, flat, game_jacobian, ordered, put
from minigan.nn import Parameter
from minigan.ops.creation import tensor
from minigan.ops.random import manual_seed, set_step

POINTS = 256
STD = 0.05  # of each of the eight Gaussians
LR = 4e-3  # falls to 0 during the training, so that it converges where it can
STEP = 1e-5  # of differences


class SmallGame:
    """Two networks of tanh units on 256 points of a ring, in float64.

    Args:
        gamma: the weight of R1.
        steps: after which the learning rate is 0.
        width: of the two hidden layers of each.
        seed: of weights, points and z.
    """

    def __init__(self, gamma: float, steps: int, width: int, seed: int) -> None:
        self.gamma, self.seed = gamma, seed
        self.game = _built(gamma, steps, width, seed)
        points, _ = ring(std=STD).sample(POINTS, seed)
        self.batch = Batch(tensor(points.astype(np.float64)))

    @property
    def weights(self) -> Vector:
        """All of them, G's first; setting them moves both players."""
        return flat(self.parameters)

    @weights.setter
    def weights(self, new: Vector) -> None:
        put(new, self.parameters)

    def train_to(self, step: int) -> None:
        """Play on until so many steps are made, D and G in turn."""
        while self.game.steps < step:
            self.draw_z()
            self.game.step(self.batch)

    @contextmanager
    def playing(self, loss: str, gamma: float) -> Iterator[None]:
        """Inside, the players want something else."""
        before = self.game.loss, self.game.penalties
        self.game.loss, self.game.penalties = get_loss(loss), [R1(gamma)]
        try:
            yield
        finally:
            self.game.loss, self.game.penalties = before

    def field(self) -> Vector:
        """v, where the players are."""
        return self.products().field

    def speed(self) -> float:
        """The length of v."""
        return float(np.linalg.norm(self.field()))

    def products(self) -> JacobianVector:
        """The Jacobian there, by its products."""
        self.draw_z()
        return JacobianVector(*costs_of(self.game, self.batch))

    def jacobian(self) -> NDArray[np.float64]:
        """The Jacobian there: a product for each weight."""
        self.draw_z()
        return game_jacobian(*costs_of(self.game, self.batch))

    def eigenvalues(self) -> Eigenvalues:
        """All of them."""
        return Eigenvalues(ordered(np.linalg.eigvals(self.jacobian())))

    def difference(self, u: Vector) -> Vector:
        """J u by a central difference of the field: no second derivative is needed for that."""
        here, ends = self.weights, []
        for sign in (1, -1):
            self.weights = here + sign * STEP * u
            ends.append(self.field())
        self.weights = here
        return (ends[0] - ends[1]) / (2 * STEP)

    @property
    def parameters(self) -> list[Parameter]:
        """Of both networks, G's first."""
        return [*self.game.generator.trained, *self.game.discriminator.trained]

    def draw_z(self) -> None:
        """Set the random stream to where z is drawn, so that it is the same z each time."""
        manual_seed(self.seed)
        set_step(0)


def _built(gamma: float, steps: int, width: int, seed: int) -> Game:
    player = {"hidden": [width, width], "activation": "tanh", "lr": LR, "betas": [0.5, 0.9], "schedule": "linear"}
    config = Config.from_dict(
        {
            "generator": {**player, "z_dim": 2, "output": "linear"},
            "discriminator": player,
            "game": {"r1_gamma": gamma},
            "training": {"steps": steps, "seed": seed},
        }
    )
    game = build_game(config, (2,), CPU)
    for each in (game.generator, game.discriminator):
        each.network.to(dtype=np.float64)
    game.capture()
    return game
