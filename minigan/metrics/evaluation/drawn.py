"""Samples of a run as they are scored: what G draws of random z, and of random classes if it is told any."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU, Device
from minigan.gan.game import Game
from minigan.gan.sampling import classes_of, sample


class Drawn(NamedTuple):
    """Samples of a run.

    Attributes:
        samples: float32 (N, ...); pixels beyond black and white are clamped, as in every picture.
        asked: the classes that G was asked for, (N,); None if it cannot be asked.
    """

    samples: NDArray[np.float32]
    asked: NDArray[np.int64] | None


def draw(game: Game, n: int, seed: int = 0, device: Device = CPU) -> Drawn:
    """Samples to score: a G that is told classes is asked for random ones, each as likely.

    Were it asked for as many of each, its scores would be better than those of a G that draws by itself: parts of the
    samples would have equal shares, and all of them a KL of 0, which no independent samples have.

    Args:
        game: whose.
        n: how many.
        seed: of z and of the classes.
        device: where its networks are.

    Raises:
        ConfigError: G makes images of images.
        DivergedError: some samples are no numbers.

    >>> from minigan.metrics.evaluation.drawn import draw
    >>> game = mg.gan.build_game(mg.gan.load_preset("default"), (1, 28, 28), mg.device("cpu"))
    >>> drawn = draw(game, 20)
    >>> drawn.samples.shape, drawn.asked
    ((20, 1, 28, 28), None)
    """
    classes = classes_of(game)
    asked = np.random.default_rng(seed).integers(classes, size=n) if classes else None
    samples = sample(game, n, seed, device, asked)
    return Drawn(samples.clip(-1, 1) if samples.ndim == 4 else samples, asked)
