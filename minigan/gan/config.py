"""The settings of a run, table by table as they stand in its config.toml, and the presets that ship with minigan."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal

from minigan.errors import ConfigError
from minigan.gan.settings import (
    Amount,
    Count,
    Counts,
    Decay,
    Natural,
    Positive,
    Probability,
    Seed,
    Text,
    build,
    hint,
    leaves,
    nearest,
    parse_assignment,
    plain,
)


@dataclass(frozen=True)
class DataConfig:
    """Which samples.

    Attributes:
        source: "mnist"; "ring", "grid", "spiral" or "mixture-1d"; or a file or folder (see `minigan.data.open_data`).
        split: "train" or "test".
        limit: use so many samples, the first, which may all be of one class; 0 for all.
        size: height and width to which the images of a folder are resized; 0 leaves them as they are.
        channels: 1 for grey, 3 for colour; 0 leaves the images of a folder as they are.
        count: how many points of a mixture to draw.
        modes: how many modes a mixture has; 0 for the usual number.
        std: standard deviation of each mode; 0 for the usual one.
        drop_last: leave out the short batch at the end of an epoch.
    """

    source: Text = "mnist"
    split: str = "train"
    limit: Natural = 0
    size: Natural = 0
    channels: Literal[0, 1, 3] = 0
    count: Count = 100_000
    modes: Natural = 0
    std: Amount = 0.0
    drop_last: bool = False


@dataclass(frozen=True)
class PlayerConfig:
    """What both players have: a network, and an optimizer that moves it.

    A setting that would have no effect beside the others, such as a momentum for Adam, is refused when the game is
    built (see `minigan.gan.compatibility`).

    Attributes:
        hidden: widths of the hidden layers, or channels of the blocks, from the input to the output.
        dense: widths of Linear layers of "conv", where the whole image is seen at once: after z in G, at the end of D.
        activation: after each hidden layer; layers of maxout units have none besides.
        negative_slope: of LeakyReLU.
        norm: after each hidden layer, before the activation; in a convolutional D from the second block on.
        norm_eps, norm_momentum: of BatchNorm, added to the variance, and the weight of a batch in its running averages.
        spectral_norm: divide each weight by its largest singular value.
        dropout: probability after each hidden layer.
        init: "default" as each layer does by itself; the others draw all weights, and zero all biases. "normal" and
            "uniform" in the width init_scale; the sizes of the layer decide in "xavier_uniform" (Glorot),
            "kaiming_normal" (He, with the gain of the activation) and "orthogonal", see `minigan.nn.init`.
        init_scale: standard deviation of "normal", half the width of "uniform"; the others have none.
        optimizer: what moves the weights.
        lr: the learning rate.
        betas: of Adam; the other optimizers have none.
        momentum: of SGD and RMSprop.
        final_momentum, momentum_epochs: SGD's momentum rises to this, linearly over so many epochs; 0 epochs for never.
        weight_decay: adds so much of the weight to its gradient.
        clip_grad_norm: the gradient of the network is scaled down to this length if it is longer; 0 for never.
        schedule: how lr changes: "step" and "exponential" by lr_decay per epoch, at its end or in every step; "linear"
            and "cosine" down to lr_min at the end of the run.
        lr_decay: factor per epoch of "step" and "exponential".
        lr_min: lr never falls below it.
    """

    hidden: Counts = (256,)
    dense: tuple[Count, ...] = ()
    activation: Literal["leaky_relu", "relu", "tanh", "sigmoid"] = "leaky_relu"
    negative_slope: float = 0.2
    norm: Literal["none", "batch", "layer", "instance"] = "none"
    norm_eps: Positive = 1e-5
    norm_momentum: Probability = 0.1
    spectral_norm: bool = False
    dropout: Probability = 0.0
    init: Literal["default", "normal", "uniform", "xavier_uniform", "kaiming_normal", "orthogonal"] = "default"
    init_scale: Amount = 0.02
    optimizer: Literal["adam", "sgd", "rmsprop"] = "adam"
    lr: Amount = 2e-4
    betas: tuple[float, ...] = (0.9, 0.999)
    momentum: Decay = 0.0
    final_momentum: Decay = 0.0
    momentum_epochs: Amount = 0.0
    weight_decay: Amount = 0.0
    clip_grad_norm: Amount = 0.0
    schedule: Literal["constant", "step", "exponential", "linear", "cosine"] = "constant"
    lr_decay: Probability = 1.0
    lr_min: Amount = 0.0


@dataclass(frozen=True)
class GeneratorConfig(PlayerConfig):
    """G and its optimizer.

    Attributes:
        network: its kind; "unet" makes images of images, for the tasks "repair" and "super-resolution".
        z_dim: length of its input z; "unet" has none.
        z: its distribution: N(0, 1), or U(-1, 1).
        z_scale: what z is multiplied by.
        output: what bounds the pixels; "sigmoid" gives 0 to 1, which is stretched to -1 to 1.
        output_bias: "mean" starts the last bias where G draws the mean of the data; only with "sigmoid".
        ema_decay: of the average of G that samples are drawn from; 0 for none.
    """

    hidden: Counts = (256, 512, 1024)
    network: Literal["mlp", "conv", "residual", "unet"] = "mlp"
    z_dim: Count = 100
    z: Literal["normal", "uniform"] = "normal"
    z_scale: Positive = 1.0
    output: Literal["tanh", "sigmoid", "linear"] = "tanh"
    output_bias: Literal["default", "mean"] = "default"
    ema_decay: Decay = 0.0


@dataclass(frozen=True)
class DiscriminatorConfig(PlayerConfig):
    """D and its optimizer.

    Attributes:
        network: its kind.
        pieces: of each maxout unit.
        input_dropout: probability for each number that D looks at.
        output: "logit", or "probability" for a Sigmoid at the end.
    """

    hidden: Counts = (1024, 512, 256)
    network: Literal["mlp", "conv", "residual", "maxout"] = "mlp"
    pieces: Count = 5
    input_dropout: Probability = 0.0
    output: Literal["logit", "probability"] = "logit"


@dataclass(frozen=True)
class GameConfig:
    """The rules.

    Attributes:
        task: what G makes of what: samples of noise ("generate"), of noise and a label ("conditional"; "auxiliary" if
            D has to tell the label), of noise while D learns to classify from few labels ("semi-supervised"), images
            of images with a hole ("repair") or of a quarter of the size ("super-resolution").
        rule: who moves when, see `minigan.gan.rules`.
        d_steps, g_steps: moves of each player in a step, when they alternate.
        fresh_z: G's move draws new z; else it plays the fakes of D's last move.
        loss: what both players want, as in `minigan.gan.LOSSES`; in the task "semi-supervised" D alone, as G matches
            features.
        label_smoothing: how far below 1 D's target for real images lies.
        fake_label_smoothing: how far above 0 D's target for fakes lies.
        label_noise: the probability with which D is told the opposite.
        r1_gamma, r2_gamma: weights of the penalties R1 (at real images) and R2 (at fakes); 0 for none.
        gradient_penalty: weight of WGAN-GP's penalty; 0 for none.
        dragan: weight of DRAGAN's penalty; 0 for none.
        penalty_every: on which steps these are due: every k-th, then k times as strong.
        consensus: weight of consensus optimisation; 0 for none.
        clip_weights: D's weights are clipped to plus or minus this; 0 for never.
        pack: how many samples D sees at once.
        instance_noise: standard deviation of the noise on all that D sees; 0 for none.
        instance_noise_epochs: how long it takes to fade away, linearly; 0 for never.
        labelled: how many samples the task "semi-supervised" knows the labels of: as many of each class.
        class_weight: weight of the classifier's loss in the tasks "auxiliary" and "semi-supervised".
        reconstruction: weight lambda of the mean squared error between G's image and the original.
    """

    task: Literal["generate", "conditional", "auxiliary", "semi-supervised", "repair", "super-resolution"] = "generate"
    rule: Literal["alternating", "simultaneous", "extragradient", "optimistic"] = "alternating"
    d_steps: Count = 1
    g_steps: Count = 1
    fresh_z: bool = False
    loss: Literal["non-saturating", "minimax", "least-squares", "wasserstein", "hinge", "relativistic"] = (
        "non-saturating"
    )
    label_smoothing: Decay = 0.0
    fake_label_smoothing: Decay = 0.0
    label_noise: Probability = 0.0
    r1_gamma: Amount = 0.0
    r2_gamma: Amount = 0.0
    gradient_penalty: Amount = 0.0
    dragan: Amount = 0.0
    penalty_every: Count = 1
    consensus: Amount = 0.0
    clip_weights: Amount = 0.0
    pack: Count = 1
    instance_noise: Amount = 0.0
    instance_noise_epochs: Amount = 0.0
    labelled: Count = 100
    class_weight: Amount = 1.0
    reconstruction: Amount = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """How long, on what, from which seed.

    Attributes:
        steps: how many steps.
        batch_size: real images in a step, and as many fakes.
        seed: of initial weights, noise, dropout and the order of the data.
        log_every: steps between two lines of the log.
        capture: whether steps are captured, which changes their speed alone.
        evaluate_every: epochs between two looks of D at held-out images; 0 for never.
        checkpoint_epochs: epochs between two checkpoints.
        checkpoint_minutes: a checkpoint is written, too, when the last is so old.
        keep: how many of the newest checkpoints to keep.
    """

    steps: Count = 10_000
    batch_size: Count = 128
    seed: Seed = 0
    log_every: Count = 50
    capture: bool = True
    evaluate_every: Natural = 0
    checkpoint_epochs: Count = 1
    checkpoint_minutes: Positive = 5.0
    keep: Count = 2


@dataclass(frozen=True)
class ScoreConfig:
    """How good the samples are, measured while training; see docs/scores.md.

    Attributes:
        every: epochs between two scores; 0 for never.
        n: how many samples each of them takes.
    """

    every: Natural = 0
    n: Count = 2500


@dataclass(frozen=True)
class Config:
    """All settings of a run.

    Attributes:
        name: the preset that it started from.
        about: what that is, in a line.
        source: where its settings come from.

    >>> from minigan.gan.config import load_preset
    >>> load_preset("reference").training.batch_size
    128
    """

    name: str = "custom"
    about: str = ""
    source: str = ""
    data: DataConfig = field(default_factory=DataConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    game: GameConfig = field(default_factory=GameConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    score: ScoreConfig = field(default_factory=ScoreConfig)

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, as TOML has them."""
        return plain(dataclasses.asdict(self))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Config:
        """The settings in such dictionaries; what is left out has its default.

        Raises:
            ConfigError: an unknown field (the nearest known one is suggested), or a value of the wrong type.
        """
        return build(cls, values)  # type: ignore[no-any-return]

    def differences(self, other: Config) -> dict[str, tuple[Any, Any]]:
        """The settings that differ, by path, as (here, there).

        >>> from minigan.gan.config import load_preset, set_field
        >>> here = load_preset("default")
        >>> here.differences(set_field(here, "training.seed=1"))
        {'training.seed': (0, 1)}
        """
        here, there = leaves(self.to_dict()), leaves(other.to_dict())
        return {path: (value, there[path]) for path, value in here.items() if value != there[path]}


