"""What every run does besides playing: log, pictures, progress bar, checkpoints."""

# ruff: noqa: D102  (what the methods of an Extension are for is told there)

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from minigan.errors import DivergedError
from minigan.gan.finite import StopOnNaN
from minigan.gan.folder import CURVES, FILM, LOG, TIMING, sample_name
from minigan.gan.means import rounded
from minigan.gan.pictures import curves, gif, png, size_of
from minigan.gan.run import Run
from minigan.gan.trainer import Extension, Trainer
from minigan.gan.views import real_beside, view
from minigan.streams import say

POINTS = 2000  # of each curve: more would not be told apart
FRAMES = 200  # of the film
PIXELS = 1 << 26  # of all its frames: until the film is written, each takes a byte or two


def standard(run: Run, *noted: Extension) -> list[Extension]:
    """Stop on NaN, and all extensions of this file, for a trainer that fills the folder of ``run``.

    The curves are drawn last of all that the end of a run writes: they tell that it is complete.

    Args:
        run: which.
        noted: others that belong between them: what these have found out stands in the progress of the same epoch.
    """
    return [StopOnNaN(), Log(run), *noted, Progress(), Samples(run), Gif(run), Curves(run), Checkpoints(run)]


class Checkpoints(Extension):
    """A checkpoint after epochs, after minutes, after the best score, and when training stops: all to go on from.

    Where a number is NaN or infinite, a DivergedError says so, and nothing is saved.

    Args:
        run: where to; its ``config.training`` says after how many epochs and minutes, and how many to keep.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def start(self, trainer: Trainer) -> None:
        self._begin_to_wait(trainer)

    def save(self, trainer: Trainer) -> None:
        if trainer.step > self.saved and self._due(trainer):
            self.run.save_checkpoint(trainer)
            self._begin_to_wait(trainer)

    def _begin_to_wait(self, trainer: Trainer) -> None:
        self.saved, self.since = trainer.step, perf_counter()

    def _due(self, trainer: Trainer) -> bool:
        training = self.run.config.training
        too_old = perf_counter() - self.since >= 60 * training.checkpoint_minutes
        over = trainer.stopped or trainer.step == trainer.steps
        is_best = self.run.scores.best(until=trainer.step) == trainer.step
        return trainer.epoch_due(training.checkpoint_epochs) or too_old or is_best or over


class Log(Extension):
    """A line in log.jsonl every ``trainer.log_every`` steps, the mean over these steps; its time in timing.jsonl."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def start(self, trainer: Trainer) -> None:
        self.before = perf_counter()
        self.begun = self.before - self.run.seconds()
        self.last_step = trainer.step

    def after_step(self, trainer: Trainer) -> None:
        if trainer.line_due:
            self._write(trainer)

    def end(self, trainer: Trainer) -> None:
        if trainer.recent:  # the steps after the last whole line
            self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        self.run.append(LOG, {"step": trainer.step, "epoch": trainer.epoch, **rounded(trainer.mean())})
        now = perf_counter()
        speed = (trainer.step - self.last_step) / (now - self.before)
        timing = {"step": trainer.step, "seconds": round(now - self.begun, 3), "steps_per_s": round(speed, 2)}
        self.run.append(TIMING, timing)
        self.before, self.last_step = now, trainer.step


class Samples(Extension):
    """A picture of what G draws from the same z after every epoch, and at the end if that is in the middle of one.

    Args:
        run: where to; the seed of z is that of the run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    def start(self, trainer: Trainer) -> None:
        self.real = real_beside(trainer.game, self.run.config)

    def after_epoch(self, trainer: Trainer) -> None:
        self._draw(trainer, trainer.epoch)

    def end(self, trainer: Trainer) -> None:
        if trainer.epochs_begun > trainer.epoch:
            self._draw(trainer, trainer.epochs_begun)

    def _draw(self, trainer: Trainer, epoch: int) -> None:
        drawn = view(trainer.game, self.run.config.training.seed, trainer.device, self.real)
        self.run.write(sample_name(epoch), png(drawn.picture()))


class Curves(Extension):
    """The log as curves.png, when it is on the disk; also that of a run that diverged: it shows how."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def end(self, trainer: Trainer) -> None:
        self.run.flush()
        lines = self.run.log(most=POINTS)
        if lines:
            title = f"{self.run.config.name} (each point is the mean of {trainer.log_every} steps)"
            scores = trainer.game.loss.probability is None
            self.run.write(CURVES, curves(lines, title, scores))

    def failed(self, trainer: Trainer, error: BaseException) -> None:
        if isinstance(error, DivergedError):
            self.end(trainer)


