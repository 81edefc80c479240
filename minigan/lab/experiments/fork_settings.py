"""Which settings can differ between two futures of one checkpoint, on the same batches and the same z."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minigan.errors import ConfigError
from minigan.gan.config import Config, set_field
from minigan.gan.rules import batches_per_step
from minigan.gan.settings import parse_assignment, shown

_OF_BOTH = (
    *("lr", "betas", "momentum", "final_momentum", "momentum_epochs", "weight_decay", "clip_grad_norm"),
    *("schedule", "lr_decay", "lr_min", "activation", "negative_slope", "dropout"),
)
_OF_PART: Mapping[str, Sequence[str]] = {
    "generator": _OF_BOTH,
    "discriminator": (*_OF_BOTH, "input_dropout"),
    "game": (
        *("rule", "g_steps", "fresh_z", "loss", "label_smoothing", "fake_label_smoothing", "label_noise"),
        *("r1_gamma", "r2_gamma", "gradient_penalty", "dragan", "penalty_every", "consensus", "clip_weights"),
        *("instance_noise", "instance_noise_epochs", "class_weight", "reconstruction"),
    ),
}
REMEMBERS = (0.9, 0.999)  # Adam's usual betas
CHANGEABLE = tuple(f"{part}.{name}" for part, names in _OF_PART.items() for name in names)


class Assignment:
    """KEY=VALUE, as a type of an option (see `minigan.lab.options`): what is wrong with it is said by `with_other`."""

    def __str__(self) -> str:
        """As in a help text."""
        return f"keys: {_listed()}"

    def wrong(self, value: Any) -> str:
        """What a value should be and is not; nothing if it is right."""
        return "" if isinstance(value, str) else f"expected KEY=VALUE, but got {shown(value)}"


def usual(config: Config) -> str:
    """The assignment where none is given: G's Adam remembers longer; where it does so already, half of G's rate.

    >>> from minigan.lab.experiments.fork_settings import usual
    >>> usual(mg.gan.load_preset("ring")), usual(mg.gan.load_preset("reference"))
    ('generator.betas=[0.9, 0.999]', 'generator.lr=0.0001')
    """
    G = config.generator
    longer = G.optimizer == "adam" and G.betas != REMEMBERS
    return f"generator.betas={list(REMEMBERS)}" if longer else f"generator.lr={G.lr / 2}"


def with_other(config: Config, assignment: str) -> tuple[str, Config]:
    """The path of the setting, and the settings with its other value.

    Args:
        config: of the checkpoint.
        assignment: as in ``game.r1_gamma=0``.

    Raises:
        ConfigError: there is no such setting or value, it cannot differ, or it does not.

    >>> from minigan.lab.experiments.fork_settings import with_other
    >>> path, other = with_other(mg.gan.load_preset("ring"), "game.r1_gamma=0")
    >>> path, other.game.r1_gamma
    ('game.r1_gamma', 0.0)
    """
    other = set_field(config, assignment)
    path, _ = parse_assignment(assignment, "game.r1_gamma=0")
    if path not in CHANGEABLE:
        raise ConfigError(
            f"{path}: two futures cannot differ in it and share weights, batches and z. Those that they can differ in: "
            f"{_listed()}."
        )
    part, _, name = path.partition(".")
    if name == "betas" and (optimizer := getattr(config, part).optimizer) != "adam":
        raise ConfigError(f"{path} belongs to Adam, and {part}.optimizer is {optimizer}; choose another setting.")
    if not config.differences(other):
        raise ConfigError(f"{path} has this value already, so both futures would be the same; choose another value.")
    if _batches(other) != _batches(config):
        raise ConfigError(f"{assignment} needs {_batches(other)} batches in a step, the past had {_batches(config)}.")
    return path, other


def _batches(config: Config) -> int:
    return batches_per_step(config.game.rule, config.game.d_steps)


def _listed() -> str:
    both = f"generator.X and discriminator.X for X in {', '.join(_OF_BOTH)}"
    return f"{both}; discriminator.input_dropout; game.X for X in {', '.join(_OF_PART['game'])}"
