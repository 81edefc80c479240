"""Learning rates and momentum over a run: pure functions of the step, so that a resumed run has nothing to restore.

An epoch counts as ``steps_per_epoch`` steps, which need not be whole: a step may take several batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from minigan.errors import ConfigError

if TYPE_CHECKING:
    from minigan.gan.config import PlayerConfig

ROUNDING = 1e-9  # of an epoch: 7 / (7 / 3) epochs may come out a little short of 3


def learning_rate(settings: PlayerConfig, step: int, steps: int, steps_per_epoch: float) -> float:
    """The learning rate of a player in a step.

    With q = ``lr_decay`` after e epochs, and t = step / steps of the run behind it, the ``schedule`` is

    - "constant": lr;
    - "step": lr q^floor(e), lower once at the end of each epoch;
    - "exponential": lr q^e, a little lower in each step;
    - "linear": lr (1 - t) + lr_min t;
    - "cosine": lr_min + (lr - lr_min) (1 + cos(pi t)) / 2; source: Loshchilov and Hutter 2017, equation 5;

    and never below ``lr_min``.

    Args:
        settings: of the player: schedule, lr, lr_decay, lr_min.
        step: how many steps were made before this one.
        steps: how many the run makes; after them "linear" and "cosine" stay where they are.
        steps_per_epoch: how many make an epoch.

    Raises:
        ConfigError: there is no such schedule.

    >>> from minigan.gan.config import GeneratorConfig
    >>> from minigan.gan.schedules import learning_rate
    >>> halved = GeneratorConfig(lr=0.4, schedule="step", lr_decay=0.5)
    >>> [learning_rate(halved, step, 4000, steps_per_epoch=500) for step in (0, 499, 500, 1000)]
    [0.4, 0.4, 0.2, 0.1]
    """
    if settings.schedule not in SCHEDULES:
        raise ConfigError(
            f"schedule: expected one of {', '.join(SCHEDULES)}, but got {settings.schedule!r}. Choose one of them."
        )
    rate = SCHEDULES[settings.schedule](settings, step / steps_per_epoch, min(step / steps, 1.0))
    return max(rate, settings.lr_min)


def momentum(settings: PlayerConfig, step: int, steps_per_epoch: float) -> float:
    """The momentum of a player in a step: from ``momentum`` to ``final_momentum`` in ``momentum_epochs``, linearly.

    Args:
        settings: of the player: momentum, final_momentum, momentum_epochs (0 to stay at momentum).
        step: how many steps were made before this one.
        steps_per_epoch: how many make an epoch.

    >>> from minigan.gan.config import GeneratorConfig
    >>> from minigan.gan.schedules import momentum
    >>> rising = GeneratorConfig(optimizer="sgd", momentum=0.5, final_momentum=0.75, momentum_epochs=250)
    >>> [momentum(rising, 500 * epoch, steps_per_epoch=500) for epoch in (0, 125, 250, 400)]
    [0.5, 0.625, 0.75, 0.75]
    """
    if not settings.momentum_epochs:
        return settings.momentum
    return _between(settings.momentum, settings.final_momentum, step / steps_per_epoch / settings.momentum_epochs)


# ---- the schedules: of the settings, the epochs and the share of the run that lie behind --------------------


def _constant(settings: PlayerConfig, epochs: float, share: float) -> float:
    return settings.lr


def _exponential(settings: PlayerConfig, epochs: float, share: float) -> float:
    return settings.lr * math.pow(settings.lr_decay, epochs)


def _step(settings: PlayerConfig, epochs: float, share: float) -> float:
    return _exponential(settings, math.floor(epochs + ROUNDING), share)


def _linear(settings: PlayerConfig, epochs: float, share: float) -> float:
    return _between(settings.lr, settings.lr_min, share)


def _cosine(settings: PlayerConfig, epochs: float, share: float) -> float:
    return _between(settings.lr, settings.lr_min, (1 - math.cos(math.pi * share)) / 2)


def _between(start: float, end: float, share: float) -> float:
    """On the way from start to end; at both of them exactly."""
    share = min(share, 1.0)
    return start * (1 - share) + end * share


SCHEDULES: dict[str, Callable[[PlayerConfig, float, float], float]] = {
    "constant": _constant,
    "step": _step,
    "exponential": _exponential,
    "linear": _linear,
    "cosine": _cosine,
}
