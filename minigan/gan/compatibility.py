"""Which settings go together: those that contradict each other, or would have no effect, are refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigan.data.mixtures import MIXTURES
from minigan.data.parts import SPLITS
from minigan.errors import ConfigError
from minigan.gan.config import Config, DataConfig, GameConfig, PlayerConfig
from minigan.gan.games.reconstruction import DAMAGES
from minigan.gan.losses import get_loss
from minigan.gan.settings import shown

if TYPE_CHECKING:
    from minigan.data import Dataset
    from minigan.gan.build import DataFacts

UNUSED: dict[tuple[str, str], tuple[str, ...]] = {
    ("optimizer", "adam"): ("momentum", "final_momentum", "momentum_epochs"),
    ("optimizer", "rmsprop"): ("final_momentum", "momentum_epochs"),
    ("schedule", "constant"): ("lr_decay", "lr_min"),
    ("schedule", "linear"): ("lr_decay",),
    ("schedule", "cosine"): ("lr_decay",),
    ("activation", "relu"): ("negative_slope",),
    ("activation", "tanh"): ("negative_slope",),
    ("activation", "sigmoid"): ("negative_slope",),
    ("norm", "none"): ("norm_eps", "norm_momentum"),
    ("norm", "layer"): ("norm_eps", "norm_momentum"),
    ("norm", "instance"): ("norm_eps", "norm_momentum"),
    ("init", "default"): ("init_scale",),
    ("init", "xavier_uniform"): ("init_scale",),
    ("init", "kaiming_normal"): ("init_scale",),
    ("init", "orthogonal"): ("init_scale",),
    ("network", "unet"): ("z_dim", "z", "z_scale", "dense"),
    ("network", "mlp"): ("pieces", "dense"),
    ("network", "conv"): ("pieces",),
    ("network", "residual"): ("pieces", "dense"),
    ("network", "maxout"): ("dense",),
}
"""What a choice leaves without effect: whoever sets one of these waits for something that would never come.

