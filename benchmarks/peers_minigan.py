"""minigan's sides of peers.py, eager and captured, and the file from which the other sides play."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from peers_worker import LeftOutError, Library, Losses, Setting, Step, serve
from works import CHECKED, MINIGAN_CAPTURED, MINIGAN_EAGER, PRODUCTS, Layer, Task, Work, write_task

import minigan as mg
from minigan.data import Loader
from minigan.gan import Batch, Config, DataFacts, Game, Report, build_game, load_preset, noise, penalties
from minigan.gan.config import set_field
from minigan.gan.source import batch_of, data_of

# ---- the sides -----------------------------------------------------------------------------------------------


def eager_step(task: Task, device: str, replayed: bool) -> Step:
    """The step of a training, as the Trainer makes it; with the file's settings, minigan draws what is replayed."""
    game, loader = game_of(task, device)
    return step_of(game.step, game, loader, device)


def captured_step(task: Task, device: str, replayed: bool) -> Step:
    """The same, captured, as the Trainer does it."""
    game, loader = game_of(task, device)
    game.capture()

    def play(*batches: Batch) -> Report:
        report = game.step(*batches)
        if game.refused:
            raise LeftOutError(f"cannot be captured: {game.refused}")
        return report

    return step_of(play, game, loader, device)


def game_of(task: Task, device: str) -> tuple[Game, Loader]:
    """The game by the task's settings, and the batches that it is played on."""
    config = Config.from_dict(task.config)
    loader = Loader(task.samples, None, config.training.batch_size, config.training.seed, config.data.drop_last)
    return build_game(config, DataFacts.of(loader, config), mg.device(device)), loader


def step_of(play: Callable[..., Report], game: Game, loader: Loader, device: str) -> Step:
    """Set the random streams, gather batches, play."""
    where, each = mg.device(device), game.batches_per_step

    def step(k: int) -> Losses:
        mg.manual_seed(loader.seed)
        mg.set_step(k)
        report = play(*(batch_of(loader, k * each + i, where) for i in range(each)))
        return report["loss_D"], report["loss_G"]

    return step


def products_step(task: Task, device: str, replayed: bool) -> Step:
    """Only the matrix products of the step: what no engine on this BLAS can go below."""
    xp, rng = importlib.import_module("cupy" if device == "cuda" else "numpy"), np.random.default_rng(0)
    products = [
        [xp.asarray(rng.standard_normal(shape, np.float32)) for shape in ((m, k), (k, n), (m, n))]
        for m, k, n in products_of(task)
    ]

    def step(k: int) -> Losses:
        for a, b, out in products:
            xp.matmul(a, b, out=out)
        return 0.0, 0.0

    return step


def products_of(task: Task) -> list[tuple[int, int, int]]:
    """The matrix products (m, k) @ (k, n) in a step of two MLPs without a penalty."""
    n, found = task.batch_size, []
    for i, (n_in, n_out) in enumerate(linear_layers(task.G)):
        found += [(n, n_in, n_out), (n_in, n, n_out)]  # forward, and the weights' gradients
        found += [(n, n_out, n_in)] if i else []  # the inputs' gradients, but for z
    for i, (n_in, n_out) in enumerate(linear_layers(task.D)):
        found += [(2 * n, n_in, n_out), (n_in, 2 * n, n_out)]  # D's turn, real and fake in one pass
        found += [(2 * n, n_out, n_in)] if i else []  # but for the images
        found += [(n, n_in, n_out), (n, n_out, n_in)]  # G's turn: no gradient of D's weights
    return found


def linear_layers(layers: list[Layer]) -> list[tuple[int, int]]:
    """The widths of the Linear layers, (in, out)."""
    return [(layer[1], layer[2]) for layer in layers if layer[0] == "Linear"]


def prepare(setting: Setting) -> None:
    """Precision, and a first look at the device."""
    if setting.device == "cuda":
        os.environ["CUPY_TF32"] = "1" if setting.tf32 else "0"  # which CuPy reads at its first matrix product
    mg.device(setting.device)


