"""The rules of the game: losses, the R1 penalty, the average of G, and who moves what when."""

from __future__ import annotations

import math

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.gan import EMA, R1, Game, Player, build_game, draw_z, get_loss, load_preset, set_field
from minigan.gan.networks import mlp_discriminator, mlp_generator

LOGITS = np.array([-100.0, -8.0, -1.5, 0.0, 0.7, 8.0, 100.0]).reshape(-1, 1)


def sigmoid(s):
    return np.where(s >= 0, 1 / (1 + np.exp(-np.abs(s))), np.exp(-np.abs(s)) / (1 + np.exp(-np.abs(s))))


def softplus(s):
    return np.logaddexp(0, s)


def value_and_gradient(f, s):
    x = mg.tensor(s, requires_grad=True)
    y = f(x)
    y.backward()
    return y.item(), x.grad


# ---- losses: value and gradient in closed form, to logits of +-100 ---------------------------------------


def test_the_non_saturating_generator_minimises_minus_log_D():
    value, gradient = value_and_gradient(get_loss("non-saturating").generator, LOGITS)
    assert value == pytest.approx(softplus(-LOGITS).mean(), rel=1e-13)
    np.testing.assert_allclose(gradient, -sigmoid(-LOGITS) / len(LOGITS), rtol=1e-13)


def test_the_minimax_generator_minimises_log_1_minus_D_and_not_minus_log_D():
    value, gradient = value_and_gradient(get_loss("minimax").generator, LOGITS)
    assert value == pytest.approx(-softplus(LOGITS).mean(), rel=1e-13)
    np.testing.assert_allclose(gradient, -sigmoid(LOGITS) / len(LOGITS), rtol=1e-13)


def test_the_two_signals_to_the_generator_differ_by_the_factor_exp_of_the_logit():
    _, minimax = value_and_gradient(get_loss("minimax").generator, LOGITS)
    _, non_saturating = value_and_gradient(get_loss("non-saturating").generator, LOGITS)
    np.testing.assert_allclose(minimax / non_saturating, np.exp(LOGITS), rtol=1e-12)


@pytest.mark.parametrize("name", ["non-saturating", "minimax"])
def test_the_discriminator_minimises_minus_the_value_of_the_game(name):
    real, fake = mg.tensor(LOGITS), mg.tensor(LOGITS[::-1].copy())
    loss = get_loss(name).discriminator(real, fake, 0.0).item()
    assert loss == pytest.approx(softplus(-LOGITS).mean() + softplus(LOGITS).mean(), rel=1e-13)


def test_at_the_optimum_of_equal_distributions_the_value_is_minus_log_4():
    half = mg.zeros(5, 1)
    assert get_loss("minimax").discriminator(half, half, 0.0).item() == pytest.approx(math.log(4), rel=1e-6)


def test_smoothing_is_one_sided():
    real, fake = mg.tensor(LOGITS), mg.tensor(LOGITS)
    smooth = get_loss("non-saturating").discriminator(real, fake, 0.1).item()
    expected = (0.9 * softplus(-LOGITS) + 0.1 * softplus(LOGITS)).mean() + softplus(LOGITS).mean()
    assert smooth == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", ["non-saturating", "minimax"])
def test_logits_and_probabilities_say_the_same(name):
    s = LOGITS[2:5]
    on_logits, on_probabilities = get_loss(name, "logit"), get_loss(name, "probability")
    x, p = mg.tensor(s), mg.tensor(sigmoid(s))
    assert on_logits.generator(x).item() == pytest.approx(on_probabilities.generator(p).item(), rel=1e-12)
    ours, theirs = (loss.discriminator(t, t, 0.1).item() for loss, t in ((on_logits, x), (on_probabilities, p)))
    assert ours == pytest.approx(theirs, rel=1e-12)
    np.testing.assert_allclose(on_logits.probability(x).numpy(), on_probabilities.probability(p).numpy(), rtol=1e-12)


def test_an_unknown_loss_suggests_the_nearest():
    with pytest.raises(mg.ConfigError, match="No loss 'minmax'.*Did you mean 'minimax'"):
        get_loss("minmax")
    with pytest.raises(mg.ConfigError, match="Did you mean 'logit'"):
        get_loss("minimax", "logits")


# ---- R1 --------------------------------------------------------------------------------------------------


