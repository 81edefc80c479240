"""Consensus optimisation: both players also make the game's gradients small.

Let v = (gradient of D's loss in D's parameters, gradient of G's loss in G's). Each player minimises its own loss plus

    L = gamma / 2 |v|^2,

which turns a rotation around the equilibrium into a spiral towards it (Mescheder, Nowozin and Geiger 2017, "The
Numerics of GANs", algorithm 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigan.autograd import grad
from minigan.nn import Parameter
from minigan.tensor import Tensor

if TYPE_CHECKING:
    from minigan.gan.batch import Batch
    from minigan.gan.game import Game
    from minigan.gan.reports import Report


def differentiate_with_consensus(game: Game, batch: Batch, fakes: Batch) -> Report:
    """Leave in all parameters the gradients of both losses, each with that of L.

    |v|^2 depends on all parameters in both of its parts, so here D is not frozen in G's loss, and fakes are not cut
    off from G in D's.
    """
    params_D, params_G = game.discriminator.trained, game.generator.trained
    cost_D, report_D = game.cost_D(batch, fakes)
    cost_G, report_G = game.cost_G(batch, fakes)
    v = [*_gradients(cost_D, params_D), *_gradients(cost_G, params_G)]
    L = sum(((g * g).sum() for g in v[1:]), (v[0] * v[0]).sum()) * (game.consensus / 2)
    # L does not depend on D's last bias where the losses are linear in D's scores
    pulls = grad(L, [*params_D, *params_G], allow_unused=True)
    for parameter, g, pull in zip([*params_D, *params_G], v, pulls, strict=True):
        parameter.grad = g.detach() if pull is None else g.detach() + pull
    return {**report_D, **report_G, "consensus": L.detach()}


def _gradients(y: Tensor, parameters: list[Parameter]) -> list[Tensor]:
    """Of y in each of them, to be differentiated again; all lie in its graph, as each player's do in its loss."""
    found = grad(y, parameters, create_graph=True)
    return [g for g in found if g is not None]
