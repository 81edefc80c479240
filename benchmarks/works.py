"""The works that peers.py measures, and each as the plain data from which every side plays it.

A work is a preset of minigan with some settings changed, as by `minigan train PRESET --set ...`. minigan's side builds
the game from the settings. The others know nothing of minigan: for them peers_minigan.py reads the layers off the
networks that minigan built, and writes them to a file, with the initial weights, the data and the order of the batches
(`Task`). For the check that all sides compute the same it adds the random numbers that minigan drew.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MINIGAN_CAPTURED, MINIGAN_EAGER = "minigan captured", "minigan eager"
PRODUCTS = "matrix products alone"
PYTORCH_EAGER, PYTORCH_FUSED = "PyTorch eager", "PyTorch eager, fused Adam"
PYTORCH_BEST, PYTORCH_COMPILED, PYTORCH_GRAPHS = "PyTorch best written", "PyTorch compiled", "PyTorch CUDA graphs"
JAX = "JAX jit"

READ_EVERY = 50  # steps between two readings of the losses
CHECKED = 5  # steps after which the losses of all sides have to agree


@dataclass(frozen=True)
class Work:
    """A row of the table.

    Attributes:
        preset: the settings ...
        changes: ... and what is different, as after `--set`.
        steps: timed steps in a turn.
        block: steps that are timed as one, on a CPU: such that a block takes some milliseconds.
        check_lr: what the learning rates are multiplied by for the check. Adam makes whole steps of gradients next to
            0, also of their rounding errors: at full rates, a change of the last digits of its initial weights moves
            the DCGAN's losses after five steps by 1e-4.
    """

    preset: str
    changes: tuple[str, ...]
    steps: int
    block: int = 1
    check_lr: float = 1.0


# Batches are of one size: what is compiled for one would have to be compiled for the short last one, too.
EVEN = "data.drop_last=true"
# The preset's networks, losses and Adams alone: what a penalty costs is measured where one is due in every step.
PLAIN = (EVEN, "game.r1_gamma=0.0", "game.penalty_every=1", "generator.ema_decay=0.0")

# As they were measured since the first of these benchmarks, whatever recipe the presets have now.
NO_NORM_IN_D = ("discriminator.norm=none", "generator.init=default", "discriminator.init=default")
SLOW = ("generator.betas=[0.5, 0.999]", "discriminator.betas=[0.5, 0.999]")
NO_NORM = ("generator.norm=none", "generator.lr=8e-4", *SLOW)

WORKS = {
    # z 100-256-512-1024-784 tanh, and 784-1024-512-256-1 with dropout .3 and a Sigmoid; BCE on probabilities
    "reference": Work("reference", (EVEN, "training.batch_size=128"), steps=20),
    # z 2-128-128-2 and 2-128-128-1, BCE on logits
    "ring-128": Work("ring", (*PLAIN, "training.batch_size=128"), steps=200, block=20),
    "ring-512": Work("ring", (*PLAIN, "training.batch_size=512"), steps=100, block=10),
    # z 100-512-128x7x7-64x14x14-1x28x28 with BatchNorm, and 64x14x14-128x7x7-256-1, BCE on logits
    "dcgan-64": Work("dcgan", (*PLAIN, *NO_NORM_IN_D, "training.batch_size=64"), steps=8, check_lr=0.1),
    "dcgan-128": Work("dcgan", (*PLAIN, *NO_NORM_IN_D, "training.batch_size=128"), steps=5, check_lr=0.1),
    # the reference widths without dropout, on logits; R1 in every step
    "r1": Work(
        "default",
        (
            EVEN,
            *NO_NORM,
            "generator.z_dim=100",
            "game.penalty_every=1",
            "generator.ema_decay=0.0",
            "training.batch_size=128",
        ),
        steps=15,
    ),
    # the reference widths with ReLU in G; five moves of D, each on a batch and with a penalty, then G's on new z
    "wgan-gp": Work("wgan-gp", (EVEN, "training.batch_size=128"), steps=4),
}

Layer = list[Any]
"""The name of a layer in torch.nn, and its arguments there: ["Linear", 100, 256]."""


@dataclass
class Task:
    """A work as plain data.

    Attributes:
        config: the settings, for minigan alone.
        check_lr: see `Work`.
        G, D: the layers of the networks.
        loss: "probability" or "logit" for the non-saturating loss on D's outputs, or "wasserstein".
        d_steps: moves of D in a step, each on a batch of its own.
        fresh_z: G's move draws new z; else it plays the fakes of D's last move.
        weights_G, weights_D: the arrays of the networks' state_dict, in its order.
        samples: uint8 images (N, C, H, W), which become numbers in [-1, 1], or float32 points (N, F).
        order: which samples make up each batch: int64 (batches, batch_size).
        z, eps: what minigan drew in the first steps, for the check: (steps, draws in a step, batch_size, ...); eps is
            WGAN-GP's.
    """

    config: dict[str, Any]
    check_lr: float
    G: list[Layer]
    D: list[Layer]
    loss: str
    batch_size: int
    z_dim: int
    lr_G: float
    lr_D: float
    betas_G: tuple[float, ...]
    betas_D: tuple[float, ...]
    d_steps: int
    fresh_z: bool
    r1_gamma: float
    gradient_penalty: float
    weights_G: list[np.ndarray]
    weights_D: list[np.ndarray]
    samples: np.ndarray
    order: np.ndarray
    z: np.ndarray
    eps: np.ndarray

    @property
    def draws(self) -> int:
        """How many times a step draws z."""
        return self.d_steps + self.fresh_z

    def for_check(self) -> Task:
        """The same without dropout, whose masks no two libraries draw alike, and `Work.check_lr` times as fast."""
        config = json.loads(json.dumps(self.config))
        config["discriminator"]["dropout"] = 0.0
        config["generator"]["lr"] = lr_G = self.lr_G * self.check_lr
        config["discriminator"]["lr"] = lr_D = self.lr_D * self.check_lr
        G, D = ([layer for layer in layers if layer[0] != "Dropout"] for layers in (self.G, self.D))
        return dataclasses.replace(self, config=config, G=G, D=D, lr_G=lr_G, lr_D=lr_D)


def write_task(task: Task, path: Path) -> None:
    """To one file, which `read_task` reads."""
    facts: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for field in dataclasses.fields(task):
        value = getattr(task, field.name)
        if field.name.startswith("weights_"):
            arrays |= {f"{field.name}.{i}": array for i, array in enumerate(value)}
        else:
            (arrays if isinstance(value, np.ndarray) else facts)[field.name] = value
    np.savez(path, facts=json.dumps(facts), **arrays)  # type: ignore[arg-type]


def read_task(path: str | Path) -> Task:
    """From a file."""
    fields: dict[str, Any] = {"weights_G": [], "weights_D": []}
    with np.load(path) as file:
        for name in file.files:
            if name.startswith("weights_"):  # in their order, as they were written
                fields[name.partition(".")[0]].append(file[name])
            elif name == "facts":
                fields |= json.loads(str(file[name]))
            else:
                fields[name] = file[name]
    return Task(**fields)
