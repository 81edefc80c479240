"""The trainer: it plays a game step by step, reads the reports, and leaves the rest to extensions.

Reading a number from the device makes the host wait for it, so reports are kept unread: they are read once
every ``log_every`` steps, and before anything is saved. A number that is NaN or infinite is found then, and
training stops before anything that came of it reaches the disk.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigan.backend.device import DeviceLike
from minigan.backend.device import device as resolve
from minigan.data import Loader
from minigan.errors import ConfigError, DivergedError
from minigan.gan.game import Batch, Game, Report
from minigan.gan.means import Means, Values
from minigan.gan.signals import heeded
from minigan.ops.creation import as_tensor
from minigan.ops.joining import stack
from minigan.ops.random import set_step

UNREAD = 1000  # reports that may wait to be read, however rarely there is a line of the log


class Extension:
    """What happens besides the game while it is trained: a log, pictures, a checkpoint. Every method is optional.

    An extension that cools D's learning rate down:

    >>> class Cool(mg.gan.Extension):
    ...     def after_epoch(self, trainer):
    ...         for group in trainer.game.discriminator.optimizer.param_groups:
    ...             group["lr"] *= 0.95

    and one that prints what D makes of the generated images:

    >>> class Watch(mg.gan.Extension):
    ...     def after_step(self, trainer):
    ...         if trainer.line_due:
    ...             print(trainer.step, trainer.mean()["D_G_z"])

    Both go to work with ``Trainer(game, loader, steps, extensions=[Cool(), Watch()])``.
    """

    def start(self, trainer: Trainer) -> None:
        """Training is about to begin, or to go on after step ``trainer.step``."""

    def after_step(self, trainer: Trainer) -> None:
        """A step was made: number ``trainer.step``, counted from 1."""

    def after_epoch(self, trainer: Trainer) -> None:
        """An epoch was finished: number ``trainer.epoch``, counted from 1. All numbers of the game are finite."""

    def save(self, trainer: Trainer) -> None:
        """All extensions are done with this step: the moment at which training could be broken off and taken up."""

    def end(self, trainer: Trainer) -> None:
        """Training ended, after its last step or by a signal. All numbers of the game are finite."""

    def failed(self, trainer: Trainer, error: BaseException) -> None:
        """Training broke off with this error; nothing of the game should be saved now."""


class Trainer:
    """Plays a game over data for a number of steps.

    Args:
        game: who plays.
        loader: the real samples; step k is played on the ``game.batches_per_step`` batches from number
            ``k * game.batches_per_step`` on.
        steps: how many to make, in all.
        extensions: what else to do; their methods are called in this order.
        device: where the samples go; as a rule where the generator is.
        log_every: steps between two lines of the log.

    Attributes:
        step: how many steps have been made.
        recent: the means of the reports since step ``step // log_every * log_every``, as far as they have been read.
        checkpoint: the newest file from which training can go on, if an extension saved one.
        stopped: whether to stop after the step in hand; a signal sets it, and so may an extension.
        stopped_by: the signal that did.

    Raises:
        ConfigError: ``steps`` or ``log_every`` is less than 1.

    >>> config = mg.gan.Config.from_dict({"generator": {"hidden": [8]}, "discriminator": {"hidden": [8]}})
    >>> game = mg.gan.build_game(config, (1, 28, 28), mg.device("cpu"))
    >>> loader = mg.data.Loader(np.zeros((6, 28, 28), np.uint8), batch_size=2)
    >>> trainer = mg.gan.Trainer(game, loader, steps=7)
    >>> trainer.run()
    >>> trainer.step, trainer.epoch, trainer.epochs_begun
    (7, 2, 3)
    """

    def __init__(
        self,
        game: Game,
        loader: Loader,
        steps: int,
        extensions: Iterable[Extension] = (),
        device: DeviceLike | None = None,
        log_every: int = 50,
    ) -> None:
        for name, number in (("steps", steps), ("log_every", log_every)):
            if number < 1:
                raise ConfigError(f"Expected {name} of at least 1, but got {number}; choose a positive number.")
        self.game = game
        self.loader = loader
        self.steps = steps
        self.extensions = list(extensions)
        self.device = resolve(device or next(game.generator.network.parameters()).device)
        self.log_every = log_every
        self.step = 0
        self.recent = Means()
        self.checkpoint: Path | None = None
        self.stopped = False
        self.stopped_by: signal.Signals | None = None
        self._unread: list[Report] = []

    @property
    def epoch(self) -> int:
        """How many epochs have been finished."""
        return self.step * self.game.batches_per_step // len(self.loader)

    @property
    def epochs_begun(self) -> int:
        """How many epochs have been begun: in the middle of the third these are 3."""
        return -(-self.step * self.game.batches_per_step // len(self.loader))

    @property
    def line_due(self) -> bool:
        """Whether ``log_every`` steps have been made since the last line: ``recent`` holds the means over them."""
        return self.step % self.log_every == 0

    def mean(self) -> Values:
        """The means of the ``recent`` reports, by name; each over the steps that reported it."""
        return self.recent.values()

    # ---- training ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Make the steps that are left. After a first Ctrl-C or SIGTERM it finishes the step in hand and returns.

        Raises:
            DivergedError: a number that a step reports, or that the game keeps, is NaN or infinite.
        """
        try:
            # A NaN is looked for and reported in one sentence: NumPy's own warnings would only be noise.
            with heeded(self._stop), np.errstate(all="ignore"):
                self._tell("start")
                while self.step < self.steps and not self.stopped:
                    self._make_step()
                self.check()
                self._tell("save")
                self._tell("end")
        except BaseException as error:
            for extension in self.extensions:
                extension.failed(self, error)
            raise

    def _stop(self, number: signal.Signals) -> None:
        self.stopped, self.stopped_by = True, number

    def _make_step(self) -> None:
        set_step(self.step)
        finished, first = self.epoch, self.step * self.game.batches_per_step
        batches = [self._batch(first + i) for i in range(self.game.batches_per_step)]
        self._unread.append(self.game.step(*batches))
        self.step += 1
        if self.line_due or len(self._unread) == UNREAD:
            self.read()
        self._tell("after_step")
        if self.line_due:
            self.recent.clear()
        if self.epoch > finished:
            self.check()
            self._tell("after_epoch")
        self._tell("save")

    def _batch(self, number: int) -> Batch:
        images = as_tensor(self.loader.batch(number), device=self.device)
        if self.loader.labels is None:
            return Batch(images)
        return Batch(images, as_tensor(self.loader.labels_of(number), device=self.device))

    def _tell(self, event: str) -> None:
        for extension in self.extensions:
            getattr(extension, event)(self)

    # ---- reports -----------------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the reports that are still on the device into ``recent``.

        Raises:
            DivergedError: one of their numbers is NaN or infinite.
        """
        if not self._unread:
            return
        first = self.step - len(self._unread) + 1
        names = [list(report) for report in self._unread]
        numbers = stack([number for report in self._unread for number in report.values()]).to("cpu").numpy().tolist()
        self._unread.clear()
        left = iter(numbers)
        for step, keys in enumerate(names, first):
            values = {key: next(left) for key in keys}
            self._check_report(step, values)
            self.recent.add(values)

    def check(self) -> None:
        """Make sure that the game is fit to be saved: all that was reported and every number that it keeps is finite.

        Raises:
            DivergedError: it is not; says at which step and in which network.
        """
        self.read()
        for path, array in _arrays(self.game.state_dict()):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                player, *rest = path
                where = ".".join(rest)
                what = f"the {_WHOSE.get(player, player)} holds a NaN or an infinity (in {where})"
                raise self._diverged(f"by step {self.step}", what)

    def _check_report(self, step: int, values: Values) -> None:
        for name, value in values.items():
            if not math.isfinite(value):
                raise self._diverged(f"at step {step}", f"{_WHOSE.get(name, name)} is {value}")

    def what_stands(self) -> str:
        """Which checkpoint is left when training breaks off, in words."""
        if self.checkpoint is None:
            return "No checkpoint had been saved yet"
        return f"The last good checkpoint is {self.checkpoint}"

    def _diverged(self, when: str, what: str) -> DivergedError:
        return DivergedError(
            f"Training diverged {when}: {what}. {self.what_stands()}; "
            "try lower learning rates (generator.lr, discriminator.lr) or another seed."
        )


_WHOSE = {
    "ema": "average of the generator",
    "loss_D": "the loss of the discriminator (loss_D)",
    "loss_G": "the loss of the generator (loss_G)",
}


def _arrays(state: Any, path: Sequence[str] = ()) -> Iterator[tuple[Sequence[str], Any]]:
    """The arrays in nested dictionaries, each with the keys that lead to it."""
    if isinstance(state, dict):
        for key, part in state.items():
            yield from _arrays(part, (*path, str(key)))
    elif hasattr(state, "dtype"):
        yield path, state
