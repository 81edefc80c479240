"""Short runs that are ill on purpose, one for each illness, and healthy ones beside them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from minigan.errors import DivergedError
from minigan.gan.config import Config, load_preset, set_fields
from minigan.lab.experiments.short_runs import train_run


class DemoRun(NamedTuple):
    """A run to be diagnosed.

    Attributes:
        name: of its folder.
        about: what was done to it.
        preset: that it comes from.
        changes: the settings that differ.
        ails: the findings that are to be expected; none for a healthy run.
        may: what may come along as a consequence, which depends on the seed.
    """

    name: str
    about: str
    preset: str
    changes: Sequence[str]
    ails: Sequence[str] = ()
    may: Sequence[str] = ()


CALM = (  # as these illnesses were studied: the preset itself learns faster
    "generator.z_dim=100",
    "generator.norm='none'",
    "generator.lr=8e-4",
    "generator.betas=[0.5, 0.999]",
    "discriminator.betas=[0.5, 0.999]",
    "game.penalty_every=4",
)
_SMALL = (
    *CALM,
    "generator.hidden=[64, 128]",
    "discriminator.hidden=[128, 64]",
    "training.batch_size=64",
    "training.log_every=20",
)
_MEDIUM = (*_SMALL, "generator.hidden=[128, 256]", "discriminator.hidden=[256, 128]")
_POINTS = ("data.count=20000", "training.batch_size=256", "training.log_every=20", "training.steps=800")


def _sgd(lr: float, momentum: float) -> list[str]:
    """SGD for both players, and no units that die."""
    settings = "optimizer='sgd'", f"lr={lr}", f"momentum={momentum}", "activation='leaky_relu'"
    return [f"{player}.{setting}" for player in ("generator", "discriminator") for setting in settings]


PATIENTS = (
    DemoRun(
        "healthy-points", "the preset ring, which has the R1 penalty", "ring", ["training.steps=1500", *_POINTS[:3]]
    ),
    DemoRun("healthy-digits", "small networks with R1 on MNIST", "default", [*_SMALL, "training.steps=1200"]),
    DemoRun(
        "collapse-points",
        "the ring with minimax, without R1, and with a G that is five times faster than D",
        "ring",
        [*_POINTS, "game.r1_gamma=0.0", "game.loss='minimax'", "generator.lr=5e-3"],
        ["collapse"],
    ),
    DemoRun(
        "collapse-digits",
        "z scaled down to a thousandth: whatever z is, G sees the same",
        "default",
        [*_SMALL, "training.steps=300", "generator.z_scale=0.001"],
        ["collapse"],
    ),
    DemoRun(
        "lost-digits",
        "z of a single number: what G draws lies on one line, which passes by some digits",
        "default",
        [*_MEDIUM, "training.steps=5000", "generator.z_dim=1"],
        ["collapse"],
        ["D too strong"],
    ),
    DemoRun(
        "strong-d",
        "ten moves of D for each of G, no R1, and the loss minimax",
        "default",
        [*_SMALL, "training.steps=150", "game.r1_gamma=0.0", "game.d_steps=10", "game.loss='minimax'"],
        ["D too strong", "G starved"],
        ["collapse"],
    ),
    DemoRun(
        "tiny-batches",
        "BatchNorm in G on batches of four images",
        "default",
        [*_SMALL, "training.batch_size=4", "training.steps=600", "generator.norm='batch'"],
        ["train/eval gap"],
    ),
    DemoRun(
        "batchnorm-in-d",
        "BatchNorm in D, which sees real samples and fakes in batches of their own",
        "default",
        [*_SMALL, "training.steps=1000", "game.r1_gamma=0.0", "discriminator.norm='batch'"],
        ["train/eval gap"],
    ),
    DemoRun(
        "diverging",
        "no R1, and learning rates of .1, five hundred times what is usual",
        "default",
        [*_SMALL, "training.steps=400", "game.r1_gamma=0.0", "generator.lr=0.1", "discriminator.lr=0.1"],
        ["divergence"],
        ["D too strong"],
    ),
    DemoRun(
        "nan",
        "the Wasserstein loss with nothing that bounds D, and SGD with a momentum of .9",
        "ring",
        [*_POINTS, "training.log_every=1", "game.r1_gamma=0.0", "game.loss='wasserstein'", *_sgd(0.05, momentum=0.9)],
        ["NaN"],
        ["divergence"],
    ),
)


def configured(patient: DemoRun, seed: int) -> Config:
    """The settings of a patient."""
    changes = *patient.changes, f"training.seed={seed}", "training.checkpoint_epochs=1"
    return set_fields(load_preset(patient.preset), changes)


def train(config: Config, folder: Path) -> None:
    """Fill a run folder; a run that diverges is left as it is."""
    with suppress(DivergedError):
        train_run(config, folder)
