"""Looking at samples, in the way that the game and its data ask for."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import Device
from minigan.data import Dataset, gather_pixels
from minigan.errors import ConfigError, DataError
from minigan.gan.config import Config, GeneratorConfig
from minigan.gan.game import Game
from minigan.gan.games import ReconstructionGame
from minigan.gan.games.reconstruction import Damaged
from minigan.gan.networks.sizes import halved
from minigan.gan.pictures import grid, points
from minigan.gan.sampling import check_wishes, classes_of, in_parts, sample
from minigan.gan.source import data_of
from minigan.ops.creation import as_tensor
from minigan.ops.random import fork_rng, manual_seed

# How many to look at, where nobody says so: in all, and of each of the first classes.
IMAGES, POINTS, RESTORED = 64, 2000, 32
PER_CLASS, CLASSES = 8, 20
_BYTES = 16  # for each number of a layer: as it comes and as it goes, each with as much for what is made on the way


class Drawn(NamedTuple):
    """Samples, and how to look at them.

    Attributes:
        samples: (n, C, H, W) or (n, F).
        columns: in a row of the grid; None for a square one.
        real: points to draw generated ones over.
    """

    samples: NDArray[np.float32]
    columns: int | None = None
    real: NDArray[np.float32] | None = None

    def picture(self) -> NDArray[np.uint8]:
        """A grid of images, or points over real ones: uint8 (height, width) or (height, width, 3)."""
        return points(self.samples, self.real) if self.samples.ndim == 2 else grid(self.samples, self.columns)


class Restored(NamedTuple):
    """Restored images beside what they were made of, and what that was: all (n, C, H, W)."""

    samples: NDArray[np.float32]
    damaged: NDArray[np.float32]
    originals: NDArray[np.float32]

    def picture(self) -> NDArray[np.uint8]:
        """Triples of input, output and original, four in a row."""
        triples = np.stack([self.damaged, self.samples, self.originals], 1)
        return grid(triples.reshape(-1, *self.samples.shape[1:]), 3 * min(len(triples), 4))


class View(Protocol):
    """Samples that know how to be looked at."""

    @property
    def samples(self) -> NDArray[np.float32]:
        """(n, C, H, W) in [-1, 1], or (n, F)."""

    def picture(self) -> NDArray[np.uint8]:
        """(height, width) for grey, or (height, width, 3)."""


def view(
    game: Game,
    seed: int,
    device: Device,
    real: Any = None,
    *,
    n: int | None = None,
    label: int | None = None,
    truncation: float = 0.0,
) -> View:
    """What the game can draw, as its data ask for: images, images of each class, restored images, or points.

    Args:
        game: whose samples.
        seed: the same seed shows the same z.
        device: where the networks are.
        real: what :func:`real_beside` gave for this game.
        n: how many; as a rule as many as make a good picture.
        label: draw this class only; as a rule all, one after the other.
        truncation: see `minigan.gan.sampling.truncated`; 0 for none.

    Raises:
        ConfigError: the game draws no classes, or not this one; or z cannot be truncated.

    >>> from minigan.gan.views import view
    >>> cpu = mg.device("cpu")
    >>> game = mg.gan.build_game(mg.gan.load_preset("default"), (1, 28, 28), cpu)
    >>> view(game, seed=0, device=cpu).samples.shape
    (64, 1, 28, 28)
    """
    check_wishes(game, label, truncation)
    classes = classes_of(game)
    if isinstance(game, ReconstructionGame):
        if real is None:
            raise ConfigError("This G restores images; give it some as real=, such as those of real_beside.")
        return restore(game, real if n is None else real[:n], seed, device)
    n = n or _usual_number(classes, real)
    if not classes:
        return Drawn(sample(game, n, seed, device, None, truncation), None, real)
    labels = in_order(n, classes) if label is None else np.full(n, label)
    columns = -(-n // classes) if label is None else None
    return Drawn(sample(game, n, seed, device, labels, truncation), columns, real)


def in_order(n: int, classes: int) -> NDArray[np.int64]:
    """Labels (n,) from 0 up, as many of each class, give or take one.

    >>> from minigan.gan.views import in_order
    >>> in_order(5, 3).tolist()
    [0, 0, 1, 1, 2]
    """
    return np.sort(np.arange(n) % classes)


def _usual_number(classes: int, real: Any) -> int:
    if real is not None:
        return POINTS
    return PER_CLASS * min(classes, CLASSES) or IMAGES


def real_beside(game: Game, config: Config, n: int | None = None) -> NDArray[np.float32] | None:
    """Real samples that a picture of this game needs: images to restore, or points to compare with; else None.

    Images to restore are of the test split, which G has not seen, where the data have one.

    Args:
        game: whose samples are to be looked at.
        config: its settings.
        n: how many; as a rule as many as make a good picture.

    Raises:
        DataError: there are no images to restore any more. (Points can be looked at without.)
    """
    if isinstance(game, ReconstructionGame):
        return _some(_held_out(config), n or RESTORED)
    if _draws_points(game):
        few = replace(config.data, count=min(config.data.count, POINTS))  # the first are the same of any number
        with suppress(DataError):
            return _some(data_of(replace(config, data=few)), POINTS)
    return None


def _held_out(config: Config) -> Dataset:
    try:
        return data_of(config, "test")
    except (ConfigError, DataError):  # these data come in one piece
        return data_of(config)


def _some(data: Dataset, n: int) -> NDArray[np.float32]:
    """n of the samples, or all if there are fewer, from all over the data, which may be sorted by class."""
    total = len(data.samples)
    return gather_pixels(data.samples, np.linspace(0, total, min(n, total), endpoint=False).astype(np.int64))


def _draws_points(game: Game) -> bool:
    device = next(game.sampler.parameters()).device
    return sample(game, 1, 0, device, [0] if classes_of(game) else None).ndim == 2


def restore(game: ReconstructionGame, originals: NDArray[np.float32], seed: int, device: Device) -> Restored:
    """Images (n, C, H, W) damaged, the same way each time, and restored by G."""
    with fork_rng():
        manual_seed(seed)
        damaged = game.damage(as_tensor(originals, device=device))
    images, missing = damaged
    restored = in_parts(
        lambda part: game.restore(Damaged(images[part], None if missing is None else missing[part])), len(images)
    )
    return Restored(restored, images.to("cpu").numpy(), originals)


def bytes_to_look_at(g: GeneratorConfig, shape: tuple[int, ...]) -> int:
    """About how much memory it takes to draw a usual picture of samples of this shape: that of G's largest layer.

    Convolutions make much of little: the size of the weights does not bound that of the samples.
    """
    blocks = g.hidden if g.network == "unet" else g.hidden[::-1]  # from the image on
    shapes = [] if g.network == "mlp" else halved(shape, blocks)
    n = POINTS if len(shape) == 1 else IMAGES
    return n * _BYTES * max(math.prod(part) for part in (shape, *shapes))
