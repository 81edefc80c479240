"""Squared Euclidean distances between two sets of samples: a matrix product for each block of rows.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y = (-2 x, |x|^2, 1) . (y, 1, |y|^2)

With two more columns the product of matrices does all of it, and no array of N x M x F numbers is ever made.
Rounding leaves of equal samples not 0 but about eps |x|^2, and now and then less than 0, which is raised to 0. So that
|x| is not large because all samples are far from 0, the mean of y is first taken away from both. Where some samples are
so far from others that this is not enough, differences are taken, slowly: these lose nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from minigan.errors import DTypeError
from minigan.metrics.checks import ROWS
from minigan.ops.creation import as_tensor, ones, zeros
from minigan.ops.joining import cat
from minigan.tensor import Tensor

CHUNK = 32 * 2**20  # bytes of distances at a time: 70 rows beside 60,000 in float64, enough for a product at full speed


def distance_blocks(x: Tensor, y: Tensor, error: float = math.inf) -> Iterator[tuple[slice, Tensor]]:
    """The squared distances of x (N, F) to y (M, F), one block of rows after the other, so that memory stays bounded.

    Time O(N M F), memory O((N + M) F) and CHUNK.

    Args:
        x: of a floating point type, in which they are compared.
        y: of the same type, and on the same device.
        error: by how much a squared distance may be off. Where a product of matrices does not promise that, they are
            computed from differences, on the host and in float64, which takes some ten times as long: then they are
            off by :func:`unit_rounding` of themselves.

    Yields:
        Which rows of x, and their squared distances (rows, M), none below 0; without gradients.

    Raises:
        DTypeError, DeviceError: they are of two types, or on two devices.

    >>> from minigan.metrics.distances import distance_blocks
    >>> x, y = mg.tensor([[0.0, 0.0], [3.0, 4.0]]), mg.tensor([[0.0, 0.0], [0.0, 4.0], [6.0, 8.0]])
    >>> [(rows, block.tolist()) for rows, block in distance_blocks(x, y)]
    [(slice(0, 2, None), [[0.0, 16.0, 100.0], [25.0, 9.0, 25.0]])]
    """
    if x.dtype != y.dtype:
        raise DTypeError(
            f"distance_blocks: expected x and y of one type, but got {x.dtype} and {y.dtype}. Convert one."
        )
    x, y = x.detach(), y.detach()
    step = max(1, CHUNK // (len(y) * y.dtype.itemsize))
    parts = [slice(start, min(start + step, len(x))) for start in range(0, len(x), step)]
    products = error == math.inf or rounding(x, y) <= error
    yield from _by_products(x, y, parts) if products else _by_differences(x, y, parts)


def _by_products(x: Tensor, y: Tensor, parts: Sequence[slice]) -> Iterator[tuple[slice, Tensor]]:
    centre = y.mean(dim=0)
    columns = _columns(y, centre).T
    for part in parts:
        some = x[part] - centre
        block = cat([some * -2, _squares(some), _ones(some)], dim=1) @ columns
        yield part, block.clamp(min=0)


def _by_differences(x: Tensor, y: Tensor, parts: Sequence[slice]) -> Iterator[tuple[slice, Tensor]]:
    from scipy.spatial.distance import cdist  # half a second to import, for few who import minigan

    there = y.to("cpu").numpy()
    for part in parts:
        yield part, as_tensor(cdist(x[part].to("cpu").numpy(), there, "sqeuclidean")).to(x.device)


def rounding(x: Tensor, y: Tensor) -> float:
    """By how much the squared distances of `distance_blocks` are off at most, hardly ever more, as products make them.

    They are sums of F + 2 products, of numbers up to the lengths of x and y. Time O((N + M) F).

    >>> from minigan.metrics.distances import rounding
    >>> x = mg.tensor([[0.0], [100.0]], dtype=mg.float64)
    >>> 1e-12 < rounding(x, x) < 1e-11
    True
    """
    centre = y.detach().mean(dim=0)
    longest = (
        max(_squares(part - centre).max().item() for part in each.detach().split(ROWS)) ** 0.5 for each in (x, y)
    )
    return float(unit_rounding(y) * sum(longest) ** 2)


def unit_rounding(x: Tensor) -> float:
    """By how much of itself a sum over the width of x (N, F), and two more, is off at most, if no part is below 0.

    Source: N. Higham, T. Mary, "A New Approach to Probabilistic Rounding Error Analysis" (2019): errors of n roundings
    grow as sqrt(n), and with a factor of 4 hardly any is larger.

    >>> from minigan.metrics.distances import unit_rounding
    >>> unit_rounding(mg.zeros(1, 2, dtype=mg.float64)) / float(np.finfo(float).eps)
    4.0
    """
    return float(4 * (x.shape[1] + 2) ** 0.5 * np.finfo(x.dtype).eps / 2)


def _columns(y: Tensor, centre: Tensor) -> Tensor:
    """(y, 1, |y|^2) of what is centred, (M, F + 2), made in its place: y may be all of the data."""
    columns: Tensor = zeros(len(y), y.shape[1] + 2, dtype=y.dtype, device=y.device)
    for start in range(0, len(y), ROWS):
        part = y[start : start + ROWS] - centre
        columns[start : start + ROWS] = cat([part, _ones(part), _squares(part)], dim=1)
    return columns


def _squares(x: Tensor) -> Tensor:
    """|x|^2 of each row, (N, 1)."""
    return (x * x).sum(dim=1, keepdim=True)


def _ones(x: Tensor) -> Tensor:
    return ones(len(x), 1, dtype=x.dtype, device=x.device)
