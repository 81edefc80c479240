"""Ways from one z to another: closed forms, SciPy, and what a game draws on them."""

import math

import numpy as np
import pytest
from scipy.spatial import geometric_slerp

import minigan as mg
from minigan.errors import ConfigError
from minigan.gan import Config, DataFacts, build_game
from minigan.gan.latent import lerp, slerp, walk
from minigan.gan.sampling import sample

CPU = mg.device("cpu")
T = np.linspace(0, 1, 11)[:, np.newaxis]


def pair(z_dim, seed=0):
    return np.random.default_rng(seed).standard_normal((2, z_dim))


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# ---- the spherical way -----------------------------------------------------------------------------------


@pytest.mark.parametrize("z_dim", [2, 3, 100])
@pytest.mark.parametrize("seed", range(5))
def test_between_unit_vectors_it_is_scipys_slerp(z_dim, seed):
    start, end = unit(pair(z_dim, seed))
    np.testing.assert_allclose(slerp(start, end, T), geometric_slerp(start, end, T.ravel()), atol=1e-13)


@pytest.mark.torch
def test_the_straight_way_is_pytorchs_lerp(torch):
    """But for its fused multiply-add, which rounds once where NumPy rounds twice."""
    (start, end), weight = pair(100), np.random.default_rng(1).random((11, 1))
    theirs = torch.lerp(*map(torch.from_numpy, (start, end, weight))).numpy()
    np.testing.assert_allclose(lerp(start, end, weight), theirs, rtol=0, atol=1e-15)


def test_between_perpendicular_vectors_of_any_length_it_is_a_quarter_of_an_ellipse():
    start, end = np.array([3.0, 0.0, 0.0]), np.array([0.0, 0.0, 5.0])
    quarter = np.pi / 2 * T
    np.testing.assert_allclose(slerp(start, end, T), np.cos(quarter) * start + np.sin(quarter) * end, atol=1e-14)


@pytest.mark.parametrize("way", [lerp, slerp])
@pytest.mark.parametrize("z_dim", [1, 2, 100])
def test_it_begins_and_ends_with_the_very_bits(way, z_dim):
    start, end = pair(z_dim)
    path = way(start, end, T)
    np.testing.assert_array_equal(path[0], start)
    np.testing.assert_array_equal(path[-1], end)


def test_it_keeps_the_length_and_turns_by_equal_angles():
    start, end = 7 * unit(pair(100))
    path = slerp(start, end, T)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 7, rtol=1e-14)
    whole = math.acos(start @ end / 49)
    turns = np.arccos((path[1:] * path[:-1]).sum(1) / 49)
    np.testing.assert_allclose(turns, whole / 10, rtol=1e-7)


@pytest.mark.parametrize("angle", [1e-300, 1e-12, 1e-7, 1e-5, 1e-3])
def test_nearly_parallel_vectors_lose_no_digits(angle):
    start, end = np.array([1.0, 0.0]), np.array([math.cos(angle), math.sin(angle)])
    np.testing.assert_allclose(slerp(start, end, T)[:, 1], np.sin(angle * T[:, 0]), rtol=1e-9)


def test_opposite_vectors_are_joined_by_a_straight_line():
    np.testing.assert_allclose(slerp([1.0, 2.0], [-1.0, -2.0], T), (1 - 2 * T) * [1.0, 2.0], atol=1e-15)


def test_a_z_of_one_number_and_a_z_of_zeros_have_a_way():
    np.testing.assert_allclose(slerp([2.0], [-1.0], T), 2 - 3 * T)
    np.testing.assert_allclose(slerp([0.0, 0.0], [1.0, 1.0], [1.0]), [1.0, 1.0])
    assert np.isfinite(slerp([0.0, 0.0], [0.0, 0.0], T)).all()


def test_half_way_on_the_straight_line_a_gaussian_z_has_lost_a_root_of_two_of_its_length():
    start, end = np.random.default_rng(0).standard_normal((2, 200, 1000))
    length = np.sqrt(1000)
    assert np.linalg.norm(lerp(start, end, 0.5), axis=1).mean() / length == pytest.approx(1 / math.sqrt(2), rel=0.01)
    assert np.linalg.norm(slerp(start, end, 0.5), axis=1).mean() / length == pytest.approx(1, rel=0.01)


