"""What the engine costs: small and large networks and DCGAN's convolutions, against other engines, side by side.

    python benchmarks/engine.py [small large dcgan memory] [--rounds 15] [--threads 2]

`small` is the forward and backward pass of an MLP 16-16-16-1 on 8 samples, where the arithmetic is nothing: what
NumPy takes for it by hand is subtracted, and the rest, divided by the operations of the program, is the overhead
per operation. `large` is an MLP 784-1024-512-256-1 on 128 samples, where the arithmetic is everything. `dcgan` is a
whole training step, 28x28, batch 64, with both Adams: in PyTorch as most people write it; in minigan the same text,
and as its Game plays it (real and fake in one pass through D, D frozen in G's turn), which is what the goal is for.
`memory` is what
backward allocates, by Python's own count, beyond what is alive at its start: a chain of 20 x [matmul 512x512, tanh],
batch 256, in units of the weight gradients that it returns.

The sides take turns (`turns.py`). Goals: overhead per operation below every engine on NumPy; a DCGAN step no slower
than PyTorch eager on the same threads; memory at most 1.1. To compare with the others: pip install -e '.[bench]', and
PyTorch.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import platform
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import turns

OPERATIONS = 11  # of the small program: 3 matmul, 3 add, 2 tanh, sub, mul, mean
SMALL, LARGE = (8, (16, 16, 16, 1)), (128, (784, 1024, 512, 256, 1))


def layers(widths: tuple[int, ...]) -> list[tuple[Any, Any]]:
    """Weights (in, out) and biases of an MLP, the same for every engine."""
    rng = np.random.default_rng(0)
    return [
        (rng.standard_normal((i, o), np.float32) / i**0.5, np.zeros(o, np.float32))
        for i, o in itertools.pairwise(widths)
    ]


def batch(size: int, width: int) -> tuple[Any, Any]:
    """Inputs and targets."""
    rng = np.random.default_rng(1)
    return rng.standard_normal((size, width), np.float32), rng.standard_normal((size, 1), np.float32)


# ---- forward and backward of an MLP, in each engine ------------------------------------------------------


def by_hand(size: int, widths: tuple[int, ...]) -> turns.Work:
    """NumPy without an engine."""
    parameters, (x, target) = layers(widths), batch(size, widths[0])

    def step(k: int) -> Any:
        inputs, h = [], x
        for i, (w, b) in enumerate(parameters):
            inputs.append(h)
            h = h @ w + b
            h = np.tanh(h) if i < len(parameters) - 1 else h
        gy, gradients = (h - target) * (2 / size), []
        for h, (w, _) in zip(reversed(inputs), reversed(parameters), strict=True):
            gradients.append((h.T @ gy, gy.sum(0)))
            gy = (gy @ w.T) * (1 - h * h) if h is not x else gy
        return gradients

    return step


def with_tensors(mg: Any, size: int, widths: tuple[int, ...]) -> turns.Work:
    """minigan and PyTorch: the same text."""
    parameters = [[mg.tensor(a, requires_grad=True) for a in layer] for layer in layers(widths)]
    x, target = (mg.tensor(a) for a in batch(size, widths[0]))

    def step(k: int) -> Any:
        h = x
        for i, (w, b) in enumerate(parameters):
            h = h @ w + b
            h = h.tanh() if i < len(parameters) - 1 else h
        error = h - target
        for layer in parameters:
            for parameter in layer:
                parameter.grad = None
        (error * error).mean().backward()
        return parameters[0][0].grad

    return step


def hips(size: int, widths: tuple[int, ...]) -> turns.Work:
    """HIPS autograd."""
    import autograd
    import autograd.numpy as anp

    parameters, (x, target) = layers(widths), batch(size, widths[0])

    def loss(parameters: Any) -> Any:
        h = x
        for i, (w, b) in enumerate(parameters):
            h = anp.dot(h, w) + b
            h = anp.tanh(h) if i < len(parameters) - 1 else h
        error = h - target
        return anp.mean(error * error)

    gradient = autograd.grad(loss)
    return lambda k: gradient(parameters)


def mygrad(size: int, widths: tuple[int, ...]) -> turns.Work:
    """MyGrad; its gradients start anew by themselves."""
    import mygrad as engine

    parameters = [[engine.tensor(a) for a in layer] for layer in layers(widths)]
    x, target = batch(size, widths[0])

    def step(k: int) -> Any:
        h = x
        for i, (w, b) in enumerate(parameters):
            h = engine.matmul(h, w) + b
            h = engine.tanh(h) if i < len(parameters) - 1 else h
        error = h - target
        (error * error).mean().backward()
        return parameters[0][0].grad

    return step


def dezero(size: int, widths: tuple[int, ...]) -> turns.Work:
    """DeZero 0.0.13, whose source uses a name that NumPy dropped."""
    setattr(np, "int", int)  # noqa: B010  (a name that NumPy must not have is no attribute to be assigned)
    import dezero as engine
    import dezero.functions as functions

    parameters = [[engine.Parameter(a) for a in layer] for layer in layers(widths)]
    x, target = (engine.Variable(a) for a in batch(size, widths[0]))

    def step(k: int) -> Any:
        h = x
        for i, (w, b) in enumerate(parameters):
            h = functions.matmul(h, w) + b
            h = functions.tanh(h) if i < len(parameters) - 1 else h
        error = h - target
        for layer in parameters:
            for parameter in layer:
                parameter.cleargrad()
        (functions.sum(error * error) / size).backward()
        return parameters[0][0].grad

    return step


def minigan_mlp(size: int, widths: tuple[int, ...]) -> turns.Work:
    """minigan."""
    import minigan as mg

    return with_tensors(mg, size, widths)


def torch_mlp(size: int, widths: tuple[int, ...]) -> turns.Work:
    """PyTorch eager."""
    import torch

    return with_tensors(torch, size, widths)


MLPS = {
    "minigan": ("minigan", minigan_mlp),
    "PyTorch eager": ("torch", torch_mlp),
    "MyGrad": ("mygrad", mygrad),
    "DeZero": ("dezero", dezero),
    "HIPS autograd": ("autograd", hips),
    "NumPy by hand": ("numpy", by_hand),
}


class Mlp:
    """One side of a race between MLPs: callable in a worker of its own."""

    def __init__(self, make: Callable[..., turns.Work], size: int, widths: tuple[int, ...]) -> None:
        self.make, self.size, self.widths = make, size, widths

    def __call__(self) -> turns.Work:
        """Load the library and return what is to be timed."""
        return self.make(self.size, self.widths)


def installed(sides: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """The sides whose library is here; says which are not."""
    missing = [side for side, (library, _) in sides.items() if importlib.util.find_spec(library) is None]
    if missing:
        print(f"not installed, so not compared: {', '.join(missing)}")
    return {side: make for side, (_, make) in sides.items() if side not in missing}


def small(rounds: int) -> None:
    """The overhead of an operation, forward and backward together."""
    sides = {side: Mlp(make, *SMALL) for side, make in installed(MLPS).items()}
    times = turns.measure(sides, rounds, 300)
    print("MLP 16-16-16-1, batch 8: forward and backward")
    print(turns.report(times, "us"))
    hand = turns.median(times.pop("NumPy by hand"))
    per_operation = {side: 1e3 * (turns.median(of_side) - hand) / OPERATIONS for side, of_side in times.items()}
    print("overhead per operation: " + ", ".join(f"{side} {us:.1f} us" for side, us in per_operation.items()))
    print("goal: below every engine on NumPy\n")


def large(rounds: int) -> None:
    """Where the matrix products are."""
    sides = {side: Mlp(make, *LARGE) for side, make in installed(MLPS).items()}
    print("MLP 784-1024-512-256-1, batch 128: forward and backward")
    print(turns.report(turns.measure(sides, rounds, 10)) + "\n")


# ---- DCGAN -----------------------------------------------------------------------------------------------


def dcgan_networks(nn: Any) -> tuple[Any, Any]:
    """G: 100 -> 7x7x128 -> 14x14x64 -> 28x28, and D the other way."""
    G = nn.Sequential(
        nn.Linear(100, 128 * 7 * 7), nn.Unflatten(1, (128, 7, 7)), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip
    D = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 128, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(128 * 7 * 7, 1),
    )  # fmt: skip
    return G, D


def dcgan_step(lib: Any) -> turns.Work:
    """A training step as most people write it: D on real and on fake, then G through D."""
    G, D = dcgan_networks(lib.nn)
    to_G, to_D = (lib.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (G, D))
    loss, real = lib.nn.BCEWithLogitsLoss(), lib.rand(64, 1, 28, 28)
    one, zero = lib.ones(64, 1), lib.zeros(64, 1)

    def step(k: int) -> None:
        fake = G(lib.randn(64, 100))
        to_D.zero_grad()
        loss_D = loss(D(real), one) + loss(D(fake.detach()), zero)
        loss_D.backward()
        to_D.step()
        to_G.zero_grad()
        loss(D(fake), one).backward()
        to_G.step()

    return step


def minigan_dcgan() -> turns.Work:
    """minigan's engine."""
    import minigan as mg

    return dcgan_step(mg)


