"""Embedding: rows of a table, chosen by whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.errors import IndexRangeError, ShapeError
from minigan.ops.checks import require_indices, tensor_of, whole
from minigan.ops.elementwise import eq, where
from minigan.ops.shape import unsqueeze
from minigan.tape import primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


@primitive(gy=lambda gw, indices: _embedding(gw, indices))
def _embedding_grad(k: Backend, gy: Array, indices: Array, *, rows: int) -> Array:
    """gw[i] = sum of gy[j] over all places j where indices[j] = i."""
    return k.embedding_grad(gy, indices, rows)


@primitive(weight=lambda gy, indices, weight_shape: _embedding_grad(gy, indices, rows=weight_shape[0]))
def _embedding(k: Backend, weight: Array, indices: Array) -> Array:
    """y[j] = weight[indices[j]]."""
    return k.embedding(weight, indices)


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """The rows of ``weight`` (num_embeddings, embedding_dim) that whole numbers name: input.shape + (embedding_dim,).

    Args:
        input: whole numbers from 0 to below num_embeddings.
        weight: (num_embeddings, embedding_dim).
        padding_idx: a row that takes no gradient; negative ones count from the end.

    Raises:
        DTypeError: the input does not hold whole numbers.
        ShapeError: weight is no matrix.
        IndexRangeError: an index is below 0 or not below num_embeddings. On a GPU, where looking would make the program
            wait for the device, nothing is raised, and indices wrap around.

    >>> mg.nn.functional.embedding(mg.tensor([1, 0, 1]), mg.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.],
            [3., 4.]])
    """
    x, weight = tensor_of("embedding", input), tensor_of("embedding", weight)
    if len(weight.shape) != 2:
        raise ShapeError(
            f"embedding: expected a weight (num_embeddings, embedding_dim), but got {weight.shape}. Reshape it."
        )
    require_indices("embedding", x, weight.shape[0], f"There are {weight.shape[0]} embeddings.")
    y = _embedding(weight, x)
    if padding_idx is None:
        return y
    padding = normal_row(padding_idx, weight.shape[0], "embedding")
    return where(unsqueeze(eq(x, padding), -1), y.detach(), y)


def normal_row(padding_idx: int, rows: int, owner: str) -> int:
    """The row counted from the front: -1 of 3 is 2."""
    padding_idx = whole(owner, "padding_idx", padding_idx)
    if not -rows <= padding_idx < rows:
        raise IndexRangeError(
            f"{owner}: expected a padding_idx from {-rows} to {rows - 1} for {rows} embeddings, but got {padding_idx}."
        )
    return padding_idx % rows