def test_r1_of_a_linear_discriminator_is_half_gamma_times_its_squared_weights():
    D = nn.Sequential(nn.Flatten(), nn.Linear(6, 1)).double()
    x = mg.tensor(np.random.default_rng(0).standard_normal((5, 1, 2, 3)), requires_grad=True)
    penalty = R1(gamma=0.3, every=4)(x, D(x))
    w = D[1].weight
    assert penalty.item() == pytest.approx(4 * 0.3 / 2 * (w.data**2).sum(), rel=1e-12)
    penalty.backward()
    np.testing.assert_allclose(w.grad, 4 * 0.3 * w.data, rtol=1e-12)


def test_r1_takes_the_norm_of_each_sample_and_not_of_the_batch():
    x = mg.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=mg.float64, requires_grad=True)
    logits = (x * x).sum(1, keepdim=True)  # its gradient is 2 x
    assert R1(1.0)(x, logits).item() == pytest.approx(0.5 * np.mean([4 * 5.0, 4 * 10.0]))


def test_r1_is_due_every_kth_step_from_the_first():
    assert [step for step in range(10) if R1(1.0, every=4).due(step)] == [0, 4, 8]
    assert not any(R1(0.0).due(step) for step in range(10))


@pytest.mark.parametrize(("gamma", "every"), [(-1.0, 1), (1.0, 0)])
def test_r1_refuses_settings_that_make_no_sense(gamma, every):
    with pytest.raises(mg.ConfigError, match="R1: expected gamma >= 0 and every >= 1"):
        R1(gamma, every)


# ---- EMA -------------------------------------------------------------------------------------------------


def test_ema_averages_parameters_and_carries_the_statistics_of_batch_norm():
    G = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).double()
    ema = EMA(G, 0.9)
    start = {name: value.copy() for name, value in G.state_dict().items()}
    G(mg.randn(8, 2, dtype=mg.float64))  # moves the running statistics
    G[0].weight.data = G[0].weight.data + 1.0
    ema.update()
    state = ema.network.state_dict()
    np.testing.assert_allclose(state["0.weight"], start["0.weight"] + 0.9, rtol=1e-14)  # the first decay is 1 / 10
    np.testing.assert_array_equal(state["1.running_mean"], G[1].running_mean.data)
    assert state["1.num_batches_tracked"] == 1
    ema.updates = 1_000_000
    ema.update()
    np.testing.assert_allclose(ema.network.state_dict()["0.weight"], start["0.weight"] + 0.91, rtol=1e-14)
    assert not ema.network.training
    assert not any(parameter.requires_grad for parameter in ema.network.parameters())


def test_ema_shares_no_memory_with_its_network():
    G = nn.Linear(2, 2)
    ema = EMA(G, 0.5)
    mg.optim.SGD(G.parameters(), lr=1.0)  # lays G out in a flat buffer
    assert not np.shares_memory(ema.network.weight.data, G.weight.data)


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_ema_refuses_a_decay_outside_its_range(decay):
    with pytest.raises(mg.ConfigError, match="EMA: expected a decay from 0 to below 1"):
        EMA(nn.Linear(1, 1), decay)


# ---- the game --------------------------------------------------------------------------------------------


def small_game(dropout=0.0, batch_norm_in_D=False, penalty=None):
    mg.manual_seed(0)
    G = mlp_generator(3, [8], (1, 2, 2), batch_norm=True).double()
    D = mlp_discriminator((1, 2, 2), [8], dropout=dropout).double()
    if batch_norm_in_D:
        D = nn.Sequential(*list(D)[:2], nn.BatchNorm1d(8), *list(D)[2:]).double()
    players = [Player(n, net, mg.optim.SGD(net.parameters(), lr=0.1)) for n, net in (("G", G), ("D", D))]
    return Game(*players, get_loss("non-saturating"), 3, penalty=penalty)


REAL = np.random.default_rng(1).uniform(-1, 1, (6, 1, 2, 2))


def test_one_pass_over_real_and_fake_gives_the_gradients_of_two():
    one, two = small_game(), small_game()
    two._judge = lambda D, real, fake, penalty: (D(real), D(fake), None)
    for k in range(3):
        for game in (one, two):
            mg.set_step(k)
            game.step(mg.tensor(REAL))
    for name, value in one.discriminator.network.state_dict().items():
        np.testing.assert_allclose(value, two.discriminator.network.state_dict()[name], rtol=1e-12)


