"""One step of a game, watched layer by layer: how large gradients and updates are, and which units are dead.

The step is played as it would be without being watched, to the same bits: hooks only look on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan import nn
from minigan.gan.batch import Batch
from minigan.gan.game import Game
from minigan.hooks import RemovableHandle
from minigan.nn.init import fan_in
from minigan.tensor import Tensor

Array = NDArray[np.float64]

FLAT = 0.1  # of its largest slope: a tanh or sigmoid that is flatter passes less than a tenth of what it could
SLOPES: dict[type[nn.Module], Callable[[Any], Any]] = {  # from the result, as a share of the largest
    nn.Tanh: lambda y: 1 - y**2,
    nn.Sigmoid: lambda y: 4 * y * (1 - y),
}
RECTIFIERS = nn.ReLU, nn.LeakyReLU
WEIGHTED = nn.Linear, nn.Conv2d, nn.ConvTranspose2d


@dataclass(frozen=True)
class Layer:
    """A layer with weights, or an activation.

    Attributes:
        name: the player and the number, among its layers with weights, of the one that it is or follows, as in "G 2".
        kind: of module, with its size.
        numbers: how many weights there are; 0 for an activation.
        fan_in, fan_out: how many inputs a unit has, and how many units an input feeds, as PyTorch's initialisation
            counts them; 0 for an activation.
    """

    name: str
    kind: str
    numbers: int = 0
    fan_in: int = 0
    fan_out: int = 0


@dataclass(frozen=True, kw_only=True)
class WatchedStep:
    """What a step showed; lists run from z through G and D to the logit.

    Attributes:
        report: what the step reports: losses and D's outputs.
        weight: the L2 norm of each layer's weight before the step.
        gradient: of the gradient along which it moved.
        update: of how far it moved.
        signal: in G's turn, the L2 norm of a sample's gradient at each layer's output: the mean over the samples, each
            with the loss that it has by itself. NaN where no gradient passes.
        inactive: of each activation a share: behind a ReLU of dead units, which are below 0 for all samples of the step
            (of channels, for images); behind a LeakyReLU of such units, which are inactive, and may come back; of
            Tanh and Sigmoid of saturated outputs, where the slope is below a tenth of the largest.
        outputs: of D's last layer in G's turn, in a row; none if G's loss does not ask it.
        fakes: the samples in G's turn.
        at_fakes: the gradient of G's loss at each of them, as in ``signal``.
    """

    report: dict[str, float]
    weight: Array
    gradient: Array
    update: Array
    signal: Array
    inactive: Array
    outputs: Array
    fakes: NDArray[np.float32]
    at_fakes: NDArray[np.float32]

    @property
    def at_fake(self) -> float:
        """What D hands to G: the mean L2 norm of ``at_fakes``."""
        return _mean_norm(self.at_fakes)


def layers_of(game: Game) -> list[tuple[Layer, nn.Module]]:
    """G's and D's layers with weights."""
    return [(layer, module) for layer, module in _all_layers(game) if layer.numbers]


def activations_of(game: Game) -> list[tuple[Layer, nn.Module]]:
    """G's and D's activations, but for the sigmoid that makes D's logit a probability."""
    found = [(layer, module) for layer, module in _all_layers(game) if not layer.numbers]
    return found[:-1] if isinstance(list(game.discriminator.network.modules())[-1], nn.Sigmoid) else found


def _all_layers(game: Game) -> Iterator[tuple[Layer, nn.Module]]:
    for player in (game.generator, game.discriminator):
        count = 0
        for module in player.network.modules():
            if isinstance(module, WEIGHTED):
                count += 1
                weight = _weight(module)
                fans = fan_in(weight), fan_in(weight.detach().transpose(0, 1))
                yield Layer(f"{player.name} {count}", _kind(module), weight.numel(), *fans), module
            elif isinstance(module, (*RECTIFIERS, *SLOPES)):
                yield Layer(f"{player.name} {count}", type(module).__name__), module


def _kind(module: Any) -> str:
    if isinstance(module, nn.Linear):
        return f"{type(module).__name__}, {module.in_features} to {module.out_features}"
    return f"{type(module).__name__}, {module.in_channels} to {module.out_channels} channels"


