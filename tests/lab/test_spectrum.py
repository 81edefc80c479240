"""Eigenvalues of games: known ones, and those of networks by PyTorch, by differences and by Arnoldi's method."""

import json
from dataclasses import replace

import numpy as np
import pytest

import minigan as mg
from minigan import lab
from minigan.errors import ConfigError
from minigan.lab.experiments.spectrum_eigenvalues import Eigenvalues, largest_step
from minigan.lab.experiments.spectrum_known import known_games
from minigan.lab.experiments.spectrum_motion import STEPS, Motion, motion_of
from minigan.lab.experiments.spectrum_path import PathAngle, path_angle
from minigan.lab.experiments.spectrum_small import SmallGame
from minigan.lab.jacobian import JacobianVector, ordered
from minigan.lab.pages.spectrum_paths import motion
from minigan.lab.pages.spectrum_planes import along_training, step_sizes

pytestmark = pytest.mark.slow


@pytest.fixture
def game():
    """A small game, trained a little."""
    small = SmallGame(gamma=1.0, steps=60, width=4, seed=0)
    small.train_to(60)
    return small


def quadratic(A, B, C):
    """L_G = x^T A x / 2 + x^T B y, L_D = y^T C y / 2 - x^T B y, whose Jacobian is ((-A, -B), (B^T, -C))."""
    x, y = (mg.tensor(np.ones((n, 1)), requires_grad=True) for n in B.shape)
    A, B, C = map(mg.tensor, (A, B, C))
    xy = (x * (B @ y)).sum()
    return [(x * (A @ x)).sum() / 2 + xy, (y * (C @ y)).sum() / 2 - xy], [[x], [y]]


def a_quadratic_game(n=30, m=20):
    random = np.random.default_rng(0)
    A, B, C = random.standard_normal((n, n)), random.standard_normal((n, m)), random.standard_normal((m, m))
    A, C = A + A.T, C + C.T
    return quadratic(A, B, C), np.block([[-A, -B], [B.T, -C]])


# ---- products --------------------------------------------------------------------------------------------


def test_the_field_and_the_products_of_a_quadratic_game_are_those_of_its_matrix():
    parts, J = a_quadratic_game()
    game = JacobianVector(*parts)
    np.testing.assert_allclose(game.field, J @ np.ones(50), rtol=1e-12)
    u = np.random.default_rng(1).standard_normal(50)
    np.testing.assert_allclose(game.transposed_product(u), J.T @ u, rtol=0, atol=1e-13 * np.abs(J).sum())


def test_arnoldi_finds_the_largest_eigenvalues_of_a_quadratic_game():
    parts, J = a_quadratic_game()
    found = JacobianVector(*parts).largest(6)
    expected = ordered(np.linalg.eigvals(J))
    np.testing.assert_allclose(found.eigenvalues, expected[:6], rtol=1e-9)
    assert found.products >= 6


@pytest.mark.parametrize("known", known_games(), ids=lambda known: known.name)
def test_games_with_known_eigenvalues(known):
    np.testing.assert_allclose(known.measured, known.predicted, rtol=0, atol=1e-12)


def test_the_jacobian_of_networks_is_that_of_differences_of_the_field(game):
    J, n = game.jacobian(), len(game.weights)
    by_differences = np.stack([game.difference(u) for u in np.eye(n)], 1)
    np.testing.assert_allclose(J, by_differences, rtol=0, atol=1e-8)


def test_the_largest_of_all_eigenvalues_are_arnoldis_on_networks(game):
    everything, largest = game.eigenvalues(), game.products().largest(6)
    np.testing.assert_allclose(largest.eigenvalues, everything.values[:6], rtol=1e-8)


