"""Embedding: a learned vector for each label."""

from __future__ import annotations

from typing import Any

from minigan.nn import init
from minigan.nn.checks import require_array, require_size
from minigan.nn.module import Module, Parameter
from minigan.ops import embedding
from minigan.ops.creation import zeros
from minigan.recording import no_grad
from minigan.tensor import Tensor


class Embedding(Module):
    """A table of vectors; the input says which.

    Args:
        num_embeddings: how many vectors there are.
        embedding_dim: their length.
        padding_idx: a row that starts as zeros and takes no gradient.

    Attributes:
        weight: (num_embeddings, embedding_dim), drawn from N(0, 1).

    Raises:
        DTypeError: the input does not hold whole numbers.
        IndexRangeError: padding_idx, or on the CPU a number in the input, names no row.

    >>> mg.nn.Embedding(10, 3)(mg.tensor([[1, 2], [7, 9]])).shape
    (2, 2, 3)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        require_size("Embedding", "num_embeddings", num_embeddings)
        require_size("Embedding", "embedding_dim", embedding_dim)
        if padding_idx is not None:
            padding_idx = embedding.normal_row(padding_idx, num_embeddings, "Embedding")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.weight = Parameter(zeros(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Whole numbers of any shape to x.shape + (embedding_dim,)."""
        require_array(self, "the input", x)
        return embedding.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
