"""min over x, max over y of xy: each rule's step is a matrix, whose spectral radius is known exactly.

The matrices are those of the real optimizers: a step is linear, so its columns are where it takes the basis vectors.
"""

import numpy as np
import pytest

import minigan as mg
from minigan.nn import Parameter
from minigan.optim import SGD, ExtraSGD, OptimisticSGD

STEPS = [0.01, 0.1, 0.2, 0.3, 0.5]


class Players:
    """x and y, each with an optimizer of its own."""

    def __init__(self, kind, h, position):
        self.x, self.y = (Parameter(mg.tensor([value], dtype=mg.float64)) for value in position)
        self.optimizers = [kind([player], lr=h) for player in (self.x, self.y)]

    def differentiate(self, *players):
        for player, sign in ((self.x, 1.0), (self.y, -1.0)):
            if player in players:
                player.grad = None
                (self.x * self.y * sign).sum().backward(inputs=[player])

    def move(self, how="step"):
        for optimizer in self.optimizers:
            getattr(optimizer, how)()

    @property
    def position(self):
        return [*self.x.tolist(), *self.y.tolist()]


def simultaneous(players):
    players.differentiate(players.x, players.y)
    players.move()


def alternating(players):
    for player, optimizer in zip((players.x, players.y), players.optimizers, strict=True):
        players.differentiate(player)
        optimizer.step()


def extragradient(players):
    for move in ("extrapolate", "step"):
        players.differentiate(players.x, players.y)
        players.move(move)


def after(rule, kind, h, position):
    players = Players(kind, h, position)
    rule(players)
    return players.position


def after_optimistic(h, position):
    """The same with the gradients of the step before: the state has four numbers."""
    players = Players(OptimisticSGD, h, position[:2])
    for optimizer, before in zip(players.optimizers, position[2:], strict=True):
        state = optimizer.state_dict()
        state["state"][0] = {"step": 1, "previous_direction": np.array([before])}
        optimizer.load_state_dict(state)
    simultaneous(players)
    remembered = [optimizer.state_dict()["state"][0]["previous_direction"] for optimizer in players.optimizers]
    return [*players.position, *np.concatenate(remembered)]


def radius(step, n):
    columns = [step(basis) for basis in np.eye(n).tolist()]
    return np.abs(np.linalg.eigvals(np.array(columns).T)).max()


def optimistic_radius(h):
    return radius(lambda position: after_optimistic(h, position), 4)


@pytest.mark.parametrize("h", STEPS)
def test_simultaneous_steps_lead_away(h):
    found = radius(lambda position: after(simultaneous, SGD, h, position), 2)
    assert found == pytest.approx(np.sqrt(1 + h**2), rel=1e-14)


@pytest.mark.parametrize("h", STEPS)
def test_extragradient_leads_to_the_equilibrium(h):
    found = radius(lambda position: after(extragradient, ExtraSGD, h, position), 2)
    assert found == pytest.approx(np.sqrt(1 - h**2 + h**4), rel=1e-14)


@pytest.mark.parametrize("h", [*STEPS, 1.0, 1.9])
def test_alternating_steps_stay_around_it(h):
    found = radius(lambda position: after(alternating, SGD, h, position), 2)
    assert found == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("h", STEPS)
def test_optimistic_steps_lead_to_the_equilibrium(h):
    tolerance = 1e-7 if h == 0.5 else 1e-14  # two eigenvalues coincide there: rounding counts by its root
    assert optimistic_radius(h) == pytest.approx(np.sqrt((1 + np.sqrt(1 - 4 * h**2)) / 2), rel=tolerance)


def test_optimistic_steps_converge_below_the_root_of_a_third_and_no_further():
    limit = 1 / np.sqrt(3)
    assert optimistic_radius(limit) == pytest.approx(1, rel=1e-14)
    assert optimistic_radius(limit - 0.001) < 1 < optimistic_radius(limit + 0.001)


@pytest.mark.parametrize(
    ("rule", "kind", "factor"),
    [
        (simultaneous, SGD, lambda h: 1 + h**2),
        (extragradient, ExtraSGD, lambda h: 1 - h**2 + h**4),
    ],
)
def test_over_200_steps_the_distance_changes_by_this_factor_in_each(rule, kind, factor):
    players = Players(kind, 0.1, [1.0, 1.0])
    for step in range(200):
        assert np.sum(np.square(players.position)) == pytest.approx(2 * factor(0.1) ** step, rel=1e-12)
        rule(players)
