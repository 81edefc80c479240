"""The same values in another shape or order. Each gradient moves them back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.errors import DTypeError, ShapeError
from minigan.ops.checks import tensor_of, whole
from minigan.tape import primitive

if TYPE_CHECKING:
    from minigan.tensor import Tensor

Shape = tuple[int, ...]


def shape_of(sizes: Sequence[Any]) -> Shape:
    """The shape that a function was given as ints, ``f(2, 3)``, or as one tuple, ``f((2, 3))``."""
    if len(sizes) == 1 and isinstance(sizes[0], Sequence):
        return tuple(sizes[0])
    return tuple(sizes)


_INT = frozenset([int])


def sizes_of(op: str, sizes: Sequence[Any], least: int = 0) -> Shape:
    """The shape that the user asks for, given as ints or as one tuple.

    Raises:
        ArgumentError: a length is no whole number.
        ShapeError: a length is below ``least``.
    """
    shape = shape_of(sizes)
    if not _INT.issuperset(map(type, shape)):
        shape = tuple([whole(op, "each length", n) for n in shape])
    if shape and min(shape) < least:
        raise ShapeError(f"{op}: expected lengths of at least {least}, but got the shape {shape}.")
    return shape


def lengths(x: Any, op: str) -> Shape:
    """The shape of a tensor or an array.

    Raises:
        DTypeError: it is neither.
    """
    try:
        return x.shape  # type: ignore[no-any-return]
    except AttributeError:
        raise DTypeError(f"{op}: expected a tensor or an array, but got {x!r}. Convert it with mg.tensor(x).") from None


def normal_dim(dim: int, ndim: int, op: str) -> int:
    """The dimension counted from the front: -1 of 3 is 2.

    Raises:
        ArgumentError: it is no whole number.
        ShapeError: there is no such dimension.
    """
    dim = whole(op, "dim", dim)
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise ShapeError(
            f"{op}: expected a dim from {-max(ndim, 1)} to {max(ndim, 1) - 1} for a tensor with {ndim} dimensions, "
            f"but got {dim}."
        )
    return dim % max(ndim, 1)


def own_dim(dim: int, shape: Shape, op: str) -> int:
    """As :func:`normal_dim`, of a tensor that has dimensions.

    Raises:
        ArgumentError: it is no whole number.
        ShapeError: there is no such dimension.
    """
    d = normal_dim(dim, len(shape), op)
    if not shape:
        raise ShapeError(f"{op}: expected a tensor with at least 1 dimension, but got one with shape ().")
    return d


def normal_dims(dim: int | Sequence[int] | None, ndim: int, op: str) -> tuple[int, ...]:
    """All dimensions meant by ``dim``, counted from the front; None means all of them."""
    if dim is None:
        return tuple(range(ndim))
    given = tuple(dim) if isinstance(dim, Sequence) else (dim,)
    dims = tuple(normal_dim(d, ndim, op) for d in given)
    if len(set(dims)) < len(dims):
        raise ShapeError(f"{op}: expected each dim once, but got {given}. Remove the repeated one.")
    return dims if ndim else ()


# ---- the same values in another shape --------------------------------------------------------------------


@primitive(x=lambda gy, x_shape: _reshape(gy, shape=x_shape))
def _reshape(k: Backend, x: Array, *, shape: Shape) -> Array:
    """The values of x in their order, in another shape."""
    return k.reshape(x, shape)


def reshape(input: Any, *sizes: Any, shape: Sequence[int] | None = None) -> Tensor:
    """The values in another shape; one length may be -1 and is worked out.

    >>> mg.reshape(mg.arange(6), 2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return _reshape(input, shape=sizes_of("reshape", sizes if shape is None else (shape,), -1))


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """One dimension in place of those from start_dim to end_dim.

    >>> mg.flatten(mg.zeros(2, 3, 4), 1).shape
    (2, 12)
    """
    shape = lengths(input, "flatten")
    start, end = normal_dim(start_dim, len(shape), "flatten"), normal_dim(end_dim, len(shape), "flatten")
    if start > end:
        raise ShapeError(f"flatten: expected start_dim before end_dim, but got {start_dim} and {end_dim}.")
    return _reshape(input, shape=(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def squeeze(input: Any, dim: int | Sequence[int] | None = None) -> Tensor:
    """Without the dimensions of length 1, or without those of them that ``dim`` names.

    >>> mg.squeeze(mg.zeros(1, 3, 1)).shape
    (3,)
    """
    shape = lengths(input, "squeeze")
    dims = normal_dims(dim, len(shape), "squeeze")
    return _reshape(input, shape=tuple([n for d, n in enumerate(shape) if n != 1 or d not in dims]))


def unsqueeze(input: Any, dim: int) -> Tensor:
    """With a new dimension of length 1 at ``dim``.

    >>> mg.unsqueeze(mg.zeros(3), 0).shape
    (1, 3)
    """
    shape = lengths(input, "unsqueeze")
    d = normal_dim(dim, len(shape) + 1, "unsqueeze")
    return _reshape(input, shape=(*shape[:d], 1, *shape[d:]))


# ---- another order of dimensions -------------------------------------------------------------------------


@primitive(x=lambda gy, dims: _permute(gy, dims=tuple(sorted(range(len(dims)), key=dims.__getitem__))))
def _permute(k: Backend, x: Array, *, dims: Shape) -> Array:
    """Dimension i of the result is dimension dims[i] of x."""
    return k.permute(x, dims)


def permute(input: Any, *order: Any, dims: Sequence[int] | None = None) -> Tensor:
    """The dimensions in another order: dimension i of the result is dimension ``dims[i]`` of the input.

    >>> mg.permute(mg.zeros(2, 3, 4), 2, 0, 1).shape
    (4, 2, 3)
    """
    given = shape_of(order if dims is None else (dims,))
    shape = lengths(input, "permute")
    found = normal_dims(given, len(shape), "permute")
    if len(found) != len(shape):
        raise ShapeError(f"permute: expected all {len(shape)} dimensions of a tensor {shape}, but got {given}.")
    return _permute(input, dims=found)


def transpose(input: Any, dim0: int, dim1: int) -> Tensor:
    """Two dimensions swapped.

    >>> mg.transpose(mg.zeros(2, 3, 4), 0, 2).shape
    (4, 3, 2)
    """
    ndim = len(lengths(input, "transpose"))
    dims = list(range(ndim))
    a, b = normal_dim(dim0, ndim, "transpose"), normal_dim(dim1, ndim, "transpose")
    if dims:
        dims[a], dims[b] = dims[b], dims[a]
    return _permute(input, dims=tuple(dims))


def t(input: Any) -> Tensor:
    """A matrix with rows and columns swapped; fewer dimensions stay as they are.

    Raises:
        ShapeError: there are more than 2 dimensions.

    >>> mg.t(mg.zeros(2, 3)).shape
    (3, 2)
    """
    shape = lengths(input, "t")
    if len(shape) > 2:
        raise ShapeError(f"t: expected at most 2 dimensions, but got the shape {shape}. Use transpose.")
    return _permute(input, dims=tuple(reversed(range(len(shape)))))


@primitive(x=lambda gy, dims: _flip(gy, dims=dims))
def _flip(k: Backend, x: Array, *, dims: Shape) -> Array:
    """The other way round along dims."""
    return k.flip(x, dims)


def flip(input: Any, *along: Any, dims: Sequence[int] | None = None) -> Tensor:
    """The other way round along the given dimensions.

    >>> mg.flip(mg.tensor([[1, 2], [3, 4]]), (0, 1))
    tensor([[4, 3],
            [2, 1]])
    """
    given = shape_of(along if dims is None else (dims,))
    return _flip(input, dims=normal_dims(given, len(lengths(input, "flip")), "flip"))


# ---- repeated ----------------------------------------------------------------------------------------------


@primitive(x=lambda gy: gy)  # what was repeated is summed where broadcasting is undone
def _expand(k: Backend, x: Array, *, shape: Shape) -> Array:
    """x repeated to ``shape`` without a copy."""
    return k.expand(x, shape)


def expand(input: Any, *sizes: Any, size: Sequence[int] | None = None) -> Tensor:
    """Dimensions of length 1 repeated to the given sizes, without a copy; -1 leaves a dimension as it is.

    >>> mg.expand(mg.tensor([[1.0], [2.0]]), -1, 3)
    tensor([[1., 1., 1.],
            [2., 2., 2.]])
    """
    given, x_shape = sizes_of("expand", sizes if size is None else (size,), -1), lengths(input, "expand")
    new = len(given) - len(x_shape)
    return _expand(input, shape=tuple([x_shape[d - new] if n == -1 and d >= new else n for d, n in enumerate(given)]))


def expand_as(input: Any, other: Any) -> Tensor:
    """As :func:`expand`, to the shape of another tensor.

    >>> mg.ones(1, 3).expand_as(mg.zeros(2, 3)).shape
    (2, 3)
    """
    return expand(input, lengths(other, "expand_as"))


# ---- in memory of their own ------------------------------------------------------------------------------


@primitive(x=lambda gy: gy)
def clone(k: Backend, x: Array) -> Array:
    """A contiguous copy of x, through which gradients pass."""
    return k.copy(x)


def contiguous(input: Any) -> Tensor:
    """The tensor itself, if its values lie in memory in their order, and else a copy where they do.

    >>> x = mg.zeros(2, 3)
    >>> x.contiguous() is x, x.t().contiguous() is x.t()
    (True, False)
    """
    x: Tensor = tensor_of("contiguous", input)
    return x if x._data.flags.c_contiguous else clone(x)
