"""By which score can epochs be told apart, and what does it cost to score while training?

    python benchmarks/score_noise.py                writes benchmarks/results/score_noise.txt, too
    python benchmarks/score_noise.py --quick        a few steps and samples, to see that it runs

Trains the preset default, and scores it after each epoch, as with ``--set score.every=1``. A score scatters with z: its
standard deviation is that over ten z at the end of training. A score tells epochs apart if from one to the next it
changes by more than that.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import command
import numpy as np
from in_memory import train
from program import machine

from minigan.backend.device import CPU
from minigan.gan import Extension, Game, Trainer, load_preset, set_fields
from minigan.gan.source import data_of
from minigan.metrics.evaluation.drawn import draw
from minigan.metrics.scorers import Scorer, scorer_of

RESULTS = Path(__file__).parent / "results" / "score_noise.txt"
DRAWS = 10  # z to draw, for a standard deviation
NAMES = {"classifier_score": "classifier", "frechet_distance": "Frechet"}


class Epochs(Extension):
    """Scores n samples after each epoch.

    Attributes:
        scores: a row (classifier, Frechet) of each.
        seconds: of the processor, that each epoch took without its score.
    """

    def __init__(self, scorer: Scorer, n: int) -> None:
        self.scorer, self.n = scorer, n
        self.scores: list[list[float]] = []
        self.seconds: list[float] = []

    def start(self, trainer: Trainer) -> None:
        """Look at the clock."""
        self.begun = time.process_time()

    def after_epoch(self, trainer: Trainer) -> None:
        """Score it."""
        self.seconds.append(time.process_time() - self.begun)
        self.scores.append(score(trainer.game, self.scorer, self.n, 0))
        self.begun = time.process_time()


def score(game: Game, scorer: Scorer, n: int, seed: int) -> list[float]:
    """The classifier score and the Frechet distance of n samples."""
    numbers = scorer.score(*draw(game, n, seed))
    return [numbers[name] for name in NAMES]


def scatter(game: Game, scorer: Scorer, n: int) -> tuple[np.ndarray, float]:
    """Standard deviations (2,) over z, and the seconds of the processor that a score takes."""
    begun = time.process_time()
    drawn = [score(game, scorer, n, seed) for seed in range(1, DRAWS + 1)]
    return np.std(drawn, axis=0, ddof=1), (time.process_time() - begun) / DRAWS


def measured(sizes: Sequence[int], usual: int, sets: Sequence[str]) -> Iterator[str]:
    """Train, and yield the lines of the report."""
    config = set_fields(load_preset("default"), ["score.every=1", f"score.n={usual}", *sets])
    begun = time.process_time()
    scorer = scorer_of(config, data_of(config), CPU)
    assert scorer is not None, "score.every is 1"
    yield f"before training: {time.process_time() - begun:.1f} processor seconds\n"
    epochs = Epochs(scorer, usual)
    game = train(config, epochs)
    found = {n: scatter(game, scorer, n) for n in sizes}
    yield f"{'samples':>9}{'std of classifier':>19}{'std of Frechet':>16}{'processor seconds':>19}"
    for n, ((classifier, frechet), seconds) in found.items():
        yield f"{n:>9,}{classifier:>19.3f}{frechet:>16.3f}{seconds:>19.2f}"
    yield f"\n{summary(epochs, *found[usual])}"


def summary(epochs: Epochs, noise: np.ndarray, seconds: float) -> str:
    """What a score costs beside an epoch, and by how much epochs differ beside its noise."""
    epoch = float(np.median(epochs.seconds))
    later = np.array(epochs.scores[len(epochs.scores) // 2 :])
    changes = np.median(np.abs(np.diff(later, axis=0)), axis=0) / noise
    told = ", ".join(f"{name} {change:.1f}" for name, change in zip(NAMES.values(), changes, strict=True))
    return (
        f"{len(epochs.scores)} epochs of {epoch:.1f} processor seconds; "
        f"a score of {epochs.n:,} is {seconds / epoch:.1%} of one\n"
        f"median change from epoch to epoch in the second half, in standard deviations: {told}"
    )


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few steps and samples; nothing is recorded")
    quick = parser.parse_args().quick
    few = ["data.limit=400", "training.batch_size=100", "training.steps=16"]
    lines = [machine(CPU)]
    for line in measured(*([80], 80, few) if quick else ([1000, 2500, 5000], 2500, [])):
        print(line, flush=True)
        lines.append(line)
    if not quick:
        RESULTS.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    command.run(main)
