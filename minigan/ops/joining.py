"""Tensors joined, cut into parts and padded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.errors import ArgumentError, ConfigError, ShapeError
from minigan.ops.checks import real, tensor_of, whole
from minigan.ops.indexing import _getitem
from minigan.ops.promotion import promote
from minigan.ops.shape import Shape, expand, flip, lengths, normal_dim, own_dim, reshape, unsqueeze
from minigan.tape import primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor


def part(x: Any, dim: int, start: int, end: int) -> Tensor:
    """The places from start to end of one dimension, whole in all others."""
    return _getitem(x, index=(*(slice(None),) * dim, slice(start, end)))


# ---- joining ---------------------------------------------------------------------------------------------


def _cat_grad(needed: Sequence[bool], gy: Tensor, dim: int, xs_shape: list[Shape]) -> list[Tensor | None]:
    ends = accumulate([shape[dim] for shape in xs_shape], initial=0)
    return [
        part(gy, dim, start, end) if need else None for need, (start, end) in zip(needed, pairwise(ends), strict=True)
    ]


@primitive(joint=_cat_grad, rule=promote)
def _cat(k: Backend, *xs: Array, dim: int) -> Array:
    """The tensors one after the other along ``dim``."""
    return k.cat(xs, dim)


def cat(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """The tensors one after the other along a dimension that they have; those of shape (0,) are passed over.

    >>> mg.cat([mg.zeros(2), mg.ones(1)])
    tensor([0., 0., 1.])
    """
    _require_several("cat", tensors)
    joined = [x for x in tensors if lengths(x, "cat") != (0,)] or tensors
    return _cat(*joined, dim=own_dim(dim, joined[0].shape, "cat"))


def stack(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """Tensors of one shape, joined along a new dimension.

    >>> mg.stack([mg.zeros(2), mg.ones(2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    _require_several("stack", tensors)
    d = normal_dim(dim, len(lengths(tensors[0], "stack")) + 1, "stack")
    return _cat(*[unsqueeze(x, d) for x in tensors], dim=d)


def _require_several(op: str, tensors: Any) -> None:
    if not hasattr(tensors, "__len__"):
        raise ArgumentError(
            f"{op}: expected a sequence of tensors, but got an object of type {type(tensors).__name__}."
        )
    if not len(tensors):
        raise ShapeError(f"{op}: expected at least one tensor, but got none.")


# ---- cutting ---------------------------------------------------------------------------------------------


def split(tensor: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of one length (the last may be shorter), or of the given lengths, along ``dim``.

    >>> [part.shape for part in mg.split(mg.zeros(5), 2)]
    [(2,), (2,), (1,)]
    """
    shape, sizes = lengths(tensor, "split"), split_size_or_sections
    d = own_dim(dim, shape, "split")
    n = shape[d]
    several = isinstance(sizes, Sequence) and not isinstance(sizes, str)
    sizes = [whole("split", "each length", m) for m in sizes] if several else _equal_parts(n, sizes)  # type: ignore[union-attr]
    if sum(sizes) != n or any(size < 0 for size in sizes):
        raise ShapeError(f"split: expected lengths that add up to {n} (dim {d}), but got {list(sizes)}.")
    return tuple([part(tensor, d, start, end) for start, end in pairwise(accumulate(sizes, initial=0))])


def _equal_parts(n: int, size: Any) -> list[int]:
    size = whole("split", "the part length", size)
    if size < 1 and not size == n == 0:
        raise ShapeError(f"split: expected a part length of at least 1, but got {size}.")
    return [min(size, n - start) for start in range(0, max(n, 1), max(size, 1))]


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` parts of one length along ``dim``; the last may be shorter.

    >>> [part.shape for part in mg.chunk(mg.zeros(5), 2)]
    [(3,), (2,)]
    """
    chunks = whole("chunk", "chunks", chunks)
    if chunks < 1:
        raise ShapeError(f"chunk: expected at least 1 chunk, but got {chunks}.")
    shape = lengths(input, "chunk")
    n = shape[own_dim(dim, shape, "chunk")]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


# ---- padding ---------------------------------------------------------------------------------------------


@primitive(x=lambda gy, x_shape, pads: _crop_to(gy, x_shape, pads))
def _pad(k: Backend, x: Array, *, pads: Sequence[tuple[int, int]], value: float) -> Array:
    """The value around x: (before, after) for each dimension."""
    return k.pad(x, pads, value)


def _crop_to(gy: Tensor, x_shape: Shape, pads: Sequence[tuple[int, int]]) -> Tensor:
    return _getitem(gy, index=tuple([slice(before, before + n) for n, (before, _) in zip(x_shape, pads, strict=True)]))


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """More values around a tensor, or fewer where a number is below 0.

    Args:
        input: any tensor.
        pad: how many before and after, for the last dimension, then for the last but one, and so on.
        mode: "constant"; "reflect" (the mirror image, without the edge itself), "replicate" (the edge again and
            again) or "circular" (the values of the other end).
        value: the constant; 0 by default.

    Raises:
        ConfigError: there is no such mode, or it takes no value.
        ShapeError: the numbers do not come in pairs, or are more than the tensor has dimensions or values for.

    >>> mg.nn.functional.pad(mg.tensor([[1.0, 2.0, 3.0]]), (1, 2), mode="reflect")
    tensor([[2., 1., 2., 3., 2., 1.]])
    """
    x = tensor_of("pad", input)
    pads = _pads_of(pad, len(x.shape))
    if mode in ("constant", "circular"):
        x, pads = _cropped(x, pads)
    if mode == "constant":
        return _pad(x, pads=pads, value=x.dtype.type(0 if value is None else real("pad", "value", value)))
    if not isinstance(mode, str) or mode not in _EDGES or value is not None:
        raise ConfigError(
            f'pad: expected mode "constant", or "reflect", "replicate" or "circular" without a value, '
            f"but got mode {mode!r} and value {value}."
        )
    if not any(before or after for before, after in pads):
        return reshape(x, x.shape)  # a tensor of its own, as from any other padding
    for d, (before, after) in enumerate(pads):
        if before or after:
            x = _pad_from_within(x, d, before, after, mode)
    return x  # type: ignore[no-any-return]


def _pads_of(pad: Sequence[int], ndim: int) -> list[tuple[int, int]]:
    """(before, after) for each dimension, the first one first."""
    if not isinstance(pad, Sequence) or isinstance(pad, str):
        raise ArgumentError(f"pad: expected pairs of whole numbers, as in (1, 1), but got {pad!r}.")
    pad = tuple([whole("pad", "each number", n) for n in pad])
    if len(pad) % 2 or len(pad) > 2 * ndim:
        raise ShapeError(f"pad: expected at most {ndim} pairs of numbers for {ndim} dimensions, but got {pad}.")
    given = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return [(0, 0)] * (ndim - len(given)) + given[::-1]


def _cropped(x: Any, pads: list[tuple[int, int]]) -> tuple[Tensor, list[tuple[int, int]]]:
    """x without what numbers below 0 take away, and the other numbers."""
    if any(n + before + after < 0 for n, (before, after) in zip(x.shape, pads, strict=True)):
        raise ShapeError(f"pad: expected to take away no more than there is of shape {x.shape}, but got pads {pads}.")
    ends = [(max(-before, 0), n + min(after, 0)) for n, (before, after) in zip(x.shape, pads, strict=True)]
    inside = _getitem(x, index=tuple([slice(start, end) for start, end in ends]))
    return inside, [(max(before, 0), max(after, 0)) for before, after in pads]


def _pad_from_within(x: Tensor, dim: int, before: int, after: int, mode: str) -> Tensor:
    n, (longest, edges) = x.shape[dim], _EDGES[mode]
    if max(before, after) > longest(n):
        raise ShapeError(
            f"pad: expected at most {longest(n)} values from within a dimension of length {n}, mode {mode!r}, "
            f"but got {(before, after)}."
        )
    left, right = edges(x, dim, max(before, 0), max(after, 0))
    inside, _ = _cropped(x, [(0, 0)] * dim + [(before, after)] + [(0, 0)] * (len(x.shape) - dim - 1))
    return _cat(left, inside, right, dim=dim)


def _reflected(x: Any, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    n = x.shape[dim]
    return flip(part(x, dim, 1, before + 1), dim), flip(part(x, dim, n - 1 - after, n - 1), dim)


def _replicated(x: Any, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    def repeated(start: int, times: int) -> Tensor:
        return expand(part(x, dim, start, start + 1), *x.shape[:dim], times, *x.shape[dim + 1 :])

    return repeated(0, before), repeated(x.shape[dim] - 1, after)


def _wrapped(x: Any, dim: int, before: int, after: int) -> tuple[Tensor, Tensor]:
    n = x.shape[dim]
    return part(x, dim, n - before, n), part(x, dim, 0, after)


_EDGES: dict[str, Any] = {  # how many values there are at most, and which
    "reflect": (lambda n: n - 1, _reflected),
    "replicate": (lambda n: math.inf if n else 0, _replicated),
    "circular": (lambda n: n, _wrapped),
}
