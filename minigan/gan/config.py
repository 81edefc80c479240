"""The settings of a run: dataclasses that read from and write to TOML, and the presets that ship with minigan."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, get_args, get_type_hints

from minigan.errors import ConfigError

LARGEST = 10**9  # of a length or a count: a product of two of them is still a size that NumPy can be asked for
FLOAT32_MAX = 3.4028234663852886e38


@dataclass(frozen=True)
class DataConfig:
    """Which images.

    Attributes:
        source: "mnist", or a folder with a pair of IDX files.
        split: "train" or "test".
        drop_last: leave out the short batch at the end of an epoch.
    """

    source: str = "mnist"
    split: str = "train"
    drop_last: bool = False


@dataclass(frozen=True)
class GeneratorConfig:
    """G and its optimizer.

    Attributes:
        z_dim: length of its input, drawn from N(0, 1).
        hidden: widths of the hidden layers.
        negative_slope: of LeakyReLU.
        batch_norm: BatchNorm after each hidden Linear.
        lr, betas: of Adam.
        ema_decay: of the average of G that samples are drawn from; 0 for none.
    """

    z_dim: int = 100
    hidden: tuple[int, ...] = (256, 512, 1024)
    negative_slope: float = 0.2
    batch_norm: bool = False
    lr: float = 2e-4
    betas: tuple[float, ...] = (0.9, 0.999)
    ema_decay: float = 0.0


@dataclass(frozen=True)
class DiscriminatorConfig:
    """D and its optimizer.

    Attributes:
        hidden: widths of the hidden layers.
        negative_slope: of LeakyReLU.
        dropout: probability after each hidden layer.
        output: "logit", or "probability" for a Sigmoid at the end.
        lr, betas: of Adam.
    """

    hidden: tuple[int, ...] = (1024, 512, 256)
    negative_slope: float = 0.2
    dropout: float = 0.0
    output: str = "logit"
    lr: float = 2e-4
    betas: tuple[float, ...] = (0.9, 0.999)


@dataclass(frozen=True)
class GameConfig:
    """The rules.

    Attributes:
        loss: "non-saturating" or "minimax".
        label_smoothing: how far below 1 D's target for real images lies.
        r1_gamma: weight of the R1 penalty; 0 for none.
        r1_every: on which steps it is due: every k-th, then k times as strong.
    """

    loss: str = "non-saturating"
    label_smoothing: float = 0.0
    r1_gamma: float = 0.0
    r1_every: int = 1


@dataclass(frozen=True)
class TrainingConfig:
    """How long, on what, from which seed.

    Attributes:
        steps: how many steps.
        batch_size: real images in a step, and as many fakes.
        seed: of initial weights, noise, dropout and the order of the data.
        log_every: steps between two lines of the log.
    """

    steps: int = 10_000
    batch_size: int = 128
    seed: int = 0
    log_every: int = 50


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

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries of plain values, as TOML has them."""
        return _plain(dataclasses.asdict(self))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Config:
        """The settings in such dictionaries; what is left out has its default.

        Raises:
            ConfigError: an unknown field (the nearest known one is suggested), or a value of the wrong type.
        """
        return _build(cls, values, "")  # type: ignore[no-any-return]


def preset_names() -> list[str]:
    """The names of all presets, ``default`` first."""
    names = sorted(f.name.removesuffix(".toml") for f in _folder().iterdir() if f.name.endswith(".toml"))
    return sorted(names, key=lambda name: name != "default")


