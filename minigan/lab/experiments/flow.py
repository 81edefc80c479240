"""Gradients layer by layer through a training on MNIST, and what settings of the networks do to them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU
from minigan.data import Loader
from minigan.errors import ConfigError
from minigan.gan.build import DataFacts, build_game
from minigan.gan.config import Config, load_preset, set_fields
from minigan.gan.source import batch_of, data_of, loader_of
from minigan.lab.experiments.flow_theory import Expected, expected
from minigan.lab.experiments.flow_watch import Array, Place, Watched, activations_of, layers_of, play
from minigan.lab.repeatable import repeatable
from minigan.ops.random import manual_seed, set_step

SHOWN, IMAGES = 5, 4  # at so many steps so many fakes are kept, and what D says of their pixels
DRAWS = 32  # networks with other fresh weights, of each training


@dataclass(frozen=True)
class Course:
    """One training; arrays of several layers are (layers, times), from z through G and D to the logit.

    Attributes:
        about: what is different from the preset.
        layers, activations: the places, as `flow_watch` names them.
        report: what the watched steps reported, each (times,).
        weight, gradient, update, signal: see `Watched`.
        silent: (activations, times).
        at_fake: what D hands to G (times,), see `Watched`.
        fakes: some of them at steps ``Flow.shown``, uint8 (shown, images, H, W).
        at_fakes: the gradient of G's loss at their pixels, the mean over all fakes of the step, in percent of its
            largest, int8 (shown, H, W).
        toward: the cosine between minus that mean and the way from the mean fake to the mean real image (times,).
        logit: mean of 1 - D(G(z)) at the last watched step; NaN where the loss is not the non-saturating one.
        kept: what is left of the signal on its way from the logit to the pixels, of many networks with fresh weights
            whose D has not moved yet (draws,); none where theory says nothing.
        expected: what theory says of the first step.
    """

    about: str
    layers: Sequence[Place]
    activations: Sequence[Place]
    report: dict[str, Array]
    weight: Array
    gradient: Array
    update: Array
    signal: Array
    silent: Array
    at_fake: Array
    fakes: NDArray[np.uint8]
    at_fakes: NDArray[np.int8]
    toward: Array
    logit: float
    kept: Array
    expected: Expected


@dataclass(frozen=True)
class Flow:
    """What `flow` returns.

    Attributes:
        preset: the name of the preset.
        narrow: by what the widths of its layers were divided.
        batch_size: samples in a step.
        lr: the learning rates of G and D.
        steps: the number of each watched step, counted from 0.
        shown: at which of them (their places in ``steps``) fakes were kept.
        courses: the trainings by name, the preset first.
        left_out: changes that this preset cannot have, with the reason.
    """

    preset: str
    narrow: int
    batch_size: int
    lr: tuple[float, float]
    steps: NDArray[np.int64]
    shown: NDArray[np.int64]
    courses: dict[str, Course]
    left_out: dict[str, str]


@repeatable
def flow(*, preset: str = "reference", steps: int = 450, narrow: int = 4, points: int = 30, seed: int = 0) -> Flow:
    """Train a preset, and the same with one thing changed, from the same seed; watch some of the steps.

    A watched step is played like any other, so that watching changes nothing.

    Args:
        preset: whose networks and settings to take; it must train on MNIST.
        steps: how many steps to train, at least as many as points.
        narrow: divide the widths of all hidden layers by this; 1 for the preset's own networks, which take longer.
        points: at how many steps to look, at least 5.
        seed: of weights, noise and the order of the images.

    Raises:
        ConfigError: a number is out of range, or the preset is unknown or does not train on MNIST.

    >>> from minigan.lab.experiments.flow import flow
    >>> data = flow(steps=5, points=5, narrow=32)
    >>> [place.name for place in data.courses["preset"].layers]
    ['G 1', 'G 2', 'G 3', 'G 4', 'D 1', 'D 2', 'D 3', 'D 4']
    >>> data.courses["preset"].gradient.shape
    (8, 5)
    """
    base = _base(preset, narrow, seed)
    for name, number, least in (("points", points, SHOWN), ("steps", steps, points)):
        if number < least:
            raise ConfigError(f"flow: expected {name} of at least {least}, but got {number}.")
    loader = loader_of(base, data_of(base))
    at = np.linspace(0, steps - 1, points).astype(np.int64)
    shown = np.array([0, *np.linspace(1, points - 1, SHOWN - 1).astype(np.int64)])  # much happens at first
    changes = _changes(base)
    left_out = {}
    if base.discriminator.network == "maxout":
        del changes["Sigmoid in D"]
        left_out["Sigmoid in D"] = "maxout units are their own activation"
    courses = {
        name: _train(set_fields(base, settings), about, loader, at, shown)
        for name, (about, settings) in changes.items()
    }
    lr = base.generator.lr, base.discriminator.lr
    return Flow(preset, narrow, base.training.batch_size, lr, at, shown, courses, left_out)


# ---- what is compared ----------------------------------------------------------------------------------------


def _base(preset: str, narrow: int, seed: int) -> Config:
    config = load_preset(preset)
    if config.data.source != "mnist":
        raise ConfigError(
            f"flow: expected a preset that trains on MNIST, but {preset} trains on {config.data.source}; "
            "choose another, such as reference."
        )
    if narrow < 1:
        raise ConfigError(f"flow: expected narrow of at least 1, but got {narrow}.")
    widths = {
        f"{player}.{part}": [max(1, width // narrow) for width in getattr(getattr(config, player), part)]
        for player in ("generator", "discriminator")
        for part in ("hidden", "dense")
    }
    return set_fields(config, [f"training.seed={seed}", *(f"{path}={value}" for path, value in widths.items())])


def _changes(base: Config) -> dict[str, tuple[str, list[str]]]:
    """Of each training its name, what it is, and the settings that differ from the preset."""
    G, D = base.generator, base.discriminator
    dropout = ("no dropout in D", "0.0") if D.dropout else ("dropout .3 in D", "0.3")
    norm = ("no BatchNorm in G", '"none"') if G.norm == "batch" else ("BatchNorm in G", '"batch"')
    return {
        "preset": ("the preset as it is", []),
        dropout[0]: (f"{dropout[0]}, all else as in the preset", [f"discriminator.dropout={dropout[1]}"]),
        norm[0]: (f"{norm[0]}, all else as in the preset", [f"generator.norm={norm[1]}"]),
        "Sigmoid in D": ("Sigmoid after D's hidden layers", ['discriminator.activation="sigmoid"']),
        "N(0, .02)": ("all weights from N(0, .02), the custom of DCGAN", _normal(0.02)),
        "N(0, .2)": ("all weights from N(0, .2): ten times too large", _normal(0.2)),
        "N(0, .002)": ("all weights from N(0, .002): ten times too small", _normal(0.002)),
    }


def _normal(scale: float) -> list[str]:
    players = "generator", "discriminator"
    return [change for player in players for change in (f'{player}.init="normal"', f"{player}.init_scale={scale}")]


# ---- training --------------------------------------------------------------------------------------------------


def _train(config: Config, about: str, loader: Loader, at: NDArray[np.int64], shown: NDArray[np.int64]) -> Course:
    game = build_game(config, DataFacts.of(loader, config), CPU)
    watched_game = copy.copy(game)  # the same players: one game is captured, the other is played as written
    game.capture()
    each = game.batches_per_step
    seen: list[Watched] = []
    toward: list[float] = []
    with np.errstate(all="ignore"):
        for step in range(int(at[-1]) + 1):
            manual_seed(loader.seed)
            set_step(step)
            batches = [batch_of(loader, step * each + i, CPU) for i in range(each)]
            if step in at:
                watched_game.steps = step
                watched = play(watched_game, batches)
                toward.append(_toward(watched, batches[-1].images.numpy()))
                seen.append(watched if len(seen) in shown else _without_images(watched))
                game.steps = watched_game.steps
            else:
                game.step(*batches)
    layers, activations = ([place for place, _ in found] for found in (layers_of(game), activations_of(game)))
    series = {name: np.array([getattr(w, name) for w in seen]).T for name in ("weight", "gradient", "update")}
    pictures = [seen[i] for i in shown]
    theory = expected(config, layers)
    return Course(
        about,
        layers,
        activations,
        {name: np.array([w.report.get(name, np.nan) for w in seen]) for name in seen[0].report},
        **series,
        signal=np.array([w.signal for w in seen]).T,
        silent=np.array([w.silent for w in seen]).T,
        at_fake=np.array([w.at_fake for w in seen]),
        fakes=np.stack([_bytes(w.fakes) for w in pictures]),
        at_fakes=np.stack([_percent(w.at_fakes) for w in pictures]),
        toward=np.array(toward),
        logit=_far_from_real(config, seen[-1].outputs),
        kept=np.array([] if np.isnan(theory.kept) else [*_kept(config, loader)]),
        expected=theory,
    )


def _kept(config: Config, loader: Loader) -> Iterator[float]:
    """`Course.kept`: theory is about the mean square over all draws, from which one of few units may be far."""
    for draw in range(DRAWS):
        other = set_fields(config, [f"training.seed={config.training.seed + draw}", "discriminator.lr=0.0"])
        game = build_game(other, DataFacts.of(loader, other), CPU)
        manual_seed(loader.seed)
        set_step(0)
        watched = play(game, [batch_of(loader, i, CPU) for i in range(game.batches_per_step)])
        yield watched.at_fake / float(watched.signal[-1])


def _without_images(watched: Watched) -> Watched:
    """A batch of images at every watched step would be much memory for nothing; their mean norm is kept."""
    norms = np.full((1, 1), watched.at_fake, np.float32)
    return replace(watched, fakes=watched.fakes[:0], at_fakes=norms)


def _bytes(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint((images[:IMAGES, 0].clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def _percent(gradients: NDArray[np.float32]) -> NDArray[np.int8]:
    """The mean gradient in percent of its largest; 0 where there is none."""
    mean = np.nan_to_num(gradients[:, 0].mean(0))
    shares: NDArray[np.int8] = np.rint(100 * mean / (np.abs(mean).max() or 1)).astype(np.int8)
    return shares


def _toward(watched: Watched, real: NDArray[np.float32]) -> float:
    """Whether what D asks for leads to real images; 1 would be straight there."""
    way = (real.mean(0, np.float64) - watched.fakes.mean(0, np.float64)).ravel()
    wanted = -watched.at_fakes.mean(0, np.float64).ravel()
    lengths = np.linalg.norm(way) * np.linalg.norm(wanted)
    return float(way @ wanted / lengths) if lengths > 0 else float("nan")


def _far_from_real(config: Config, outputs: Array) -> float:
    """Mean of 1 - D: what -log D hands to the logit."""
    if config.game.loss != "non-saturating" or config.game.task != "generate" or not outputs.size:
        return float("nan")
    return float(np.mean(1 / (1 + np.exp(outputs))))
