"""The Dirac-GAN: the smallest game in which losses and penalties show whether training comes to rest.

The data are one point at 0, G places one point at theta, and D(x) = psi x (Mescheder, Geiger and Nowozin 2018, section
2). The game rests at (0, 0). Near it the eigenvalues of the Jacobian of both players' moves say what gradient descent
does: it turns with the imaginary part, and closes in if the real part is below 0. Everything here comes of minigan's
own losses, penalties and second derivatives; what is expected, of the paper and of exact mathematics.
"""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest

import minigan as mg
from minigan.gan.losses import get_loss
from minigan.gan.packing import instance_noise
from minigan.gan.penalties import R1, R2, GradientPenalty, clip_weights_, slope

H = 0.2
DATA = np.zeros((1, 1))


def player(start):
    return mg.nn.Parameter(mg.tensor([[start]], dtype=mg.float64))


def costs(name, theta, psi, penalty=None, std=0.0, n=1):
    """What G and D pay, with n noisy copies of the point of the data and of that of G."""
    real, fake = (instance_noise(x.expand(n, 1), std) for x in (mg.tensor(DATA), theta))
    loss = get_loss(name)
    loss_G, loss_D = loss.generator(fake @ psi, real @ psi), loss.discriminator(real @ psi, fake @ psi)
    if penalty is None:
        return loss_G, loss_D
    if penalty.at == "new":
        x = penalty.points(real, fake)
    else:
        x = (real if penalty.at == "real" else fake).detach().requires_grad_()
    return loss_G, loss_D + penalty.cost(slope(x @ psi, x))


def eigenvalues(name, **rules):
    """Of the Jacobian of (theta, psi) -> (-dL_G / dtheta, -dL_D / dpsi) at (0, 0)."""
    both = player(0.0), player(0.0)
    moves = [
        -mg.grad(cost, who, create_graph=True)[0] for cost, who in zip(costs(name, *both, **rules), both, strict=True)
    ]
    rows = [[0.0 if g is None else g.item() for g in mg.grad(move, both, allow_unused=True)] for move in moves]
    return np.linalg.eigvals(np.array(rows))


def pair(real_part, square):
    """real_part +- the root of a square that may be negative."""
    root = cmath.sqrt(square)
    return [real_part - root, real_part + root]


def assert_same(found, expected, atol):
    def order(values):
        return sorted(np.array(values, complex), key=lambda v: (round(v.real, 6), v.imag))

    np.testing.assert_allclose(order(found), order(expected), rtol=0, atol=atol)


def play(name, steps, penalty=None, clip=0.0, start=(1.0, -1.0), h=H):
    """(theta, psi) before each of so many simultaneous steps of gradient descent, and after the last.

    The paper's D is surer of fakes the larger psi is, minigan's of real samples: its (1, 1) is (1, -1) here.
    """
    theta, psi = map(player, start)
    optimizers = [mg.optim.SGD([who], lr=h) for who in (theta, psi)]
    path = []
    for _ in range(steps):
        path.append((theta.item(), psi.item()))
        loss_G, loss_D = costs(name, theta, psi, penalty)
        for optimizer, cost, who in zip(optimizers, (loss_G, loss_D), (theta, psi), strict=True):
            optimizer.zero_grad()
            cost.backward(inputs=[who], retain_graph=True)
        for optimizer in optimizers:
            optimizer.step()
        if clip:
            clip_weights_([psi], clip)
    return np.array([*path, (theta.item(), psi.item())])


def radii(path):
    return np.hypot(*path.T)


# ---- at the point of rest --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "turn"), [("minimax", 0.5), ("non-saturating", 0.5), ("wasserstein", 1.0)])
def test_without_a_penalty_both_players_only_turn(name, turn):
    assert_same(eigenvalues(name), pair(0.0, -turn * turn), atol=1e-15)