class Gif(Extension):
    """The pictures of samples as samples.gif, if there are two or more; at most so many as fit into memory."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def end(self, trainer: Trainer) -> None:
        frames = self._frames(self.run.samples())
        if len(frames) > 1:
            self.run.write(FILM, gif(frames))

    def _frames(self, pictures: list[Path]) -> list[Path]:
        """Pictures from the first to the last, without those that were damaged or exchanged."""
        size = next(filter(None, map(size_of, reversed(pictures))), (1, 1))  # that of the newest
        most = max(2, min(FRAMES, PIXELS // (size[0] * size[1])))
        frames = {path: size_of(path, size) for path in spread(pictures, most)}
        for path in (path for path, found in frames.items() if found is None):
            say(f"minigan: {path} is damaged, or not as large as the newest; the film is without it.", to="stderr")
        return [path for path, found in frames.items() if found]


def spread(paths: list[Path], most: int) -> list[Path]:
    """At most so many of them, evenly spaced, with the first and the last.

    >>> from minigan.gan.extensions import spread
    >>> spread(list(range(10)), 4)
    [0, 3, 6, 9]
    """
    if len(paths) <= most:
        return paths
    return [paths[i * (len(paths) - 1) // (most - 1)] for i in range(most)]


class Progress(Extension):
    """A progress bar on a terminal: epoch, step, speed, and below it the newest line of the log.

    Where stderr is no terminal, as in a batch job: one line per epoch.
    """

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.bars: list[Any] = []
        self.losses = self.numbers = ""

    def start(self, trainer: Trainer) -> None:
        self.epochs = -(-trainer.steps * trainer.game.batches_per_step // len(trainer.loader))
        self.before, self.last_step = perf_counter(), trainer.step
        if self.live:
            from tqdm import tqdm

            form = "{desc} {percentage:3.0f}% |{bar}| step {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"
            bar = tqdm(total=trainer.steps, initial=trainer.step, unit=" steps", bar_format=form, dynamic_ncols=True)
            self.bars = [bar, tqdm(total=0, bar_format="{desc}", position=1, dynamic_ncols=True)]

    def after_step(self, trainer: Trainer) -> None:
        if self.live:
            self.bars[0].set_description_str(f"epoch {trainer.epochs_begun}/{self.epochs}", refresh=False)
            self.bars[0].update()
        if trainer.line_due:
            self._show(trainer)

    def after_epoch(self, trainer: Trainer) -> None:
        self._show(trainer)
        self._say_epoch(trainer, trainer.epoch)

    def end(self, trainer: Trainer) -> None:
        self._show(trainer)
        if trainer.epochs_begun > trainer.epoch:
            self._say_epoch(trainer, trainer.epochs_begun)
        self._close()

    def failed(self, trainer: Trainer, error: BaseException) -> None:
        self._close()

    def _say_epoch(self, trainer: Trainer, epoch: int) -> None:
        """A line, with time and speed since the last one; a bar tells as much."""
        if self.live:
            return
        now = perf_counter()
        seconds, steps = now - self.before, trainer.step - self.last_step
        where = f"epoch {epoch}/{self.epochs}  step {trainer.step}/{trainer.steps}"
        say(f"{where}  {seconds:.1f} s  {steps / seconds:.1f} steps/s  {self.numbers}", to="stderr")
        self.before, self.last_step = now, trainer.step

    def _show(self, trainer: Trainer) -> None:
        """The newest line of the log, and what others have to say beside it."""
        if trainer.recent:  # nothing is newer where a line has just been written
            means = trainer.mean()
            losses = f"loss_D {means['loss_D']:.3f}  loss_G {means['loss_G']:.3f}"
            self.losses = f"{losses}  D(x) {means['D_x']:.2f}  D(G(z)) {means['D_G_z']:.2f}"
        notes = [extension.note for extension in trainer.extensions if extension.note]
        self.numbers = "  ".join([self.losses, *notes])
        if self.live:
            self.bars[1].set_description_str(self.numbers)

    def _close(self) -> None:
        for bar in self.bars:
            bar.close()
        self.bars = []
