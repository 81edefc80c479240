"""The Jacobian of a game by its products with vectors, for networks whose Jacobian is too large to be written down.

All weights of both players are one vector w = (θ, ψ). Each player goes down its own loss, so w moves along the field

    v(w) = (-grad_θ L_G, -grad_ψ L_D),

and the Jacobian J = dv/dw says how the field changes with w. Unlike a Hessian it is not symmetric, as its halves come
of two losses; so its eigenvalues may be complex, and the game may turn.

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
from minigan.gan.game import Batch, Game
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
        costs: what each player pays, 0-d, with its graph; each depends on all weights of its player.
        players: the weights of each player, in the same order.

    Attributes:
        field: v (n,), one player after the other.

    >>> from minigan.lab.jacobian_vector import JacobianVector
    >>> x, y = (mg.tensor([3.0], dtype=mg.float64, requires_grad=True) for _ in range(2))
    >>> bilinear = JacobianVector([(x * y).sum(), -(x * y).sum()], [[x], [y]])
    >>> bilinear.field.tolist()
    [-3.0, 3.0]
    >>> bilinear.transposed_product([1.0, 0.0]).tolist()  # the first row of J
    [0.0, -1.0]
    """

    def __init__(self, costs: Sequence[Tensor], players: Players) -> None:
        self.weights = [weight for own in players for weight in own]
        found = [grad(cost, own, create_graph=True) for cost, own in zip(costs, players, strict=True)]
        self._parts = [-gx for own in found for gx in own if gx is not None]
        self.field = flat(self._parts)

    def __len__(self) -> int:
        return len(self.field)

    def transposed_product(self, u: Any) -> Vector:
        """J^T u, for u (n,)."""
        pieces = zip(self._parts, split(np.asarray(u, np.float64), self._parts), strict=True)
        moving = [(part, piece) for part, piece in pieces if part.requires_grad]  # the others are the same everywhere
        parts, seeds = [part for part, _ in moving], [piece for _, piece in moving]
        found = grad(parts, self.weights, seeds, retain_graph=True, allow_unused=True)
        return flat([weight * 0.0 if gx is None else gx for weight, gx in zip(self.weights, found, strict=True)])

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

    >>> from minigan.lab.jacobian_vector import ordered
    >>> ordered([1, -2j, 3, 2j]).tolist()
    [(3+0j), 2j, (-0-2j), (1+0j)]
    """
    found = np.asarray(eigenvalues, np.complex128)
    return found[np.lexsort((-found.imag, -np.abs(found).round(12)))]


# ---- weights as one vector -------------------------------------------------------------------------------


def flat(tensors: Sequence[Tensor]) -> Vector:
    """The numbers of all tensors in one vector, float64."""
    return np.concatenate([x.detach().to("cpu").numpy().reshape(-1) for x in tensors]).astype(np.float64)


def split(vector: Vector, like: Sequence[Tensor]) -> list[Tensor]:
    """The inverse of `flat`: tensors of these shapes and types."""
    pieces = np.split(vector, np.cumsum([x.numel() for x in like])[:-1])
    return [
        as_tensor(piece.reshape(x.shape).astype(x.dtype), device=x.device)
        for piece, x in zip(pieces, like, strict=True)
    ]


def put(vector: Vector, weights: Sequence[Tensor]) -> None:
    """Set weights to the numbers of a vector."""
    for weight, piece in zip(weights, split(vector, weights), strict=True):
        weight.data = piece
