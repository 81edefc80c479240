"""Values picked out of a tensor. Each gradient puts them back, added up where a place was picked twice.

Adding up at places given by arrays uses atomic additions on a GPU, in an order, and so with a last bit, that may
change from run to run. Slices and single numbers name each place once and always give the same bits.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend, get_backend
from minigan.capturing import refuse
from minigan.errors import IndexRangeError, ShapeError
from minigan.ops.checks import require_indices, tensor_of, whole
from minigan.ops.elementwise import eq
from minigan.ops.promotion import cast_to
from minigan.ops.shape import Shape, _reshape, normal_dim, squeeze, unsqueeze
from minigan.tape import primitive
from minigan.variable import Variable, constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor

# ---- x[index] --------------------------------------------------------------------------------------------


@primitive(gy=lambda gx, index: _getitem(gx, index=index))
def _getitem_grad(k: Backend, gy: Array, *, shape: Shape, index: Any) -> Array:
    """Zeros with gy added at the index, once per mention of a place."""
    return k.getitem_grad(gy, shape, index)


@primitive(x=lambda gy, x_shape, index: _getitem_grad(gy, shape=x_shape, index=index))
def _getitem(k: Backend, x: Array, *, index: Any) -> Array:
    """x[index]."""
    return k.getitem(x, index)


def getitem(x: Any, index: Any) -> Tensor:
    """x[index] for integers, slices, None, Ellipsis, integer arrays and boolean masks, as in NumPy.

    Raises:
        IndexRangeError: the index does not fit the shape.
    """
    try:
        return _getitem(x, index=raw_index(index))
    except (IndexError, TypeError, OverflowError) as error:
        raise IndexRangeError(f"x[i]: expected an index that fits the shape {x.shape}, but {error}.") from None


def raw_index(index: Any) -> Any:
    """The index with arrays in place of tensors; copies, as the way back needs them as they were."""
    if isinstance(index, tuple):
        return tuple([raw_index(part) for part in index])
    if isinstance(index, _UNCHANGING):
        return index
    array = index._data if isinstance(index, Variable) else index
    return get_backend(array).copy(array) if hasattr(array, "dtype") else copy(array)


_UNCHANGING = (int, slice, np.generic, type(None), type(Ellipsis))


# ---- one value per place along a dimension ---------------------------------------------------------------


@primitive(gy=lambda gx, index, dim: _gather(gx, index, dim=dim))
def _gather_grad(k: Backend, gy: Array, index: Array, *, shape: Shape, dim: int) -> Array:
    """Zeros of ``shape`` with gy added at the index."""
    return k.gather_grad(gy, index, shape, dim)


@primitive(x=lambda gy, index, x_shape, dim: _gather_grad(gy, index, shape=x_shape, dim=dim))
def _gather(k: Backend, x: Array, index: Array, *, dim: int) -> Array:
    """y[i, j] = x[index[i, j], j] for dim 0, and so on."""
    return k.gather(x, index, dim)


def gather(input: Any, dim: int, index: Any) -> Tensor:
    """y[i, j] = input[index[i, j], j] for dim 0, input[i, index[i, j]] for dim 1, and so on.

    Args:
        input: any tensor.
        dim: the dimension that the index counts along.
        index: integers, of as many dimensions as the input and along others than ``dim`` at most as long.

    Raises:
        DTypeError: the index is not made of integers.
        IndexRangeError: it points beyond the input. On a GPU this is not checked, as it would have to wait.
        ShapeError: the shapes do not fit.

    >>> mg.gather(mg.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, mg.tensor([[0], [1]]))
    tensor([[1.],
            [4.]])
    """
    x, at = tensor_of("gather", input), tensor_of("gather", index)
    d = normal_dim(dim, len(x.shape), "gather")
    x, at = (unsqueeze(z, 0) if not z.shape else z for z in (x, at))
    if not at._data.size:
        return _reshape(_getitem(_reshape(x, shape=(-1,)), index=slice(0, 0)), shape=at.shape)
    _check_gather(x.shape, d, at)
    y = _gather(x, at, dim=d)
    return y if index.shape else squeeze(y, 0)


def _check_gather(x_shape: Shape, dim: int, index: Any) -> None:
    require_indices("gather", index, x_shape[dim], f"The input has the shape {x_shape}.")
    longer = [d for d in range(min(len(x_shape), len(index.shape))) if d != dim and index.shape[d] > x_shape[d]]
    if len(index.shape) != len(x_shape) or longer:
        raise ShapeError(
            f"gather: expected an index with as many dimensions as the input {x_shape} and, but for dim {dim}, none "
            f"longer, but got {index.shape}."
        )


def one_hot(input: Any, num_classes: int = -1) -> Tensor:
    """For each class number a row of zeros with a 1 at that place, in int64.

    Args:
        input: integers, any shape.
        num_classes: the length of a row; -1 stands for the largest number + 1, which a GPU must be asked for.

    Raises:
        DTypeError: the input is not made of integers.
        IndexRangeError: a number is below 0 or not below ``num_classes``. On a GPU this is not checked.
        ShapeError: an empty tensor tells no number of classes.

    >>> mg.nn.functional.one_hot(mg.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    x, num_classes = tensor_of("one_hot", input), whole("one_hot", "num_classes", num_classes)
    require_indices("one_hot", x, None if num_classes == -1 else num_classes, "Pass a larger num_classes.")
    if num_classes == -1:
        num_classes = _largest(x) + 1
    classes = constant(get_backend(x._data).arange(0, num_classes, 1, x.dtype))
    return cast_to(eq(unsqueeze(x, -1), classes), np.dtype(np.int64))  # type: ignore[no-any-return]


def _largest(x: Any) -> int:
    if not x._data.size:
        raise ShapeError("one_hot: expected at least one number, or num_classes. Pass num_classes for an empty tensor.")
    refuse("the largest of the numbers that one_hot is given, on which a shape depends", "Pass num_classes.")
    return int(x._data.max())
