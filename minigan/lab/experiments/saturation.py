"""Minimax against non-saturating: the same G, the same fakes, the same D, and what each loss makes of its logits.

G's two losses of Goodfellow et al. 2014 want the same and differ in one factor: with respect to the logit s of a fake
the gradient of log(1 - D) is -D, that of -log D is -(1 - D), and D / (1 - D) = exp(s). Here D is trained further and
further against a G that stands still, on points and on MNIST, and both gradients are followed back to G's layers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

import minigan as mg
from minigan.data import Loader, load_mnist, ring
from minigan.gan import Batch, Config, Game, Report, build_game, get_loss, load_preset, set_fields
from minigan.lab.experiments.saturation_signal import Array, Signal, layers, per_logit, ratios, signal
from minigan.lab.numbers import Numbers
from minigan.lab.options import BatchSize, Seed, Steps, Whole, checked
from minigan.lab.repeatable import repeatable
from minigan.lab.schedule import stops
from minigan.nn import Module
from minigan.ops.random import manual_seed, set_step
from minigan.optim import SGD, Adam, Optimizer
from minigan.tensor import Tensor

LOGITS = np.linspace(-12, 12, 97)
TOLD = (-20.0, -8.0, -2.0, 0.0, 2.0, 8.0)  # logits whose ratios are checked one by one
POINTS, BATCH = 20_000, 256
SEEN = 256  # samples that D is asked about
SHOWN = 16  # fakes on the page
CPU = mg.device("cpu")
TOY = (
    "generator.hidden=[32, 32, 32]",
    'generator.activation="leaky_relu"',
    "generator.ema_decay=0.0",
    "discriminator.hidden=[64, 64]",
    "game.r1_gamma=0.0",
)
SGD_LR, ADAM_LR = 0.01, 1e-3


@dataclass(frozen=True)
class PerLogit:
    """G's losses as functions of one logit.

    Attributes:
        logits: s, (N,).
        values: of each loss, (N,).
        gradients: their derivatives, (N,).
        told: some logits.
        ratios: minimax's derivative over non-saturating's there.
    """

    logits: Array
    values: dict[str, Array]
    gradients: dict[str, Array]
    told: Array
    ratios: Array


@dataclass(frozen=True, kw_only=True)
class Duel:
    """D in training against a G that stands still.

    Attributes:
        name: of the state of G.
        layers: of G.
        at: the steps of D.
        signals: what G would get then.
        fakes: some of G's, (SHOWN, 1, 28, 28) or (SEEN, 2).
        real: as many real samples.
        precision: the dtype of the gradients.
        eps: of the Adam that moves G.
    """

    name: str
    layers: list[str]
    at: tuple[int, ...]
    signals: list[Signal]
    fakes: Array
    real: Array
    precision: str
    eps: float

    @property
    def error(self) -> float:
        """How far any gradient of minimax is from exp(s) times that of non-saturating, as a share of it."""
        return float(np.max([each.error for each in self.signals]))


@dataclass(frozen=True)
class Chase:
    """G in training against a D that stands still, sure of all fakes.

    Attributes:
        loss: G's.
        optimizer: "SGD" or "Adam".
        logits: D's mean logit of the fakes before each step and after the last.
    """

    loss: str
    optimizer: str
    logits: Array


@dataclass(frozen=True, repr=False)
class Saturation(Numbers):
    """What the experiment found.

    Attributes:
        seed: of weights, samples and noise.
        per_logit: the losses themselves.
        toy: on the ring of eight Gaussians.
        chases: of the toy's G after that, from the same state.
        mnist: a fresh G and one that has been trained; empty if left out.
    """

    seed: int
    per_logit: PerLogit
    toy: Duel
    chases: list[Chase]
    mnist: list[Duel]


@checked
@repeatable
def saturation(
    *,
    toy_steps: Steps = 500,
    chase_steps: Steps = 300,
    mnist_steps: Annotated[int, Whole(0, 100_000)] = 100,
    pretrain_steps: Steps = 300,
    batch_size: BatchSize = 64,
    seed: Seed = 0,
) -> Saturation:
    """Train D against a G that stands still, and compare what two losses tell G.

    Args:
        toy_steps: of D on the ring of eight Gaussians.
        chase_steps: of G after that, D standing still.
        mnist_steps: of D on MNIST; 0 leaves MNIST out.
        pretrain_steps: of both players on MNIST, before the second G that is looked at.
        batch_size: on MNIST.
        seed: of weights, samples and noise.

    Raises:
        ConfigError: a setting out of its range.

    >>> from minigan import lab
    >>> data = lab.saturation(toy_steps=20, chase_steps=2, mnist_steps=0)
    >>> bool(abs(data.per_logit.ratios[1] * np.exp(8) - 1) < 1e-12)
    True
    """
    toy, chases = _toy(toy_steps, chase_steps, seed)
    mnist = _mnist(mnist_steps, pretrain_steps, batch_size, seed) if mnist_steps else []
    return Saturation(seed, _per_logit(), toy, chases, mnist)


def _per_logit() -> PerLogit:
    found = per_logit(LOGITS)
    values, gradients = ({name: pair[i] for name, pair in found.items()} for i in (0, 1))
    return PerLogit(LOGITS, values, gradients, np.array(TOLD), ratios(np.array(TOLD)))


# ---- the games -------------------------------------------------------------------------------------------


def _toy(toy_steps: int, chase_steps: int, seed: int) -> tuple[Duel, list[Chase]]:
    config = set_fields(load_preset("ring"), [*TOY, f"training.seed={seed}"])
    points, _ = ring().sample(POINTS, seed)
    arena = _Arena(config, Loader(points, None, BATCH, seed), points[:SEEN], seed)
    duel = arena.duel("a fresh G", toy_steps, mg.float64)
    chases = [
        Chase(loss, kind, _chase(copy.deepcopy(arena.G), arena.D, arena.z, loss, kind, chase_steps))
        for loss in ("minimax", "non-saturating")
        for kind in ("SGD", "Adam")
    ]
    return duel, chases


def _mnist(steps: int, pretrain_steps: int, batch_size: int, seed: int) -> list[Duel]:
    """The reference networks, whose D gives its logit."""
    config = set_fields(load_preset("reference"), ['discriminator.output="logit"', f"training.seed={seed}"])
    images, _ = load_mnist()
    loader = Loader(images, None, batch_size, seed)
    seen = Loader(images, None, SEEN, seed).batch(len(images) // SEEN - 1)  # the last of the epoch: not played with yet
    fresh, later = (_Arena(config, loader, seen, seed) for _ in range(2))
    later.play(pretrain_steps)
    return [fresh.duel("a fresh G", steps), later.duel(f"G after {pretrain_steps:,} steps", steps)]


class _Arena:
    """A game with its data, and the samples and noise at which it is looked at."""

    def __init__(self, config: Config, loader: Loader, seen: NDArray[np.float32], seed: int) -> None:
        self.game: Game = build_game(config, loader.images.shape[1:], CPU)
        self.loader = loader
        self.real = mg.as_tensor(seen)
        self.z = self.game.noise.fixed(SEEN, seed, CPU)
        self.seed = seed

    @property
    def G(self) -> Module:
        return self.game.generator.network

    @property
    def D(self) -> Module:
        return self.game.discriminator.network

    @property
    def eps(self) -> float:
        (group,) = self.game.generator.optimizer.param_groups
        return float(group["eps"])

    def play(self, steps: int) -> None:
        """Train both."""
        self.game.capture()
        for _ in range(steps):
            self.game.step(self._next())

    def duel(self, name: str, steps: int, dtype: Any = mg.float32) -> Duel:
        """Train D alone; the signals are computed in this precision."""
        train, at, signals = mg.capture(self._train_D), stops(steps), []
        for step in range(steps + 1):
            if step in at:
                signals.append(self._signal(dtype))
            if step < steps:
                self.game.discriminator.begin(self.game.steps)
                train(self._next())
                self.game.steps += 1
        with mg.no_grad():
            fakes = self.G(self.z).numpy()
        shown = SHOWN if fakes.ndim == 4 else SEEN
        real = self.real.numpy()[:shown]
        return Duel(
            name=name,
            layers=layers(self.G),
            at=at,
            signals=signals,
            fakes=fakes[:shown],
            real=real,
            precision=np.dtype(dtype).name,
            eps=self.eps,
        )

    def _signal(self, dtype: Any) -> Signal:
        """Of copies, so that the players stay as they are."""
        G, D = (copy.deepcopy(network).to(dtype=dtype) for network in (self.G, self.D))
        return signal(G, D, self.real.to(dtype=dtype), self.z.to(dtype=dtype), self.eps)

    def _next(self) -> Batch:
        manual_seed(self.seed)
        set_step(self.game.steps)
        return Batch(mg.as_tensor(self.loader.batch(self.game.steps)))

    def _train_D(self, batch: Batch) -> Report:
        report = self.game.differentiate_D(batch, self.game.generate(batch).detach())
        self.game.move_D()
        return report


def _chase(G: Module, D: Module, z: Tensor, loss: str, kind: str, steps: int) -> Array:
    """Train G by this loss and optimizer; the mean logit of its fakes on the way."""
    optimizer: Optimizer = SGD(G.parameters(), SGD_LR) if kind == "SGD" else Adam(G.parameters(), ADAM_LR)
    cost = get_loss(loss).generator
    D.eval()

    def step() -> Tensor:
        with D.frozen():
            logits = D(G(z))
            optimizer.zero_grad()
            cost(logits).backward()
        optimizer.step()
        mean: Tensor = logits.detach().mean()
        return mean

    captured = mg.capture(step)
    before = [captured().item() for _ in range(steps)]
    with mg.no_grad():
        return np.array([*before, D(G(z)).mean().item()])
