"""The trainer: it plays a game step by step, reads the reports, and leaves the rest to extensions.

Reading a number from the device makes the host wait for it, so reports are kept unread: they are read once
every ``log_every`` steps, at the end of an epoch, and before anything is saved.
"""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from minigan.data import Loader
from minigan.errors import CaptureWarning, ConfigError
from minigan.gan.game import Game
from minigan.gan.means import Means, Values
from minigan.gan.reports import Unread
from minigan.gan.signals import on_stop_signal
from minigan.gan.source import batch_of
from minigan.ops.random import manual_seed, set_step

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

    Attributes:
        note: what it has to say beside the losses in the progress: some words with numbers, or nothing.
    """

    note = ""

    def start(self, trainer: Trainer) -> None:
        """Training is about to begin, or to go on after step ``trainer.step``."""

    def after_step(self, trainer: Trainer) -> None:
        """A step was made: number ``trainer.step``, counted from 1."""

    def after_read(self, trainer: Trainer, step: int, values: Values) -> None:
        """The report of step ``step`` was read: these are its numbers. That may be long after the step was made."""

    def after_epoch(self, trainer: Trainer) -> None:
        """An epoch was finished: number ``trainer.epoch``, counted from 1. All reports are read."""

    def save(self, trainer: Trainer) -> None:
        """All extensions are done with this step: the moment at which training could be broken off and taken up."""

    def end(self, trainer: Trainer) -> None:
        """Training ended, after its last step or by a signal. All reports are read."""

    def failed(self, trainer: Trainer, error: BaseException) -> None:
        """Training broke off with this error; nothing of the game should be saved now."""


class Trainer:
    """Plays a game over data for a number of steps.

    Args:
        game: who plays.
        loader: the real samples; step k is played on the ``game.batches_per_step`` batches from number
            ``k * game.batches_per_step`` on, and on the random numbers of step k of the loader's seed.
        steps: how many to make, in all.
        extensions: what else to do; their methods are called in this order.
        log_every: steps between two lines of the log.
        capture: whether steps are captured (`minigan.capture`): the same bits on the CPU, in less time. A game that
            cannot be captured is played as written, with a warning that says why.

    Attributes:
        device: where the generator is, and the samples go.
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
        log_every: int = 50,
        capture: bool = True,
    ) -> None:
        for name, number in (("steps", steps), ("log_every", log_every)):
            if number < 1:
                raise ConfigError(f"Expected {name} of at least 1, but got {number}; choose a positive number.")
        self.game = game
        self.loader = loader
        self.steps = steps
        self.extensions = list(extensions)
        self.device = next(game.generator.network.parameters()).device
        self.log_every = log_every
        self.capture = capture
        self.step = 0
        self.recent = Means()
        self.checkpoint: Path | None = None
        self.stopped = False
        self.stopped_by: signal.Signals | None = None
        self._unread = Unread(most=UNREAD)

    @property
    def epoch(self) -> int:
        """How many epochs have been finished."""
        return self._epochs_in(self.step)

    @property
    def epochs_begun(self) -> int:
        """How many epochs have been begun: in the middle of the third these are 3."""
        return -(-self.step * self.game.batches_per_step // len(self.loader))

    def epoch_due(self, every: int) -> bool:
        """Whether the newest step finished epoch number ``every``, or twice, or three times that number, and so on.

        A step that takes many batches may finish several epochs at once: the one that is due need not be the last.
        """
        return self._epochs_in(self.step) // every > self._epochs_in(self.step - 1) // every

    def _epochs_in(self, steps: int) -> int:
        return steps * self.game.batches_per_step // len(self.loader)

    @property
    def line_due(self) -> bool:
        """Whether ``log_every`` steps have been made since the last line: ``recent`` holds the means over them."""
        return self.step % self.log_every == 0

    def mean(self) -> Values:
        """The means of the ``recent`` reports, by name; each over the steps that reported it."""
        return self.recent.values()

    # ---- training ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Make the steps that are left. After a Ctrl-C, SIGTERM or SIGHUP it finishes the step in hand and returns.

        What an extension raises ends it; the other extensions are told.
        """
        self.stopped, self.stopped_by = False, None
        if self.capture and not self.game.captured:
            self.game.capture()
        try:
            # Numbers that are not finite are looked for by an extension: NumPy's own warnings would only be noise.
            with on_stop_signal(self._stop), np.errstate(all="ignore"):
                self._tell("start")
                while self.step < self.steps and not self.stopped:
                    self._make_step()
                self.read()
                self._tell("save")
                self._tell("end")
        except BaseException as error:
            self._tell_failed(error)
            raise

    def _stop(self, number: signal.Signals) -> None:
        self.stopped, self.stopped_by = True, number

    def _make_step(self) -> None:
        manual_seed(self.loader.seed)  # others may have drawn, or trained, or built a game since the last step
        set_step(self.step)
        first, each = self.step * self.game.batches_per_step, self.game.batches_per_step
        was_captured = self.game.captured
        report = self.game.step(*(batch_of(self.loader, first + i, self.device) for i in range(each)))
        self._unread.add(report, one_array=self.game.captured)
        if was_captured and not self.game.captured:
            why = f"Steps are played as written, not captured: {self.game.refused}"
            warnings.warn(why, CaptureWarning, stacklevel=3)
        self.step += 1
        if self.line_due or len(self._unread) == UNREAD:
            self.read()
        self._tell("after_step")
        if self.line_due:
            self.recent.clear()
        if self.epoch_due(1):
            self.read()
            self._tell("after_epoch")
        self._tell("save")

    def _tell(self, event: str, *what: Any) -> None:
        for extension in self.extensions:
            getattr(extension, event)(self, *what)

    def _tell_failed(self, error: BaseException) -> None:
        """Tell everybody, whoever fails at that, too: the first error is the one that a person has to know."""
        for extension in self.extensions:
            try:
                extension.failed(self, error)
            except Exception as another:
                error.add_note(f"Besides, {type(extension).__name__} failed: {another}")

    # ---- reports and state -------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the reports that are still on the device into ``recent``, and tell the extensions of each."""
        if not self._unread:
            return
        first = self.step - len(self._unread) + 1
        for step, values in enumerate(self._unread.read(), first):
            self._tell("after_read", step, values)
            self.recent.add(values)

    def state_dict(self) -> dict[str, Any]:
        """What changes from step to step: random streams, order of the data and schedules are functions of the step."""
        self.read()
        return {"step": self.step, "recent": self.recent.state_dict(), "game": self.game.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave: training goes on with the same bits."""
        self.game.load_state_dict(state_dict["game"])
        self.recent.load_state_dict(state_dict["recent"])
        self.step = state_dict["step"]
        self._unread.clear()

    def describe_checkpoint(self) -> str:
        """Which checkpoint is left when training breaks off, in words."""
        if self.checkpoint is None:
            return "No checkpoint had been saved yet"
        return f"The last good checkpoint is {self.checkpoint}"
