"""Samples of what G has learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import Device
from minigan.errors import ConfigError, DivergedError
from minigan.gan.game import Game
from minigan.gan.games import ReconstructionGame
from minigan.gan.games.conditional import LabelledGame
from minigan.gan.noise import Noise
from minigan.ops.creation import as_tensor
from minigan.ops.elementwise import where
from minigan.recording import no_grad
from minigan.tensor import Tensor

LEAST = 0.01  # truncation: one value in 125 is so near 0; with less, drawing again would take for ever


def sample(
    game: Game, n: int, seed: int, device: Device, labels: Any = None, truncation: float = 0.0, chunk: int = 1000
) -> NDArray[np.float32]:
    """New samples of a game's sampler, as a host array.

    Args:
        game: whose.
        n: how many.
        seed: of z; with the same seed, more samples begin with the same z as fewer.
        device: where the networks are.
        labels: integers (n,): of which class each is to be, where G has to be told.
        truncation: see :func:`truncated`; 0 for none.
        chunk: how many to draw at a time, to bound the memory.

    Returns:
        float32 (n, C, H, W) in [-1, 1], or (n, F).

    Raises:
        ConfigError: G makes images of images, and not of z; labels are missing; or z cannot be truncated.
    """
    check_wishes(game, None, truncation)
    if isinstance(game, ReconstructionGame):
        raise ConfigError("sample: this G makes images of damaged images, not of noise; use restore.")
    z = truncated(game.noise, n, seed, device, truncation) if truncation else game.noise.fixed(n, seed, device)
    if labels is None:
        return in_parts(lambda part: game.draw(z[part]), n, chunk)
    told = as_tensor(np.asarray(labels, np.int64), device=device)
    return in_parts(lambda part: game.draw(z[part], told[part]), n, chunk)


def in_parts(draw: Callable[[slice], Tensor], n: int, chunk: int = 1000) -> NDArray[np.float32]:
    """What ``draw`` makes of n samples, part by part, as a host array.

    Raises:
        DivergedError: some are no numbers.
    """
    with no_grad():
        samples = np.concatenate([draw(slice(i, i + chunk)).to("cpu").numpy() for i in range(0, n, chunk)])
    if not np.isfinite(samples).all():
        raise DivergedError(
            "G draws samples that hold a NaN or an infinity, so its weights have grown too large; "
            "train again, as with lower learning rates."
        )
    return samples


def truncated(noise: Noise, n: int, seed: int, device: Device, threshold: float) -> Tensor:
    """z (n, z_dim) from a normal distribution without its tails: values beyond the threshold are drawn again.

    Samples become more typical and less diverse; source: Brock, Donahue and Simonyan 2019, section 3.1, the
    "truncation trick".

    Args:
        noise: where z comes from.
        n: how many.
        seed: of z; a value within the threshold is what it is without one.
        device: where to.
        threshold: in standard deviations, at least 0.01.

    >>> from minigan.gan.sampling import truncated
    >>> z = truncated(mg.gan.Noise(100), 64, seed=0, device=mg.device("cpu"), threshold=0.5)
    >>> bool((z.abs() <= 0.5).numpy().all())
    True
    """
    standard = replace(noise, scale=1.0)
    z = standard.fixed(n, seed, device)
    for site in count(1):
        beyond = z.abs() > threshold
        if not beyond.any():
            break
        z = where(beyond, standard.fixed(n, seed, device, site), z)
    return z * noise.scale


def classes_of(game: Game) -> int:
    """How many classes G can be asked for; 0 if it cannot be told any."""
    return getattr(game.generator.network, "classes", 0) if isinstance(game, LabelledGame) else 0


def check_wishes(game: Game, label: int | None = None, truncation: float = 0.0) -> None:
    """Make sure that a game can draw samples like this.

    Raises:
        ConfigError: the game draws no classes, or not this one; or its z cannot be truncated so.
    """
    classes = classes_of(game)
    if label is not None and not classes:
        raise ConfigError("This G is not told what to draw; leave the label out, or train a conditional GAN.")
    if label is not None and not 0 <= label < classes:
        raise ConfigError(f"Expected a label from 0 to {classes - 1}, but got {label}.")
    if truncation and isinstance(game, ReconstructionGame):
        raise ConfigError("This G makes images of damaged images, not of noise; leave truncation out.")
    if truncation and game.noise.distribution != "normal":
        raise ConfigError(
            f"Only a normal z has tails to truncate, but that of this G is {game.noise.distribution}; "
            "leave truncation out."
        )
    if truncation and truncation < LEAST:
        raise ConfigError(f"Expected a truncation of at least {LEAST}, but got {truncation}; 1 is a usual one.")
