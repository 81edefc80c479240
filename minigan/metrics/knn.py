"""The k nearest neighbours: candidates from a product of matrices, which rounds, decided by differences.

Among 60,000 images only some are near enough for rounding to matter, so that hardly any difference has to be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from minigan.metrics.distances import CHUNK, difference_blocks, distance_blocks, error_bound
from minigan.ops.creation import arange, as_tensor
from minigan.ops.joining import stack
from minigan.recording import no_grad
from minigan.tensor import Tensor

SPARE = 4  # candidates beyond k: in float32, squared distances of images are off by some .001
FEW = 20  # candidates that are found faster one after the other, where the block is, than by a partition on the host
NEGLIGIBLE = 1e-9  # of a squared distance: without it all ties, as of images given twice, would be taken for doubts

Blocks = Callable[[Tensor, Tensor], Iterator[tuple[slice, Tensor]]]


def k_nearest(x: Tensor, y: Tensor, k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The squared distances of each x (N, F) to the k nearest y (M, F), and which these are: (N, k), nearest first.

    Where rounding of products in float32 could hide one that is nearer, they are searched anew in float64, and where
    that could, too, by differences; so a copy has a distance of exactly 0. Two whose squared distances are equal up to
    some 1e-9 of themselves are equally near. Time O(N M F) and O(N M k) for few k, memory O((N + M) F).

    Args:
        x: of a floating point type.
        y: of the same type, and on the same device.
        k: how many, from 1 to M.

    >>> from minigan.metrics.knn import k_nearest
    >>> x, y = mg.tensor([[0.3]], dtype=mg.float64), mg.tensor([[0.0], [0.25], [1e12]], dtype=mg.float64)
    >>> squares, indices = k_nearest(x, y, 2)
    >>> squares.round(4).tolist(), indices.tolist()
    ([[0.0025, 0.09]], [[1, 0]])
    """
    squares, indices, last = _search(x, y, k, distance_blocks)
    unsure = _unsure(squares[:, -1], last, error_bound(x, y))
    if unsure.size and x.dtype == np.float32:
        squares[unsure], indices[unsure] = k_nearest(x[unsure].double(), y.double(), k)
    elif unsure.size:
        squares[unsure], indices[unsure], _ = _search(x[unsure], y, k, difference_blocks)
    return squares, indices


def _unsure(kth: NDArray[np.float64], last: NDArray[np.float64], bound: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where one that is no candidate could be nearer than the k-th, by more than what is negligible."""
    return np.flatnonzero((last <= kth + bound) & (bound > NEGLIGIBLE * kth) & (kth > 0))


def _search(
    x: Tensor, y: Tensor, k: int, blocks: Blocks
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest candidates: squared distances and indices (N, k); and the last candidate's as rounded, (N,)."""
    decided, lasts = [], []
    for part, block in blocks(x, y):
        candidates, last = (_smallest if k + SPARE <= FEW else _partitioned)(block, k + SPARE)
        step = max(1, CHUNK // (8 * candidates.shape[1] * x.shape[1]))  # rows whose candidates fill a block
        for some, those in zip(x[part].split(step), candidates.split(step), strict=True):
            decided.append(_decided(some, y, those, k))
        lasts.append(last)
    squares, indices = (np.concatenate(parts) for parts in zip(*decided, strict=True))
    return squares, indices, np.concatenate(lasts)


def _smallest(block: Tensor, k: int) -> tuple[Tensor, NDArray[np.float64]]:
    """Where the k smallest numbers of each row are, (rows, k), and the last of these numbers; changes the block.

    If there are no more than k numbers in a row, all are found, and infinity is the last.
    """
    rows, found = arange(len(block), device=block.device), []
    with no_grad():
        for _ in range(min(k, block.shape[1])):
            found.append(block.argmin(dim=1))
            last = block[rows, found[-1]]
            block[rows, found[-1]] = np.inf
    ends = last.to("cpu").numpy().astype(np.float64) if k < block.shape[1] else np.full(len(block), np.inf)
    return stack(found, dim=1), ends


def _partitioned(block: Tensor, k: int) -> tuple[Tensor, NDArray[np.float64]]:
    """What :func:`_smallest` finds, in the order of their places, in a time that does not depend on k."""
    numbers, k = block.to("cpu").numpy(), min(k, block.shape[1])
    found = np.sort(np.argpartition(numbers, k - 1, axis=1)[:, :k], axis=1)
    ends = np.take_along_axis(numbers, found, axis=1).max(axis=1).astype(np.float64)
    return as_tensor(found).to(block.device), ends if k < block.shape[1] else np.full(len(ends), np.inf)


def _decided(x: Tensor, y: Tensor, candidates: Tensor, k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The squared distances of x (rows, F) to the k nearest of its candidates, and which ones these are."""
    with no_grad():
        those = y[candidates.reshape(-1)].reshape(*candidates.shape, -1)
        squares = ((those.double() - x.double().unsqueeze(1)) ** 2).sum(dim=2).to("cpu").numpy()
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    indices = np.take_along_axis(candidates.to("cpu").numpy(), order, axis=1)
    return np.take_along_axis(squares, order, axis=1), indices
