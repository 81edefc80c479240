"""One training step of the reference GAN, batch 128: minigan against PyTorch eager.

    python benchmarks/step.py [--rounds 15] [--steps 20] [--threads 2]

A timed step is the whole step: gather the batch, draw z and the dropout masks, forward and backward of both players,
both Adams, and the losses read every 50 steps. Each side runs in a process of its own, on the same number of
threads, and they take turns, so that both see the same weather on the machine: while one works the other sleeps. A
turn starts with steps that are not timed, which wake threads and caches up. The ratio is that of the medians over
all timed steps; the spread is that of the ratios round by round. PyTorch appears twice: as most people write the
step, which is the goal's yardstick, and with the same savings that minigan's game makes by itself.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

BATCH = 128
WARM_UP = 3  # steps at the start of each turn that are not timed
READ_EVERY = 50


def minigan_step() -> Callable[[int], None]:
    """The step of the preset `reference`, as `minigan train reference` runs it."""
    import minigan as mg
    from minigan.data import Loader, load_mnist
    from minigan.gan import build_game, load_preset

    game = build_game(load_preset("reference"), (1, 28, 28), mg.device("cpu"))
    loader = Loader(*load_mnist(), batch_size=BATCH)

    def step(k: int) -> None:
        mg.set_step(k)
        report = game.step(mg.as_tensor(loader.batch(k)))
        if k % READ_EVERY == 0:
            [value.item() for value in report]

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


def work(side: str, pipe: Connection) -> None:
    """A worker: for each number received, run so many steps and send their seconds."""
    step, k = SIDES[side](), 0
    while n := pipe.recv():
        seconds = []
        for i in range(-WARM_UP, n):
            start = time.perf_counter()
            step(k)
            if i >= 0:
                seconds.append(time.perf_counter() - start)
            k += 1
        pipe.send(seconds)


def measure(sides: list[str], rounds: int, steps: int) -> dict[str, list[list[float]]]:
    """Milliseconds of each step, by side and round; the order of the sides turns around every round."""
    context = multiprocessing.get_context("spawn")
    pipes, workers = {}, []
    for side in sides:
        pipes[side], theirs = context.Pipe()
        workers.append(context.Process(target=work, args=(side, theirs), daemon=True))
        workers[-1].start()
    times: dict[str, list[list[float]]] = {side: [] for side in sides}
    for i in range(rounds + 1):
        for side in sides if i % 2 else reversed(sides):
            pipes[side].send(steps)
            seconds = pipes[side].recv()
            if i:  # the first round loads libraries
                times[side].append([1e3 * s for s in seconds])
    for pipe in pipes.values():
        pipe.send(0)
    return times


def report(times: dict[str, list[list[float]]]) -> str:
    """A line for each side: median, spread, and minigan's time over its time."""
    ours = times["minigan"]
    lines = [f"{'':24}{'median ms':>10}{'10%':>8}{'90%':>8}   minigan / this   by round"]
    for side, rounds in times.items():
        every = sorted(ms for turn in rounds for ms in turn)
        median, low, high = statistics.median(every), every[len(every) // 10], every[-(len(every) // 10) - 1]
        ratios = [statistics.median(a) / statistics.median(b) for a, b in zip(ours, rounds, strict=True)]
        ratio = statistics.median(ms for turn in ours for ms in turn) / median
        spread = "" if side == "minigan" else f"{ratio:12.2f}       {min(ratios):.2f} .. {max(ratios):.2f}"
        lines.append(f"{side:24}{median:10.1f}{low:8.1f}{high:8.1f}   {spread}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=20, help="timed steps in a turn")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)  # before the workers load their libraries
    sides = list(SIDES)
    try:
        import torch  # noqa: F401
    except ImportError:
        print("PyTorch is not installed: timing minigan alone. To compare: pip install torch")
        sides = [side for side in sides if not side.startswith("PyTorch")]
    where = f"{platform.machine()}, Python {platform.python_version()}"
    print(f"reference GAN, batch {BATCH}, {args.threads} threads, {where}")
    print(report(measure(sides, args.rounds, args.steps)))
    print("goal: minigan / PyTorch eager at most 0.85")


if __name__ == "__main__":
    main()
