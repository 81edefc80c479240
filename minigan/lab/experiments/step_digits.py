"""A step of the reference GAN on real digits, after some training: both turns' tapes, and the signal as images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import minigan as mg
from minigan.data import Loader, load_mnist
from minigan.gan import Batch, Game, build_game, load_preset
from minigan.lab.experiments.step_record import Backward, Forward, host
from minigan.lab.experiments.step_tape import Tape, read
from minigan.ops.random import fork_rng

SHOWN = 6  # fakes


@dataclass(frozen=True, kw_only=True)
class Digits:
    """The step.

    Attributes:
        steps: played before it.
        batch_size: N: real digits, and as many fakes.
        loss_D, loss_G: in their turns.
        turn_D, turn_G: the tapes.
        fakes: some of them, (6, 28, 28), in [-1, 1].
        signals: D's gradient of G's loss with respect to them.
        changes: what G's move changed in them, the same z given to G again.
        opinions: of all fakes D(G(z)) in G's turn, (N,).
        logit_gradients: the gradient of G's loss with respect to D's logit of each fake, (N,).
        signal_sizes: the L2 norm of the signal at each fake, (N,).
        cosines: of the angle between the change of each fake and its signal turned around, (N,).
        slope_of_loss: <signal, change>: how much G's loss should change by the signal alone, to first order.
        change_of_loss: how much it changed, with the same units of D dropped.
    """

    steps: int
    batch_size: int
    loss_D: float
    loss_G: float
    turn_D: Tape
    turn_G: Tape
    fakes: NDArray[Any]
    signals: NDArray[Any]
    changes: NDArray[Any]
    opinions: NDArray[Any]
    logit_gradients: NDArray[Any]
    signal_sizes: NDArray[Any]
    cosines: NDArray[Any]
    slope_of_loss: float
    change_of_loss: float


def digits(steps: int, batch_size: int, seed: int) -> Digits:
    """Train for some steps, then play one more and look at it."""
    game, loader = _trained(steps, batch_size, seed)
    game.generator.begin(steps)
    game.discriminator.begin(steps)
    mg.set_step(steps)
    real = Batch(mg.as_tensor(loader.batch(steps)))
    z = game.noise.draw(batch_size, real.images.dtype, real.images.device)
    seen = _play(game, real, z)
    with mg.no_grad():  # the random stream stands where it stood before G's turn: D drops the same units
        moved = Batch(game.generator.network(z))
        loss_after = game.cost_G(real, moved)[0].item()
    fakes, changed = host(seen.fakes.images.data), host(moved.images.data)
    signals, changes = _flat(_received(seen.sweep_G, seen.fakes.images)), _flat(changed) - _flat(fakes)
    sizes = np.linalg.norm(signals, axis=1)
    opinions, logit_gradients = _opinions(seen.seen_G, seen.sweep_G)
    return Digits(
        steps=steps,
        batch_size=batch_size,
        loss_D=seen.loss_D,
        loss_G=seen.loss_G,
        turn_D=seen.turn_D,
        turn_G=seen.turn_G,
        fakes=_images(fakes),
        signals=_images(signals),
        changes=_images(changes),
        opinions=opinions,
        logit_gradients=logit_gradients,
        signal_sizes=sizes,
        cosines=-(signals * changes).sum(1) / (sizes * np.linalg.norm(changes, axis=1)),
        slope_of_loss=float((signals * changes).sum()),
        change_of_loss=loss_after - seen.loss_G,
    )


class _Turns(NamedTuple):
    """Both turns of a step, and what was seen of G's."""

    fakes: Batch
    loss_D: float
    loss_G: float
    turn_D: Tape
    turn_G: Tape
    seen_G: Forward
    sweep_G: Backward


def _play(game: Game, real: Batch, z: mg.Tensor) -> _Turns:
    """D's turn and G's, watched; the random stream is left where it is before G's turn."""
    G, D = game.generator.network, game.discriminator.network
    players, data = {"G": G, "D": D}, {"z": z, "real": real.images}
    seen_D, sweep_D, seen_G, sweep_G = Forward(), Backward(), Forward(), Backward()
    with seen_D, seen_G:
        fakes = Batch(G(z))
    with seen_D, sweep_D:
        loss_D = game.differentiate_D(real, fakes)["loss_D"]
    turn_D = read(seen_D, sweep_D, loss_D, players, data)
    game.move_D()
    with fork_rng(), seen_G, sweep_G:
        loss_G = game.differentiate_G(real, fakes)["loss_G"]
    with D.frozen():
        turn_G = read(seen_G, sweep_G, loss_G, players, data)
    game.move_G()
    return _Turns(fakes, loss_D.item(), loss_G.item(), turn_D, turn_G, seen_G, sweep_G)


def _trained(steps: int, batch_size: int, seed: int) -> tuple[Game, Loader]:
    """The reference GAN after some steps on MNIST."""
    preset = load_preset("reference")
    config = replace(preset, training=replace(preset.training, seed=seed))
    images, _ = load_mnist()
    loader = Loader(images, batch_size=batch_size, seed=seed)
    game = build_game(config, (1, 28, 28), mg.device("cpu"))
    mg.manual_seed(seed)
    game.capture()
    for step in range(steps):
        mg.set_step(step)
        game.step(mg.as_tensor(loader.batch(step)))
    game.release_memory()
    return game, loader


def _received(sweep: Backward, x: mg.Tensor) -> NDArray[Any]:
    """The gradient that came to a result."""
    (found,) = (g for node, g in sweep.received.items() if node is x.node)
    return found


def _opinions(seen: Forward, sweep: Backward) -> tuple[NDArray[Any], NDArray[Any]]:
    """What D says of each fake, and the gradient that this sends to the logit."""
    (opinion,) = (call for call in seen.calls if call.name == "sigmoid" and call.node in sweep.received)
    (sending,) = (sending for node, sent in sweep.sendings.items() if node is opinion.node for sending in sent)
    return host(opinion.y).ravel(), sending.gradient.ravel()


def _flat(images: NDArray[Any]) -> NDArray[Any]:
    return images.reshape(len(images), -1)


def _images(flat: NDArray[Any]) -> NDArray[Any]:
    return flat[:SHOWN].reshape(-1, 28, 28)
