"""A picture of the tape: ``draw``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minigan.autograd import seed_of
from minigan.backend import get_backend
from minigan.errors import ConfigError, GraphError
from minigan.observers.layout import Link, Point, layout
from minigan.ops.elementwise import add
from minigan.recording import set_recording
from minigan.sweep import Edge, Results, below, sweep
from minigan.tape import Node
from minigan.variable import Variable, constant, edge_of

if TYPE_CHECKING:
    from minigan.tensor import Tensor

MOST = 1000  # operations in one picture


class Drawing:
    """A picture of the tape as SVG and as Mermaid text; a notebook shows it by itself."""

    def __init__(self, svg: str, mermaid: str) -> None:
        self.svg = svg
        self.mermaid = mermaid

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, as the name ends: ``.svg`` or ``.mmd`` (Mermaid).

        Raises:
            ConfigError: the name ends with neither.
        """
        texts = {".svg": self.svg, ".mmd": self.mermaid}
        text = texts.get(Path(path).suffix.lower())
        if text is None:
            raise ConfigError(f"draw: expected a file name that ends with .svg or .mmd, but got {str(path)!r}.")
        Path(path).write_text(text, encoding="utf-8")

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<drawing of the tape: {self.svg.count('<g ')} boxes; .save(path) writes .svg or .mmd>"


def draw(y: Any, path: str | os.PathLike[str] | None = None) -> Drawing:
    """Draw how y was computed: each operation with the shape of its result and the size of its gradient.

    The sizes are L2 norms of gradients of y (of the sum of its elements, if it has several), computed for the
    picture as backward would, with all hooks: no ``.grad`` is touched, and the graph can still be used. Values that
    take no gradient are not drawn. Pointing at an operation in the SVG shows its formula.

    Args:
        y: a tensor that requires a gradient, or several in a list.
        path: where to save the picture: a name that ends with ``.svg`` or ``.mmd``.

    Raises:
        GraphError: y requires no gradient, backward has freed its graph, or it has more than 1,000 operations.

    >>> w = mg.nn.Parameter(mg.tensor([3.0]))
    >>> print(mg.draw((w * 2).sum()).mermaid)
    flowchart TD
        n0(["parameter<br/>(1,) float32<br/>|g| 2"])
        n1["mul<br/>(1,) float32<br/>|g| 1"]
        n2[["sum<br/>() float32<br/>|g| 1"]]
        n0 --> n1
        n1 --> n2
    """
    outputs = list(y) if isinstance(y, list | tuple) else [y]
    seeds = [seed_of("draw", x, _ones(x)) for x in outputs]
    roots = [edge_of(x) for x in outputs]
    edges = _graph(roots)
    boxes = _boxes(edges, {root for root in roots if root is not None}, _sizes(roots, seeds))
    number = {edge: i for i, edge in enumerate(edges)}
    links = sorted({(number[e], number[n]) for n in edges if isinstance(n, Node) for e in n.edges if e is not None})
    drawing = Drawing(_svg(boxes, links), _mermaid(boxes, links))
    if path is not None:
        drawing.save(path)
    return drawing


def _ones(y: Any) -> Any:
    return constant(get_backend(y._data).full(y.shape, 1, y.dtype)) if isinstance(y, Variable) else None


# ---- what there is to draw -------------------------------------------------------------------------------


class _Box(NamedTuple):
    """What is written on a box: its lines, what pointing at it shows, and its kind: op, leaf or output."""

    lines: list[str]
    tip: str
    kind: str


def _graph(roots: Sequence[Edge | None]) -> list[Edge]:
    """All nodes and leaves that the roots were made from, arguments before results."""
    nodes = sorted(below(roots), key=lambda node: node.number)
    if len(nodes) > MOST:
        raise GraphError(
            f"draw: the graph has {len(nodes):,} operations, and no picture of more than {MOST:,} could be read. "
            "Draw a part of it: fewer steps or layers."
        )
    if any(node.saved is None for node in nodes):
        raise GraphError(
            "draw: backward went through this graph and freed what its gradients need. "
            "Draw it before backward, or pass retain_graph=True to backward."
        )
    leaves = [edge for node in nodes for edge in node.edges if isinstance(edge, Variable)]
    leaves += [root for root in roots if isinstance(root, Variable)]
    return [*dict.fromkeys(leaves), *nodes]


class _Norms(Results):
    """The size of every gradient that passes."""

    def __init__(self) -> None:
        self.leaves: dict[Edge, Tensor] = {}
        self.sizes: dict[Edge, float] = {}

    def leaf(self, leaf: Variable, gx: Tensor, fresh: bool) -> None:
        self.leaves[leaf] = total = add(self.leaves[leaf], gx) if leaf in self.leaves else gx
        self.node(leaf, total)

    def node(self, node: Edge, gy: Tensor) -> None:
        self.sizes[node] = float(np.linalg.norm(get_backend(gy._data).to_host(gy._data).astype(float).ravel()))


def _sizes(roots: Sequence[Edge | None], seeds: Sequence[Tensor]) -> dict[Edge, float]:
    norms = _Norms()
    before = set_recording(False)
    try:
        sweep(list(zip(roots, seeds, strict=True)), norms, None, keep=True)
    finally:
        set_recording(before)
    return norms.sizes


