"""The presets are what their sources say: networks, rates and lengths as published, typed in here a second time."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.gan import DataFacts, Trainer, build_game, load_preset, preset_names, set_fields
from minigan.gan.extensions import StopOnNaN
from minigan.gan.networks import Maxout
from minigan.gan.schedules import learning_rate, momentum
from minigan.gan.source import data_of, loader_of

# Of the layers with weights in G and in D: what goes in and what comes out; and what stands between them.
NETWORKS = {
    "mlp-relu": ([(100, 256), (256, 784)], [(784, 128), (128, 1)], {"ReLU", "Tanh"}),
    "mlp-tanh": ([(100, 256), (256, 784)], [(784, 256), (256, 1)], {"Tanh", "Sigmoid"}),
    "reference": (
        [(100, 256), (256, 512), (512, 1024), (1024, 784)],
        [(784, 1024), (1024, 512), (512, 256), (256, 1)],
        {"LeakyReLU", "Dropout", "Tanh", "Sigmoid"},
    ),
    "conv-d": (
        [(100, 128), (128, 128), (128, 784)],
        [(1, 32), (32, 64), (64 * 7 * 7, 1)],
        {"LeakyReLU", "Dropout", "Tanh"},
    ),
    "dcgan": (
        [(100, 512), (512, 128 * 7 * 7), (128, 64), (64, 1)],
        [(1, 64), (64, 128), (128 * 7 * 7, 256), (256, 1)],
        {"ReLU", "LeakyReLU", "BatchNorm1d", "BatchNorm2d", "Tanh"},
    ),
    "goodfellow-2014": (
        [(100, 1200), (1200, 1200), (1200, 784)],
        [(784, 5 * 240), (240, 5 * 240), (240, 1)],
        {"ReLU", "Dropout", "Sigmoid", "Stretch", "Shrink", "Maxout"},
    ),
    "pacgan2": (
        [(2, 400), (400, 400), (400, 400), (400, 400), (400, 2)],
        [(4, 5 * 200), (200, 5 * 200), (200, 5 * 200), (200, 1)],
        {"ReLU", "BatchNorm1d", "Maxout"},
    ),
}
SHAPING = (nn.Flatten, nn.Unflatten)
WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def game_of(name):
    config = load_preset(name)
    shape = (2,) if config.data.source in ("ring", "grid") else (1, 28, 28)
    return build_game(config, shape, mg.device("cpu"))


def leaves(network):
    """The layers without layers of their own, and maxout units."""
    return [m for m in network.modules() if isinstance(m, Maxout) or not list(m.children())]


def ends(layer):
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    return layer.in_channels, layer.out_channels


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_are_those_of_the_source(name):
    of_G, of_D, others = NETWORKS[name]
    game = game_of(name)
    players = game.generator.network, game.discriminator.network
    found = [[ends(layer) for layer in leaves(network) if isinstance(layer, WEIGHTED)] for network in players]
    assert found == [of_G, of_D]
    between = {
        type(layer).__name__ for n in players for layer in leaves(n) if not isinstance(layer, WEIGHTED + SHAPING)
    }
    assert between == others


@pytest.mark.parametrize("name", ["conv-d", "dcgan", "conv", "hinge"])
def test_convolutions_have_kernels_that_their_stride_divides(name):
    game = game_of(name)
    layers = [m for n in (game.generator.network, game.discriminator.network) for m in n.modules()]
    convolutions = [m for m in layers if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert convolutions
    assert {(m.kernel_size, m.stride, m.padding) for m in convolutions} == {((4, 4), (2, 2), (1, 1))}


# Optimizer, learning rate, first and second beta (or momentum) of both players; batch size; samples; epochs.
TRAINING = {
    "mlp-relu": ("adam", 2e-4, (0.9, 0.999), 32, 60_000, 50),
    "reference": ("adam", 2e-4, (0.9, 0.999), 128, 60_000, 50),
    "conv-d": ("adam", 1e-4, (0.9, 0.999), 128, 60_000, 50),
    "pacgan2": ("adam", 1e-4, (0.8, 0.999), 200, 100_000, 800),  # 400 epochs of 100,000 packs, in batches of 100
}


@pytest.mark.parametrize("name", TRAINING)
def test_the_optimizers_and_the_length_are_those_of_the_source(name):
    optimizer, lr, decays, batch_size, samples, epochs = TRAINING[name]
    config = load_preset(name)
    for player in (config.generator, config.discriminator):
        assert (player.optimizer, player.lr) == (optimizer, lr)
        assert (player.betas if optimizer == "adam" else (player.momentum,)) == decays
    loader = loader_of(config, data_of(config))
    assert (loader.batch_size, len(loader.images)) == (batch_size, samples)
    assert config.training.steps == epochs * math.ceil(samples / batch_size)


def test_the_first_gan_is_trained_by_its_published_settings():
    """The authors' program takes the mean of D's losses of real and of fake, where their sum is taken here."""
    config = load_preset("goodfellow-2014")
    players = config.generator, config.discriminator
    assert [(p.optimizer, p.lr, p.lr_min, p.momentum) for p in players] == [
        ("sgd", 0.1, 1e-6, 0.5),
        ("sgd", 0.1 / 2, 1e-6 / 2, 0.5),
    ]
    loader = loader_of(config, data_of(config))
    assert (loader.batch_size, len(loader.images), config.training.steps) == (100, 50_000, 250 * 500)


def test_wgan_plays_algorithm_1_of_its_paper():
    config = load_preset("wgan")
    rules = config.game
    assert (rules.loss, rules.clip_weights, rules.d_steps, config.training.batch_size) == ("wasserstein", 0.01, 5, 64)
    assert {(p.optimizer, p.lr) for p in (config.generator, config.discriminator)} == {("rmsprop", 5e-5)}
    assert rules.fresh_z


def test_wgan_gp_plays_algorithm_1_of_its_paper():
    config = load_preset("wgan-gp")
    rules = config.game
    assert (rules.loss, rules.gradient_penalty, rules.penalty_every, rules.d_steps) == ("wasserstein", 10.0, 1, 5)
    assert config.training.batch_size == 64
    players = config.generator, config.discriminator
    assert {(p.optimizer, p.lr, p.betas) for p in players} == {("adam", 1e-4, (0.0, 0.9))}
    assert rules.fresh_z
    assert config.discriminator.norm == "none"


@pytest.mark.parametrize(("player", "lr"), [("generator", 0.1), ("discriminator", 0.05)])
def test_the_first_gan_divides_its_rate_at_each_update_and_raises_its_momentum_over_250_epochs(player, lr):
    settings, steps = getattr(load_preset("goodfellow-2014"), player), 125_000
    divided = [learning_rate(settings, k, steps, 500) for k in (0, 1, 500, 100_000)]
    assert divided == pytest.approx([lr / 1.000004**k for k in (0, 1, 500, 100_000)], rel=1e-9)
    assert learning_rate(settings, 10**7, steps, 500) == pytest.approx(lr * 1e-5)
    assert [momentum(settings, k * 500, 500) for k in (0, 250, 300)] == pytest.approx([0.5, 0.7, 0.7])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_first_gan_does_not_diverge_with_its_published_rates(seed):
    """Its D has to see pixels from 0 to 1: with those from -1 to 1 it was NaN after some 200 steps."""
    config = set_fields(load_preset("goodfellow-2014"), [f"training.seed={seed}", "training.steps=600"])
    loader = loader_of(config, data_of(config))
    game = build_game(config, DataFacts.of(loader, config), mg.device("cpu"))
    Trainer(game, loader, config.training.steps, [StopOnNaN()]).run()
    assert game.steps == 600


def test_the_first_gan_starts_from_its_published_weights_and_noise():
    game = game_of("goodfellow-2014")
    for network, width in ((game.generator.network, 0.05), (game.discriminator.network, 0.005)):
        weights = [layer.weight.detach().numpy() for layer in network.modules() if isinstance(layer, nn.Linear)]
        assert all(np.abs(weight).max() <= width for weight in weights)
        assert np.abs(weights[0]).max() > 0.999 * width
    z = game.noise.draw(1000).numpy()
    assert np.abs(z).max() == pytest.approx(math.sqrt(3), rel=1e-3)
    assert z.var() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_what_it_is_and_where_it_comes_from(name):
    config = load_preset(name)
    assert config.about
    assert config.source
    assert config.name == name
