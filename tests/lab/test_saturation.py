"""Minimax passes exp(s) of what non-saturating passes: against exact mathematics and finite differences."""

import json

import numpy as np
import pytest

import minigan as mg
from minigan import lab
from minigan.data import ring
from minigan.errors import ConfigError
from minigan.gan import build_game, load_preset, set_field
from minigan.lab.experiments.saturation_signal import LOSSES, layers, per_logit, ratios, signal

CPU = mg.device("cpu")
EPS = 1e-8
SMALL = {"toy_steps": 20, "chase_steps": 5, "mnist_steps": 2, "pretrain_steps": 2, "batch_size": 8}


@pytest.fixture(scope="module")
def toy():
    return lab.saturation(mnist_steps=0)


@pytest.fixture
def game():
    """A small game of points in float64, with a D that has an opinion."""
    config = load_preset("ring")
    for change in ("generator.hidden=[8, 8]", 'generator.activation="tanh"', "discriminator.hidden=[8]"):
        config = set_field(config, change)
    game = build_game(config, (2,), CPU)
    for network in (game.generator.network, game.discriminator.network):
        network.to(dtype=mg.float64)
    for parameter in game.discriminator.network.parameters():
        parameter.data = parameter * 4
    return game


def players(game):
    return game.generator.network, game.discriminator.network


def points_and_noise(game, n=16):
    real, _ = ring().sample(n)
    return mg.tensor(real.astype(np.float64)), game.noise.fixed(n, 0, CPU).to(dtype=mg.float64)


# ---- the losses over one logit ---------------------------------------------------------------------------


def test_the_ratio_of_the_signals_is_exp_of_the_logit():
    s = np.linspace(-40, 40, 801)
    np.testing.assert_allclose(ratios(s), np.exp(s), rtol=1e-12)


def test_at_minus_eight_minimax_passes_a_2981st_of_the_other():
    assert round(1 / ratios(np.array([-8.0]))[0]) == 2981


def test_each_loss_has_the_gradient_that_its_formula_has():
    s = np.linspace(-12, 12, 25)
    D = 1 / (1 + np.exp(-s))
    expected = {"minimax": -D, "non-saturating": -(1 - D), "least-squares": s - 1, "wasserstein": -np.ones(25)}
    for name, (_, gradient) in per_logit(s).items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-9)


def test_each_loss_has_the_value_that_its_formula_has():
    s = np.linspace(-12, 12, 25)
    D = 1 / (1 + np.exp(-s))
    expected = {
        "minimax": np.log(1 - D),
        "non-saturating": -np.log(D),
        "least-squares": (s - 1) ** 2 / 2,
        "wasserstein": -s,
    }
    for name, (value, _) in per_logit(s).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-8)


# ---- what reaches G --------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_of_each_layer_is_that_of_finite_differences(game, loss):
    real, z = points_and_noise(game)
    G, D = players(game)

    def cost():
        return mg.gan.get_loss(loss).generator(D(G(z))).item()

    sizes = []
    for layer in (module for module in G.modules() if isinstance(module, mg.nn.Linear)):
        total = 0.0
        for parameter in layer.parameters():
            start = parameter.detach().numpy().copy()
            for at in np.ndindex(start.shape):
                around = []
                for h in (1e-6, -1e-6):
                    moved = start.copy()
                    moved[at] += h
                    parameter.data = mg.tensor(moved)
                    around.append(cost())
                total += ((around[0] - around[1]) / 2e-6) ** 2
            parameter.data = mg.tensor(start)
        sizes.append(total**0.5)
    np.testing.assert_allclose(signal(G, D, real, z, EPS).sizes[loss], sizes, rtol=1e-5)


def test_looking_changes_neither_player(game):
    before = [x.detach().numpy().copy() for x in (*game.generator.trained, *game.discriminator.trained)]
    signal(*players(game), *points_and_noise(game), EPS)
    after = (*game.generator.trained, *game.discriminator.trained)
    assert all((x.detach().numpy() == old).all() for x, old in zip(after, before, strict=True))
    assert all(x.grad is None for x in after)