def _boxes(edges: Sequence[Edge], outputs: set[Edge], sizes: dict[Edge, float]) -> list[_Box]:
    boxes = []
    for edge in edges:
        node = isinstance(edge, Node)
        name = edge.op.name if isinstance(edge, Node) else _leaf_name(edge)
        size = f"|g| {sizes[edge]:.3g}" if edge in sizes else "no gradient"
        lines = [name, f"{edge.shape} {edge.dtype}", size]
        kind = "output" if edge in outputs else "op" if node else "leaf"
        boxes.append(_Box(lines, _tip(edge) if isinstance(edge, Node) else name, kind))
    return boxes


def _leaf_name(leaf: Variable) -> str:
    return leaf.name or ("tensor" if type(leaf).__name__ == "Tensor" else type(leaf).__name__.lower())


def _tip(node: Node) -> str:
    """The formula of an operation, and its settings."""
    settings = [f"{k}={v!r}" for k, v in node.params.items() if isinstance(v, int | float | str | tuple)]
    return "\n".join([(node.op.__doc__ or node.op.name).strip().splitlines()[0], *settings])


# ---- Mermaid ---------------------------------------------------------------------------------------------

_BRACKETS = {"op": ("[", "]"), "leaf": ("([", "])"), "output": ("[[", "]]")}


def _mermaid(boxes: Sequence[_Box], links: Sequence[Link]) -> str:
    lines = ["flowchart TD"]
    for i, box in enumerate(boxes):
        left, right = _BRACKETS[box.kind]
        text = "<br/>".join(escape(line.replace("#", "#35;"), quote=False).replace('"', "#quot;") for line in box.lines)
        lines.append(f'    n{i}{left}"{text}"{right}')
    return "\n".join([*lines, *(f"    n{a} --> n{b}" for a, b in links)])


# ---- SVG -------------------------------------------------------------------------------------------------

_LETTER, _LINE, _PADDING = 7.3, 16.0, 12.0  # of the monospaced font of 12 pixels

_STYLE = """
.minigan-tape { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #8b949e;
  --op: #eef2f8; --leaf: #e6f4ea; --output: #fdeede; }
@media (prefers-color-scheme: dark) { .minigan-tape { --paper: #0d1117; --ink: #e6edf3; --faint: #9ea7b3;
  --line: #6e7781; --op: #1c2634; --leaf: #15301f; --output: #3a2815; } }
.minigan-tape text { font: 12px ui-monospace, Menlo, Consolas, monospace; text-anchor: middle; fill: var(--faint); }
.minigan-tape .name { font-weight: bold; fill: var(--ink); }
.minigan-tape .paper { fill: var(--paper); }
.minigan-tape .op { fill: var(--op); } .minigan-tape .leaf { fill: var(--leaf); }
.minigan-tape .output { fill: var(--output); stroke-width: 2; }
.minigan-tape .box { stroke: var(--line); }
.minigan-tape .link { fill: none; stroke: var(--line); } .minigan-tape .head { fill: var(--line); }
"""


def _svg(boxes: Sequence[_Box], links: Sequence[Link]) -> str:
    sizes = [(_LETTER * max(map(len, box.lines)) + 2 * _PADDING, _LINE * len(box.lines) + _PADDING) for box in boxes]
    places = layout(sizes, links)
    size = f"{places.width:.0f} {places.height:.0f}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="minigan-tape" viewBox="0 0 {size}" '
        f'width="{places.width:.0f}" height="{places.height:.0f}" role="img" aria-label="the tape">',
        f"<style>{_STYLE}</style>",
        '<rect class="paper" width="100%" height="100%"/>',
        *(_arrow(places.routes[link]) for link in links),
        *(_drawn(box, center, size) for box, center, size in zip(boxes, places.centers, sizes, strict=True)),
        "</svg>",
    ]
    return "\n".join(parts)


def _drawn(box: _Box, center: Point, size: Point) -> str:
    (x, y), (w, h) = center, size
    top = y - _LINE * (len(box.lines) - 1) / 2 + 4
    texts = [
        f'<text class="{"name" if i == 0 else "note"}" x="{x:.1f}" y="{top + _LINE * i:.1f}">{escape(line)}</text>'
        for i, line in enumerate(box.lines)
    ]
    corner = h / 2 if box.kind == "leaf" else 6
    rect = (
        f'<rect class="box {box.kind}" x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" '
        f'rx="{corner:.0f}"/>'
    )
    return f'<g class="node"><title>{escape(box.tip)}</title>{rect}{"".join(texts)}</g>'


def _arrow(route: Sequence[Point]) -> str:
    x, y = route[-1]
    head = f'<path class="head" d="M{x:.1f} {y:.1f}l-4 -7h8z"/>'
    return f'<path class="link" d="{curve(route)}"/>{head}'


def curve(route: Sequence[Point]) -> str:
    """A smooth line through the points, vertical at each, as SVG writes paths."""
    x, y = route[0]
    path = [f"M{x:.1f} {y:.1f}"]
    for (ax, ay), (bx, by) in pairwise(route):
        middle = (ay + by) / 2
        path.append(f"C{ax:.1f} {middle:.1f} {bx:.1f} {middle:.1f} {bx:.1f} {by:.1f}")
    return "".join(path)
