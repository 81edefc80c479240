"""The rules of the game: who moves what when, what each sees and pays, and what a step leaves behind."""

from __future__ import annotations

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.gan import (
    DRAGAN,
    R1,
    R2,
    Batch,
    Game,
    GradientPenalty,
    Noise,
    Player,
    Targets,
    build_game,
    get_loss,
    load_preset,
    set_field,
)
from minigan.gan.networks import mlp_discriminator, mlp_generator

CPU = mg.device("cpu")
REAL = np.random.default_rng(1).uniform(-1, 1, (6, 1, 2, 2))


def small_game(dropout=0.0, batch_norm_in_D=False, loss="non-saturating", optimizer=mg.optim.SGD, **rules):
    mg.manual_seed(0)
    G = mlp_generator(3, [8], (1, 2, 2), norm="batch").double()
    D = mlp_discriminator((1, 2, 2), [8], dropout=dropout).double()
    if batch_norm_in_D:
        D = nn.Sequential(*list(D)[:2], nn.BatchNorm1d(8), *list(D)[2:]).double()
    players = [Player(n, net, optimizer(net.parameters(), lr=0.1)) for n, net in (("G", G), ("D", D))]
    return Game(*players, get_loss(loss), Noise(3), **rules)


def weights(game):
    return {
        f"{player.name}.{name}": value.copy()
        for player in (game.generator, game.discriminator)
        for name, value in player.network.state_dict().items()
    }


def moves(game):
    """The names of the players in the order of their moves, as the game is played from now on."""
    seen = []
    for player in (game.generator, game.discriminator):
        for how in ("step", "extrapolate"):
            move = getattr(player.optimizer, how, None)
            if move is not None:

                def watched(name=player.name if how == "step" else f"{player.name} ahead", move=move):
                    seen.append(name)
                    move()

                setattr(player.optimizer, how, watched)
    return seen


# ---- who moves when --------------------------------------------------------------------------------------


def test_each_turn_moves_its_own_player_only():
    game, seen = small_game(), {}
    for player in (game.generator, game.discriminator):
        step = player.optimizer.step

        def watched(name=player.name, step=step):
            before = weights(game)
            step()
            after = weights(game)
            seen[name] = {key[0] for key in before if (before[key] != after[key]).any()}

        player.optimizer.step = watched
    game.step(mg.tensor(REAL))
    assert list(seen) == ["D", "G"]
    assert seen == {"D": {"D"}, "G": {"G"}}


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, ["D", "G"]),
        ({"d_steps": 3}, ["D", "D", "D", "G"]),
        ({"d_steps": 2, "g_steps": 2, "fresh_z": True}, ["D", "D", "G", "G"]),
        ({"rule": "simultaneous"}, ["D", "G"]),
        ({"rule": "extragradient", "optimizer": mg.optim.ExtraSGD}, ["D ahead", "G ahead", "D", "G"]),
    ],
)
def test_the_players_move_in_the_order_of_the_rule(rules, expected):
    game = small_game(**rules)
    seen = moves(game)
    game.step(*[mg.tensor(REAL)] * game.batches_per_step)
    assert seen == expected


def test_a_step_takes_a_batch_for_each_move_of_D_and_says_so():
    game = small_game(d_steps=3)
    with pytest.raises(mg.ConfigError, match="step: expected 3 batches, but got 1"):
        game.step(mg.tensor(REAL))


def test_moving_at_once_takes_both_gradients_before_either_moves():
    ours, by_hand = small_game(rule="simultaneous"), small_game()
    mg.set_step(0)
    ours.step(mg.tensor(REAL))
    mg.set_step(0)
    G, D = by_hand.generator.network, by_hand.discriminator.network
    fake = G(mg.randn(6, 3, dtype=mg.float64))
    bce, one = nn.functional.binary_cross_entropy_with_logits, mg.ones(6, 1, dtype=mg.float64)
    loss_D = bce(D(mg.tensor(REAL)), one) + bce(D(fake.detach()), one * 0)
    loss_G = bce(D(fake), one)
    pairs = [
        (p, g)
        for net, loss in ((D, loss_D), (G, loss_G))
        for p, g in zip(net.parameters(), mg.grad(loss, list(net.parameters()), retain_graph=True), strict=True)
    ]
    for p, g in pairs:
        p.data = p.data - 0.1 * g.data
    for name, value in weights(ours).items():
        np.testing.assert_allclose(value, weights(by_hand)[name], rtol=1e-12, atol=1e-15, err_msg=name)


