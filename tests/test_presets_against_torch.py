"""Fifty steps of every preset, in float64, against the same game written in PyTorch: all within 1e-9 after every step.

Same weights, same batches, same random numbers: what minigan draws is recorded and handed on, dropout masks too.
Compared are all parameters and buffers of both players and of the average of G, and every number of the report.
"""

from __future__ import annotations

import numpy as np
import pytest

import minigan as mg
from minigan.gan import build_game, load_preset, preset_names, set_field
from minigan.gan.batch import Batch
from minigan.gan.build import DataFacts
from minigan.gan.source import data_of, loader_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
from torch_twins import games, networks  # noqa: E402
from torch_twins.recorded import Recorded  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.slow]

STEPS = 50
# In these, rounding errors grow past 1e-9 within fifty steps: so often both sides start anew from the same weights.
ALIKE_EVERY = {"default": 10, "dcgan": 5}
# An epoch of ten batches, the last one short: schedules and what fades away reach their ends.
FEW_DATA = ["data.limit=76", "training.batch_size=8"]
FEW_LABELS = {"semi-supervised": ["game.labelled=20"]}


def shrunk(preset, divisor=16):
    """A preset with all of its layers, but narrow ones, and few data."""
    config = load_preset(preset)
    for player in ("generator", "discriminator"):
        for layers in ("hidden", "dense"):
            widths = [max(2, width // divisor) for width in getattr(getattr(config, player), layers)]
            config = set_field(config, f"{player}.{layers}={widths}")
    return changed(config, [*FEW_DATA, *FEW_LABELS.get(preset, [])])


def changed(config, changes):
    for change in changes:
        config = set_field(config, change)
    return config


# ---- two sides of a game -------------------------------------------------------------------------------------


class Ours:
    """minigan's game, in float64."""

    def __init__(self, config):
        self.loader = loader_of(config, data_of(config))
        self.facts = DataFacts.of(self.loader, config)
        self.game = build_game(config, self.facts, mg.device("cpu"))
        self.networks = {"G": self.game.generator.network, "D": self.game.discriminator.network}
        if self.game.ema is not None:
            self.networks["EMA"] = self.game.ema.network
        for network in self.networks.values():
            network.double()
        if self.facts.labelled is not None:
            images, labels = self.facts.labelled
            self.game.labelled = Batch(mg.tensor(images.astype(np.float64)), mg.tensor(labels))

    def step(self, k):
        """Step number k, on its batches; returns these, too."""
        mg.set_step(k)
        first = k * self.game.batches_per_step
        batches = [self.batch(i) for i in range(first, first + self.game.batches_per_step)]
        report = self.game.step(*(Batch(*(None if x is None else mg.tensor(x) for x in batch)) for batch in batches))
        return batches, {name: value.item() for name, value in report.items()}

    def batch(self, i):
        labels = None if self.loader.labels is None else self.loader.labels_of(i)
        return self.loader.batch(i).astype(np.float64), labels


class Theirs:
    """The same game in PyTorch, with the same weights."""

    def __init__(self, config, ours, recorded):
        G, D = (net.double() for net in networks.build(config, ours.facts.shape, ours.facts.classes))
        self.networks = {"G": G, "D": D}
        self.take_weights(ours)
        recorded.drop_as_recorded(D)
        labelled = ours.facts.labelled and batch_of(ours.facts.labelled[0].astype(np.float64), ours.facts.labelled[1])
        steps_per_epoch = len(ours.loader) / ours.game.batches_per_step
        self.game = games.build(config, G, D, steps_per_epoch, labelled, recorded)
        if self.game.ema is not None:
            self.networks["EMA"] = self.game.ema

    def take_weights(self, ours):
        """All weights and buffers of the other side."""
        for name, network in self.networks.items():
            networks.take_weights(network, ours.networks[name].state_dict())

    def step(self, batches):
        report = self.game.step(*(batch_of(*batch) for batch in batches))
        return {name: value.item() for name, value in report.items()}


def batch_of(images, labels):
    return games.Batch(torch.tensor(images), None if labels is None else torch.tensor(labels))


def play(config, monkeypatch, alike_every=STEPS):
    """Play both games side by side, and compare them after every step."""
    recorded = Recorded(monkeypatch)
    ours = Ours(config)
    theirs = Theirs(config, ours, recorded)
    start = {name: values.copy() for name, values in arrays(ours).items()}
    for k in range(STEPS):
        recorded.forget()
        batches, report = ours.step(k)
        recorded.deal_masks()
        assert theirs.step(batches) == pytest.approx(report, rel=1e-9, abs=1e-9)
        assert not recorded.left()
        found, expected = arrays(ours), arrays(theirs)
        for name, of_ours, of_theirs in zip(found, found.values(), expected.values(), strict=True):
            assert np.abs(of_ours - of_theirs).max() < 1e-9, f"{name} after step {k}"
        if (k + 1) % alike_every == 0:
            theirs.take_weights(ours)
    assert any(not np.array_equal(x, y) for x, y in zip(start.values(), found.values(), strict=True))


def arrays(side):
    """All numbers of all networks, by name."""
    return {
        f"{network}.{name}": torch.as_tensor(values).numpy(force=True)
        for network, module in side.networks.items()
        for name, values in module.state_dict().items()
    }


# ---- the presets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", preset_names())
def test_fifty_steps_of_a_preset_are_pytorchs(preset, monkeypatch):
    play(shrunk(preset), monkeypatch, ALIKE_EVERY.get(preset, STEPS))


@pytest.mark.parametrize("preset", ["reference", "dcgan", "repair", "super-resolution"])
def test_fifty_steps_of_a_preset_in_its_full_size_are_pytorchs(preset, monkeypatch):
    play(changed(load_preset(preset), FEW_DATA), monkeypatch, ALIKE_EVERY.get(preset, STEPS))


# ---- settings that no preset has -------------------------------------------------------------------------------


def both(*settings):
    """These settings for both players."""
    return [f"{player}.{setting}" for player in ("generator", "discriminator") for setting in settings]


# Where variants start from: networks in which rounding errors grow slowly.
CALM = {
    "default": ["generator.norm=none", "generator.lr=8e-4", *both("betas=[0.5, 0.999]")],
    "dcgan": ["discriminator.norm=none", "game.r1_gamma=1", "game.penalty_every=4", *both("init=default")],
}
VARIANTS = {
    "minimax on logits": ("default", ["game.loss=minimax"]),
    "minimax on probabilities": ("reference", ["game.loss=minimax"]),
    "relativistic": ("default", ["game.loss=relativistic"]),
    "R1, average and BatchNorm in an MLP": ("default", ["generator.norm=batch"]),
    "R2": ("default", ["game.r1_gamma=0", "game.r2_gamma=0.3"]),
    "DRAGAN": ("default", ["game.r1_gamma=0", "game.dragan=10"]),
    "four penalties at once": ("dcgan", ["game.r2_gamma=0.2", "game.gradient_penalty=10", "game.dragan=5"]),
    "R1 on a D with BatchNorm": ("dcgan", ["discriminator.norm=batch", "discriminator.lr=1e-4"]),
    "conditional WGAN-GP": ("wgan-gp", ["game.task=conditional"]),
    "auxiliary classes, hinge": ("acgan", ["game.loss=hinge", "game.class_weight=0.5"]),
    "semi-supervised least squares": ("semi-supervised", ["game.loss=least-squares", "game.class_weight=2"]),
    "semi-supervised, with noise": ("semi-supervised", ["game.instance_noise=0.1"]),
    "consensus": ("mlp-relu", ["game.consensus=0.1"]),
    "consensus with R1 and R2": (
        "mlp-tanh",
        ["game.rule=simultaneous", "game.consensus=0.1", "game.r1_gamma=1", "game.r2_gamma=1"],
    ),
    "consensus looking ahead": ("extragradient", ["game.consensus=0.1"]),
    "optimistic Adam": ("mlp-relu", ["game.rule=optimistic", *both("weight_decay=0.01")]),
    "optimistic SGD": ("mlp-relu", ["game.rule=optimistic", *both("optimizer=sgd", "lr=0.05", "weight_decay=0.01")]),
    "extragradient Adam with decay and clipping": (
        "extragradient",
        both("weight_decay=0.01", "clip_grad_norm=0.1", "schedule=exponential", "lr_decay=0.5"),
    ),
    "extragradient SGD": ("extragradient", both("optimizer=sgd", "lr=0.05", "weight_decay=0.01")),
    "smoothing on both sides": ("default", ["game.label_smoothing=0.1", "game.fake_label_smoothing=0.2"]),
    "noisy labels": ("lsgan", ["game.label_noise=0.2", "game.label_smoothing=0.1"]),
    "weight decay": ("default", both("weight_decay=0.1")),
    "clipped gradients": ("default", both("clip_grad_norm=0.05")),
    "fresh z": ("lsgan", ["game.fresh_z=true"]),
    "two moves of G": ("lsgan", ["game.g_steps=2"]),
    "three moves of D, its last fakes for G": ("lsgan", ["game.d_steps=3"]),
    "uniform z": ("default", ["generator.z=uniform", "generator.z_scale=0.5"]),
    "linear schedule": ("default", ["training.steps=50", *both("schedule=linear", "lr_min=1e-5")]),
    "cosine schedule": ("default", ["training.steps=50", *both("schedule=cosine")]),
    "exponential schedule with a least rate": ("default", both("schedule=exponential", "lr_decay=0.5", "lr_min=1e-4")),
    "noise on all that D sees, fading": ("dcgan", ["game.instance_noise=0.3", "game.instance_noise_epochs=3"]),
    "packed images, with noise": ("dcgan", ["game.pack=2", "game.instance_noise=0.1"]),
    "momentum": ("wgan", both("momentum=0.5")),
    "InfoGAN's networks": ("dcgan", both("dense=[64]", "norm=batch", "lr=1e-4")),
    "BatchNorm with settings of its own": ("dcgan", both("norm=batch", "norm_eps=0.1", "norm_momentum=0.5")),
    "layer norm": ("dcgan", both("norm=layer")),
    "instance norm": ("dcgan", both("dense=[]", "norm=instance")),
    "spectral norm in both, BatchNorm in G": ("hinge", ["generator.spectral_norm=true"]),
    "spectral norm in residual networks": ("r1", [*both("spectral_norm=true"), "generator.norm=batch"]),
    "dropout in residual networks": ("r1", ["discriminator.dropout=0.2", "discriminator.input_dropout=0.1"]),
    "momentum that rises to its end, halved rates": (
        "goodfellow-2014",
        both("momentum_epochs=3.0", "schedule=step", "lr_decay=0.5"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_fifty_steps_of_a_variant_are_pytorchs(variant, monkeypatch):
    preset, changes = VARIANTS[variant]
    play(changed(shrunk(preset), [*CALM.get(preset, []), *changes]), monkeypatch)
