"""What the tests of scores share: a small MNIST to compare with, and small runs to score."""

from functools import cache

import numpy as np
import pytest

import minigan as mg
from minigan.cli import main
from minigan.data import load_mnist
from minigan.gan import load_preset, set_fields
from minigan.metrics.evaluation import data as evaluation_data

TRAINING, TEST = 900, 150
SMALL = {"data.limit": 300, "generator.hidden": [8], "discriminator.hidden": [8], "training.steps": 3}
REAL = evaluation_data.data_of


@cache
def _small(split):
    images, labels = load_mnist(split)
    n = TRAINING if split == "train" else TEST
    return mg.data.Dataset(images[:n, np.newaxis], labels[:n], "MNIST")


def small_data_of(config, split=""):
    """As `minigan.gan.source.data_of`, but of MNIST the first images only."""
    return _small(split or config.data.split) if config.data.source == "mnist" else REAL(config, split)


@pytest.fixture
def small_data(monkeypatch):
    """References of few samples: all scores of all of MNIST take a minute."""
    monkeypatch.setattr(evaluation_data, "data_of", small_data_of)
    monkeypatch.setattr(evaluation_data, "REAL_POINTS", 3000)


def changed(preset="default", **fields):
    """The settings of a preset with others, by names such as data__limit."""
    return set_fields(load_preset(preset), [f"{name.replace('__', '.')}={value}" for name, value in fields.items()])


def digits_config(**fields):
    """Of a small run on digits."""
    return changed(**{**{name.replace(".", "__"): value for name, value in SMALL.items()}, **fields})


def train(preset, out, *more):
    """A run of three steps."""
    sets = [part for name, value in SMALL.items() if name != "data.limit" for part in ("--set", f"{name}={value}")]
    limit = ["--set", "data.limit=300"] if preset not in ("ring", "grid") else []
    assert main(["train", preset, "--out", str(out), *limit, *sets, *more]) == 0
