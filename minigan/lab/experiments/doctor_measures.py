"""What a doctor measures on a checkpoint: D's outputs, what arrives at G, how varied its samples are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minigan import nn
from minigan.backend.device import CPU
from minigan.data import Loader
from minigan.gan.batch import Batch
from minigan.gan.build import DataFacts
from minigan.gan.config import Config
from minigan.gan.game import Game
from minigan.gan.games import ReconstructionGame, SemiSupervisedGame
from minigan.gan.sampling import classes_of, sample
from minigan.gan.source import batch_of
from minigan.gan.views import in_order
from minigan.lab.experiments.short_runs import mixture_of
from minigan.lab.watching import Array, layers_of, watch
from minigan.metrics import caught_modes, load_judge
from minigan.nn.batchnorm import BatchNorm
from minigan.ops.creation import as_tensor
from minigan.ops.joining import cat
from minigan.ops.random import manual_seed, set_step
from minigan.recording import no_grad

SAMPLES = 1000  # for classes and modes
PAIRS = 300  # of which all distances are taken
ASKED = 256  # samples, at least, that D is asked about
CLEAR = 0.9
COMPANIONS = 8  # batches that the same z are drawn in
KEPT = 16  # images of which there is a picture
CLOUD = 256  # points of which there is one
LEAST = 1e-12  # the distance of two samples that are the same


@dataclass(frozen=True, kw_only=True)
class GradientNorms:
    """What a step after the checkpoint shows of G's and D's gradients.

    Attributes:
        layers: their names, from z to the logit.
        gradient, weight: the L2 norms of each.
        signal: see `minigan.lab.watching.WatchedStep`.
        at_fake: what D hands to G.
        moved: of a weight of G in this step, the root mean square, as a share of the learning rate.
    """

    layers: Sequence[str]
    gradient: Array
    weight: Array
    signal: Array
    at_fake: float
    moved: float

    def relative(self, player: str) -> float:
        """The gradient of a player beside its weights."""
        own = [name.startswith(player) for name in self.layers]
        return float(np.linalg.norm(self.gradient[own]) / np.linalg.norm(self.weight[own]))


@dataclass(frozen=True)
class Variety:
    """How different samples are from each other.

    Attributes:
        distance: the mean L2 distance of two samples; where they have labels, of two of one class.
        of_real: the same of real ones.
        counts: how many samples are nearest to each mode, or are read as each digit; empty where neither is known.
        real_counts: the same of as many real samples.
        clear: share of the samples that are one thing clearly: within three standard deviations of a mode, or a
            digit to the judge with a probability above .9.
        kind: what is counted, "digits" or "modes"; empty for nothing.
    """

    distance: float
    of_real: float
    counts: NDArray[np.int64]
    real_counts: NDArray[np.int64]
    clear: float
    kind: str


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What was measured on a checkpoint.

    Attributes:
        on_real, on_fake: D's outputs, logits or scores.
        gradients: of the next step.
        variety: of the samples; None where G makes images of images.
        gap: how far the sample of a z in evaluation mode is from its mean sample in training mode, beside the mean
            distance of two samples; None where G makes images of images.
        swing: how far its samples in training mode are from their mean, over the batches that it may be in.
        two_modes: whether G has layers that work differently in the two modes.
        auc_of_D: where D has BatchNorm, the area under its ROC curve (see `roc_auc`) on real samples and fakes, in
            training mode and in evaluation mode; None for another D.
        samples, in_training: some samples in both modes, of the same z: images as bytes (n, C, H, W), or points (n, F).
        real: some real ones, the same.
        unfinite: how many numbers of the networks are NaN or infinite.
    """

    on_real: Array
    on_fake: Array
    gradients: GradientNorms
    variety: Variety | None
    gap: float | None
    swing: float | None
    two_modes: bool
    auc_of_D: tuple[float, float] | None
    samples: NDArray[Any]
    in_training: NDArray[Any]
    real: NDArray[Any]
    unfinite: int


def measure(config: Config, game: Game, loader: Loader, seed: int) -> Measures:
    """Look at a game that nobody will go on with: it is played a step further. Moves the random streams.

    Args:
        config: its settings.
        game: as the checkpoint left it.
        loader: its data.
        seed: of z.

    Raises:
        DivergedError: G draws no numbers.
    """
    unfinite = sum(int((~np.isfinite(array)).sum()) for array in _arrays(game))
    with np.errstate(all="ignore"):
        manual_seed(seed)
        set_step(game.steps)
        variety = None if isinstance(game, ReconstructionGame) else _variety(config, game, loader, seed)
        modes = _restored(game, loader) if isinstance(game, ReconstructionGame) else _modes_of(config, game, seed)
        pictured = _cloud(config, game, seed) if modes.evaluated.ndim == 2 else modes
        auc_of_D = _auc_of_D(game, loader)
        on_real, on_fake = _logits(config, game, loader)
        gradients = _gradients(config, game, loader)
    return Measures(
        on_real=on_real,
        on_fake=on_fake,
        gradients=gradients,
        variety=variety,
        gap=_gap(modes, variety),
        swing=_swing(modes, variety),
        two_modes=any(isinstance(m, (BatchNorm, nn.Dropout)) for m in game.generator.network.modules()),
        auc_of_D=auc_of_D,
        samples=_shown(pictured.evaluated),
        in_training=_shown(pictured.trained[0]),
        real=_shown(batch_of(loader, 0, CPU).images.numpy()),
        unfinite=unfinite,
    )


