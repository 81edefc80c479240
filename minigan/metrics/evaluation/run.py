"""A run with its scores, and with what is worth looking at among its samples."""

from __future__ import annotations

from dataclasses import dataclass

from minigan.backend.device import CPU, Device
from minigan.data.mixtures import MIXTURES
from minigan.errors import DataError
from minigan.gan.checkpoint import describe
from minigan.gan.config import Config
from minigan.gan.game import Game
from minigan.gan.run import Run
from minigan.gan.source import data_of, loader_of
from minigan.metrics.evaluation.drawn import draw
from minigan.metrics.evaluation.looks import Looks, look_at
from minigan.metrics.evaluation.scores import Reference, Scores, evaluate
from minigan.metrics.hashes import short


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
        RangeError: they are no samples of these data.
    """
    samples, asked = draw(game, n, seed, device)
    nearest = None if reference.images is None else reference.images.nearest(samples)
    scores = evaluate(samples, reference, asked, nearest)
    looks = look_at(samples, game, reference, nearest, seed, device)
    return ScoredRun(str(run.path), run.config, game.steps, scores, looks)


def check_data(run: Run) -> None:
    """Make sure that files hold what a run was trained on: else its samples would be held against something else.

    Raises:
        DataError: they hold other samples, or are missing or damaged.
    """
    source, newest = run.config.data.source, run.found.newest
    if newest is None or source == "mnist" or source in MIXTURES:  # which no run can change
        return
    data = data_of(run.config)
    before, now = newest.content["data"], describe(loader_of(run.config, data))
    if before["sha256"] != now["sha256"]:
        raise DataError(
            f"evaluate: {data.name} holds {len(data.samples):,} samples of shape {data.shape} with the SHA-256 "
            f"{short(now['sha256'])}, but {run.path} was trained on others, of shape {tuple(before['shape'])} with "
            f"{short(before['sha256'])}: the data were changed since; put back those of the training."
        )