def test_reused_fakes_are_made_once_and_fresh_ones_anew():
    def passes(**rules):
        game, seen = small_game(**rules), []
        game.generator.network.register_forward_hook(lambda module, args, output: seen.append(args[0].detach().numpy()))
        game.step(*[mg.tensor(REAL)] * game.batches_per_step)
        return seen

    assert len(passes()) == 1
    assert len(passes(d_steps=3)) == 3
    first, second = passes(fresh_z=True)
    assert (first != second).any()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"rule": "simultaneus"}, "game.rule: expected one of alternating, simultaneous"),
        ({"rule": "simultaneous", "d_steps": 2}, "belong to alternating moves, but game.rule is 'simultaneous'"),
        ({"consensus": 1.0}, "game.consensus is defined where both players move at once"),
        ({"d_steps": 0}, "game.d_steps, g_steps: expected at least 1, but got 0 and 1"),
        ({"rule": "extragradient"}, "needs optimizers that can look ahead; give both players mg.optim.ExtraAdam or"),
        ({"rule": "optimistic"}, "needs optimizers that remember the last gradient; give both players mg.optim.Optim"),
    ],
)
def test_rules_that_do_not_go_together_are_refused(rules, message):
    with pytest.raises(mg.ConfigError, match=message):
        small_game(**rules)


def test_consensus_adds_the_gradient_of_half_gamma_times_the_squared_field():
    """Against central differences of |v|^2 / 2 along a random direction of all parameters."""
    gamma = 0.7
    batch = Batch(mg.tensor(REAL))

    def field_of(game):
        mg.set_step(0)
        game.generator.begin(0)
        fakes = game.generate(batch)
        plain = [game.differentiate_D(batch, fakes), game.differentiate_G(batch, fakes)]
        assert plain
        return [p.grad.copy() for p in (*game.discriminator.trained, *game.generator.trained)]

    plain, with_consensus = small_game(rule="simultaneous"), small_game(rule="simultaneous", consensus=gamma)
    v = field_of(plain)
    mg.set_step(0)
    with_consensus.step(mg.tensor(REAL))
    start = [*plain.discriminator.trained, *plain.generator.trained]
    moved = [*with_consensus.discriminator.trained, *with_consensus.generator.trained]
    pulls = [(p.data - q.data) / 0.1 - g for p, q, g in zip(start, moved, v, strict=True)]
    rng = np.random.default_rng(0)
    direction = [rng.standard_normal(p.shape) for p in start]
    origin, eps, energies = [p.data.copy() for p in start], 1e-5, []
    for sign in (1, -1):
        for p, o, d in zip(start, origin, direction, strict=True):
            p.data = o + sign * eps * d
        energies.append(gamma / 2 * sum((g**2).sum() for g in field_of(plain)))
    expected = (energies[0] - energies[1]) / (2 * eps)
    assert sum((a * b).sum() for a, b in zip(pulls, direction, strict=True)) == pytest.approx(expected, rel=1e-6)


# ---- what D sees and pays --------------------------------------------------------------------------------


