"""What is worth looking at among the samples of a run: the first ones, what lies between them, and likely copies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU, Device
from minigan.gan.game import Game
from minigan.gan.latent import walk
from minigan.metrics.evaluation.scores import Reference
from minigan.metrics.neighbours import Neighbours

SHOWN, SUSPECTS, WAYS, STEPS = 64, 8, 8, 10


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
        interpolation: samples on ways from one z to another, (8, 10, ...).
        suspects: of images.
        distances: of each image to the nearest training image, (N,).
    """

    samples: NDArray[np.float32]
    interpolation: NDArray[np.float32]
    suspects: Suspects | None = None
    distances: NDArray[np.float64] | None = None


def look_at(
    samples: NDArray[np.float32],
    game: Game,
    reference: Reference,
    nearest: Neighbours | None,
    seed: int = 0,
    device: Device = CPU,
) -> Looks:
    """Choose what to look at.

    Args:
        samples: of the game.
        game: which drew them, on the device.
        reference: what they are compared with.
        nearest: the training images nearest to each; None of points.
        seed: of z, from one to another of which a way leads.
        device: where the game is.

    >>> from minigan.metrics.evaluation import reference_of
    >>> from minigan.metrics.evaluation.drawn import draw
    >>> from minigan.metrics.evaluation.looks import look_at
    >>> config = mg.gan.load_preset("ring")
    >>> game = mg.gan.build_game(config, (2,), mg.device("cpu"))
    >>> look_at(draw(game, 100).samples, game, reference_of(config), None).interpolation.shape
    (8, 10, 2)
    """
    interpolation = walk(game, WAYS, STEPS, seed, device)
    if nearest is None or reference.images is None:
        return Looks(samples, interpolation)
    suspects = suspects_among(samples, reference.images.searched, nearest)
    return Looks(samples[:SHOWN], interpolation, suspects, nearest.distances[:, 0])


def suspects_among(samples: NDArray[np.float32], training: NDArray[np.float32], nearest: Neighbours) -> Suspects:
    """Those far nearer to one training image than to the next ones.

    By distances alone all of them would be digits of little ink. Source of the ratio: Carlini et al., "Extracting
    Training Data from Diffusion Models" (2023), section 4.2.
    """
    d = nearest.distances
    ratios = d[:, 0] / np.maximum(d.mean(axis=1), np.finfo(float).tiny)
    worst = np.argsort(ratios, kind="stable")[:SUSPECTS]
    return Suspects(samples[worst], training[nearest.indices[worst]], d[worst])
