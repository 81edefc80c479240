"""The game: who moves when, against what.

One step is a move of D and then a move of G, against the D that has just moved. G makes its fakes once: D sees
them cut off from the tape, so that no gradient of G is computed in D's turn; in G's turn they go through D again,
with D's weights frozen, and what flows back through D to the pixels is all that G ever learns about real images.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigan.backend import backend_of, philox
from minigan.backend.device import Device
from minigan.gan.ema import EMA
from minigan.gan.losses import Loss
from minigan.gan.penalties import R1
from minigan.nn import Module
from minigan.nn.batchnorm import BatchNorm
from minigan.ops.joining import cat
from minigan.ops.random import randn
from minigan.optim import Optimizer
from minigan.recording import no_grad
from minigan.tensor import Tensor
from minigan.variable import constant


class Player(NamedTuple):
    """A network and the optimizer that moves it."""

    name: str
    network: Module
    optimizer: Optimizer

    def state_dict(self) -> dict[str, Any]:
        """The states of both."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave."""
        self.network.load_state_dict(state_dict["network"])
        self.optimizer.load_state_dict(state_dict["optimizer"])


class Report(NamedTuple):
    """What one step shows: 0-d tensors on the device, so that nobody waits for them before they are read."""

    loss_D: Tensor
    loss_G: Tensor
    D_x: Tensor
    D_G_z: Tensor


class Game:
    """G against D, by alternating moves.

    Args:
        generator: G, a network from z (N, z_dim) to images.
        discriminator: D, a network from images to logits or probabilities (N, 1), as the loss expects them.
        loss: what both want.
        z_dim: the length of G's input, drawn from N(0, 1).
        label_smoothing: how far below 1 D's target for real images lies.
        penalty: what D pays besides, on the steps when it is due.
        ema: an average of G to sample from.

    Attributes:
        steps: how many steps have been played.
    """

    def __init__(
        self,
        generator: Player,
        discriminator: Player,
        loss: Loss,
        z_dim: int,
        label_smoothing: float = 0.0,
        penalty: R1 | None = None,
        ema: EMA | None = None,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.loss = loss
        self.z_dim = z_dim
        self.label_smoothing = label_smoothing
        self.penalty = penalty
        self.ema = ema
        self.steps = 0

    @property
    def sampler(self) -> Module:
        """The network to sample from: the average of G, if there is one."""
        return self.ema.network if self.ema is not None else self.generator.network

    def step(self, real: Tensor) -> Report:
        """One move of each player.

        Args:
            real: images (N, C, H, W) in [-1, 1]; as many fakes are made.
        """
        G = self.generator.network.train()
        self.discriminator.network.train()
        fake = G(randn(len(real), self.z_dim, dtype=real.dtype, device=real.device))
        penalty = self.penalty if self.penalty is not None and self.penalty.due(self.steps) else None
        loss_D, D_x, D_G_z = self._move_discriminator(real, fake.detach(), penalty)
        loss_G = self._move_generator(fake)
        if self.ema is not None:
            self.ema.update()
        self.steps += 1
        return Report(loss_D, loss_G, D_x, D_G_z)

    def _move_discriminator(self, real: Tensor, fake: Tensor, penalty: R1 | None) -> tuple[Tensor, Tensor, Tensor]:
        D, optimizer = self.discriminator.network, self.discriminator.optimizer
        on_real, on_fake, cost = self._judge(D, real, fake, penalty)
        loss = self.loss.discriminator(on_real, on_fake, self.label_smoothing)
        optimizer.zero_grad()
        # R1 asks for the slope at the images, but nobody for the gradient of the images themselves
        trained = [parameter for parameter in D.parameters() if parameter.requires_grad]
        (loss if cost is None else loss + cost).backward(inputs=trained)
        optimizer.step()
        with no_grad():
            return loss.detach(), self._mean_probability(on_real), self._mean_probability(on_fake)

    def _judge(self, D: Module, real: Tensor, fake: Tensor, penalty: R1 | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """D's outputs on real and fake images, and what the penalty costs."""
        if penalty is not None:
            real = real.detach().requires_grad_()
            on_real = D(real)
            return on_real, D(fake), penalty(real, on_real)
        if _depends_on_batch(D):  # statistics of real and fake images must not mix
            return D(real), D(fake), None
        both = D(cat([real, fake]))  # one pass: one product of matrices twice as tall costs less than two
        return both[: len(real)], both[len(real) :], None

    def _move_generator(self, fake: Tensor) -> Tensor:
        D, optimizer = self.discriminator.network, self.generator.optimizer
        with D.frozen():
            loss = self.loss.generator(D(fake))
            optimizer.zero_grad()
            loss.backward()
        optimizer.step()
        return loss.detach()

    def _mean_probability(self, outputs: Tensor) -> Tensor:
        return self.loss.probability(outputs.detach()).mean()

    def state_dict(self) -> dict[str, Any]:
        """Everything that a step changes, as nested dictionaries of host arrays and plain values."""
        return {
            "steps": self.steps,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave."""
        self.generator.load_state_dict(state_dict["generator"])
        self.discriminator.load_state_dict(state_dict["discriminator"])
        if self.ema is not None and state_dict["ema"] is not None:
            self.ema.load_state_dict(state_dict["ema"])
        self.steps = state_dict["steps"]


def _depends_on_batch(network: Module) -> bool:
    """Whether a forward pass updates a state or mixes the images of a batch."""
    return any(True for _ in network.buffers()) or any(isinstance(m, BatchNorm) for m in network.modules())


def draw_z(n: int, z_dim: int, seed: int, device: Device) -> Tensor:
    """z (n, z_dim) for samples: fixed by the seed, apart from the streams that training draws from.

    >>> from minigan.gan.game import draw_z
    >>> draw_z(2, 100, seed=0, device=mg.device("cpu")).shape
    (2, 100)
    """
    backend = backend_of(device)
    words = backend.random_words((n * z_dim + 1) // 2, seed, philox.SAMPLE, 0, 0)
    return constant(backend.normal(words, (n, z_dim), np.dtype(np.float32)))