def test_many_pairs_go_at_once_each_its_own_way():
    start, end = np.random.default_rng(0).standard_normal((2, 4, 1, 5))
    together = slerp(start, end, T)
    assert together.shape == (4, 11, 5)
    for i in range(4):
        np.testing.assert_array_equal(together[i], slerp(start[i], end[i], T))


# ---- what a game draws on the way ------------------------------------------------------------------------


def game_of(task="generate", classes=0, **generator):
    settings = {
        "generator": {"hidden": [8], **({"network": "unet"} if task == "repair" else {"z_dim": 6}), **generator},
        "discriminator": {"hidden": [8]},
        "game": {"task": task},
    }
    return build_game(Config.from_dict(settings), DataFacts((1, 4, 4), classes), CPU)


def test_rows_begin_and_end_with_samples():
    game = game_of()
    rows = walk(game, 3, 5, seed=1, device=CPU)
    assert (rows.shape, rows.dtype) == ((3, 5, 1, 4, 4), np.float32)
    ends = sample(game, 6, 1, CPU)
    np.testing.assert_allclose(rows[:, 0], ends[0::2], atol=1e-6)
    np.testing.assert_allclose(rows[:, -1], ends[1::2], atol=1e-6)


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_in_between_lies_what_G_makes_of_the_way(way):
    game = game_of()
    start, end = game.noise.fixed(2, 0, CPU).numpy().astype(np.float64)
    z = {"linear": lerp, "spherical": slerp}[way](start, end, T).astype(np.float32)
    drawn = walk(game, 1, 11, 0, CPU, way)
    np.testing.assert_allclose(drawn[0], game.draw(mg.tensor(z)).numpy(), atol=1e-6)


@pytest.mark.parametrize(("z", "usual"), [("normal", "spherical"), ("uniform", "linear")])
def test_the_way_suits_the_distribution_of_z(z, usual):
    game = game_of(z=z)
    drawn = {way: walk(game, 2, 5, 0, CPU, way) for way in (None, "linear", "spherical")}
    np.testing.assert_array_equal(drawn[None], drawn[usual])
    assert (drawn["linear"] != drawn["spherical"]).any()


def test_more_rows_begin_with_the_same_and_another_seed_goes_elsewhere():
    game = game_of()
    few, more, other = (walk(game, n, 5, seed, CPU) for n, seed in ((2, 0), (4, 0), (2, 1)))
    np.testing.assert_allclose(more[:2], few, atol=1e-6)
    assert np.abs(few - other).max() > 0.01


def one_hot_input(game, z, weights):
    """What a G that is told labels makes of a mixture of them."""
    return game.sampler.network(mg.tensor(np.concatenate([z, np.tile(weights, (len(z), 1))], 1).astype(np.float32)))


def test_a_label_is_mixed_into_another_in_equal_steps():
    game = game_of("conditional", classes=3)
    drawn = walk(game, 2, 3, 0, CPU, "linear", (2, 0))
    z = game.noise.fixed(4, 0, CPU).numpy()
    with mg.no_grad():
        for step, weights in enumerate(([0, 0, 1], [0.5, 0, 0.5], [1, 0, 0])):
            at = (1 - step / 2) * z[0::2] + step / 2 * z[1::2]
            np.testing.assert_allclose(drawn[:, step], one_hot_input(game, at, weights).numpy(), atol=1e-6)


def test_rows_keep_one_label_that_was_asked_for_or_else_one_of_their_own():
    game = game_of("conditional", classes=3)
    z = game.noise.fixed(8, 0, CPU)
    for labels, expected in (((1, 1), [1, 1, 1, 1]), (None, [0, 1, 2, 0])):
        drawn = walk(game, 4, 2, 0, CPU, labels=labels)
        first = game.draw(z[::2], mg.tensor(expected)).numpy()
        np.testing.assert_allclose(drawn[:, 0], first, atol=1e-6)


def test_what_cannot_be_interpolated_is_refused():
    with pytest.raises(ConfigError, match="not told what to draw"):
        walk(game_of(), 1, 3, 0, CPU, labels=(0, 1))
    with pytest.raises(ConfigError, match="Expected a label from 0 to 2, but got 3"):
        walk(game_of("conditional", classes=3), 1, 3, 0, CPU, labels=(0, 3))
    with pytest.raises(ConfigError, match="no z to start from"):
        walk(game_of("repair"), 1, 3, 0, CPU)
