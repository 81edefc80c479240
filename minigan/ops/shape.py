"""Operations that move values without changing them. Each gradient moves them back."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.errors import ShapeError
from minigan.ops.promotion import promote
from minigan.tape import primitive
from minigan.variable import Variable

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Shape = tuple[int, ...]


def shape_of(sizes: Sequence[Any]) -> Shape:
    """The shape that a function was given as ints, ``f(2, 3)``, or as one tuple, ``f((2, 3))``."""
    if len(sizes) == 1 and isinstance(sizes[0], Sequence):
        return tuple(sizes[0])
    return tuple(sizes)


def sizes_of(sizes: Sequence[Any]) -> Shape:
    """The shape of a new tensor, given as ints or as one tuple.

    Raises:
        ShapeError: a length is below 0.
    """
    shape = shape_of(sizes)
    if any(operator.index(n) < 0 for n in shape):
        raise ShapeError(f"Expected lengths of at least 0, but got the shape {shape}.")
    return shape


def normal_dim(dim: int, ndim: int, op: str) -> int:
    """The dimension counted from the front: -1 of 3 is 2.

    Raises:
        ShapeError: there is no such dimension.
    """
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise ShapeError(
            f"{op}: expected a dim from {-max(ndim, 1)} to {max(ndim, 1) - 1} for a tensor with {ndim} dimensions, "
            f"but got {dim}."
        )
    return dim % max(ndim, 1)


def normal_dims(dim: int | Sequence[int] | None, ndim: int, op: str) -> tuple[int, ...]:
    """All dimensions meant by ``dim``, counted from the front; None means all of them."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    given = tuple(dim) if isinstance(dim, Sequence) else (operator.index(dim),)
    dims = tuple(normal_dim(d, ndim, op) for d in given)
    if len(set(dims)) < len(dims):
        raise ShapeError(f"{op}: expected each dim once, but got {given}. Remove the repeated one.")
    return dims if ndim else ()


# ---- the same values in another shape --------------------------------------------------------------------


@primitive(x=lambda gy, x_shape: _reshape(gy, shape=x_shape))
def _reshape(k: Backend, x: Array, *, shape: Shape) -> Array:
    """The values of x in their order, in another shape."""
    return k.reshape(x, shape)


def reshape(x: Any, *shape: Any) -> Tensor:
    """The values of x in another shape; one length may be -1 and is worked out.

    >>> mg.reshape(mg.arange(6), 2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return _reshape(x, shape=shape_of(shape))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """One dimension in place of those from start_dim to end_dim.

    >>> mg.flatten(mg.zeros(2, 3, 4), 1).shape
    (2, 12)
    """
    start, end = normal_dim(start_dim, x.ndim, "flatten"), normal_dim(end_dim, x.ndim, "flatten")
    if start > end:
        raise ShapeError(f"flatten: expected start_dim before end_dim, but got {start_dim} and {end_dim}.")
    return _reshape(x, shape=(*x.shape[:start], _product(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def squeeze(x: Any, dim: int | Sequence[int] | None = None) -> Tensor:
    """Without the dimensions of length 1, or without those of them that ``dim`` names.

    >>> mg.squeeze(mg.zeros(1, 3, 1)).shape
    (3,)
    """
    dims = normal_dims(dim, x.ndim, "squeeze")
    return _reshape(x, shape=tuple(n for d, n in enumerate(x.shape) if n != 1 or d not in dims))


def unsqueeze(x: Any, dim: int) -> Tensor:
    """With a new dimension of length 1 at ``dim``.

    >>> mg.unsqueeze(mg.zeros(3), 0).shape
    (1, 3)
    """
    d = normal_dim(dim, x.ndim + 1, "unsqueeze")
    return _reshape(x, shape=(*x.shape[:d], 1, *x.shape[d:]))


# ---- another order of dimensions -------------------------------------------------------------------------


@primitive(x=lambda gy, dims: _permute(gy, dims=tuple(sorted(range(len(dims)), key=dims.__getitem__))))
def _permute(k: Backend, x: Array, *, dims: Shape) -> Array:
    """Dimension i of the result is dimension dims[i] of x."""
    return k.permute(x, dims)


def permute(x: Any, *dims: Any) -> Tensor:
    """The dimensions in another order: dimension i of the result is dimension ``dims[i]`` of x.

    >>> mg.permute(mg.zeros(2, 3, 4), 2, 0, 1).shape
    (4, 2, 3)
    """
    order = normal_dims(shape_of(dims), x.ndim, "permute")
    if len(order) != x.ndim:
        raise ShapeError(f"permute: expected all {x.ndim} dimensions of a tensor {x.shape}, but got {dims}.")
    return _permute(x, dims=order)


def transpose(x: Any, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped.

    >>> mg.transpose(mg.zeros(2, 3, 4), 0, 2).shape
    (4, 3, 2)
    """
    dims = list(range(x.ndim))
    a, b = normal_dim(dim0, x.ndim, "transpose"), normal_dim(dim1, x.ndim, "transpose")
    if dims:
        dims[a], dims[b] = dims[b], dims[a]
    return _permute(x, dims=tuple(dims))


