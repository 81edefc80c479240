"""One training step of the reference GAN, batch 128: minigan against PyTorch eager.

    python benchmarks/step.py [--rounds 15] [--steps 20] [--threads 2]

A timed step is the whole step: gather the batch, draw z and the dropout masks, forward and backward of both players,
both Adams, and the losses read every 50 steps. The sides take turns (`turns.py`). PyTorch appears twice: as most
people write the step, which is the goal's yardstick, and with the same savings that minigan's game makes by itself.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable

import turns

BATCH = 128
READ_EVERY = 50


def minigan_step() -> Callable[[int], None]:
    """The step of the preset `reference`, as `minigan train reference` runs it."""
    import minigan as mg
    from minigan.data import Loader, load_mnist
    from minigan.gan import build_game, load_preset

    game = build_game(load_preset("reference"), (1, 28, 28), mg.device("cpu"))
    loader = Loader(*load_mnist(), batch_size=BATCH)
    mg.manual_seed(0)

    def step(k: int) -> None:
        mg.set_step(k)
        report = game.step(mg.as_tensor(loader.batch(k)))
        if k % READ_EVERY == 0:
            [value.item() for value in report.values()]

    return step


def torch_eager_step() -> Callable[[int], None]:
    """The same step as most PyTorch users write it: D twice in its own turn, and all of D's gradients in G's."""
    import torch

    G, D, bce, optimizer_G, optimizer_D, images = torch_parts()
    one, zero = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

    def step(k: int) -> None:
        real = images(k)
        fake = G(torch.randn(BATCH, 100))
        optimizer_D.zero_grad()
        on_real, on_fake = D(real), D(fake.detach())
        loss_D = bce(on_real, one) + bce(on_fake, zero)
        loss_D.backward()
        optimizer_D.step()
        optimizer_G.zero_grad()
        loss_G = bce(D(fake), one)
        loss_G.backward()
        optimizer_G.step()
        if k % READ_EVERY == 0:
            [value.item() for value in (loss_D, loss_G, on_real.mean(), on_fake.mean())]

    return step


def torch_best_step() -> Callable[[int], None]:
    """The same step with what minigan's Game does: real and fake in one pass, D frozen in G's turn."""
    import torch

    G, D, bce, optimizer_G, optimizer_D, images = torch_parts()
    one, zero = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

    def step(k: int) -> None:
        fake = G(torch.randn(BATCH, 100))
        optimizer_D.zero_grad()
        on_real, on_fake = D(torch.cat([images(k), fake.detach().reshape(BATCH, 784)])).split(BATCH)
        loss_D = bce(on_real, one) + bce(on_fake, zero)
        loss_D.backward()
        optimizer_D.step()
        D.requires_grad_(False)
        optimizer_G.zero_grad()
        loss_G = bce(D(fake), one)
        loss_G.backward()
        optimizer_G.step()
        D.requires_grad_(True)
        if k % READ_EVERY == 0:
            [value.item() for value in (loss_D, loss_G, on_real.mean(), on_fake.mean())]

    return step


def torch_parts() -> tuple:
    """Networks, loss, optimizers, and the batch of step k: gathered from images that are normalised beforehand."""
    import torch
    from torch import nn

    from minigan.data import load_mnist

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    pixels = torch.from_numpy(load_mnist()[0]).float().div(127.5).sub(1).reshape(-1, 784)
    G, D = torch_networks()
    optimizers = (torch.optim.Adam(net.parameters(), lr=2e-4) for net in (G, D))
    per_epoch = len(pixels) // BATCH
    order = torch.randperm(len(pixels))

    def images(k: int) -> torch.Tensor:
        nonlocal order
        if k % per_epoch == 0:
            order = torch.randperm(len(pixels))
        start = k % per_epoch * BATCH
        return pixels[order[start : start + BATCH]]

    return G, D, nn.BCELoss(), *optimizers, images


def torch_networks() -> tuple:
    """The reference networks in PyTorch."""
    from torch import nn

    G = nn.Sequential(
        nn.Linear(100, 256), nn.LeakyReLU(0.2), nn.Linear(256, 512), nn.LeakyReLU(0.2),
        nn.Linear(512, 1024), nn.LeakyReLU(0.2), nn.Linear(1024, 784), nn.Tanh(),
    )  # fmt: skip
    D = nn.Sequential(
        nn.Linear(784, 1024), nn.LeakyReLU(0.2), nn.Dropout(0.3),
        nn.Linear(1024, 512), nn.LeakyReLU(0.2), nn.Dropout(0.3),
        nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(256, 1), nn.Sigmoid(),
    )  # fmt: skip
    return G, D


def products_step() -> Callable[[int], None]:
    """Only the matrix products of minigan's step, in NumPy: what no engine on this BLAS can go below."""
    import numpy as np

    rng = np.random.default_rng(0)
    shapes = []  # (m, k, n) of each product
    for n_in, n_out in ((100, 256), (256, 512), (512, 1024), (1024, 784)):
        shapes += [(BATCH, n_in, n_out), (n_in, BATCH, n_out)]  # G forward, and its weights' gradients
        shapes += [(BATCH, n_out, n_in)] if n_in != 100 else []  # its inputs' gradients, but for z
    for n_in, n_out in ((784, 1024), (1024, 512), (512, 256), (256, 1)):
        shapes += [(2 * BATCH, n_in, n_out), (n_in, 2 * BATCH, n_out)]  # D's turn, real and fake in one pass
        shapes += [(2 * BATCH, n_out, n_in)] if n_in != 784 else []  # but for the images
        shapes += [(BATCH, n_in, n_out), (BATCH, n_out, n_in)]  # G's turn: no gradient of D's weights
    pairs = [(rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)) for m, k, n in shapes]

    def step(k: int) -> None:
        for a, b in pairs:
            a @ b

    return step


SIDES = {
    "minigan": minigan_step,
    "PyTorch eager": torch_eager_step,
    "PyTorch, best written": torch_best_step,
    "matrix products alone": products_step,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20, help="timed steps in a turn")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    turns.set_threads(args.threads)
    sides = dict(SIDES)
    try:
        import torch  # noqa: F401
    except ImportError:
        print("PyTorch is not installed: timing minigan alone. To compare: pip install torch")
        sides = {name: side for name, side in SIDES.items() if not name.startswith("PyTorch")}
    where = f"{platform.machine()}, Python {platform.python_version()}"
    print(f"reference GAN, batch {BATCH}, {args.threads} threads, {where}")
    print(turns.report(turns.measure(sides, args.rounds, args.steps)))
    print("goal: minigan / PyTorch eager at most 0.85")


if __name__ == "__main__":
    main()
