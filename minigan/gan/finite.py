"""Stopping when numbers are no longer finite, before anything that came of them is saved."""

# ruff: noqa: D102  (what the methods of an Extension are for is told there)

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigan.errors import DivergedError
from minigan.gan.means import Values
from minigan.gan.trainer import Extension, Trainer

NAMES = {
    "ema": "average of the generator",
    "loss_D": "the loss of the discriminator (loss_D)",
    "loss_G": "the loss of the generator (loss_G)",
}


class StopOnNaN(Extension):
    """Ends training with a DivergedError when a number that a step reports, or that the game keeps, is NaN or infinite.

    Comes first of the extensions, so that the others see finite numbers only. The game is looked through at the end of
    every epoch: Adam with an infinite second moment stands still, and no loss would ever show it.

    >>> from minigan.gan.finite import StopOnNaN
    >>> game = mg.gan.build_game(mg.gan.load_preset("ring"), (2,), mg.device("cpu"))
    >>> weight = next(game.generator.network.parameters())
    >>> weight.data = np.full(weight.shape, np.nan)
    >>> loader = mg.data.Loader(np.zeros((6, 2), np.float32), batch_size=2)
    >>> mg.gan.Trainer(game, loader, steps=9, extensions=[StopOnNaN()]).run()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    minigan.errors.DivergedError: Training diverged at step 1: the loss of the discriminator (loss_D) is nan. ...
    """

    def after_read(self, trainer: Trainer, step: int, values: Values) -> None:
        for name, value in values.items():
            if not math.isfinite(value):
                raise _diverged(trainer, f"at step {step}", f"{NAMES.get(name, name)} is {value}")

    def after_epoch(self, trainer: Trainer) -> None:
        finite_state(trainer)

    def end(self, trainer: Trainer) -> None:
        finite_state(trainer)


def finite_state(trainer: Trainer) -> dict[str, Any]:
    """The state of a trainer, if all numbers in it are finite.

    Raises:
        DivergedError: they are not; says in which network.
    """
    state = trainer.state_dict()
    for path, number in _numbers({"log": state["recent"]["sums"], **state["game"]}):
        if not np.isfinite(number).all():
            whose, *where = path
            what = f"the {NAMES.get(whose, whose)} holds a NaN or an infinity (in {'.'.join(where)})"
            raise _diverged(trainer, f"by step {trainer.step}", what)
    return state


def _numbers(state: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The numbers in nested dictionaries, each or each array with the keys that lead to it."""
    for key, part in state.items():
        if isinstance(part, dict):
            yield from _numbers(part, (*path, str(key)))
        elif isinstance(part, float | np.ndarray):
            yield (*path, str(key)), part


def _diverged(trainer: Trainer, when: str, what: str) -> DivergedError:
    return DivergedError(
        f"Training diverged {when}: {what}. {trainer.describe_checkpoint()}; "
        "try lower learning rates (generator.lr, discriminator.lr) or another seed."
    )
