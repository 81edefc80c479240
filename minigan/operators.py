"""What can be written with tensors: Python's operators and PyTorch's methods, all of them operations of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minigan.ops import (
    activation,
    elementwise,
    extremes,
    indexing,
    joining,
    length,
    linalg,
    reduce,
    shape,
    softmax,
    truth,
)
from minigan.variable import Variable

if TYPE_CHECKING:
    from minigan.tensor import Tensor


class Operators(Variable):
    """Each operator and each method is an operation of `minigan.ops`."""

    __slots__ = ()
    __hash__ = object.__hash__  # by identity, since == compares elementwise

    def __add__(self, other: Any) -> Tensor:
        return elementwise.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return elementwise.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return elementwise.sub(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return elementwise.sub(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return elementwise.mul(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return elementwise.mul(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return elementwise.div(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return elementwise.div(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return elementwise.pow(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return elementwise.pow(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return linalg.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return linalg.matmul(other, self)

    def __neg__(self) -> Tensor:
        return elementwise.neg(self)

    def __abs__(self) -> Tensor:
        return elementwise.abs(self)

    def __eq__(self, other: Any) -> Tensor:  # type: ignore[override]
        return elementwise.eq(self, other)

    def __ne__(self, other: Any) -> Tensor:  # type: ignore[override]
        return elementwise.ne(self, other)

    def __lt__(self, other: Any) -> Tensor:
        return elementwise.lt(self, other)

    def __le__(self, other: Any) -> Tensor:
        return elementwise.le(self, other)

    def __gt__(self, other: Any) -> Tensor:
        return elementwise.gt(self, other)

    def __ge__(self, other: Any) -> Tensor:
        return elementwise.ge(self, other)

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.getitem(self, index)

    # ---- PyTorch's methods -----------------------------------------------------------------------------

    add, sub, mul, div, pow = (
        elementwise.add,
        elementwise.sub,
        elementwise.mul,
        elementwise.div,
        elementwise.pow,
    )
    neg, abs, sign, square = elementwise.neg, elementwise.abs, elementwise.sign, elementwise.square
    sqrt, rsqrt, reciprocal = elementwise.sqrt, elementwise.rsqrt, elementwise.reciprocal
    exp, expm1, log, log1p = elementwise.exp, elementwise.expm1, elementwise.log, elementwise.log1p
    sin, cos, clamp = elementwise.sin, elementwise.cos, elementwise.clamp
    maximum, minimum, isfinite = elementwise.maximum, elementwise.minimum, elementwise.isfinite
    eq, ne, lt, le, gt, ge = (
        elementwise.eq, elementwise.ne, elementwise.lt, elementwise.le, elementwise.gt, elementwise.ge,
    )  # fmt: skip
    tanh, sigmoid, relu = activation.tanh, activation.sigmoid, activation.relu
    all, any, masked_fill = truth.all, truth.any, elementwise.masked_fill
    sum, mean, var, std = reduce.sum, reduce.mean, reduce.var, reduce.std
    max, min, amax, amin, argmax, argmin = (
        extremes.max, extremes.min, extremes.amax, extremes.amin, extremes.argmax, extremes.argmin,
    )  # fmt: skip
    norm, logsumexp, softmax, log_softmax = length.norm, softmax.logsumexp, softmax.softmax, softmax.log_softmax
    reshape, view, flatten, expand = shape.reshape, shape.reshape, shape.flatten, shape.expand
    squeeze, unsqueeze, expand_as = shape.squeeze, shape.unsqueeze, shape.expand_as
    t, clone, contiguous = shape.t, shape.clone, shape.contiguous
    permute, transpose, flip = shape.permute, shape.transpose, shape.flip
    split, chunk, gather = joining.split, joining.chunk, indexing.gather
    matmul, bmm = linalg.matmul, linalg.bmm