def watch(game: Game, batches: Sequence[Batch]) -> WatchedStep:
    """One step of a game that is not captured; see `Game.step`."""
    layers, activations = layers_of(game), activations_of(game)
    before = [_weight(module).detach().numpy().copy() for _, module in layers]
    with _looking(game, [m for _, m in layers], [m for _, m in activations]) as seen:
        report = game.step(*batches)
    after = [_weight(module).detach().numpy() for _, module in layers]
    nothing = np.zeros((1, *seen.fakes.shape[1:]), np.float32)
    return WatchedStep(
        report={name: value.item() for name, value in report.items()},
        weight=np.array([_norm(w) for w in before]),
        gradient=np.array([_norm(_gradient(module)) for _, module in layers]),
        update=np.array([_norm(new - old) for new, old in zip(after, before, strict=True)]),
        signal=np.array([_mean_norm(seen.gradients[i]) if i in seen.gradients else np.nan for i in range(len(layers))]),
        inactive=np.array([seen.inactive(i) for i in range(len(activations))]),
        outputs=np.ravel(seen.outputs.get(len(layers) - 1, ())).astype(np.float64),
        fakes=seen.fakes.copy(),
        at_fakes=seen.gradients.get("fakes", nothing).copy(),
    )


def _weight(module: nn.Module) -> Tensor:
    """What is trained: of a layer with spectral norm, its weight before that."""
    return next(p for p in module.parameters() if p.ndim > 1)


def _gradient(module: nn.Module) -> Any:
    gradient = _weight(module).grad
    return np.zeros(1) if gradient is None else gradient


def _norm(x: Any) -> float:
    return float(np.linalg.norm(np.asarray(x, np.float64)))


def _mean_norm(gradients: Any) -> float:
    rows = np.asarray(gradients, np.float64).reshape(len(gradients), -1)
    return float(np.linalg.norm(rows, axis=1).mean())


# ---- hooks -------------------------------------------------------------------------------------------------


class _Seen:
    """What the hooks saw in a step: of what comes several times, gradients as they were the last time."""

    def __init__(self) -> None:
        self.gradients: dict[Any, NDArray[Any]] = {}
        self.outputs: dict[int, NDArray[Any]] = {}
        self.fakes: NDArray[Any] = np.zeros((1, 1), np.float32)
        self.awake: dict[int, NDArray[np.bool_]] = {}
        self.flat: dict[int, list[float]] = {}

    def inactive(self, i: int) -> float:
        """Of activation i; NaN if the step did not use it."""
        if i in self.awake:
            return float(1 - self.awake[i].mean())
        return float(np.mean(self.flat[i])) if i in self.flat else np.nan

    # The hooks of modules; those of frozen layers tell G's turn from D's.

    def layer(self, i: int, module: nn.Module, args: Any, y: Tensor, *, of_D: bool) -> None:
        frozen = not any(p.requires_grad for p in module.parameters())
        if y.requires_grad and frozen == of_D:
            self.outputs[i] = y.detach().numpy()
            y.register_hook(partial(self._keep, i))

    def generated(self, module: nn.Module, args: Any, y: Tensor) -> None:
        self.fakes = y.detach().numpy()
        if y.requires_grad:
            y.register_hook(partial(self._keep, "fakes"))

    def activation(self, i: int, module: nn.Module, args: Any, y: Tensor) -> None:
        if isinstance(module, RECTIFIERS):
            x = args[0].detach().numpy()
            awake = (x > 0).any(tuple(axis for axis in range(x.ndim) if axis != 1))
            self.awake[i] = self.awake[i] | awake if i in self.awake else awake
        else:
            slope = SLOPES[type(module)](y.detach().numpy())
            self.flat.setdefault(i, []).append(float((slope < FLAT).mean()))

    def _keep(self, key: Any, gy: Tensor) -> None:
        # the loss is the mean over the samples: times their number, each has its own
        self.gradients[key] = gy.detach().numpy() * len(gy)


@contextmanager
def _looking(game: Game, layers: Sequence[nn.Module], activations: Sequence[nn.Module]) -> Iterator[_Seen]:
    """Hooks on these modules, and on G as a whole, while inside."""
    seen, of_D = _Seen(), {id(module) for module in game.discriminator.network.modules()}
    handles: list[RemovableHandle] = [game.generator.network.register_forward_hook(seen.generated)]
    for i, module in enumerate(layers):
        handles.append(module.register_forward_hook(partial(seen.layer, i, of_D=id(module) in of_D)))
    for i, module in enumerate(activations):
        handles.append(module.register_forward_hook(partial(seen.activation, i)))
    with ExitStack() as stack:
        for handle in handles:
            stack.callback(handle.remove)
        yield seen
