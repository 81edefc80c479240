"""A GAN on a mixture of Gaussians in the plane, looked at while it trains: both players at once, and what they say."""

# ruff: noqa: D102  (what the methods of an Extension are for is told there)

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from minigan.backend.device import device
from minigan.data import Mixture
from minigan.data.sources import make_mixture
from minigan.gan import (
    LOSSES,
    Config,
    DataFacts,
    Extension,
    Game,
    StopOnNaN,
    Trainer,
    Values,
    build_game,
    get_loss,
    load_preset,
)
from minigan.gan.losses import Loss
from minigan.gan.sampling import sample
from minigan.gan.source import data_of, loader_of
from minigan.lab.experiments import ring_fields as fields
from minigan.lab.numbers import Numbers
from minigan.lab.options import BatchSize, Number, OneOf, Plane, R1Gamma, Repeats, Seed, Several, Steps, Whole, checked
from minigan.lab.repeatable import repeatable
from minigan.metrics import ModeCount, caught_modes

MOMENTS = 32  # at which the game is looked at
COUNTED, SPREAD, SHOWN, WITH_ARROW = 2500, 10_000, 400, 100  # fakes: for modes, for their density, and to be drawn
WINDOWS = 300  # of steps, over each of which losses are smoothed
LINES = 29  # of the grid that G warps, in each direction
WITH_BEST_D = ("minimax", "non-saturating", "least-squares")  # losses for which p / (p + q) is the best D
CPU = device("cpu")

