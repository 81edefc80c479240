"""A run with its scores, the rows that runs make in a table, and what is worth looking at among its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU
from minigan.errors import ConfigError
from minigan.gan.config import Config
from minigan.gan.game import Game
from minigan.gan.latent import walk
from minigan.gan.run import Run
from minigan.metrics.evaluation.columns import Column, columns_of
from minigan.metrics.evaluation.data import draw
from minigan.metrics.evaluation.scores import Calibration, Reference, Scores, evaluate
from minigan.metrics.neighbours import Neighbours

SHOWN, SUSPECTS, WAYS, STEPS = 64, 8, 8, 10  # of what is looked at


class Suspects(NamedTuple):
    """The samples that look most like copies, the worst first.

    Attributes:
        samples: (8, C, H, W).
        nearest: the training images nearest to each, (8, k, C, H, W).
        distances: to these, (8, k).
    """

    samples: NDArray[np.float32]
    nearest: NDArray[np.float32]
    distances: NDArray[np.float64]


class Looks(NamedTuple):
    """What there is to see.

    Attributes:
        samples: the first 64 images, (64, C, H, W), or all points, (N, F).
        ways: samples on ways from one z to another, (8, 10, ...).
        suspects: of images.
        distances: of each image to the nearest training image, (N,).
    """

    samples: NDArray[np.float32]
    ways: NDArray[np.float32]
    suspects: Suspects | None = None
    distances: NDArray[np.float64] | None = None


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


@dataclass(frozen=True)
class Row:
    """Runs of the same settings, but for the seed, after as many steps.

    Attributes:
        name: the run's path; of several runs their settings.
        runs: at least one.
    """

    name: str
    runs: tuple[ScoredRun, ...]

    @property
    def scores(self) -> list[Scores]:
        """Of each run."""
        return [run.scores for run in self.runs]


@dataclass(frozen=True)
class Evaluation:
    """A whole evaluation.

    Attributes:
        rows: of the table.
        reference: what the samples were compared with.
        calibration: the rows of real samples and of noise.
        n: samples of each.
        seed: of their z.
        judge: "report" or "selection".
    """

    rows: tuple[Row, ...]
    reference: Reference
    calibration: Calibration
    n: int
    seed: int
    judge: str

    @property
    def real(self) -> str:
        """What the row of real samples is called."""
        if self.reference.images is None:
            return "real points"
        return "real test images" if self.reference.images.held_out else "real images"

    @property
    def table(self) -> list[tuple[str, list[Scores]]]:
        """All rows with their names: those of runs, of real samples and of noise."""
        rows = [(row.name, row.scores) for row in self.rows]
        return [*rows, (self.real, [self.calibration.real]), ("noise", [self.calibration.noise])]

    @property
    def columns(self) -> list[Column]:
        """Those of the table."""
        return columns_of([each for _, scores in self.table for each in scores])


def score_run(run: Run, game: Game, reference: Reference, n: int, seed: int = 0) -> ScoredRun:
    """Draw from a run, score what it draws, and find out what to look at.

    Args:
        run: which.
        game: that of its newest checkpoint, on the CPU.
        reference: what `minigan.metrics.evaluation.data.reference_of` gives for it.
        n: samples to score.
        seed: of z.

    Raises:
        DivergedError: its samples are no numbers.
        ShapeError, RangeError: they are no samples of these data.
    """
    samples, asked = draw(game, n, seed)
    nearest = None if reference.images is None else reference.images.nearest(samples)
    scores = evaluate(samples, reference, asked, nearest)
    ways = walk(game, WAYS, STEPS, seed, CPU)
    if nearest is None:
        looks = Looks(samples, ways)
    else:
        suspects = _suspects(samples, reference.training, nearest)
        looks = Looks(samples[:SHOWN], ways, suspects, nearest.distances[:, 0])
    return ScoredRun(str(run.path), run.config, game.steps, scores, looks)


def _suspects(samples: NDArray[np.float32], training: NDArray[np.float32], nearest: Neighbours) -> Suspects:
    """Those far nearer to one training image than to the next ones.

    By distances alone all of them would be digits of little ink. Source of the ratio: Carlini et al., "Extracting
    Training Data from Diffusion Models" (2023), section 4.2.
    """
    d = nearest.distances
    ratios = d[:, 0] / np.maximum(d.mean(axis=1), np.finfo(float).tiny)
    worst = np.argsort(ratios, kind="stable")[:SUSPECTS]
    return Suspects(samples[worst], training[nearest.indices[worst]], d[worst])


def rows_of(runs: Sequence[ScoredRun]) -> tuple[Row, ...]:
    """The rows that runs make, in the order in which their first runs come."""
    groups: dict[tuple[Config, int], list[ScoredRun]] = {}
    for run in runs:
        groups.setdefault((_without_seed(run.config), run.step), []).append(run)
    return tuple(Row(_name(key, groups), tuple(group)) for key, group in groups.items())


def check_different(runs: Sequence[Run]) -> None:
    """Make sure that no two runs draw the same samples, which would pass for the agreement of two seeds.

    Raises:
        ConfigError: two do.
    """
    seen: dict[tuple[Config, int], Run] = {}
    for run in runs:
        step = run.found.newest.step if run.found.newest else 0
        other = seen.setdefault((run.config, step), run)
        if other is not run:
            raise ConfigError(
                f"evaluate: {other.path} and {run.path} are the same run, as their settings, seed and step are equal, "
                "and so are their samples; name each once, or runs of other seeds."
            )


def _without_seed(config: Config) -> Config:
    return replace(config, training=replace(config.training, seed=0))


def _name(key: tuple[Config, int], groups: dict[tuple[Config, int], list[ScoredRun]]) -> str:
    """The path of a single run; else the preset, and in what its settings differ from other rows of this preset."""
    config, step = key
    if len(groups[key]) == 1:
        return groups[key][0].path
    alike = [(other, at) for other, at in groups if other.name == config.name]
    settings = {path: value for other, _ in alike for path, (value, _) in config.differences(other).items()}
    told = [f"{path}={value}" for path, value in settings.items()]
    told += [f"step {step:,}"] if len({at for _, at in alike}) > 1 else []
    return f"{config.name} ({', '.join([*told, f'{len(groups[key])} seeds'])})"