def test_one_pass_over_real_and_fake_gives_the_gradients_of_two():
    one, two = small_game(), small_game()
    two._ask_both = lambda real, fake, apart: (two.ask(real), two.ask(fake))
    for k in range(3):
        for game in (one, two):
            mg.set_step(k)
            game.step(mg.tensor(REAL))
    for name, value in weights(one).items():
        np.testing.assert_allclose(value, weights(two)[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("penalty", "passes"),
    [
        (GradientPenalty(10.0), [12, 6]),  # real and fake, and between them
        (DRAGAN(10.0), [12, 6]),
        (R1(1.0), [6, 6]),  # the slope at real samples alone is sought
        (R2(1.0), [6, 6]),
    ],
)
def test_D_looks_at_real_and_fake_in_one_pass_unless_its_slope_is_wanted_there(penalty, passes):
    game, seen = small_game(penalties=[penalty]), []
    game.discriminator.network.register_forward_hook(lambda module, args, output: seen.append(len(args[0])))
    game.step(mg.tensor(REAL))
    assert seen == [*passes, 6]  # the last in G's turn


def test_real_and_fake_images_do_not_share_batch_statistics():
    game = small_game(batch_norm_in_D=True)
    game.step(mg.tensor(REAL))
    assert game.discriminator.network[2].num_batches_tracked.item() == 3  # real, fake, and fake in G's turn


def test_batch_norm_without_running_statistics_keeps_real_and_fake_apart_too():
    game = small_game()
    D = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 1))
    game.discriminator.network = D.double()
    real, fake = Batch(mg.tensor(REAL)), Batch(mg.tensor(REAL[::-1] * 0.5))
    on_real, on_fake = game._ask_both(real, fake, apart=False)
    np.testing.assert_array_equal(on_real.detach().numpy(), D(real.images).detach().numpy())
    np.testing.assert_array_equal(on_fake.detach().numpy(), D(fake.images).detach().numpy())


def test_a_packed_D_sees_several_samples_at_once_in_both_turns():
    game, seen = small_game(), []
    game.pack = 3
    game.discriminator.network = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)).double()
    D = game.discriminator
    D.optimizer = mg.optim.SGD(D.network.parameters(), lr=0.1)
    D.network.register_forward_hook(lambda module, args, output: seen.append(args[0].shape))
    game.step(mg.tensor(REAL))
    assert seen == [(4, 3, 2, 2), (2, 3, 2, 2)]  # real and fake in one pass, then fakes


def test_instance_noise_is_on_all_that_D_sees_and_fades_away():
    game, seen = small_game(instance_noise=0.5, fade_steps=2), []
    game.discriminator.network.register_forward_hook(lambda module, args, output: seen.append(args[0].detach().numpy()))
    for _ in range(3):
        game.step(mg.tensor(REAL))
    spread = [np.std(images[:6] - REAL) for images in seen[::2]]
    assert spread[0] == pytest.approx(0.5, rel=0.5)
    assert spread[1] == pytest.approx(0.25, rel=0.5)
    assert spread[2] == 0


def test_clipping_keeps_every_weight_of_D_within_its_bound_and_leaves_G_alone():
    game = small_game(loss="wasserstein", clip_weights=0.05)
    game.step(mg.tensor(REAL))
    assert all(abs(p.data).max() <= 0.05 for p in game.discriminator.network.parameters())
    assert any(abs(p.data).max() > 0.05 for p in game.generator.network.parameters())


def test_clipping_gradients_is_another_thing_than_clipping_weights():
    game = small_game()
    game.discriminator.clip_grad_norm = 1e-3
    before = weights(game)
    game.step(mg.tensor(REAL))
    after = weights(game)
    step = np.sqrt(sum(((before[k] - after[k]) ** 2).sum() for k in before if k[0] == "D"))
    assert step == pytest.approx(0.1 * 1e-3, rel=1e-3)
    assert max(abs(after[k]).max() for k in after if k[0] == "D") > 1e-3


def test_the_penalty_is_reported_on_the_steps_when_it_is_due():
    game = small_game(penalties=[R1(1.0, every=2), R2(1.0, every=2)])
    reports = [game.step(mg.tensor(REAL)) for _ in range(3)]
    assert ["penalty" in report for report in reports] == [True, False, True]


def test_gradients_of_the_discriminator_are_off_only_within_the_generators_turn():
    game = small_game(penalties=[R1(1.0, every=2)])
    for _ in range(3):
        game.step(mg.tensor(REAL))
    assert all(parameter.requires_grad for parameter in game.discriminator.network.parameters())


def test_a_discriminator_with_frozen_layers_plays():
    game = small_game(penalties=[R1(1.0)])
    frozen, *rest = game.discriminator.network.parameters()
    frozen.requires_grad_(False)
    before = frozen.numpy().copy()
    game.step(mg.tensor(REAL))
    np.testing.assert_array_equal(frozen.numpy(), before)
    assert all(parameter.grad is not None for parameter in rest)