def set_field(config: Config, assignment: str) -> Config:
    """A copy with one field changed, as in ``--set generator.lr=1e-4``; values are written as in TOML.

    Raises:
        ConfigError: no ``=``, an unknown field, or a value that does not fit.

    >>> from minigan.gan.config import Config, set_field
    >>> set_field(Config(), "discriminator.dropout=0.3").discriminator.dropout
    0.3
    """
    path, value = parse_assignment(assignment, "generator.lr=1e-4")
    values: Any = config.to_dict()
    known = leaves(values)
    if path not in known:
        raise ConfigError(f"No field {path!r} to set.{hint(path, list(known))}")
    section, _, name = path.rpartition(".")
    (values[section] if section else values)[name] = value
    return Config.from_dict(values)


def set_fields(config: Config, assignments: Iterable[str]) -> Config:
    """A copy with some fields changed, one after the other: see :func:`set_field`.

    >>> from minigan.gan.config import Config, set_fields
    >>> set_fields(Config(), ["training.seed=1", "training.seed=2"]).training.seed
    2
    """
    for assignment in assignments:
        config = set_field(config, assignment)
    return config


# ---- presets ---------------------------------------------------------------------------------------------


def preset_names() -> list[str]:
    """The names of all presets, ``default`` first."""
    names = sorted(f.name.removesuffix(".toml") for f in _folder().iterdir() if f.name.endswith(".toml"))
    return sorted(names, key=lambda name: name != "default")


def load_preset(name: str) -> Config:
    """The settings of a preset.

    Raises:
        ConfigError: there is no such preset.
    """
    known = preset_names()
    if name not in known:
        raise ConfigError(f"No preset {name!r}: expected one of {', '.join(known)}.{nearest(name, known)}")
    values = tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))
    return Config.from_dict({"name": name, **values})


def _folder() -> Any:
    return resources.files("minigan.gan") / "presets"