def _shown(samples: NDArray[Any]) -> NDArray[Any]:
    """Some of them; images as bytes, of which lab.json has many."""
    if samples.ndim != 4:
        return samples[:CLOUD]
    return np.rint((samples[:KEPT].clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def _arrays(game: Game) -> list[NDArray[Any]]:
    states = (player.network.state_dict() for player in (game.generator, game.discriminator))
    return [np.asarray(array) for state in states for array in state.values()]


# ---- D and G's gradient ---------------------------------------------------------------------------------------


def _logits(config: Config, game: Game, loader: Loader) -> tuple[Array, Array]:
    """D's outputs as logits or scores, in training mode as in its own turn."""
    real, fake = _asked(game, loader, training=True)
    if config.discriminator.output == "probability":
        real, fake = _logit(real), _logit(fake)
    return real, fake


def _asked(game: Game, loader: Loader, training: bool) -> tuple[Array, Array]:
    """D's outputs on real samples and on fakes, with D in this mode."""
    outputs: list[tuple[Any, Any]] = []
    game.generator.network.train()
    game.discriminator.network.train(training)
    with no_grad():
        for i in range(min(math.ceil(ASKED / loader.batch_size), len(loader))):
            batch = batch_of(loader, i, CPU)
            shown = [game.opinion(game.ask(game.seen(x))).numpy().ravel() for x in (batch, game.generate(batch))]
            outputs.append((shown[0], shown[1]))
    real, fake = (np.concatenate([pair[k] for pair in outputs]).astype(np.float64) for k in (0, 1))
    return real, fake


def _auc_of_D(game: Game, loader: Loader) -> tuple[float, float] | None:
    """See `Measures.auc_of_D`. Real samples and fakes come in batches of their own, as D is shown them in training."""
    network = game.discriminator.network
    if not any(isinstance(module, BatchNorm) for module in network.modules()):
        return None
    evaluated = _asked(game, loader, training=False)  # first: in training mode statistics move
    return roc_auc(*_asked(game, loader, training=True)), roc_auc(*evaluated)


def roc_auc(real: Array, fake: Array) -> float:
    """The area under the ROC curve of a score that tells real samples from fakes.

    It is the share of pairs whose real one has the larger score, of equal ones half (Hanley and McNeil 1982).

    >>> from minigan.lab.experiments.doctor_measures import roc_auc
    >>> roc_auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    return float(np.mean(real[:, None] > fake) + np.mean(real[:, None] == fake) / 2)


def _logit(p: Array) -> Array:
    p = np.clip(p, 1e-38, 1 - 1e-7)
    logits: Array = np.log(p) - np.log1p(-p)
    return logits


def _gradients(config: Config, game: Game, loader: Loader) -> GradientNorms:
    if isinstance(game, SemiSupervisedGame):
        images, labels = DataFacts.of(loader, config).labelled or (loader.images[:1], loader.labels_of(0)[:1])
        game.labelled = Batch.of(images, labels, CPU)
    each = game.batches_per_step
    batches = [batch_of(loader, game.steps * each + i, CPU) for i in range(each)]
    seen = watch(game, batches)
    layers = [layer for layer, _ in layers_of(game)]
    of_G = [layer.name.startswith("G") for layer in layers]
    count = sum(layer.numbers for layer, own in zip(layers, of_G, strict=True) if own)
    lr = game.generator.optimizer.param_groups[0]["lr"]
    moved = float(np.linalg.norm(seen.update[of_G])) / math.sqrt(count) / lr if lr else math.nan
    return GradientNorms(
        layers=[layer.name for layer in layers],
        gradient=seen.gradient,
        weight=seen.weight,
        signal=seen.signal,
        at_fake=seen.at_fake,
        moved=moved,
    )


# ---- samples ------------------------------------------------------------------------------------------------------


class _Modes(NamedTuple):
    """Samples of some z in evaluation mode (n, ...), and in training mode, each time in another batch (times, n, ...).

    In training mode BatchNorm takes its statistics from the batch, so that a sample depends on its companions.
    """

    evaluated: NDArray[np.float32]
    trained: NDArray[np.float32]


def _modes_of(config: Config, game: Game, seed: int) -> _Modes:
    network = game.sampler
    size = max(2, min(config.training.batch_size, 64))
    n = max(1, min(KEPT, size // 2))
    told = (as_tensor(in_order(size, classes_of(game)), device=CPU),) if classes_of(game) else ()
    own = game.noise.fixed(n, seed, CPU)
    batches = [cat([own, game.noise.fixed(size - n, seed, CPU, 1 + site)]) for site in range(COMPANIONS)]
    with no_grad():
        evaluated = network.eval()(batches[0], *told).numpy()[:n]  # first: in training mode statistics move
        trained = np.stack([network.train()(z, *told).numpy()[:n] for z in batches])
    return _Modes(evaluated, trained)


def _cloud(config: Config, game: Game, seed: int) -> _Modes:
    """Points of a picture, in both modes; in training mode in batches of the usual size."""
    z = game.noise.fixed(CLOUD, seed, CPU)
    labels = as_tensor(in_order(CLOUD, classes_of(game)), device=CPU) if classes_of(game) else None
    size = max(2, min(config.training.batch_size, CLOUD))
    parts = [slice(i, i + size) for i in range(0, CLOUD, size)]

    def drawn(network: nn.Module, part: slice) -> NDArray[np.float32]:
        points: NDArray[np.float32] = network(z[part], *(() if labels is None else (labels[part],))).numpy()
        return points

    with no_grad():
        evaluated = drawn(game.sampler.eval(), slice(None))  # first: in training mode statistics move
        trained = np.concatenate([drawn(game.sampler.train(), part) for part in parts])
    return _Modes(evaluated, trained[None])


def _restored(game: ReconstructionGame, loader: Loader) -> _Modes:
    """What this G makes of damaged images; in one mode only."""
    with no_grad():
        images = game.generate(batch_of(loader, 0, CPU)).images.numpy()
    return _Modes(images, images[None])


def _gap(modes: _Modes, variety: Variety | None) -> float | None:
    """See `Measures.gap`."""
    return None if variety is None else _apart(modes.evaluated, modes.trained.mean(0)) / max(variety.distance, LEAST)


def _swing(modes: _Modes, variety: Variety | None) -> float | None:
    """See `Measures.swing`."""
    if variety is None:
        return None
    mean = modes.trained.mean(0)
    return float(np.mean([_apart(x, mean) for x in modes.trained])) / max(variety.distance, LEAST)


def _variety(config: Config, game: Game, loader: Loader, seed: int) -> Variety:
    classes = classes_of(game)
    labels = in_order(SAMPLES, classes) if classes else None
    fakes = sample(game, SAMPLES, seed, CPU, labels)
    wanted = math.ceil(SAMPLES / loader.batch_size)
    real = np.concatenate([batch_of(loader, i, CPU).images.numpy() for i in range(wanted)])[:SAMPLES]
    real_labels = np.concatenate([loader.labels_of(i) for i in range(wanted)])[:SAMPLES] if classes else None
    counts, real_counts, clear, kind = _counted(config, fakes, real)
    return Variety(_mean_distance(fakes, labels), _mean_distance(real, real_labels), counts, real_counts, clear, kind)


def _counted(config: Config, fakes: Any, real: Any) -> tuple[NDArray[np.int64], NDArray[np.int64], float, str]:
    mixture = mixture_of(config)
    if mixture is not None:
        nearest, ideal = (caught_modes(x, mixture, within=math.inf) for x in (fakes, real))
        return nearest.counts, ideal.counts, caught_modes(fakes, mixture).high_quality, "modes"
    if config.data.source == "mnist":
        judge = load_judge()
        seen, seen_real = (judge.probabilities(x.clip(-1, 1)) for x in (fakes, real))
        counts, real_counts = (np.bincount(p.argmax(1), minlength=10).astype(np.int64) for p in (seen, seen_real))
        return counts, real_counts, float((seen.max(1) > CLEAR).mean()), "digits"
    return np.zeros(0, np.int64), np.zeros(0, np.int64), math.nan, ""


def _mean_distance(x: Any, labels: Any) -> float:
    """Of two different samples, of the same class where there are classes."""
    from scipy.spatial.distance import pdist

    if labels is None:
        return float(pdist(_rows(x[:PAIRS])).mean())
    groups = [_rows(x[labels == k][:PAIRS]) for k in np.unique(labels)]
    return float(np.mean([pdist(group).mean() for group in groups if len(group) > 1]))


def _apart(x: Any, y: Any) -> float:
    """The mean distance of samples and others of the same z."""
    return float(np.linalg.norm(_rows(x) - _rows(y), axis=1).mean())


def _rows(x: Any) -> Array:
    return np.asarray(x, np.float64).reshape(len(x), -1)
