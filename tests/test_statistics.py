"""BatchNorm's statistics of a network with other weights, such as an average of G: against PyTorch, and in games."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.gan import DataFacts, build_game, load_preset
from minigan.gan.config import set_fields
from minigan.gan.statistics import estimate_statistics

CPU = mg.device("cpu")


@pytest.mark.torch
def test_statistics_are_those_of_pytorchs_update_bn(torch):
    def network(nn):
        return nn.Sequential(
            nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 4 * 4, 5), nn.BatchNorm1d(5)
        ).double()  # fmt: skip

    ours, theirs = network(nn), network(torch.nn)
    theirs.load_state_dict({name: torch.tensor(array) for name, array in ours.state_dict().items()})
    batches = np.random.default_rng(0).normal(size=(7, 8, 2, 6, 6))
    estimate_statistics(ours, [(mg.tensor(x),) for x in batches])
    torch.optim.swa_utils.update_bn([torch.tensor(x) for x in batches], theirs)
    for name, array in ours.state_dict().items():
        np.testing.assert_allclose(array, theirs.state_dict()[name].numpy(), rtol=1e-12, atol=1e-15, err_msg=name)


@pytest.mark.parametrize("training", [True, False])
def test_only_statistics_change(training):
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.3), nn.Dropout(0.5)).train(training)
    before = net.state_dict()
    estimate_statistics(net, [(mg.randn(9, 3),)])
    after = net.state_dict()
    assert [name for name in before if not np.array_equal(before[name], after[name])] == [
        "1.running_mean", "1.running_var", "1.num_batches_tracked",
    ]  # fmt: skip
    assert (net.training, net[1].training, net[2].training, net[1].momentum) == (training,) * 3 + (0.3,)


def test_without_batches_statistics_stay():
    net = nn.BatchNorm1d(2)
    net(mg.randn(8, 2))
    before = net.state_dict()
    estimate_statistics(net, [])
    assert all(np.array_equal(before[name], array) for name, array in net.state_dict().items())


# ---- in games ----------------------------------------------------------------------------------------------


def game_of(preset, *settings):
    small = ("generator.ema_decay=0.99", "generator.norm='batch'", *settings)
    return build_game(set_fields(load_preset(preset), small), DataFacts((1, 28, 28), classes=10), CPU)


def play(game, steps):
    labels = mg.tensor(np.arange(16) % 10)
    for step in range(steps):
        mg.set_step(step)
        game.step(mg.gan.Batch(2 * mg.rand(16, 1, 28, 28) - 1, labels))


MLP = ("generator.hidden=[16, 16]", "discriminator.hidden=[16]")


@pytest.mark.parametrize(("preset", "told"), [("default", False), ("cgan", True)])
def test_an_average_of_g_has_the_statistics_of_its_own_weights(preset, told):
    game = game_of(preset, *MLP)
    play(game, 30)
    z = game.noise.fixed(5000, 7, CPU)
    y = (mg.tensor(np.arange(5000) % 10),) if told else ()
    evaluated = game.sampler.eval()(z, *y)
    in_one_batch = game.ema.network.train()(z, *y)
    distance = (evaluated - in_one_batch).square().mean().sqrt().item()
    assert distance < 0.05 * in_one_batch.std().item()


def test_they_are_made_once_after_each_update_and_are_part_of_the_state(monkeypatch):
    game, made = game_of("default", *MLP), []
    monkeypatch.setattr("minigan.gan.ema.estimate_statistics", lambda *args: made.append(estimate_statistics(*args)))
    play(game, 3)
    assert made == []
    state = game.state_dict()
    assert game.sampler is game.ema.network
    assert len(made) == 1
    other = game_of("default", *MLP, "training.seed=5")
    other.load_state_dict(state)
    assert all(np.array_equal(a, other.sampler.state_dict()[k]) for k, a in state["ema"]["network"].items())
    assert len(made) == 1
    play(game, 1)
    assert game.sampler is game.ema.network
    assert len(made) == 2


def test_looking_at_samples_changes_nothing_of_the_game():
    games = [game_of("default", *MLP) for _ in range(2)]
    for step in range(4):
        for looked_at, game in enumerate(games):
            play(game, 1)
            if looked_at:
                game.draw(game.noise.fixed(4, step, CPU))
    ours, theirs = (game.state_dict() for game in games)
    for name in ("ema", "generator"):
        for key, array in ours[name]["network"].items():
            np.testing.assert_array_equal(array, theirs[name]["network"][key], err_msg=f"{name}: {key}")


def test_a_g_of_images_keeps_the_statistics_of_the_g_that_trains():
    config = set_fields(load_preset("repair"), ["generator.ema_decay=0.9", "generator.hidden=[2, 2]"])
    game = build_game(config, (1, 28, 28), CPU)
    game.step(mg.gan.Batch(2 * mg.rand(4, 1, 28, 28) - 1))
    own = game.generator.network.state_dict()
    kept = {k: a for k, a in game.sampler.state_dict().items() if "running" in k}
    assert kept
    assert all(np.array_equal(a, own[k]) for k, a in kept.items())