def test_real_and_fake_images_do_not_share_batch_statistics():
    game = small_game(batch_norm_in_D=True)
    game.step(mg.tensor(REAL))
    assert game.discriminator.network[2].num_batches_tracked.item() == 3  # real, fake, and fake in G's turn


def test_each_turn_moves_its_own_player_only():
    game = small_game()
    seen = {}
    for player in (game.generator, game.discriminator):
        step = player.optimizer.step

        def watched(player=player, step=step):
            before = [
                [p.data.copy() for p in side.network.parameters()] for side in (game.generator, game.discriminator)
            ]
            step()
            after = [[p.data for p in side.network.parameters()] for side in (game.generator, game.discriminator)]
            seen[player.name] = [
                any((a != b).any() for a, b in zip(x, y, strict=True)) for x, y in zip(before, after, strict=True)
            ]

        player.optimizer.step = watched
    game.step(mg.tensor(REAL))
    assert list(seen) == ["D", "G"]
    assert seen == {"D": [False, True], "G": [True, False]}


def test_gradients_of_the_discriminator_are_off_only_within_the_generators_turn():
    game = small_game(penalty=R1(1.0, every=2))
    for _ in range(3):
        game.step(mg.tensor(REAL))
    assert all(parameter.requires_grad for parameter in game.discriminator.network.parameters())


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    def run(seed):
        config = set_field(load_preset("default"), f"training.seed={seed}")
        game = build_game(config, (1, 4, 4), mg.device("cpu"))
        for k in range(3):
            mg.set_step(k)
            game.step(mg.full((8, 1, 4, 4), 0.5))
        return game.generator.network.state_dict()["0.weight"]

    np.testing.assert_array_equal(run(1), run(1))
    assert (run(1) != run(2)).any()


def test_a_saved_game_goes_on_as_if_it_had_not_been_interrupted(tmp_path):
    config = load_preset("default")
    games = [build_game(config, (1, 4, 4), mg.device("cpu")) for _ in range(2)]
    real = mg.rand(8, 1, 4, 4)

    def play(game, steps):
        for k in steps:
            mg.set_step(k)
            game.step(real)

    play(games[0], range(7))
    play(games[1], range(3))
    mg.save(games[1].state_dict(), tmp_path / "game.safetensors")
    resumed = build_game(set_field(config, "training.seed=5"), (1, 4, 4), mg.device("cpu"))
    mg.manual_seed(config.training.seed)
    resumed.load_state_dict(mg.load(tmp_path / "game.safetensors"))
    play(resumed, range(3, 7))
    for player in ("generator", "discriminator"):
        ours, theirs = (getattr(game, player).state_dict()["network"] for game in (games[0], resumed))
        for name, value in ours.items():
            np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    np.testing.assert_array_equal(
        games[0].sampler(draw_z(2, 100, 0, mg.device("cpu"))).numpy(),
        resumed.sampler(draw_z(2, 100, 0, mg.device("cpu"))).numpy(),
    )


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(mg.ConfigError, match=r"R1 is defined on logits"):
        build_game(set_field(load_preset("reference"), "game.r1_gamma=1.0"), (1, 4, 4), mg.device("cpu"))
    with pytest.raises(mg.ConfigError, match="game.label_smoothing: expected a number from 0 to below 1, but got 1.5"):
        build_game(set_field(load_preset("default"), "game.label_smoothing=1.5"), (1, 4, 4), mg.device("cpu"))
    with pytest.raises(mg.ConfigError, match='expected "logit" or "probability", but got \'logits\''):
        mlp_discriminator((1, 4, 4), [8], output="logits")


def test_a_discriminator_with_frozen_layers_plays():
    game = small_game(penalty=R1(1.0))
    frozen, *rest = game.discriminator.network.parameters()
    frozen.requires_grad_(False)
    before = frozen.numpy().copy()
    game.step(mg.tensor(REAL))
    np.testing.assert_array_equal(frozen.numpy(), before)
    assert all(parameter.grad is not None for parameter in rest)


def test_batch_norm_without_running_statistics_keeps_real_and_fake_apart_too():
    game = small_game()
    D = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 1))
    real, fake = mg.tensor(REAL), mg.tensor(REAL[::-1] * 0.5)
    D.double()
    on_real, on_fake, _ = game._judge(D, real, fake, None)
    np.testing.assert_array_equal(on_real.detach().numpy(), D(real).detach().numpy())
    np.testing.assert_array_equal(on_fake.detach().numpy(), D(fake).detach().numpy())