@pytest.mark.torch
@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_the_jacobian_of_networks_is_pytorchs(torch, game, gamma):
    with game.playing("non-saturating", gamma):
        ours = game.jacobian()
    game.draw_z()
    z = torch.tensor(mg.randn(256, 2, dtype=np.float64).numpy())
    real = torch.tensor(game.batch.images.numpy()).requires_grad_()
    shapes = [w.shape for w in game.parameters]
    sizes, w = [int(np.prod(shape)) for shape in shapes], torch.tensor(game.weights)

    def field(w):
        parts = [part.reshape(shape) for part, shape in zip(w.split(sizes), shapes, strict=True)]
        G, D = parts[: len(parts) // 2], parts[len(parts) // 2 :]

        def network(x, layers):
            for i in range(0, 6, 2):
                x = torch.nn.functional.linear(x, layers[i], layers[i + 1])
                x = torch.tanh(x) if i < 4 else x
            return x

        on_real, on_fake = network(real, D), network(network(z, G), D)
        (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
        softplus = torch.nn.functional.softplus
        cost_D = softplus(-on_real).mean() + softplus(on_fake).mean() + gamma / 2 * (slope**2).sum(1).mean()
        cost_G = softplus(-on_fake).mean()
        own = [torch.autograd.grad(cost, w, create_graph=True)[0] for cost in (cost_G, cost_D)]
        n = sum(part.numel() for part in G)
        return -torch.cat([own[0][:n], own[1][n:]])

    theirs = torch.autograd.functional.jacobian(field, w).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


# ---- motion and path -------------------------------------------------------------------------------------


def test_the_largest_step_is_where_the_eigenvalue_meets_the_circle():
    for eigenvalue in (-4.0, -1 + 1j, -0.1 + 2j):
        assert abs(1 + largest_step(eigenvalue) * eigenvalue) == pytest.approx(1, rel=1e-15)
    assert largest_step(0.5 + 1j) == largest_step(1j) == 0


def test_what_eigenvalues_come_to_is_counted_among_those_that_matter():
    found = Eigenvalues(np.array([-4, -1 + 1j, -1 - 1j, 0.5, 0.001j, -0.001j]))
    assert found.trace == -5.5
    assert found.rotation == pytest.approx(2.002 / (4.5 + 2 * 2**0.5 + 0.002), rel=1e-15)
    assert (found.turning, found.repelling, found.largest_step) == (2, 1, 0.5)


def test_networks_move_as_an_eigenvalue_says():
    game = SmallGame(gamma=1.0, steps=1500, width=6, seed=0)
    game.train_to(1500)
    weights = game.weights
    moved = motion_of(game, weights)
    np.testing.assert_allclose(moved.measured[:21], moved.predicted[:21], rtol=0, atol=0.01)
    assert abs(moved.predicted[20] - 1) > 0.1  # so that standing still would not do
    np.testing.assert_array_equal(game.weights, weights)


def test_the_path_angle_is_that_of_the_field_and_the_line(game):
    last = game.weights
    first = last + np.random.default_rng(0).standard_normal(len(last)) / 10
    path = path_angle(game, first, last)
    assert 1 in path.alpha
    assert (path.alpha[0], path.alpha[-1]) == (0, 1.5)
    line = last - first
    for alpha in (0, 0.5):
        game.weights = first + alpha * line
        v, (i,) = game.field(), np.flatnonzero(path.alpha == alpha)
        assert path.norm[i] == pytest.approx(np.linalg.norm(v), rel=1e-12)
        assert path.cosine[i] == pytest.approx(v @ line / np.linalg.norm(v) / np.linalg.norm(line), rel=1e-9)


def test_the_mean_cosine_does_not_depend_on_where_the_points_of_the_line_lie():
    for alpha in (np.linspace(0, 1.5, 4), np.array([0, 0.9, 0.99, 1, 1.001, 1.5])):
        path = PathAngle(alpha, alpha - 0.5, np.ones_like(alpha))  # a line, whose means over both sides are plain
        assert path.before == pytest.approx(0, abs=1e-15)
        assert path.after == pytest.approx(0.75, rel=1e-15)


def test_two_weights_switch_the_sign_where_they_attract_and_keep_it_where_they_turn(small):
    """v = J w on the line 0.05 beside the equilibrium, whose cosines are plain trigonometry."""
    attraction, rotation = small.two_weights["attraction"], small.two_weights["rotation"]
    along = 1 - attraction.alpha
    np.testing.assert_allclose(attraction.cosine, along / np.hypot(along, 0.05), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(rotation.cosine, 0.05 / np.hypot(along, 0.05), rtol=1e-12)


# ---- the experiment --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    return lab.spectrum(steps=1500, width=6, preset_steps=3)  # so long that its game is close to rest


def test_at_the_same_weights_r1_takes_rotation_away_and_the_wasserstein_loss_turns_most(small):
    assert small.same["wasserstein"][0].rotation > small.same["non-saturating"][0].rotation
    for of_loss in small.same.values():
        assert of_loss[-1].rotation < 0.2 * of_loss[0].rotation


def test_r1_pulls_the_sum_of_the_eigenvalues_as_the_curvature_of_the_slope_says(small):
    """By differences of a formula for |∇ₓD|², which knows of no Jacobian."""
    for of_loss in small.same.values():  # both losses: the penalty is the same
        sums = np.array([eigenvalues.values.sum().real for eigenvalues in of_loss])
        np.testing.assert_allclose(np.diff(sums) / np.diff(small.gammas), small.agreement.slope, rtol=1e-6)
    assert small.agreement.slope < 0


def test_its_folder_is_written_and_its_predictions_hold(small, tmp_path):
    index = lab.write("spectrum", small, tmp_path)
    numbers = json.loads((tmp_path / "lab.json").read_text())
    checks, data = numbers["checks"], numbers["data"]
    assert [check["name"] for check in checks if not check["holds"]] == []
    assert any(check["name"].startswith("motion") for check in checks)
    assert "Rotation against attraction" in index.read_text()
    last = small.with_r1.states[-1].eigenvalues
    assert data["with_r1"]["states"][-1]["eigenvalues"]["rotation"] == last.rotation
    assert data["with_r1"]["states"][-1]["eigenvalues"]["largest_step"] == last.largest_step
    assert data["with_r1"]["path"]["before"] == small.with_r1.path.before
    assert len(data["two_weights"]["rotation"]["cosine"]) == len(small.two_weights["rotation"].alpha)


def test_only_what_is_true_of_the_numbers_is_said_of_them(small):
    calm, wild = Eigenvalues(np.array([-0.1, -0.05])), Eigenvalues(np.array([9 + 90j, 9 - 90j, -0.1 + 9j, -0.1 - 9j]))

    def with_r1(first, last):
        states = [replace(small.with_r1.states[0], eigenvalues=each) for each in (first, last)]
        found = replace(small, with_r1=replace(small.with_r1, states=tuple(states)))
        return along_training(replace(found, without=found.with_r1)).caption + step_sizes(found).caption

    for claim in ("training moves them to the left", "So R1 allows larger steps, up to"):
        assert claim in with_r1(wild, calm)
        assert claim not in with_r1(calm, wild)


def test_a_dot_outside_of_the_axes_is_a_triangle_at_their_edge(small):
    last = Eigenvalues(np.array([-3.0 + 0j, -0.1 + 0j]))
    states = (replace(small.with_r1.states[0], eigenvalues=last),)
    exhibit = step_sizes(replace(small, with_r1=replace(small.with_r1, states=states)))
    out, inside = (np.asarray(mark.points) for mark in exhibit.panels[2].frames[-1].marks)  # at h = 2: -5 and .8
    assert len(inside) == 1
    assert np.abs(out).max() < 1.7
    assert out[:, 0].argmin() == 0  # it points to the left, where the dot is
    assert out[0, 1] == 0


def test_a_real_eigenvalue_has_no_turns_to_tell_of(small):
    powers = 0.9 ** np.arange(STEPS + 1) + 0j
    told = motion(replace(small, motion=Motion(-0.5 + 0j, 0.2, powers, powers))).caption
    assert "λ = −0.500." in told
    assert "so that nothing turns" in told
    assert "inf" not in told


def test_a_game_that_hardly_moves_has_a_motion_too():
    game = SmallGame(gamma=1.0, steps=1, width=2, seed=3)
    moved = motion_of(game, game.weights)
    assert moved.eigenvalue.real < 0


def test_it_leaves_the_random_streams_where_they_were_and_does_not_depend_on_them(small):
    mg.manual_seed(7)
    drawn = mg.randn(3).numpy()
    mg.manual_seed(7)
    tiny = lab.spectrum(steps=3, width=2, preset_steps=1)
    np.testing.assert_array_equal(mg.randn(3).numpy(), drawn)
    for each, again in zip(small.large, tiny.large, strict=True):
        if each.step == 0:
            np.testing.assert_array_equal(each.eigenvalues.values, again.eigenvalues.values)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"r1_gamma": 0.0}, "r1_gamma: expected a number above 0"),
        ({"steps": 0}, "^steps: expected a whole number from 1"),
        ({"preset_steps": 0}, "^preset_steps: expected a whole number from 1"),
        ({"width": 200}, "width: expected a whole number from 2 to 32, but got 200"),
        ({"preset": "rong"}, "preset: expected one of default, .*, but got 'rong' .Did you mean ring"),
    ],
)
def test_bad_options_are_refused_in_a_sentence(options, said):
    with pytest.raises(ConfigError, match=said):
        lab.spectrum(**{"steps": 1, "width": 2, "preset_steps": 1} | options)
