"""What the experiment flow compares: a preset, and the same with one thing changed, in two groups."""

from __future__ import annotations

from typing import NamedTuple

from minigan.gan.config import Config, PlayerConfig, set_fields

PRESET = "preset"  # the name of the training that is in both groups
BETWEEN, START = "between", "init"  # the groups: what stands between the layers, and where their weights start
PLAYERS = "generator", "discriminator"


class Variant(NamedTuple):
    """A training that differs from the preset in one thing.

    Attributes:
        name: of the training.
        about: what is different, in words.
        settings: the same as assignments.
    """

    name: str
    about: str
    settings: list[str]


def compared(base: Config) -> tuple[dict[str, list[Variant]], dict[str, str]]:
    """The trainings of each group, the preset first; and what this preset cannot have, with the reason."""
    left_out = {}
    between = [Variant(PRESET, "the preset as it is", []), _dropout(base), _norm(base, "G"), _norm(base, "D")]
    if base.discriminator.network == "maxout":
        left_out["Sigmoid in D"] = "maxout units are their own activation"
    else:
        between.append(_sigmoid(base))
    start = [change for change in _STARTS if set_fields(base, change.settings) != base]
    return {BETWEEN: between, START: [between[0], *start]}, left_out


def _dropout(base: Config) -> Variant:
    name, p = ("no dropout in D", 0.0) if base.discriminator.dropout else ("dropout .3 in D", 0.3)
    return Variant(name, f"{name}, all else as in the preset", [f"discriminator.dropout={p}"])


def _norm(base: Config, player: str) -> Variant:
    table = {"G": "generator", "D": "discriminator"}[player]
    has = getattr(base, table).norm == "batch"
    name = f"{'no ' if has else ''}BatchNorm in {player}"
    return Variant(name, f"{name}, all else as in the preset", [f'{table}.norm="{"none" if has else "batch"}"'])


def _sigmoid(base: Config) -> Variant:
    usual = f"discriminator.negative_slope={PlayerConfig.negative_slope}"  # a Sigmoid has no other
    settings = ['discriminator.activation="sigmoid"', usual]
    return Variant("Sigmoid in D", "Sigmoid after D's hidden layers", settings)


def _start(name: str, about: str, kind: str, scale: float = PlayerConfig.init_scale) -> Variant:
    settings = [f"{player}.{setting}" for player in PLAYERS for setting in (f'init="{kind}"', f"init_scale={scale}")]
    return Variant(name, about, settings)


_STARTS = (
    _start("default", "PyTorch's default, U(−1/√fan_in, 1/√fan_in)", "default"),
    _start("N(0, .2²)", "all weights from N(0, .2²), far too large", "normal", 0.2),
    _start("He", "normal, with the standard deviation √(2 / fan_in) for a ReLU", "kaiming_normal"),
    _start("Glorot", "uniform, with the standard deviation √(2 / (fan_in + fan_out))", "xavier_uniform"),
    _start("orthogonal", "rows, or columns, of length 1 at right angles", "orthogonal"),
    _start("N(0, .02²)", "all weights from N(0, .02²), the custom of DCGAN", "normal", 0.02),
    _start("N(0, .002²)", "all weights from N(0, .002²), far too small", "normal", 0.002),
)