# ---- repeating and joining -------------------------------------------------------------------------------


@primitive(x=lambda gy: gy)  # what was repeated is summed where broadcasting is undone
def _expand(k: Backend, x: Array, *, shape: Shape) -> Array:
    """x repeated to ``shape`` without a copy."""
    return k.expand(x, shape)


def expand(x: Any, *sizes: Any) -> Tensor:
    """Dimensions of length 1 repeated to the given sizes, without a copy; -1 leaves a dimension as it is.

    >>> mg.expand(mg.tensor([[1.0], [2.0]]), -1, 3)
    tensor([[1., 1., 1.],
            [2., 2., 2.]])
    """
    shape = shape_of(sizes)
    new = len(shape) - x.ndim
    return _expand(x, shape=tuple(x.shape[d - new] if n == -1 and d >= new else n for d, n in enumerate(shape)))


def _cat_grad(needed: Sequence[bool], gy: Tensor, dim: int, xs_shape: list[Shape]) -> list[Tensor | None]:
    starts = [0]
    for shape in xs_shape:
        starts.append(starts[-1] + shape[dim])
    before = (slice(None),) * dim
    return [
        gy[(*before, slice(start, end))] if need else None
        for need, start, end in zip(needed, starts, starts[1:], strict=False)
    ]


@primitive(joint=_cat_grad, rule=promote)
def _cat(k: Backend, *xs: Array, dim: int) -> Array:
    """The tensors one after the other along ``dim``."""
    return k.cat(xs, dim)


def cat(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """The tensors one after the other along a dimension that they have.

    >>> mg.cat([mg.zeros(2), mg.ones(1)])
    tensor([0., 0., 1.])
    """
    if not tensors:
        raise ShapeError("cat: expected at least one tensor, but got none.")
    return _cat(*tensors, dim=normal_dim(dim, len(tensors[0].shape), "cat"))


def stack(tensors: Sequence[Any], dim: int = 0) -> Tensor:
    """Tensors of one shape, joined along a new dimension.

    >>> mg.stack([mg.zeros(2), mg.ones(2)])
    tensor([[0., 0.],
            [1., 1.]])
    """
    if not tensors:
        raise ShapeError("stack: expected at least one tensor, but got none.")
    return cat([unsqueeze(x, dim) for x in tensors], normal_dim(dim, len(tensors[0].shape) + 1, "stack"))


# ---- taking parts ----------------------------------------------------------------------------------------


@primitive(gy=lambda gx, index: _getitem(gx, index=index))
def _getitem_grad(k: Backend, gy: Array, *, shape: Shape, index: Any) -> Array:
    """Zeros with gy added at the index, once per mention of a place."""
    return k.getitem_grad(gy, shape, index)


@primitive(x=lambda gy, x_shape, index: _getitem_grad(gy, shape=x_shape, index=index))
def _getitem(k: Backend, x: Array, *, index: Any) -> Array:
    """x[index]."""
    return k.getitem(x, index)


def getitem(x: Any, index: Any) -> Tensor:
    """x[index] for integers, slices, None, Ellipsis, integer arrays and boolean masks, as in NumPy."""
    return _getitem(x, index=raw_index(index))


def raw_index(index: Any) -> Any:
    """The index with arrays in place of tensors; copies, as the way back needs them as they were."""
    if isinstance(index, tuple):
        return tuple(raw_index(part) for part in index)
    array = index._data if isinstance(index, Variable) else index
    return array.copy() if hasattr(array, "dtype") else copy(array)


def split(x: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Parts of one length (the last may be shorter), or of the given lengths, along ``dim``.

    >>> [part.shape for part in mg.split(mg.zeros(5), 2)]
    [(2,), (2,), (1,)]
    """
    d = normal_dim(dim, x.ndim, "split")
    n, sizes = x.shape[d], split_size_or_sections
    if isinstance(sizes, int):
        if sizes < 1:
            raise ShapeError(f"split: expected a part length of at least 1, but got {sizes}.")
        sizes = [builtins.min(sizes, n - start) for start in range(0, max(n, 1), sizes)]
    if sum(sizes) != n:
        raise ShapeError(f"split: expected lengths that add up to {n} (dim {d}), but got {list(sizes)}.")
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    before = (slice(None),) * d
    return tuple(getitem(x, (*before, slice(end - size, end))) for size, end in zip(sizes, ends, strict=True))


def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` parts of one length along ``dim``; the last may be shorter.

    >>> [part.shape for part in mg.chunk(mg.zeros(5), 2)]
    [(3,), (2,)]
    """
    if chunks < 1:
        raise ShapeError(f"chunk: expected at least 1 chunk, but got {chunks}.")
    n = x.shape[normal_dim(dim, x.ndim, "chunk")]
    return split(x, max(1, -(-n // chunks)), dim)


def _product(lengths: Sequence[int]) -> int:
    n = 1
    for length in lengths:
        n *= length
    return n