def test_if_all_fakes_have_one_logit_every_layer_loses_exp_of_it(game):
    real, z = points_and_noise(game)
    one = signal(*players(game), real, z[:1], EPS)
    np.testing.assert_allclose(one.sizes["minimax"] / one.sizes["non-saturating"], np.exp(one.fake[0]), rtol=1e-12)
    assert one.cosine == pytest.approx(1, abs=1e-12)


def test_layers_are_named_by_their_sizes(game):
    assert layers(game.generator.network) == ["2 → 8", "8 → 8", "8 → 2"]


# ---- D in training ---------------------------------------------------------------------------------------


def test_a_better_D_takes_the_signal_from_minimax_alone(toy):
    first, last = toy.toy.signals[0], toy.toy.signals[-1]
    assert last.fake.mean() < -5 < 5 < last.real.mean()
    assert last.ratio < 0.01 < 0.5 < first.ratio
    assert last.size("non-saturating") > first.size("non-saturating")


def test_on_every_fake_D_passes_on_exp_of_its_logit_times_the_other_signal(toy):
    assert toy.toy.precision == "float64"
    assert toy.toy.error < 1e-12


def test_a_wrong_gradient_of_any_fake_breaks_the_law(game):
    """D's backward pass is part of what is held against the law: here it adds what no loss asked for."""
    real, z = points_and_noise(game)
    G, D = players(game)
    assert signal(G, D, real, z, EPS).error < 1e-12

    def meddle(module, inputs, output):
        if output.requires_grad:
            output.register_hook(lambda gy: gy + 1e-6)

    next(iter(D.children())).register_forward_hook(meddle)
    assert signal(G, D, real, z, EPS).error > 1e-6


def test_with_plain_descent_minimax_learns_nothing_where_the_other_one_wins(toy):
    rise = {(one.loss, one.optimizer): one.logits[-1] - one.logits[0] for one in toy.chases}
    assert 0 < rise["minimax", "SGD"] < 2
    assert rise["non-saturating", "SGD"] > 10
    assert rise["minimax", "Adam"] > rise["non-saturating", "Adam"] > 10


@pytest.mark.slow
def test_on_mnist_a_D_left_alone_starves_minimax():
    for one in lab.saturation(toy_steps=1, chase_steps=1).mnist:
        assert one.signals[0].ratio > 0.1
        assert one.signals[-1].ratio < 1e-3
        assert one.signals[-1].below_eps["minimax"] > one.signals[-1].below_eps["non-saturating"]


# ---- the experiment --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_its_page_is_written_with_all_numbers(tmp_path):
    index = lab.write("saturation", lab.saturation(**SMALL), tmp_path)
    numbers = json.loads((tmp_path / "lab.json").read_text())
    assert all(check["holds"] for check in numbers["checks"])
    assert [one["name"] for one in numbers["data"]["mnist"]] == ["a fresh G", "G after 2 steps"]
    assert [one["at"] for one in numbers["data"]["mnist"]] == [[0, 1, 2]] * 2
    assert "The reference networks" in index.read_text()
    assert {"slopes.png", "mnist-layers.gif", "chase.png"} < {path.name for path in tmp_path.iterdir()}


def test_without_mnist_its_page_has_no_such_section(tmp_path):
    data = lab.saturation(toy_steps=2, chase_steps=2, mnist_steps=0)
    assert "The reference networks" not in lab.write("saturation", data, tmp_path).read_text()


def test_a_seed_is_a_result_and_other_random_numbers_go_on_where_they_were():
    mg.manual_seed(5)
    expected = mg.rand(3).numpy().copy()
    mg.manual_seed(5)
    first, again = (lab.saturation(**(SMALL | {"mnist_steps": 0}), seed=1) for _ in range(2))
    np.testing.assert_array_equal(mg.rand(3).numpy(), expected)
    np.testing.assert_array_equal(first.toy.signals[-1].fake, again.toy.signals[-1].fake)
    np.testing.assert_array_equal(first.chases[-1].logits, again.chases[-1].logits)


@pytest.mark.parametrize("name", ["toy_steps", "chase_steps", "pretrain_steps", "batch_size"])
def test_settings_out_of_range_are_refused(name):
    with pytest.raises(ConfigError, match=f"^{name}: expected a whole number from 1 to .* but got 0"):
        lab.saturation(**{name: 0})