def load_preset(name: str) -> Config:
    """The settings of a preset.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in preset_names():
        known = preset_names()
        raise ConfigError(f"No preset {name!r}: expected one of {', '.join(known)}.{_nearest(name, known)}")
    values = tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))
    return Config.from_dict({"name": name, **values})


def set_field(config: Config, assignment: str) -> Config:
    """A copy with one field changed, as in ``--set generator.lr=1e-4``; values are written as in TOML.

    Raises:
        ConfigError: no ``=``, an unknown field, or a value that does not fit.

    >>> from minigan.gan.config import Config, set_field
    >>> set_field(Config(), "discriminator.dropout=0.3").discriminator.dropout
    0.3
    """
    path, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"--set {assignment}: expected FIELD=VALUE, for example generator.lr=1e-4.")
    values: Any = config.to_dict()
    section, _, name = path.strip().rpartition(".")
    target = values.get(section) if section else values
    if not isinstance(target, dict) or name not in target or isinstance(target[name], dict):
        known = _paths(config.to_dict())
        raise ConfigError(f"No field {path.strip()!r} to set.{_hint(path.strip(), known)}")
    target[name] = _value(text.strip())
    return Config.from_dict(values)


def _build(cls: Any, values: dict[str, Any], path: str) -> Any:
    hints = get_type_hints(cls)
    unknown = [name for name in values if name not in hints]
    if unknown:
        raise ConfigError(f"No field {path + unknown[0]!r}.{_hint(unknown[0], list(hints))}")
    return cls(**{name: _convert(hints[name], value, path + name) for name, value in values.items()})


def _convert(hint: Any, value: Any, path: str) -> Any:
    """The value in the type of its field; TOML has no tuples, and people write 1 for 1.0."""
    if dataclasses.is_dataclass(hint):
        if isinstance(value, dict):
            return _build(hint, value, f"{path}.")
        raise ConfigError(f"{path}: expected a table of settings, but got {_shown(value)}.")
    element = get_args(hint)[0] if get_args(hint) else None
    if element is not None:
        if isinstance(value, list | tuple) and value:
            return tuple(_convert(element, part, path) for part in value)
        raise ConfigError(f"{path}: expected a list such as [1, 2], but got {_shown(value)}.")
    if type(value) is not hint and not (hint is float and type(value) is int):
        raise ConfigError(f"{path}: expected {_KINDS[hint]}, but got {_shown(value)}.")
    if hint is float:
        return _finite(path, value)
    return check_whole(path, value, *_RANGES.get(path, ())) if hint is int else value


def _finite(path: str, value: float) -> float:
    """What the networks can compute with; a NaN is not at most anything."""
    if not abs(value) <= FLOAT32_MAX:
        raise ConfigError(f"{path}: expected a finite number of at most {FLOAT32_MAX:.2g}, but got {_shown(value)}.")
    return float(value)


def check_whole(path: str, value: int, least: int = 1, most: int = LARGEST) -> int:
    """The value itself.

    Raises:
        ConfigError: it is less than ``least`` or more than ``most``; ``path`` says what it is.

    >>> from minigan.gan.config import check_whole
    >>> check_whole("generator.z_dim", 100)
    100
    """
    if value < least:
        raise ConfigError(f"{path}: expected a whole number of at least {least}, but got {_shown(value)}.")
    if value > most:
        raise ConfigError(f"{path}: expected a whole number of at most {most:,}, but got {_shown(value)}.")
    return value


_RANGES = {"training.seed": (0, 2**64 - 1)}  # every other whole number is a length or a count
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _value(text: str) -> Any:
    """A TOML value; what is none is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # no TOML, or thousands of digits or brackets
        return text


def _shown(value: Any) -> str:
    """The value as a part of a message."""
    try:
        text = repr(value)
    except ValueError:  # Python does not write out thousands of digits
        return "one of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _paths(values: dict[str, Any], prefix: str = "") -> list[str]:
    paths: list[str] = []
    for name, value in values.items():
        paths += _paths(value, f"{name}.") if isinstance(value, dict) else [prefix + name]
    return paths


def _hint(given: str, known: list[str]) -> str:
    return _nearest(given, known) or f" Known are {', '.join(known)}."


def _nearest(given: str, known: list[str]) -> str:
    ends = {path.rpartition(".")[2]: path for path in known}
    close = difflib.get_close_matches(given, known, 1) or [
        ends[end] for end in difflib.get_close_matches(given.rpartition(".")[2], list(ends), 1)
    ]
    return f" Did you mean {close[0]}?" if close else ""


@cache
def _folder() -> Any:
    return resources.files("minigan.gan") / "presets"