def minigan_game() -> turns.Work:
    """minigan's Game."""
    import minigan as mg
    from minigan.gan import Game, Noise, Player, get_loss

    G, D = (
        Player(name, network, mg.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)))
        for name, network in zip("GD", dcgan_networks(mg.nn), strict=True)
    )
    game, real = Game(G, D, get_loss("non-saturating", "logit"), Noise(100)), mg.rand(64, 1, 28, 28)
    return lambda k: game.step(real)


def torch_dcgan() -> turns.Work:
    """PyTorch eager."""
    import torch

    return dcgan_step(torch)


def dcgan(rounds: int) -> None:
    """Convolutions, BatchNorm and Adam: a whole step."""
    sides = installed(
        {
            "minigan's Game": ("minigan", minigan_game),
            "minigan, PyTorch's text": ("minigan", minigan_dcgan),
            "PyTorch eager": ("torch", torch_dcgan),
        }
    )
    print("DCGAN 28x28, batch 64: a training step")
    print(turns.report(turns.measure(sides, rounds, 5)))
    print("goal: minigan's Game / PyTorch eager at most 1.00\n")


# ---- memory ----------------------------------------------------------------------------------------------


def memory(rounds: int) -> None:
    """Backward's peak through a chain of matrix products."""
    import minigan as mg

    weights = [mg.tensor(w, requires_grad=True) for w, _ in layers((512,) * 21)]
    h = mg.tensor(batch(256, 512)[0])
    for w in weights:
        h = (h @ w).tanh()
    loss = h.sum()
    tracemalloc.start()
    loss.backward()
    peak, returned = tracemalloc.get_traced_memory()[1], sum(w.grad.nbytes for w in weights)
    tracemalloc.stop()
    print("20 x [matmul 512x512, tanh], batch 256: what backward allocates")
    print(f"peak {peak / 2**20:.1f} MiB, weight gradients {returned / 2**20:.1f} MiB: {peak / returned:.2f}")
    print("goal: at most 1.10\n")


PARTS = {"small": small, "large": large, "dcgan": dcgan, "memory": memory}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all of them, if none is named")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    turns.set_up(args.threads)
    print(f"{platform.machine()}, Python {platform.python_version()}, {args.threads} threads\n")
    for part in args.parts or PARTS:
        PARTS[part](args.rounds)


if __name__ == "__main__":
    main()
