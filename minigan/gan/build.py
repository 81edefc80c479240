"""From settings and data to a game."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.backend import philox
from minigan.backend.allowance import allowance
from minigan.backend.device import Device
from minigan.backend.memory import physical_memory
from minigan.data import Loader, gather_pixels
from minigan.data.classes import count_classes
from minigan.errors import ConfigError
from minigan.gan.batch import Batch
from minigan.gan.compatibility import check_compatible
from minigan.gan.config import Config, GameConfig, PlayerConfig
from minigan.gan.ema import EMA
from minigan.gan.game import Game
from minigan.gan.games import AuxiliaryClassifierGame, ConditionalGame, ReconstructionGame, SemiSupervisedGame
from minigan.gan.games.reconstruction import DAMAGES
from minigan.gan.losses import Targets, get_loss
from minigan.gan.networks import build_discriminator, build_generator, set_output_bias
from minigan.gan.noise import Noise
from minigan.gan.penalties import DRAGAN, R1, R2, GradientPenalty, Penalty
from minigan.gan.player import Player, Schedule
from minigan.gan.rules import batches_per_step
from minigan.gan.schedules import learning_rate, momentum
from minigan.nn import Module
from minigan.ops.random import fork_rng, manual_seed
from minigan.optim import SGD, Adam, ExtraAdam, ExtraSGD, OptimisticAdam, OptimisticSGD, Optimizer, RMSprop

_HELD = 4  # times that training holds every weight: itself, its gradient, and two moments


@dataclass(frozen=True)
class DataFacts:
    """What a game has to know of its data.

    Attributes:
        shape: of a sample: (C, H, W), or (F,) for points.
        classes: how many; 0 where there are no labels.
        batches: in an epoch: learning rates may depend on it.
        mean: the mean sample, for G's output bias.
        labelled: samples and labels that a semi-supervised D may learn from.
        reach: the largest absolute value in them; 1 for images.
    """

    shape: tuple[int, ...]
    classes: int = 0
    batches: int = 1
    mean: NDArray[Any] | None = None
    labelled: tuple[NDArray[Any], NDArray[Any]] | None = None
    reach: float = 1.0

    @classmethod
    def of(cls, loader: Loader, config: Config) -> DataFacts:
        """All of it, from the data themselves."""
        classes = count_classes(loader.labels)
        mean = _mean(loader) if config.generator.output_bias == "mean" else None
        labelled = _some_of_each_class(loader, config) if config.game.task == "semi-supervised" else None
        return cls(loader.images.shape[1:], classes, len(loader), mean, labelled, _reach(loader.images))


def _some_of_each_class(loader: Loader, config: Config) -> tuple[NDArray[Any], NDArray[Any]]:
    """The same number of each class, drawn by the seed of the run."""
    if loader.labels is None:
        raise ConfigError('The task "semi-supervised" needs labels, but the data have none; choose data with labels.')
    order = philox.permutation(len(loader.labels), config.training.seed, epoch=0)
    shuffled, classes = loader.labels[order], count_classes(loader.labels)
    each = config.game.labelled // classes
    of_each = [order[shuffled == k][:each] for k in range(classes)]
    scarce = min(range(classes), key=lambda k: len(of_each[k]))
    if len(of_each[scarce]) < each:
        raise ConfigError(
            f"game.labelled: expected {each} samples of each of {classes} classes, but class {scarce} has "
            f"{len(of_each[scarce])}; ask for fewer, or choose data with more."
        )
    chosen = np.concatenate(of_each)
    return gather_pixels(loader.images, chosen), loader.labels[chosen]


def _mean(loader: Loader) -> NDArray[Any]:
    mean: NDArray[Any] = gather_pixels(loader.images, np.arange(len(loader.images))).mean(0)
    return mean


def _reach(samples: NDArray[Any]) -> float:
    is_points = samples.ndim == 2
    return float(max(-samples.min(), samples.max())) if is_points else 1.0


def build_game(config: Config, data: DataFacts | tuple[int, ...], device: Device) -> Game:
    """Networks with fresh weights from ``config.training.seed``, optimizers and rules.

    The random streams go on where they were: whoever plays the game without a trainer seeds them himself.

    Args:
        config: the settings.
        data: what the game has to know of its data; where that is the shape of a sample alone, just this.
        device: where the networks live.

    Raises:
        ConfigError: settings that make no sense together, such as R1 on probabilities.

    >>> from minigan.gan import build_game, load_preset
    >>> game = build_game(load_preset("reference"), (1, 28, 28), mg.device("cpu"))
    >>> game.generator.network.num_parameters(), game.discriminator.network.num_parameters()
    (1486352, 1460225)
    """
    data = data if isinstance(data, DataFacts) else DataFacts(tuple(data))
    check_compatible(config, data)
    room = (physical_memory() or 2**62) // _HELD
    with fork_rng(), allowance(room, "choose smaller networks: training holds every weight about four times"):
        manual_seed(config.training.seed)
        G, D = _networks(config, data)
    game: Game = _game_type(config.game.task)(
        _player("G", G, config.generator, config, data, device),
        _player("D", D, config.discriminator, config, data, device),
        get_loss(config.game.loss, config.discriminator.output),
        Noise(config.generator.z_dim, config.generator.z, config.generator.z_scale),
        **_rules(config.game),
        **_task(config.game, data, device),
        fade_steps=config.game.instance_noise_epochs * _steps_per_epoch(config.game, data),
        ema=EMA(G, config.generator.ema_decay) if config.generator.ema_decay else None,
    )
    return game


def _networks(config: Config, data: DataFacts) -> tuple[Module, Module]:
    told = data.classes if config.game.task == "conditional" else 0
    outputs = {"auxiliary": 1 + data.classes, "semi-supervised": data.classes}.get(config.game.task, 1)
    labelled_G = data.classes if config.game.task in ("conditional", "auxiliary") else 0
    packed = (data.shape[0] * config.game.pack, *data.shape[1:])
    G = build_generator(config.generator, data.shape, classes=labelled_G)
    if data.mean is not None:
        set_output_bias(G, data.mean)
    return G, build_discriminator(config.discriminator, packed, classes=told, outputs=outputs)


def _rules(rules: GameConfig) -> dict[str, Any]:
    penalties: list[Penalty] = [
        kind(weight, rules.penalty_every)
        for kind, weight in (
            (R1, rules.r1_gamma),
            (R2, rules.r2_gamma),
            (GradientPenalty, rules.gradient_penalty),
            (DRAGAN, rules.dragan),
        )
        if weight
    ]
    same = ("rule", "d_steps", "g_steps", "fresh_z", "consensus", "clip_weights", "pack", "instance_noise")
    targets = Targets(rules.label_smoothing, rules.fake_label_smoothing, rules.label_noise)
    return {name: getattr(rules, name) for name in same} | {"targets": targets, "penalties": penalties}


def _game_type(task: str) -> Any:
    return {
        "conditional": ConditionalGame,
        "auxiliary": AuxiliaryClassifierGame,
        "semi-supervised": SemiSupervisedGame,
        "repair": ReconstructionGame,
        "super-resolution": ReconstructionGame,
    }.get(task, Game)


def _task(rules: GameConfig, data: DataFacts, device: Device) -> dict[str, Any]:
    """What only the games of this task take."""
    if rules.task == "auxiliary":
        return {"class_weight": rules.class_weight}
    if rules.task == "semi-supervised":
        some = None if data.labelled is None else Batch.of(*data.labelled, device)
        return {"class_weight": rules.class_weight, "labelled": some}
    if rules.task in DAMAGES:
        return {"damage": DAMAGES[rules.task], "reconstruction": rules.reconstruction}
    return {}


def _steps_per_epoch(rules: GameConfig, data: DataFacts) -> float:
    return data.batches / batches_per_step(rules.rule, rules.d_steps)


# ---- players ---------------------------------------------------------------------------------------------


def _player(
    name: str, network: Module, settings: PlayerConfig, config: Config, data: DataFacts, device: Device
) -> Player:
    network.to(device)
    try:
        optimizer = _optimizer(network, settings, config.game.rule)
    except ConfigError as error:
        raise ConfigError(f"{name}'s {error}") from None
    return Player(name, network, optimizer, _schedule(settings, config, data), settings.clip_grad_norm)


def _optimizer(network: Module, settings: PlayerConfig, rule: str) -> Optimizer:
    kinds = OPTIMIZERS.get(rule, PLAIN)
    if settings.optimizer not in kinds:
        raise ConfigError(f"optimizer: there is no {rule} {settings.optimizer}; choose one of {', '.join(kinds)}.")
    own: dict[str, Any] = {"betas": settings.betas} if settings.optimizer == "adam" else {"momentum": settings.momentum}
    optimizer: Optimizer = kinds[settings.optimizer](
        network.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, **own
    )
    return optimizer


PLAIN: dict[str, Any] = {"adam": Adam, "sgd": SGD, "rmsprop": RMSprop}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "extragradient": {"adam": ExtraAdam, "sgd": ExtraSGD},
    "optimistic": {"adam": OptimisticAdam, "sgd": OptimisticSGD},
}


def _schedule(settings: PlayerConfig, config: Config, data: DataFacts) -> Schedule | None:
    per_epoch, steps = _steps_per_epoch(config.game, data), config.training.steps
    rising = settings.optimizer == "sgd" and settings.momentum_epochs > 0
    if settings.schedule == "constant" and not rising:
        return None

    def settings_at(step: int) -> dict[str, float]:
        now = {"lr": learning_rate(settings, step, steps, per_epoch)}
        return now | {"momentum": momentum(settings, step, per_epoch)} if rising else now

    return settings_at