Adam's betas are not here: nearly all presets have their own, and whoever chooses another optimizer does not mean them.
"""

OF_TASKS: dict[str, tuple[str, ...]] = {
    "labelled": ("semi-supervised",),
    "class_weight": ("auxiliary", "semi-supervised"),
    "reconstruction": ("repair", "super-resolution"),
}
"""The tasks in which alone these settings mean something."""

SLOPES = ("r1_gamma", "r2_gamma", "gradient_penalty", "dragan")
SLOPES_OF_1 = ("gradient_penalty", "dragan")  # which pull the slope at each sample towards 1, not all slopes towards 0
WITH_LABELS = ("conditional", "auxiliary", "semi-supervised")


def check_compatible(config: Config, data: DataFacts) -> None:
    """Make sure that the settings fit each other and the data.

    Raises:
        ConfigError: they do not; it names the setting, and says what would do.

    >>> from minigan.gan.compatibility import check_compatible
    >>> check_compatible(mg.gan.set_field(mg.gan.load_preset("dcgan"), "game.pack=2"), mg.gan.DataFacts((1, 28, 28)))
    """
    _check_labels(config.game, data)
    _check_task(config, data)
    _check_points(config, data)
    _check_held_out(config)
    _check_what_D_gives(config.game, config.discriminator.output)
    _check_fading(config.game)
    for name, player in (("generator", config.generator), ("discriminator", config.discriminator)):
        _check_unused(name, player)
        _check_rates(name, player)


def _check_unused(name: str, player: PlayerConfig) -> None:
    for (field, choice), unused in UNUSED.items():
        if getattr(player, field) != choice:
            continue
        for setting in unused:
            usual = getattr(type(player), setting, None)
            if getattr(player, setting, usual) != usual:
                raise ConfigError(
                    f"{name}.{setting} has no effect with {name}.{field}={choice!r}; choose another {field}, or leave "
                    f"{setting} at {usual}."
                )


def _check_rates(name: str, player: PlayerConfig) -> None:
    if player.schedule in ("step", "exponential") and player.lr_decay == 1:
        raise ConfigError(
            f"{name}.schedule: {player.schedule!r} multiplies lr by lr_decay, which is 1, so it would stay the same; "
            f"set {name}.lr_decay below 1."
        )
    if player.lr_min > player.lr:
        raise ConfigError(f"{name}.lr_min: expected at most lr, {player.lr}, but got {player.lr_min}; lower it.")
    if player.final_momentum and not player.momentum_epochs:
        raise ConfigError(
            f"{name}.final_momentum: expected the epochs in which momentum gets there; set {name}.momentum_epochs."
        )


def _check_what_D_gives(rules: GameConfig, output: str) -> None:
    slopes = [name for name in SLOPES if getattr(rules, name)]
    if slopes and output != "logit":
        raise ConfigError(f'game.{slopes[0]}: the penalty is defined on logits; set discriminator.output="logit".')
    softened = [name for name in ("label_smoothing", "fake_label_smoothing", "label_noise") if getattr(rules, name)]
    if softened and not get_loss(rules.loss, output).uses_targets:
        raise ConfigError(
            f"game.{softened[0]}: the loss {rules.loss!r} has no labels that could be softened; set it to 0."
        )


def _check_fading(rules: GameConfig) -> None:
    if rules.instance_noise_epochs and not rules.instance_noise:
        raise ConfigError("game.instance_noise_epochs: there is no noise to fade away; set game.instance_noise, too.")


def _check_labels(rules: GameConfig, data: DataFacts) -> None:
    if rules.task in WITH_LABELS and not data.classes:
        raise ConfigError(f"game.task: {rules.task!r} needs labels, but the data have none; choose data with labels.")
    if rules.task == "semi-supervised" and rules.labelled < data.classes:
        raise ConfigError(
            f"game.labelled: expected at least one for each of {data.classes} classes, but got {rules.labelled}."
        )


def _check_task(config: Config, data: DataFacts) -> None:
    rules, network = config.game, config.generator.network
    for setting, tasks in OF_TASKS.items():
        usual = getattr(GameConfig, setting)
        if rules.task not in tasks and getattr(rules, setting) != usual:
            raise ConfigError(
                f"game.{setting} is for the task {' or '.join(map(repr, tasks))}, but game.task is {rules.task!r}; "
                f"leave {setting} at {usual}."
            )
    if rules.pack > 1 and rules.task != "generate":
        raise ConfigError(
            f'game.pack: D can see several samples at once in the task "generate", not in {rules.task!r}.'
        )
    if (network == "unet") != (rules.task in DAMAGES):
        raise ConfigError(
            f"generator.network: {network!r} does not fit the task {rules.task!r}; "
            'the tasks "repair" and "super-resolution" need "unet", and only these.'
        )
    if rules.task in DAMAGES and len(data.shape) != 3:
        raise ConfigError(f"game.task: {rules.task!r} needs images, but the data are points.")


def _check_held_out(config: Config) -> None:
    split = config.data.split
    if config.training.evaluate_every and SPLITS.get(split) == "test":
        raise ConfigError(
            "training.evaluate_every shows D the split 'test' as samples that it was not trained on, but data.split is "
            f"{shown(split)}, so that it is trained on these; set training.evaluate_every=0, or data.split=train."
        )


def doubts(config: Config) -> list[str]:
    """What is allowed, but may not be meant: sentences for whoever trains.

    >>> from minigan.gan.compatibility import doubts
    >>> doubts(mg.gan.set_field(mg.gan.load_preset("dcgan"), "game.dragan=1"))  # doctest: +ELLIPSIS
    ['game.dragan wants a slope of D of 1 at each sample by itself, but with discriminator.norm=batch ...']
    """
    if config.discriminator.norm != "batch":
        return []
    return [
        f"game.{name} wants a slope of D of 1 at each sample by itself, but with discriminator.norm=batch what D says "
        "of a sample depends on the others of its batch; norm=layer keeps them apart (Gulrajani et al. 2017)."
        for name in SLOPES_OF_1
        if getattr(config.game, name)
    ]


def check_classes_of(held_out: Dataset, config: Config, data: DataFacts) -> None:
    """Make sure that held-out data have no class that the players were never shown.

    Raises:
        ConfigError: they have.
    """
    if config.game.task in WITH_LABELS and held_out.labels is not None and held_out.labels.max() >= data.classes:
        raise ConfigError(
            f"The held-out samples of {held_out.name} have classes that the {data.classes} of the samples to train on "
            "are without; take their samples away."
        )


def _check_points(config: Config, data: DataFacts) -> None:
    source, output = config.data.source, config.generator.output
    if source not in MIXTURES and config.data.count != DataConfig.count:
        raise ConfigError(
            f"data.count is for mixtures, from which points are drawn, but data.source is {shown(source)}; to use the "
            "first so many samples set data.limit."
        )
    if output != "linear" and data.reach > 1:
        raise ConfigError(
            f"generator.output: {output!r} gives numbers from -1 to 1, but the data reach {data.reach:.3g}, where G "
            'would never come; set generator.output="linear".'
        )
