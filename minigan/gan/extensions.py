"""What every run does besides playing: checkpoints, log, pictures, progress bar.

`standard` puts them in the order that they need: a checkpoint holds the log as it stands before the line with
which the end of a run closes it, and pictures are drawn from a log that is complete.
"""

# ruff: noqa: D102  (what the methods of an Extension are for is told there)

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any

from minigan.backend.device import Device
from minigan.errors import DivergedError
from minigan.gan.game import Game, draw_z
from minigan.gan.pictures import curves, gif, grid, png
from minigan.gan.run import Run
from minigan.gan.trainer import Extension, Trainer
from minigan.recording import no_grad
from minigan.streams import say


def standard(run: Run) -> list[Extension]:
    """All extensions of this file, for a trainer that fills the folder of ``run``."""
    return [Checkpoints(run), Log(run), Samples(run), Curves(run), Gif(run), Progress()]


class Checkpoints(Extension):
    """A checkpoint after every epoch and at the end: all from which training can go on exactly as it would have.

    Args:
        run: where to.
        keep: how many of the newest to keep.
    """

    def __init__(self, run: Run, keep: int = 2) -> None:
        self.run = run
        self.keep = keep

    def after_epoch(self, trainer: Trainer) -> None:
        state = {
            "step": trainer.step,
            "config": self.run.config.to_dict(),
            "image_shape": list(trainer.loader.images.shape[1:]),
            "log_bytes": self.run.log_bytes(),
            "recent": [list(values) for values in trainer.recent],  # read, but not yet in the log
            "game": trainer.game.state_dict(),
        }
        trainer.checkpoint = self.run.save_checkpoint(trainer.step, state, self.keep)

    def end(self, trainer: Trainer) -> None:
        if trainer.step % len(trainer.loader):
            self.after_epoch(trainer)


class Log(Extension):
    """A line in log.jsonl every ``trainer.log_every`` steps, the mean over these steps; its time in timing.jsonl."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def start(self, trainer: Trainer) -> None:
        self.begun = self.before = perf_counter()
        self.last_step = trainer.step

    def after_step(self, trainer: Trainer) -> None:
        if trainer.line_due:
            self._write(trainer)

    def end(self, trainer: Trainer) -> None:
        if trainer.recent:  # the steps after the last whole line
            self._write(trainer)

    def _write(self, trainer: Trainer) -> None:
        means = {name: float(f"{value:.6g}") for name, value in trainer.mean()._asdict().items()}
        self.run.append("log.jsonl", {"step": trainer.step, "epoch": trainer.epoch, **means})
        now = perf_counter()
        speed = (trainer.step - self.last_step) / (now - self.before)
        timing = {"step": trainer.step, "seconds": round(now - self.begun, 3), "steps_per_s": round(speed, 2)}
        self.run.append("timing.jsonl", timing)
        self.before, self.last_step = now, trainer.step


class Samples(Extension):
    """A grid of what G draws from the same z after every epoch, and at the end if that is in the middle of one.

    Args:
        run: where to; the seed of z is that of the run.
        n: how many images.
        columns: how many in a row.
    """

    def __init__(self, run: Run, n: int = 64, columns: int = 8) -> None:
        self.run = run
        self.n = n
        self.columns = columns

    def after_epoch(self, trainer: Trainer) -> None:
        images = sample(trainer.game, self.n, self.run.config.training.seed, trainer.device)
        self.run.write(f"samples/epoch-{trainer.epochs_begun:03d}.png", png(grid(images, self.columns)))

    def end(self, trainer: Trainer) -> None:
        if trainer.step % len(trainer.loader):
            self.after_epoch(trainer)


class Curves(Extension):
    """The log as curves.png, also of a run that diverged: it shows how."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def end(self, trainer: Trainer) -> None:
        lines = self.run.log()
        if lines:
            title = f"{self.run.path} (each point is the mean of {trainer.log_every} steps)"
            self.run.write("curves.png", curves(lines, title))

    def failed(self, trainer: Trainer, error: BaseException) -> None:
        if isinstance(error, DivergedError):
            self.end(trainer)


class Gif(Extension):
    """All sample grids as samples.gif."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def end(self, trainer: Trainer) -> None:
        frames = [path.read_bytes() for path in self.run.samples()]
        if frames:
            self.run.write("samples.gif", gif(frames))


class Progress(Extension):
    """A progress bar on a terminal: epoch, step, speed, and below it the newest line of the log.

    Where stderr is no terminal, as in a batch job: one line per epoch.
    """

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.bars: list[Any] = []
        self.numbers = ""

    def start(self, trainer: Trainer) -> None:
        self.epochs = -(-trainer.steps // len(trainer.loader))
        self.begun, self.first = perf_counter(), trainer.step
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
        if not self.live:
            speed = (trainer.step - self.first) / (perf_counter() - self.begun)
            where = f"epoch {trainer.epochs_begun}/{self.epochs}  step {trainer.step}/{trainer.steps}"
            say(f"{where}  {speed:.1f} steps/s  {self.numbers}", to="stderr")

    def end(self, trainer: Trainer) -> None:
        if trainer.recent:
            self._show(trainer)
        if trainer.step % len(trainer.loader):
            self.after_epoch(trainer)
        self._close()

    def failed(self, trainer: Trainer, error: BaseException) -> None:
        self._close()

    def _show(self, trainer: Trainer) -> None:
        means = trainer.mean()
        losses = f"loss_D {means.loss_D:.3f}  loss_G {means.loss_G:.3f}"
        self.numbers = f"{losses}  D(x) {means.D_x:.2f}  D(G(z)) {means.D_G_z:.2f}"
        if self.live:
            self.bars[1].set_description_str(self.numbers)

    def _close(self) -> None:
        for bar in self.bars:
            bar.close()
        self.bars = []


def sample(game: Game, n: int, seed: int, device: Device, chunk: int = 1000) -> Any:
    """New images of a game's sampler, as a host array.

    Args:
        game: whose.
        n: how many.
        seed: of z; with the same seed, more images begin with the same z as fewer.
        device: where the networks are.
        chunk: how many to draw at a time, to bound the memory.

    Returns:
        float32 (n, C, H, W) in [-1, 1].
    """
    import numpy as np

    z = draw_z(n, game.z_dim, seed, device)
    sampler = game.sampler.eval()
    with no_grad():
        return np.concatenate([sampler(z[i : i + chunk]).to("cpu").numpy() for i in range(0, n, chunk)])
