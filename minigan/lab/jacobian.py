"""The Jacobian of a game: how the moves of both players change with what both of them are.

All weights of both players are one vector w = (θ, ψ). Each player goes down its own cost, so w moves along the field

    v(w) = (-grad_θ L_G, -grad_ψ L_D).

Where v is zero the game may rest; whether it comes to rest there is decided by the eigenvalues of J = dv/dw: a negative
real part closes in, an imaginary part turns (Mescheder, Nowozin and Geiger 2017, "The Numerics of GANs", section 3).
Unlike a Hessian J is not symmetric, as its halves come of two costs; this is why its eigenvalues may be complex.

One more backward pass gives a product with J: the gradient of the number <v, u>, with u held fixed, is J^T u (after
Pearlmutter 1994, "Fast exact multiplication by the Hessian"; that is symmetric, while here the transpose counts). J u
itself would take two such passes, but nobody needs it here: J and J^T have the same eigenvalues.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigs

from minigan.autograd import grad
from minigan.errors import ShapeError
from minigan.gan.batch import Batch
from minigan.gan.game import Game
from minigan.ops.creation import as_tensor
from minigan.tensor import Tensor

Vector = NDArray[np.float64]
Players = Sequence[Sequence[Tensor]]


class Largest(NamedTuple):
    """What Arnoldi's method found.

    Attributes:
        eigenvalues: (k,), those of the largest absolute value first.
        products: how many products with J^T it took.
    """

    eigenvalues: NDArray[np.complex128]
    products: int


class JacobianVector:
    """The field of a game at one point, and the products of its Jacobian there with vectors.

    The graph of the field is kept, so that a product costs one backward pass, and the random numbers in it stay what
    they are.

    Args:
        costs: L_i, what each player pays: one number each, with its graph.
        players: the weights of each player, in the same order; L_i depends on all of its own player's.

    Attributes:
        field: v (n,), one player after the other.

    Raises:
        ShapeError: there is not one list of weights for each cost.
        GraphError: a cost does not depend on a weight of its player.

    >>> from minigan.lab.jacobian import JacobianVector
    >>> x, y = (mg.tensor([3.0], dtype=mg.float64, requires_grad=True) for _ in range(2))
    >>> bilinear = JacobianVector([(x * y).sum(), -(x * y).sum()], [[x], [y]])
    >>> bilinear.field.tolist()
    [-3.0, 3.0]
    >>> bilinear.transposed_product([1.0, 0.0]).tolist()  # the first row of J
    [0.0, -1.0]
    """

    def __init__(self, costs: Sequence[Tensor], players: Players) -> None:
        if len(costs) != len(players):
            raise ShapeError(
                f"The Jacobian of a game: expected one list of weights for each cost, but got {len(costs)} costs and "
                f"{len(players)} lists."
            )
        self.weights = [weight for own in players for weight in own]
        found = [grad(cost, own, create_graph=True) for cost, own in zip(costs, players, strict=True)]
        self._parts = [-gx for own in found for gx in own if gx is not None]
        self.field = flat(self._parts)

    def __len__(self) -> int:
        return len(self.field)

    def transposed_product(self, u: Any) -> Vector:
        """J^T u, for u (n,)."""
        pieces = zip(self._parts, _pieces(np.asarray(u, np.float64), self._parts), strict=True)
        # Backward passes begin only where u is not zero, and where the field is not the same everywhere.
        begun = [(part, piece) for part, piece in pieces if piece.any() and part.requires_grad]
        if not begun:
            return np.zeros(len(self))
        parts, seeds = zip(*((part, as_tensor(piece, device=part.device)) for part, piece in begun), strict=True)
        found = grad(parts, self.weights, seeds, retain_graph=True, allow_unused=True)
        return np.concatenate(
            [
                np.zeros(weight.numel()) if gx is None else flat([gx])
                for weight, gx in zip(self.weights, found, strict=True)
            ]
        )

    def largest(self, k: int, tolerance: float = 1e-9, seed: int = 0) -> Largest:
        """The k eigenvalues of the largest absolute value, by Arnoldi's method: it takes some dozens of products.

        Args:
            k: how many, at most n - 2.
            tolerance: of the eigenvalues, relative.
            seed: of the vector to start from.
        """
        products = 0

        def product(u: Vector) -> Vector:
            nonlocal products
            products += 1
            return self.transposed_product(u)

        operator = LinearOperator((len(self), len(self)), matvec=product, dtype=np.float64)
        start = np.random.default_rng(seed).standard_normal(len(self))
        found = eigs(operator, k, which="LM", v0=start, tol=tolerance, return_eigenvectors=False)
        return Largest(ordered(found), products)


def game_jacobian(costs: Sequence[Tensor], players: Players) -> Vector:
    """The derivative of all players' moves with respect to all weights, row by row: (n, n).

    There is one backward pass for each of the n weights: this is for small games; of large ones the product with a
    vector is all that can be had.

    Args:
        costs: as those of `JacobianVector`.
        players: the same.

    >>> from minigan.lab.jacobian import game_jacobian
    >>> x, y = (mg.tensor([0.0], requires_grad=True) for _ in range(2))
    >>> xy = (x * y).sum()
    >>> game_jacobian([xy, -xy], [[x], [y]])  # min over x and max over y of xy: a turn, which comes to no rest
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    products = JacobianVector(costs, players)
    return np.stack([products.transposed_product(unit) for unit in np.eye(len(products))])


def costs_of(game: Game, batch: Batch) -> tuple[list[Tensor], Players]:
    """What G and D pay on these real samples, and the weights of each; z is drawn as in a step.

    D is not frozen in G's cost, and the fakes are not cut off from G in D's: how the slope of one player changes with
    the weights of the other is half of the Jacobian.
    """
    fakes = game.generate(batch)
    costs = [game.cost_G(batch, fakes)[0], game.cost_D(batch, fakes)[0]]
    return costs, [game.generator.trained, game.discriminator.trained]


def ordered(eigenvalues: Any) -> NDArray[np.complex128]:
    """The largest absolute value first; of a conjugate pair the one with the positive imaginary part.

    >>> from minigan.lab.jacobian import ordered
    >>> ordered([1, -2j, 3, 2j]).tolist()
    [(3+0j), 2j, (-0-2j), (1+0j)]
    """
    found = np.asarray(eigenvalues, np.complex128)
    return found[np.lexsort((-found.imag, -np.abs(found).round(12)))]


# ---- weights as one vector -------------------------------------------------------------------------------


def flat(tensors: Sequence[Tensor]) -> Vector:
    """The numbers of all tensors in one vector, float64."""
    return np.concatenate([x.detach().to("cpu").numpy().reshape(-1) for x in tensors]).astype(np.float64)


def put(vector: Vector, weights: Sequence[Tensor]) -> None:
    """Set weights to the numbers of a vector: the inverse of `flat`."""
    for weight, piece in zip(weights, _pieces(vector, weights), strict=True):
        weight.data = as_tensor(piece, device=weight.device)


def unit(vector: Vector) -> Vector:
    """In the same direction, of length 1."""
    return vector / np.linalg.norm(vector)


def _pieces(vector: Vector, like: Sequence[Tensor]) -> list[NDArray[Any]]:
    """The numbers of each tensor, in its shape and type."""
    pieces = np.split(vector, np.cumsum([x.numel() for x in like])[:-1])
    return [piece.reshape(x.shape).astype(x.dtype) for piece, x in zip(pieces, like, strict=True)]