@pytest.mark.parametrize("kind", [R1, R2])
@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
@pytest.mark.parametrize(("gamma", "expected"), [(0.3, -0.15 + 0.476970j), (0.7, None), (2.0, None)])
def test_r1_and_r2_close_in_by_half_of_gamma(name, kind, gamma, expected):
    formula = pair(-gamma / 2, gamma**2 / 4 - 1 / 4)
    if expected is not None:
        assert_same(formula, [expected, expected.conjugate()], atol=1e-6)
    assert_same(eigenvalues(name, penalty=kind(gamma)), formula, atol=1e-14)


def test_r1_is_critical_at_gamma_1():
    """Two equal eigenvalues move apart by the root of a rounding error."""
    assert_same(eigenvalues("minimax", penalty=R1(1.0)), [-0.5, -0.5], atol=1e-7)


def test_a_lazy_penalty_is_as_much_stronger_as_it_is_rarer():
    assert_same(eigenvalues("minimax", penalty=R1(0.1, every=3)), pair(-0.15, 0.15**2 - 0.25), atol=1e-14)


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_instance_noise_closes_in_by_a_quarter_of_its_variance(name):
    """f''(0) sigma^2 with f''(0) = -1/4; exactly so with the variances that were really drawn."""
    n, std = 100_000, 0.7
    mg.set_step(1)
    squares = [np.mean(instance_noise(mg.zeros(n, 1, dtype=mg.float64), std).numpy() ** 2) for _ in range(2)]
    mg.set_step(1)
    found = eigenvalues(name, std=std, n=n)
    drawn = sum(squares) / 2
    assert_same(found, pair(-drawn / 4, drawn**2 / 16 - 1 / 4), atol=1e-12)
    expected = -0.1225 + 0.484762j
    assert_same(pair(-(std**2) / 4, std**4 / 16 - 1 / 4), [expected, expected.conjugate()], atol=1e-6)
    assert found[0].real == pytest.approx(expected.real, rel=5 / math.sqrt(n))  # the mean of 2 n squares


# ---- five hundred steps from (1, 1) ----------------------------------------------------------------------


def test_minimax_runs_away_by_the_known_factor_in_every_step():
    path = play("minimax", 500)
    theta, psi = path[:-1].T
    growth = 1 + H**2 / (1 + np.exp(-theta * psi)) ** 2
    np.testing.assert_allclose(radii(path)[1:] ** 2, radii(path)[:-1] ** 2 * growth, rtol=1e-13)
    assert radii(path)[-1] == pytest.approx(3.10, abs=0.005)


def test_the_non_saturating_game_ends_in_a_cycle():
    r = radii(play("non-saturating", 500))
    assert r[-1] == pytest.approx(0.640, abs=5e-4)
    assert r[-100:].mean() == pytest.approx(0.63, abs=0.01)


@pytest.mark.parametrize(("h", "mean_square"), [(0.2, 0.3992), (0.1, 0.1999)])
def test_the_cycle_has_a_squared_radius_of_twice_the_step(h, mean_square):
    steps = round(10 * 4 * math.pi / h)  # ten turns
    r = radii(play("non-saturating", steps, start=(math.sqrt(2 * h), 0.0), h=h))
    assert (r**2).mean() == pytest.approx(mean_square, abs=3e-4)


def test_wgan_with_clipped_weights_circles_for_ever():
    r = radii(play("wasserstein", 500, clip=1.0))[-200:]
    assert 1.0 <= r.min() < 1.01
    assert 1.26 < r.max() < 1.275


def test_wgan_gp_circles_for_ever():
    """The paper writes gamma / 2 (|psi| - 1)^2 with gamma = .7."""
    r = radii(play("wasserstein", 500, GradientPenalty(0.7 / 2)))[-200:]
    assert 1.6 < r.min() < 1.63
    assert 1.95 < r.max() < 2.0


@pytest.mark.parametrize(("gamma", "radius"), [(0.3, 2.6e-6), (1.0, 9.5e-22)])
@pytest.mark.parametrize("kind", [R1, R2])
def test_r1_and_r2_come_to_rest(kind, gamma, radius):
    assert radii(play("minimax", 500, kind(gamma)))[-1] == pytest.approx(radius, rel=0.02)
