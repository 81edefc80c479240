"""One training of the experiment flow, watched at some of its steps; and many fresh networks, watched at the first."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from minigan.backend.device import CPU
from minigan.data import Loader
from minigan.gan.batch import Batch
from minigan.gan.build import DataFacts, build_game
from minigan.gan.config import Config, set_fields
from minigan.gan.game import Game
from minigan.gan.source import batch_of
from minigan.lab.experiments.flow_theory import Expected, expected
from minigan.lab.watching import Array, Layer, WatchedStep, activations_of, layers_of, watch
from minigan.ops.random import manual_seed, set_step

IMAGES = 4  # of each step of which fakes are kept
DRAWS = 32  # networks with other fresh weights, of each training


@dataclass(frozen=True, kw_only=True)
class WatchedTraining:
    """One training; arrays of several layers are (layers, times), from z through G and D to the logit.

    Attributes:
        about: what is different from the preset.
        layers, activations: of both players, see `minigan.lab.watching`.
        report: what the watched steps reported, each (times,).
        weight, gradient, update, signal: (layers, times), see `WatchedStep`.
        inactive: (activations, times), see `WatchedStep`.
        at_fake: what D hands to G (times,), see `WatchedStep`.
        fakes: some of them at steps ``Flow.shown``, uint8 (shown, images, H, W).
        at_fakes: the gradient of G's loss at their pixels, the mean over all fakes of the step, in percent of its
            largest, int8 (shown, H, W).
        toward: the cosine between minus that mean and the way from the mean fake to the mean real image (times,).
        logit: mean of 1 - D(G(z)) at the last watched step; NaN where the loss is not the non-saturating one.
        kept: what each layer of D leaves of the signal, see `Expected`, of many networks with fresh weights whose D
            has not moved yet (layers of D, draws).
        expected: what theory says of fresh weights.
        adam_eps: Adam's ε, which is added to the size by which it divides a gradient; NaN if a player has another
            optimizer.
    """

    about: str
    layers: Sequence[Layer]
    activations: Sequence[Layer]
    report: dict[str, Array]
    weight: Array
    gradient: Array
    update: Array
    signal: Array
    inactive: Array
    at_fake: Array
    fakes: NDArray[np.uint8]
    at_fakes: NDArray[np.int8]
    toward: Array
    logit: float
    kept: Array
    expected: Expected
    adam_eps: float

    @property
    def ratio(self) -> Array:
        """Update over weight (layers, times)."""
        return self.update / self.weight

    @property
    def ratio_late(self) -> Array:
        """The same in the second half of the watched steps, the median (layers,)."""
        return np.median(self._late(self.ratio), axis=-1)

    @property
    def toward_late(self) -> float:
        """The median of ``toward`` in the second half of the watched steps."""
        return float(np.nanmedian(self._late(self.toward)))

    @property
    def gradient_rms(self) -> Array:
        """The root mean square of the gradient over the weights of each layer (layers, times)."""
        return self.gradient / self._root

    @property
    def update_rms(self) -> Array:
        """The root mean square of the update over the weights of each layer (layers, times)."""
        return self.update / self._root

    @property
    def kept_rms(self) -> Array:
        """Of ``kept`` the root mean square over the draws (layers of D,)."""
        return np.array(np.sqrt(np.square(self.kept).mean(-1)))

    @property
    def kept_by_D(self) -> float:
        """Of all layers of D together."""
        return float(np.sqrt(np.square(self.kept.prod(0)).mean()))

    @property
    def divided_by(self) -> Array:
        """By what a layer of D divides the signal, the geometric mean over its layers (times,)."""
        return np.array((self.signal[-1] / self.at_fake) ** (1 / len(self.kept)))

    @property
    def _root(self) -> Array:
        return np.sqrt([layer.numbers for layer in self.layers])[:, None]

    @staticmethod
    def _late(values: Array) -> Array:
        return values[..., values.shape[-1] // 2 :]


def train(
    config: Config, about: str, loader: Loader, at: NDArray[np.int64], shown: NDArray[np.int64]
) -> WatchedTraining:
    """Train these settings, and watch.

    Args:
        config: the settings.
        about: see `WatchedTraining`.
        loader: the images.
        at: the steps to watch; training ends with the last.
        shown: of which of them (their places in ``at``) fakes are kept.
    """
    facts = DataFacts.of(loader, config)
    game = build_game(config, facts, CPU)
    layers, activations = ([layer for layer, _ in found] for found in (layers_of(game), activations_of(game)))
    seen, toward = _watch(game, loader, at, shown)
    pictures = [seen[i] for i in shown]
    series = {name: np.array([getattr(w, name) for w in seen]).T for name in ("weight", "gradient", "update", "signal")}
    return WatchedTraining(
        about=about,
        layers=layers,
        activations=activations,
        report={name: np.array([w.report.get(name, np.nan) for w in seen]) for name in seen[0].report},
        **series,
        inactive=np.array([w.inactive for w in seen]).T,
        at_fake=np.array([w.at_fake for w in seen]),
        fakes=np.stack([_bytes(w.fakes) for w in pictures]),
        at_fakes=np.stack([_percent(w.at_fakes) for w in pictures]),
        toward=toward,
        logit=_far_from_real(config, seen[-1].outputs),
        kept=np.array([*_kept(config, loader, facts)]).T,
        expected=expected(config, layers),
        adam_eps=_adam_eps(config, game),
    )


def _adam_eps(config: Config, game: Game) -> float:
    others = {config.generator.optimizer, config.discriminator.optimizer} - {"adam"}
    return math.nan if others else float(game.generator.optimizer.param_groups[0]["eps"])


def _watch(
    game: Game, loader: Loader, at: NDArray[np.int64], shown: NDArray[np.int64]
) -> tuple[list[WatchedStep], Array]:
    """What each watched step showed, and `WatchedTraining.toward`."""
    as_written = copy.copy(game)  # the same players: one game is captured, the other is played as written
    game.capture()
    seen: list[WatchedStep] = []
    toward: list[float] = []
    with np.errstate(all="ignore"):
        for step in range(int(at[-1]) + 1):
            batches = _begin(game, loader, step)
            if step not in at:
                game.step(*batches)
                continue
            as_written.steps = step
            watched = watch(as_written, batches)
            game.steps = as_written.steps
            toward.append(_toward(watched, batches[-1].images.numpy()))
            seen.append(watched if len(seen) in shown else _without_images(watched))
    return seen, np.array(toward)


def _begin(game: Game, loader: Loader, step: int) -> list[Batch]:
    """The images of a step; sets the random streams to its start."""
    manual_seed(loader.seed)
    set_step(step)
    each = game.batches_per_step
    return [batch_of(loader, step * each + i, CPU) for i in range(each)]


def _kept(config: Config, loader: Loader, facts: DataFacts) -> Iterator[Array]:
    """`WatchedTraining.kept`: theory is about the mean square over all draws; one of few units may be far from it."""
    for draw in range(DRAWS):
        still = "discriminator.lr=0.0", "discriminator.lr_min=0.0", f"training.seed={config.training.seed + draw}"
        game = build_game(set_fields(config, still), facts, CPU)
        watched = watch(game, _begin(game, loader, 0))
        of_D = [layer.name.startswith("D") for layer, _ in layers_of(game)]
        signal = watched.signal[of_D]
        yield np.array([watched.at_fake, *signal[:-1]]) / signal


def _without_images(watched: WatchedStep) -> WatchedStep:
    """A batch of images at every watched step would be much memory for nothing; their mean norm is kept."""
    norms = np.full((1, 1), watched.at_fake, np.float32)
    return replace(watched, fakes=watched.fakes[:0], at_fakes=norms)


def _bytes(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint((np.nan_to_num(images[:IMAGES, 0]).clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def _percent(gradients: NDArray[np.float32]) -> NDArray[np.int8]:
    """The mean gradient in percent of its largest; 0 where there is none."""
    mean = np.nan_to_num(gradients[:, 0].mean(0))
    shares: NDArray[np.int8] = np.rint(100 * mean / (np.abs(mean).max() or 1)).astype(np.int8)
    return shares


def _toward(watched: WatchedStep, real: NDArray[np.float32]) -> float:
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
