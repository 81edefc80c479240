"""Training steps on a GPU by the rules that no preset has: they are the CPU's, and nobody waits for anything."""

import contextlib

import numpy as np
import pytest
from small_games import config_of

import minigan as mg
from minigan.gan import Noise

from .games import assert_nobody_waits, assert_steps_of_the_cpu


def both(*settings):
    """These settings for both players."""
    return [f"{player}.{setting}" for player in ("generator", "discriminator") for setting in settings]


SGD = ["optimizer=sgd", "lr=0.1"]
ALL_PENALTIES = ["game.r1_gamma=0.3", "game.r2_gamma=0.2", "game.gradient_penalty=10", "game.dragan=5"]
AT_ONCE = ["game.rule=simultaneous", "game.d_steps=1", "game.fresh_z=false"]
UNMIXED = ("game.r1_gamma=1", "discriminator.norm=none")  # of few samples BatchNorm makes much of rounding errors
VARIANTS = {  # name: a preset and changes
    "R1 on every step": ["default", "game.penalty_every=1"],
    "no penalty": ["default", "game.r1_gamma=0"],
    "four penalties": ["default", *ALL_PENALTIES],
    "four penalties on convolutions": ["dcgan", *ALL_PENALTIES],
    "minimax on probabilities": ["reference", "game.loss=minimax"],
    "relativistic pairs": ["default", "game.loss=relativistic"],
    "soft and noisy labels": [
        "default", "game.label_smoothing=0.1", "game.fake_label_smoothing=0.2", "game.label_noise=0.3"
    ],
    "noise on what D sees, fading": ["default", "game.instance_noise=0.3", "game.instance_noise_epochs=1"],
    "packs of noisy images": ["dcgan", "game.pack=2", "game.instance_noise=0.1", *UNMIXED],
    "clipped gradients": ["default", *both("clip_grad_norm=0.01")],
    "clipped weights, three moves of D, its last fakes for G": ["wgan", "game.d_steps=3", "game.fresh_z=false"],
    "two moves of G": ["default", "game.g_steps=2"],
    "BatchNorm in both, dropout": ["dcgan", "discriminator.norm=batch", "discriminator.dropout=0.3"],
    "instance and layer norm": ["dcgan", "generator.dense=[]", "generator.norm=instance", "discriminator.norm=layer"],
    "spectral norm and dropout in residual networks": ["r1", *both("spectral_norm=true", "dropout=0.2")],
    "consensus": ["mlp-relu", "game.consensus=0.1"],
    "consensus with penalties": ["mlp-tanh", *AT_ONCE, "game.consensus=0.1", *ALL_PENALTIES],
    "consensus on scores": ["wgan-gp", *AT_ONCE, "game.consensus=0.1"],
    "consensus looking ahead": ["extragradient", "game.consensus=0.1"],
    "optimistic Adam": ["mlp-relu", "game.rule=optimistic"],
    "optimistic SGD": ["mlp-relu", "game.rule=optimistic", *both(*SGD)],
    "extragradient SGD, clipped": ["extragradient", *both(*SGD, "clip_grad_norm=0.01")],
    "rates along a cosine": ["default", "training.steps=10", *both("schedule=cosine", "lr_min=1e-5")],
    "momentum": ["default", *both(*SGD, "momentum=0.5")],
    "conditional convolutions with R1": ["dcgan", "game.task=conditional", *UNMIXED],
    "conditional WGAN-GP": ["wgan-gp", "game.task=conditional"],
    "auxiliary classes of convolutions": ["dcgan", "game.task=auxiliary", "game.class_weight=0.5"],
    "semi-supervised least squares, noisy": ["semi-supervised", "game.loss=least-squares", "game.instance_noise=0.1"],
    "repair without a penalty": ["repair", "game.r1_gamma=0"],
}  # fmt: skip
every_variant = pytest.mark.parametrize("variant", VARIANTS)


@every_variant
def test_a_step_makes_nobody_wait(gpu, variant):
    assert_nobody_waits(gpu, config_of(*VARIANTS[variant]))


@every_variant
def test_steps_are_those_of_the_cpu(gpu, variant):
    assert_steps_of_the_cpu(gpu, config_of(*VARIANTS[variant]))


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_z_is_that_of_the_cpu_and_nobody_waits_for_it(gpu, distribution):
    noise, found = Noise(7, distribution, 2.0), []
    for device, waits_for_nothing in ((gpu.device, gpu.no_sync), ("cpu", contextlib.nullcontext)):
        mg.set_step(3)
        noise.draw(5, device=device)
        mg.set_step(3)
        noise.fixed(5, seed=1, device=mg.device(device))
        with waits_for_nothing():
            drawn = [noise.draw(5, device=device), noise.fixed(5, seed=1, device=mg.device(device))]
        assert all(z.device == mg.device(device) for z in drawn)
        found.append([z.to("cpu").numpy() for z in drawn])
    for z, expected in zip(*found, strict=True):
        np.testing.assert_allclose(z, expected, rtol=1e-4, atol=1e-6)