def wait(losses: Losses, device: str) -> None:
    """Until the GPU is done."""
    if device == "cuda":
        importlib.import_module("cupy").cuda.Device().synchronize()  # of all streams: a graph may have its own


# ---- the file for the other sides ----------------------------------------------------------------------------


def hand_over(work: Work, path: Path) -> list[list[float]]:
    """Write a work's task to a file; returns the losses of its first steps without dropout, from the CPU."""
    task = described(work)
    losses, task.z, task.eps = played(task.for_check())
    write_task(task, path)
    return losses


def described(work: Work) -> Task:
    """Its task, but for the random numbers of its first steps."""
    config = load_preset(work.preset)
    for change in work.changes:
        config = set_field(config, change)
    loader = Loader(data_of(config).samples, None, config.training.batch_size, config.training.seed, drop_last=True)
    game = build_game(config, DataFacts.of(loader, config), mg.device("cpu"))
    G, D = game.generator.network, game.discriminator.network
    return Task(
        config=config.to_dict(),
        check_lr=work.check_lr,
        G=[layer(module) for module in G.children()],
        D=[layer(module) for module in D.children()],
        loss=config.discriminator.output if config.game.loss == "non-saturating" else config.game.loss,
        batch_size=config.training.batch_size,
        z_dim=config.generator.z_dim,
        lr_G=config.generator.lr,
        lr_D=config.discriminator.lr,
        betas_G=config.generator.betas,
        betas_D=config.discriminator.betas,
        d_steps=config.game.d_steps,
        fresh_z=config.game.fresh_z,
        r1_gamma=config.game.r1_gamma,
        gradient_penalty=config.game.gradient_penalty,
        weights_G=[*G.state_dict().values()],
        weights_D=[*D.state_dict().values()],
        samples=loader.images,
        order=np.stack([loader.indices_of(i) for i in range(len(loader))]),
        z=np.empty(0),
        eps=np.empty(0),
    )


ARGUMENTS = {
    "Linear": ("in_features", "out_features"),
    "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    "ConvTranspose2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding"),
    "BatchNorm1d": ("num_features",),
    "BatchNorm2d": ("num_features",),
    "LeakyReLU": ("negative_slope",),
    "Dropout": ("p",),
    "Unflatten": ("dim", "unflattened_size"),
}


def layer(module: mg.nn.Module) -> Layer:
    """Its name and arguments, which are PyTorch's."""
    name = type(module).__name__
    return [name, *(getattr(module, argument) for argument in ARGUMENTS.get(name, ()))]


def played(task: Task) -> tuple[list[list[float]], np.ndarray, np.ndarray]:
    """Play the first steps: their losses, and the z and eps drawn in them, (steps, draws in a step, ...)."""
    with heard(noise, "randn") as z, heard(penalties, "rand") as eps:
        step = eager_step(task, "cpu", replayed=True)
        losses = [[float(loss) for loss in step(k)] for k in range(CHECKED)]
    return losses, by_step(z), by_step(eps)


def by_step(drawn: list[np.ndarray]) -> np.ndarray:
    """In one array; an empty one if nothing was drawn."""
    return np.stack(drawn).reshape(CHECKED, -1, *drawn[0].shape) if drawn else np.empty(0)


@contextlib.contextmanager
def heard(module: Any, name: str) -> Iterator[list[np.ndarray]]:
    """What this function of a module returns meanwhile."""
    draw, drawn = getattr(module, name), []

    def listening(*args: Any, **kwargs: Any) -> Any:
        values = draw(*args, **kwargs)
        drawn.append(values.numpy().copy())
        return values

    with mock.patch.object(module, name, listening):
        yield drawn


if __name__ == "__main__":
    sides = {MINIGAN_CAPTURED: captured_step, MINIGAN_EAGER: eager_step, PRODUCTS: products_step}
    serve(Library(sides, prepare, wait))
