"""The Jacobian of a game: how the moves of both players change with what both of them are.

Each player follows the negative gradient of its own cost. Where all of these moves are zero the game may rest; whether
it comes to rest there is decided by the eigenvalues of the moves' derivative: a negative real part closes in, an
imaginary part turns (Mescheder, Nowozin and Geiger 2017, "The Numerics of GANs", section 3).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from minigan.autograd import grad
from minigan.errors import ShapeError
from minigan.ops.creation import tensor
from minigan.ops.joining import cat
from minigan.tensor import Tensor


def game_jacobian(costs: Sequence[Tensor], players: Sequence[Sequence[Tensor]]) -> NDArray[np.float64]:
    """The derivative of all players' moves with respect to all parameters, row by row by second-order autograd.

    The move of player i is -dL_i/dp_i. There is one backward pass for each of the P parameters: this is for small
    games; of large ones the product with a vector is all that can be had.

    Args:
        costs: L_i, what each player minimises: one number each, with its graph.
        players: p_i, the parameters of each, in the same order. L_i must depend on all of p_i.

    Returns:
        (P, P), where P counts the numbers of all players' parameters, one player after the other.

    Raises:
        ShapeError: there is not one list of parameters for each cost.
        GraphError: a cost does not depend on a parameter of its player.

    >>> from minigan.lab.jacobian import game_jacobian
    >>> x, y = (mg.tensor([0.0], requires_grad=True) for _ in range(2))
    >>> xy = (x * y).sum()
    >>> game_jacobian([xy, -xy], [[x], [y]])  # min over x and max over y of xy: a turn, which comes to no rest
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    if len(costs) != len(players):
        raise ShapeError(
            f"game_jacobian: expected one list of parameters for each cost, but got {len(costs)} costs and "
            f"{len(players)} lists."
        )
    everything = [parameter for player in players for parameter in player]
    return np.concatenate([_rows(_move(cost, player), everything) for cost, player in zip(costs, players, strict=True)])


def _move(cost: Tensor, player: Sequence[Tensor]) -> Tensor:
    """-dL/dp as one row of numbers, to be differentiated again."""
    gradients = grad(cost, player, create_graph=True)
    return -cat([gp.reshape(-1) for gp in gradients if gp is not None])


def _rows(move: Tensor, parameters: Sequence[Tensor]) -> NDArray[np.float64]:
    """The derivative of each number of a move."""
    if not move.requires_grad:  # a cost that is linear in its player's parameters, and in nothing else
        return np.zeros((len(move), sum(parameter.numel() for parameter in parameters)))
    units = np.eye(len(move), dtype=move.dtype)
    return np.stack([_row(move, tensor(unit, device=move.device), parameters) for unit in units])


def _row(move: Tensor, unit: Tensor, parameters: Sequence[Tensor]) -> NDArray[np.float64]:
    parts = grad(move, parameters, unit, retain_graph=True, allow_unused=True)
    return np.concatenate(
        [
            np.zeros(parameter.numel()) if part is None else part.detach().to("cpu").numpy().astype(float).reshape(-1)
            for parameter, part in zip(parameters, parts, strict=True)
        ]
    )
