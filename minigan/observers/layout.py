"""A layered layout of a graph: boxes in rows, arrows downward, few crossings. Geometry only.

In four steps: rows by longest paths, order within rows by barycenters, places by least squares, and heights.
Source: Sugiyama, Tagawa and Toda 1981. An arrow that passes rows gets a small invisible box in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
Link = tuple[int, int]

GAP_X, GAP_Y, MARGIN = 24.0, 40.0, 16.0
SWEEPS = 8
LONG = 30  # rows; longer arrows run straight, beneath the boxes


@dataclass
class Layout:
    """Where everything lies: the centers of the boxes, the points of each arrow, and the size of the whole.

    An arrow runs from its first point to its last, from a lower edge to the next upper edge and through its row.
    """

    centers: list[Point]
    routes: dict[Link, list[Point]]
    width: float
    height: float


def layout(sizes: Sequence[Point], links: Sequence[Link]) -> Layout:
    """Places for boxes of these sizes (width, height), each link leading from a box to one further down.

    Args:
        sizes: of each box, in an order in which every link leads from an earlier box to a later one.
        links: pairs of positions, none of them twice.
    """
    row_of = _rows(len(sizes), links)
    chains = _with_bends(row_of, links)
    widths = [width for width, _ in sizes] + [0.0] * (len(row_of) - len(sizes))
    above, below = _neighbours(len(row_of), chains)
    rows = _order(row_of, above, below)
    x = _places(rows, widths, above, below)
    left = min((x[v] - widths[v] / 2 for v in range(len(x))), default=0.0) - MARGIN
    heights = [max((sizes[v][1] for v in row if v < len(sizes)), default=0.0) for row in rows]
    tops = [MARGIN + sum(heights[:i]) + GAP_Y * i for i in range(len(rows))]
    points = [(x[v] - left, tops[row_of[v]] + heights[row_of[v]] / 2) for v in range(len(x))]
    tall = [height for _, height in sizes] + [heights[row] for row in row_of[len(sizes) :]]
    routes = {link: _route(chain, points, tall) for link, chain in zip(links, chains, strict=True)}
    width = max((px + widths[v] / 2 for v, (px, _) in enumerate(points)), default=0.0) + MARGIN
    return Layout(points[: len(sizes)], routes, width, sum(heights) + GAP_Y * max(len(rows) - 1, 0) + 2 * MARGIN)


def _rows(n: int, links: Sequence[Link]) -> list[int]:
    """As far down as possible: the row just above the first box that a box leads to."""
    depth = [0] * n
    for a, b in sorted(links, key=lambda link: -link[0]):
        depth[a] = max(depth[a], depth[b] + 1)
    return [max(depth) - d for d in depth]


def _with_bends(row_of: list[int], links: Sequence[Link]) -> list[list[int]]:
    """Each link as a chain of boxes in neighbouring rows; the bends are new, and their rows are appended."""
    chains = []
    for a, b in links:
        passed = range(row_of[a] + 1, row_of[b]) if row_of[b] - row_of[a] <= LONG else ()
        chains.append([a, *range(len(row_of), len(row_of) + len(passed)), b])
        row_of += passed
    return chains


def _neighbours(n: int, chains: Sequence[Sequence[int]]) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(n)]
    below: list[list[int]] = [[] for _ in range(n)]
    for chain in chains:
        for a, b in pairwise(chain):
            above[b].append(a)
            below[a].append(b)
    return above, below


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def _order(row_of: list[int], above: list[list[int]], below: list[list[int]]) -> list[list[int]]:
    """Each row from left to right: again and again sorted by the mean place of the neighbours in the row before."""
    rows: list[list[int]] = [[] for _ in range(max(row_of, default=-1) + 1)]
    for v, i in enumerate(row_of):
        rows[i].append(v)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        place = {v: i / len(row) for row in rows for i, v in enumerate(row)}
        for row in rows if down else reversed(rows):
            near = above if down else below
            key = {v: _mean([place[u] for u in near[v]]) if near[v] else place[v] for v in row}
            row.sort(key=key.__getitem__)
            place.update((v, i / len(row)) for i, v in enumerate(row))
    return rows


def _places(
    rows: list[list[int]], widths: Sequence[float], above: list[list[int]], below: list[list[int]]
) -> list[float]:
    """The middle of each box: as near as may be to the mean of its neighbours, without overlaps."""
    x = [0.0] * len(widths)
    for row in rows:
        _settle(row, dict.fromkeys(row, 0.0), widths, x)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wishes = {v: _mean([x[u] for u in (*above[v], *below[v])]) if above[v] or below[v] else x[v] for v in row}
            _settle(row, wishes, widths, x)
    return x


def _settle(row: Sequence[int], wishes: dict[int, float], widths: Sequence[float], x: list[float]) -> None:
    """Place a row in its order so that the squared distances from the wishes are least (isotonic regression)."""
    offsets, total = [], 0.0
    for i, v in enumerate(row):
        total += (widths[row[i - 1]] + widths[v]) / 2 + GAP_X if i else 0.0
        offsets.append(total)
    blocks: list[tuple[float, int]] = []  # neighbours that touch: mean of their wishes, and how many they are
    for v, offset in zip(row, offsets, strict=True):
        mean, n = wishes[v] - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, m = blocks.pop()
            mean, n = (before * m + mean * n) / (m + n), m + n
        blocks.append((mean, n))
    means = [mean for mean, n in blocks for _ in range(n)]
    for v, offset, mean in zip(row, offsets, means, strict=True):
        x[v] = mean + offset


def _route(chain: Sequence[int], points: Sequence[Point], tall: Sequence[float]) -> list[Point]:
    """From the lower edge of the first box to the upper edge of the last, straight down through each row passed."""
    edges = [(points[v][0], points[v][1] + sign * tall[v] / 2) for v in chain for sign in (-1, 1)]
    return edges[1:-1]