def test_scores_that_are_no_probabilities_are_reported_as_they_are():
    game = small_game(loss="wasserstein")
    with mg.no_grad():
        scores = game.discriminator.network(mg.tensor(REAL)).mean().item()
    assert game.step(mg.tensor(REAL))["D_x"].item() == pytest.approx(scores, rel=1e-12)


def test_smoothed_targets_reach_D_and_not_G():
    soft, hard = small_game(targets=Targets(smoothing=0.1)), small_game()
    reports = []
    for game in (soft, hard):
        mg.set_step(0)
        game.move_D = lambda: None
        reports.append(game.step(mg.tensor(REAL)))
    assert reports[0]["loss_D"].item() != reports[1]["loss_D"].item()
    assert reports[0]["loss_G"].item() == reports[1]["loss_G"].item()


# ---- runs ------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    def run(seed):
        config = set_field(load_preset("default"), f"training.seed={seed}")
        game = build_game(config, (1, 4, 4), CPU)
        for k in range(3):
            mg.set_step(k)
            game.step(mg.full((8, 1, 4, 4), 0.5))
        return game.generator.network.state_dict()["0.weight"]

    np.testing.assert_array_equal(run(1), run(1))
    assert (run(1) != run(2)).any()


def test_a_saved_game_goes_on_as_if_it_had_not_been_interrupted(tmp_path):
    config = load_preset("default")
    games = [build_game(config, (1, 4, 4), CPU) for _ in range(2)]
    real = mg.rand(8, 1, 4, 4)

    def play(game, steps):
        for k in steps:
            mg.set_step(k)
            game.step(real)

    play(games[0], range(7))
    play(games[1], range(3))
    mg.save(games[1].state_dict(), tmp_path / "game.safetensors")
    resumed = build_game(set_field(config, "training.seed=5"), (1, 4, 4), CPU)
    mg.manual_seed(config.training.seed)
    resumed.load_state_dict(mg.load(tmp_path / "game.safetensors"))
    play(resumed, range(3, 7))
    for player in ("generator", "discriminator"):
        ours, theirs = (getattr(game, player).state_dict()["network"] for game in (games[0], resumed))
        for name, value in ours.items():
            np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    z = Noise(config.generator.z_dim).fixed(2, seed=0, device=CPU)
    np.testing.assert_array_equal(games[0].draw(z).numpy(), resumed.draw(z).numpy())


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(mg.ConfigError, match="game.r1_gamma: the penalty is defined on logits"):
        build_game(set_field(load_preset("reference"), "game.r1_gamma=1.0"), (1, 4, 4), CPU)
    with pytest.raises(mg.ConfigError, match="game.label_smoothing: expected a number from 0 to below 1, but got 1.5"):
        build_game(set_field(load_preset("default"), "game.label_smoothing=1.5"), (1, 4, 4), CPU)
    with pytest.raises(mg.ConfigError, match='expected "logit" or "probability", but got \'logits\''):
        mlp_discriminator((1, 4, 4), [8], output="logits")
    with pytest.raises(mg.ConfigError, match="game.label_smoothing: the loss 'hinge' has no labels"):
        build_game(set_field(load_preset("hinge"), "game.label_smoothing=0.1"), (1, 28, 28), CPU)
    with pytest.raises(mg.ConfigError, match="game.task: 'conditional' needs labels, but the data have none"):
        build_game(load_preset("cgan"), (1, 28, 28), CPU)
    with pytest.raises(mg.ConfigError, match="generator.network: 'mlp' does not fit the task 'repair'"):
        build_game(set_field(load_preset("default"), "game.task=repair"), (1, 28, 28), CPU)
    with pytest.raises(
        mg.ConfigError, match="D's optimizer: there is no extragradient rmsprop; choose one of adam, sgd"
    ):
        build_game(set_field(load_preset("extragradient"), "discriminator.optimizer=rmsprop"), (1, 28, 28), CPU)