LossName = Annotated[str, OneOf(tuple(name for name, output in LOSSES if output == "logit"))]
AT_EQUILIBRIUM = {
    "minimax": (math.log(4), -math.log(2)),
    "non-saturating": (math.log(4), math.log(2)),
    "least-squares": (1 / 4, 1 / 8),
    "hinge": (2.0, None),
    "relativistic": (math.log(2), math.log(2)),
    "wasserstein": (0.0, None),
}
"""The losses of D and G where fakes are as real ones and D says the same everywhere; None where that same is free."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Moment(Numbers):
    """The game between two steps. Positions are rounded to 4 digits, heat maps to 3.

    Attributes:
        step: how many steps were made.
        fakes: G of the same z at every moment: (SHOWN, 2).
        lattice: G of a grid of z: (LINES, LINES, 2).
        D: what D says at the middles of the cells: (CELLS, CELLS), row by row from below.
        best: what the best D for these fakes would say, NaN where it is not known; None if the loss has none.
        outputs: of D on the first fakes: (WITH_ARROW,).
        arrows: by loss, -dL_G/dx of each of these fakes: (WITH_ARROW, 2).
        descent: by loss, minus its directional derivative along the arrows, by differences in float64.
        modes: the count of modes.
        value: V(D, G) over the blurred densities, in nats; None if D's outputs are no logits.
        reachable: the largest V of any D, -log 4 + 2 JSD.
        fakes_in_view: the integral of their density over the square; both values leave out the rest.
    """

    step: int
    fakes: Floats
    lattice: Floats
    D: Floats
    best: Floats | None
    outputs: Floats
    arrows: dict[str, Floats]
    descent: dict[str, float]
    modes: ModeCount
    value: float | None
    reachable: float
    fakes_in_view: float

    @property
    def distance(self) -> float:
        """What is left between fakes and real points: the JSD of the blurred densities, in nats."""
        return (self.reachable + math.log(4)) / 2

    @property
    def lengths(self) -> dict[str, float]:
        """By loss, the median length of its arrows."""
        return {name: float(np.median(np.hypot(*each.T))) for name, each in self.arrows.items()}


@dataclass(frozen=True, repr=False)
class History(Numbers):
    """A training, step by step.

    Attributes:
        seed: of initial weights, z and the order of the data.
        loss_D, loss_G: of each step, without penalties.
        steps: after which modes were counted.
        modes: the counts.
    """

    seed: int
    loss_D: Floats
    loss_G: Floats
    steps: list[int]
    modes: list[ModeCount]

    @property
    def smooth_steps(self) -> Floats:
        """The middles of the windows of steps over which losses are smoothed."""
        return 1 + _means(np.arange(len(self.loss_D)))

    @property
    def smooth_D(self) -> Floats:
        """The mean loss of D in each window."""
        return _means(self.loss_D)

    @property
    def smooth_G(self) -> Floats:
        """The mean loss of G in each window."""
        return _means(self.loss_G)

    @property
    def late(self) -> tuple[float, float]:
        """The mean losses of D and of G over the last tenth of the steps."""
        last = -max(1, len(self.loss_D) // 10)
        return float(self.loss_D[last:].mean()), float(self.loss_G[last:].mean())

    @property
    def all_from(self) -> int | None:
        """The first step after which all modes were caught."""
        counted = zip(self.steps, self.modes, strict=True)
        return next((step for step, found in counted if found.modes == found.of), None)


def _means(values: NDArray[Any]) -> Floats:
    return np.array([part.mean() for part in np.array_split(values, min(len(values), WINDOWS))])


@dataclass(frozen=True, repr=False)
class Ring(Numbers):
    """What `ring` returns.

    Attributes:
        data: the name of the mixture.
        centres: of the Gaussians, (K, 2).
        std: of each.
        loss: that the GAN is trained by.
        at_equilibrium: what D and G pay by this loss where fakes are as real points; None for any number.
        r1_gamma: weight of the penalty on D's slope.
        half: the pictures show the square from -half to half.
        bandwidth: of the kernel that blurs both densities; the width of a cell.
        real: real points, (SHOWN, 2).
        real_modes: the count of modes among as many real points as fakes: what a perfect G would reach.
        density: of real points, blurred: (CELLS, CELLS), rounded to 4 digits.
        z_lattice: the grid of z that G warps, (LINES, LINES, 2).
        moments: the game while it trains.
        training: the same as curves.
        repeats: trainings that differ in the seed alone.
        pull_at: outputs of D.
        pull: by loss, -dL_G/ds of a fake for which D's output s is one of these.
    """

    data: str
    centres: Floats
    std: float
    loss: str
    at_equilibrium: tuple[float, float | None]
    r1_gamma: float
    half: float
    bandwidth: float
    real: Floats
    real_modes: ModeCount
    density: Floats
    z_lattice: Floats
    moments: list[Moment]
    training: History
    repeats: list[History]
    pull_at: Floats
    pull: dict[str, Floats]


@checked
@repeatable
def ring(
    *,
    data: Plane = "ring",
    modes: Annotated[int, Whole(1, 100)] | None = None,
    std: Annotated[float, Number(0.001, 1)] = 0.05,
    loss: LossName = "non-saturating",
    arrows: Annotated[tuple[LossName, ...], Several(6)] = (
        "minimax",
        "non-saturating",
        "least-squares",
        "wasserstein",
    ),
    r1_gamma: R1Gamma = 0.1,
    lr: Annotated[float, Number(0, 1, above=True)] = 1e-3,
    batch_size: BatchSize = 256,
    steps: Steps = 3000,
    seed: Seed = 0,
    repeats: Repeats = 4,
) -> Ring:
    """Train a GAN on points of the plane, and look at it again and again.

    Args:
        data: where real points come from.
        modes: how many Gaussians, of the grid a square number; by default 8 on the ring and 25 on the grid.
        std: standard deviation of each; VEEGAN and PacGAN have 0.01 on the ring and 0.05 on the grid.
        loss: that both players train by.
        arrows: losses whose gradients are compared at the same fakes.
        r1_gamma: weight of R1, the penalty on D's slope at real points; 0 for none.
        lr: learning rate of both players at first; it falls linearly to 0 at the last step.
        batch_size: real points in a step, and as many fakes.
        steps: of each training.
        seed: of initial weights, z and the data.
        repeats: how many trainings, each with the next seed; the first is shown, of the others the modes are counted.

    Raises:
        ConfigError: a value out of range, or an unknown mixture or loss.
        DivergedError: training diverged.

    Example:
        >>> data = mg.lab.ring(steps=20, repeats=1)
        >>> data.moments[-1].step, data.moments[-1].modes.of, len(data.training.loss_D)
        (20, 8, 20)
    """
    source = make_mixture(data, modes or 0, std)
    config = _config(
        data={"source": data, "modes": len(source.centres), "std": std},
        game={"loss": loss, "r1_gamma": r1_gamma},
        training={"batch_size": batch_size, "steps": steps, "seed": seed},
        player={"lr": lr, "schedule": "linear"},
    )
    look = Look(source, config, {name: get_loss(name) for name in dict.fromkeys([*arrows, loss])})
    training = _history(look, config)
    others = [_of_seed(config, seed + k) for k in range(1, repeats)]
    return _found(config, look, training, [_history(Watch(source, each), each) for each in others])


def _found(config: Config, look: Look, training: History, others: list[History]) -> Ring:
    pull_at = np.linspace(-6, 6, 61)
    return Ring(
        data=config.data.source,
        centres=look.mixture.centres,
        std=config.data.std,
        loss=config.game.loss,
        at_equilibrium=AT_EQUILIBRIUM[config.game.loss],
        r1_gamma=config.game.r1_gamma,
        half=look.view.half,
        bandwidth=look.view.cell,
        real=look.real[:SHOWN].astype(np.float64),
        real_modes=caught_modes(look.real, look.mixture),
        density=look.p.round(4),
        z_lattice=fields.lattice(LINES),
        moments=look.moments,
        training=training,
        repeats=others,
        pull_at=pull_at,
        pull={name: fields.pull(loss, pull_at) for name, loss in look.compared.items()},
    )


# ---- training --------------------------------------------------------------------------------------------


def _config(data: dict[str, Any], game: dict[str, Any], training: dict[str, Any], player: dict[str, Any]) -> Config:
    """The preset with these settings, and no average of G: what is looked at is what D sees."""
    values = load_preset("ring").to_dict()
    for table, changes in (("data", data), ("game", game), ("training", training)):
        values[table] |= changes
    values["generator"] |= player | {"ema_decay": 0.0}
    values["discriminator"] |= player
    return Config.from_dict(values)


def _of_seed(config: Config, seed: int) -> Config:
    return replace(config, training=replace(config.training, seed=seed))


def _history(watch: Watch, config: Config) -> History:
    loader = loader_of(config, data_of(config))
    game = build_game(config, DataFacts.of(loader, config), CPU)
    Trainer(game, loader, config.training.steps, [StopOnNaN(), watch]).run()
    loss_D, loss_G = np.array(watch.losses).T
    return History(config.training.seed, loss_D, loss_G, watch.at, watch.modes)


def moments_of(steps: int) -> list[int]:
    """Steps to look at, from the first to the last, closer together at the beginning.

    >>> from minigan.lab.experiments.ring import moments_of
    >>> moments_of(3000)[:5], moments_of(3000)[-2:], moments_of(3)
    ([0, 3, 12, 28, 50], [2810, 3000], [0, 1, 2, 3])
    """
    return sorted({round(steps * (k / (MOMENTS - 1)) ** 2) for k in range(MOMENTS)})


class Watch(Extension):
    """Keeps the losses of all steps, and counts modes at some."""

    def __init__(self, mixture: Mixture, config: Config) -> None:
        self.mixture = mixture
        self.seed = config.training.seed
        self.at = moments_of(config.training.steps)
        self.losses: list[tuple[float, float]] = []
        self.modes: list[ModeCount] = []

    def start(self, trainer: Trainer) -> None:
        self.look(trainer.game, 0)

    def after_step(self, trainer: Trainer) -> None:
        if trainer.step in self.at:
            self.look(trainer.game, trainer.step)

    def after_read(self, trainer: Trainer, step: int, values: Values) -> None:
        self.losses.append((values["loss_D"], values["loss_G"]))

    def look(self, game: Game, step: int) -> None:
        """At the game after this step."""
        self.modes.append(caught_modes(sample(game, COUNTED, self.seed, CPU), self.mixture))


class Look(Watch):
    """Keeps all that there is to see, too."""

    def __init__(self, mixture: Mixture, config: Config, compared: dict[str, Loss]) -> None:
        super().__init__(mixture, config)
        self.loss = config.game.loss
        self.compared = compared
        self.moments: list[Moment] = []
        self.real = mixture.sample(COUNTED, self.seed)[0]
        self.view = fields.View.of(mixture)
        self.p = fields.blurred(mixture, self.view)

    def look(self, game: Game, step: int) -> None:
        super().look(game, step)
        G, D = game.generator.network, game.discriminator.network
        fakes = sample(game, SPREAD, self.seed, CPU)
        q = fields.kernel_density(fakes, self.view)
        scores = fields.outputs(D, self.view.points).reshape(self.p.shape)
        is_logit = game.loss.probability is not None
        best = fields.best_D(self.p, q, self.view, SPREAD) if self.loss in WITH_BEST_D else None
        z, few, real = fields.lattice(LINES), fakes[:WITH_ARROW], self.real[:WITH_ARROW]
        compared = self.compared
        arrows = {name: fields.arrows(D, each, few, real) for name, each in compared.items()}
        self.moments.append(
            Moment(
                step=step,
                fakes=fakes[:SHOWN].astype(np.float64).round(4),
                lattice=fields.outputs(G, z.reshape(-1, 2)).reshape(z.shape).round(4),
                D=(expit(scores) if is_logit else scores).round(3),
                best=None if best is None else best.round(3),
                outputs=fields.outputs(D, few)[:, 0],
                arrows=arrows,
                descent={name: fields.descent(D, each, few, real, arrows[name]) for name, each in compared.items()},
                modes=self.modes[-1],
                value=fields.value(scores, self.p, q, self.view) if is_logit else None,
                reachable=fields.reachable_value(self.p, q, self.view),
                fakes_in_view=self.view.total(q),
            )
        )
