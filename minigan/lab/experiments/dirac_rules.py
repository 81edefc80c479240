"""The update rules in the Dirac-GAN, by minigan's own optimizers; and what a step does near the equilibrium.

The rules are those of `minigan.gan.rules`, for many runs at once, each with a step size of its own: the optimizers
have the learning rate 1, and each run's gradient is multiplied by its h before they see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigan.autograd import grad
from minigan.captured import capture
from minigan.gan.penalties import clip_weights_
from minigan.lab.experiments.dirac_game import DiracGame, players
from minigan.lab.jacobian import game_jacobian
from minigan.ops.creation import tensor
from minigan.optim import SGD, ExtraSGD, OptimisticSGD, Optimizer

RULES = ("simultaneous", "alternating", "extragradient", "optimistic")
NEAR = 1e-6  # of the equilibrium: what is not linear there is smaller by its square
CAPTURED_FROM = 40  # steps: recording pays from about here

Floats = NDArray[np.float64]


class Match:
    """G and D in the middle of many runs of one game.

    Args:
        game: what they pay.
        rule: one of `RULES`.
        h: the step sizes, (M, 1) or (1,).
        theta: where G begins, (M, S).
        psi: where D begins, (M, S).
    """

    def __init__(self, game: DiracGame, rule: str, h: ArrayLike, theta: Floats, psi: Floats) -> None:
        kind = {"extragradient": ExtraSGD, "optimistic": OptimisticSGD}.get(rule, SGD)
        self.game = game
        self.h = tensor(np.array(h, float))
        self.players = players(theta, psi)
        self.optimizers: list[Optimizer] = [kind([player], lr=1.0) for player in self.players]
        self.step: Callable[[], None] = {
            "simultaneous": self._simultaneous,
            "alternating": self._alternating,
            "extragradient": self._extragradient,
            "optimistic": self._simultaneous,
        }[rule]

    @property
    def position(self) -> Floats:
        """θ and ψ of all runs: (2, M, S)."""
        return np.stack([np.asarray(player.detach().numpy(), float) for player in self.players])

    def remember(self, gradients: Floats) -> None:
        """Let optimistic players believe that these, (2, M, S), were the gradients of the step before."""
        for optimizer, gradient in zip(self.optimizers, gradients, strict=True):
            state = optimizer.state_dict()
            state["state"][0] = {"step": 1, "previous_direction": gradient * self.h.numpy()}
            optimizer.load_state_dict(state)

    def remembered(self) -> Floats:
        """The gradients of the step before, as optimistic players keep them: (2, M, S)."""
        states = [optimizer.state_dict()["state"][0] for optimizer in self.optimizers]
        gradients: Floats = np.stack([state["previous_direction"] for state in states]) / self.h.numpy()
        return gradients

    def _simultaneous(self) -> None:
        self._differentiate(0, 1)
        self._move(0, 1)

    def _alternating(self) -> None:
        for who in (1, 0):  # D first
            self._differentiate(who)
            self._move(who)

    def _extragradient(self) -> None:
        for how in ("extrapolate", "step"):
            self._differentiate(0, 1)
            self._move(0, 1, how=how)

    def _differentiate(self, *who: int) -> None:
        costs = self.game.costs(*self.players)
        for i in who:
            (gradient,) = grad(costs[i], self.players[i], retain_graph=True)
            assert gradient is not None  # grad raises where a cost does not depend on its player
            self.players[i].grad = gradient * self.h

    def _move(self, *who: int, how: str = "step") -> None:
        for i in who:
            getattr(self.optimizers[i], how)()
            if i == 1 and self.game.kind.clip:
                clip_weights_([self.players[1]], self.game.kind.clip)


def play(game: DiracGame, rule: str, h: ArrayLike, theta: Floats, psi: Floats, steps: int) -> Floats:
    """θ and ψ of all runs before each step and after the last: (steps + 1, 2, M, S). See `Match`."""
    match = Match(game, rule, h, theta, psi)
    step = capture(match.step) if steps >= CAPTURED_FROM else match.step
    path = np.empty((steps + 1, *match.position.shape))
    path[0] = match.position
    for k in range(steps):
        step()
        path[k + 1] = match.position
    return path


def gradient_field(game: DiracGame, theta: Floats, psi: Floats) -> Floats:
    """v = (-dL_G/dθ, -dL_D/dψ) at each of these points (M, S): (2, M, S)."""
    who = players(theta, psi)
    gradients = (grad(cost, player, retain_graph=True)[0] for cost, player in zip(game.costs(*who), who, strict=True))
    return np.stack([-gradient.numpy() for gradient in gradients if gradient is not None])


def jacobian(game: DiracGame) -> Floats:
    """Of the gradient field at the equilibrium, (2, 2). The game has one strength."""
    theta, psi = players(np.zeros((1, 1)), np.zeros((1, 1)))
    return game_jacobian(game.costs(theta, psi), [[theta], [psi]])


def step_matrices(game: DiracGame, rule: str, h: Sequence[float]) -> Floats:
    """What one step does near the equilibrium, of all step sizes and strengths: matrices (M, S, 2, 2).

    Their columns are where a step takes small displacements. The state of optimistic players has four numbers, as they
    remember the gradients of the step before: (M, S, 4, 4).
    """
    numbers = 4 if rule == "optimistic" else 2
    runs = np.broadcast_to(np.eye(numbers)[:, :, None, None], (numbers, numbers, len(h), len(game.strengths))) * NEAR
    columns = [_after_a_step(game, rule, np.reshape(h, (-1, 1)), start) for start in runs]
    matrices: Floats = np.moveaxis(np.stack(columns, 1), (0, 1), (2, 3)) / NEAR
    return matrices


def _after_a_step(game: DiracGame, rule: str, h: Floats, state: Floats) -> Floats:
    """The state (2 or 4, M, S) of all runs, a step later."""
    match = Match(game, rule, h, state[0], state[1])
    if rule != "optimistic":
        match.step()
        return match.position
    match.remember(state[2:])
    match.step()
    return np.concatenate([match.position, match.remembered()])
