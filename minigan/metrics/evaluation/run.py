"""A run with its scores, and with what is worth looking at among its samples."""

from __future__ import annotations

from dataclasses import dataclass

from minigan.backend.device import CPU, Device
from minigan.errors import DataError
from minigan.gan.config import Config
from minigan.gan.game import Game
from minigan.gan.run import Run
from minigan.metrics.evaluation.drawn import draw
from minigan.metrics.evaluation.looks import Looks, look_at
from minigan.metrics.evaluation.scores import Reference, Scores, evaluate


@dataclass(frozen=True)
class ScoredRun:
    """What `score_run` finds.

    Attributes:
        path: of the run's folder, as it was typed.
        config: its settings.
        step: after which it was scored.
        scores: of its samples.
        looks: at them.
    """

    path: str
    config: Config
    step: int
    scores: Scores
    looks: Looks


def score_run(run: Run, game: Game, reference: Reference, n: int, seed: int = 0, device: Device = CPU) -> ScoredRun:
    """Draw from a run, score what it draws, and find out what to look at.

    Args:
        run: which.
        game: that of its checkpoint, on the device.
        reference: what `minigan.metrics.evaluation.reference_of` gives for it.
        n: samples to score.
        seed: of z.
        device: where the game is.

    Raises:
        DivergedError: its samples are no numbers.
        DataError: they are of another shape than the data.
        RangeError: they are no samples of these data.
    """
    _check_shape(run, game, reference, device)
    samples, asked = draw(game, n, seed, device)
    nearest = None if reference.images is None else reference.images.nearest(samples)
    scores = evaluate(samples, reference, asked, nearest)
    looks = look_at(samples, game, reference, nearest, seed, device)
    return ScoredRun(str(run.path), run.config, game.steps, scores, looks)


def _check_shape(run: Run, game: Game, reference: Reference, device: Device) -> None:
    drawn, real = draw(game, 1, device=device).samples.shape[1:], reference.training.shape[1:]
    if drawn != real:
        raise DataError(
            f"evaluate: the samples of {reference.name} have the shape {real}, but {run.path} was trained on {drawn}: "
            "the data were changed since; put back those of the training."
        )
