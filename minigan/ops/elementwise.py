"""Elementwise operations: the first page of the op table.

Each entry is an operation's gradients, its formula and its kernel. ``gy`` is the gradient of the result y;
broadcasting is undone elsewhere (`minigan.autograd`), so a VJP may return the shape of y. VJPs are written with
operations of this same table, so each can be differentiated again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend, get_backend
from minigan.errors import ConfigError, DTypeError, RangeError
from minigan.ops.promotion import cast_to, floating, promote, result_type
from minigan.tape import operand, primitive
from minigan.variable import Variable, constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor

# ---- arithmetic ------------------------------------------------------------------------------------------


@primitive(x1=lambda gy: gy, x2=lambda gy: gy, rule=promote)
def add(k: Backend, x1: Array, x2: Array) -> Array:
    """y = x1 + x2."""
    return k.add(x1, x2)


@primitive(x1=lambda gy: gy, x2=lambda gy: -gy, rule=promote)
def sub(k: Backend, x1: Array, x2: Array) -> Array:
    """y = x1 - x2."""
    return k.sub(x1, x2)


@primitive(x1=lambda gy, x2: gy * x2, x2=lambda gy, x1: gy * x1, rule=promote)
def mul(k: Backend, x1: Array, x2: Array) -> Array:
    """y = x1 x2."""
    return k.mul(x1, x2)


@primitive(x1=lambda gy, x2: gy / x2, x2=lambda gy, x2, y: -gy * y / x2, rule=floating)
def div(k: Backend, x1: Array, x2: Array) -> Array:
    """y = x1 / x2; integers give float32."""
    return k.div(x1, x2)


def pow(x1: Any, x2: Any) -> Tensor:
    """y = x1 ^ x2; a Python number as the exponent has a cheaper gradient than a tensor.

    >>> mg.pow(mg.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    x1, x2 = operand(x1), operand(x2)
    dtype = result_type([x1, x2])
    if not isinstance(x2, Variable):
        if x2 < 0 and dtype.kind in "iu":
            raise RangeError(f"pow: integers have no integer power {x2}. Convert the base with x.float().")
        return _pow_number(cast_to(x1, dtype), exponent=x2)
    if not isinstance(x1, Variable):
        x1 = _as(get_backend(x2._data), x1, dtype)
    return _pow(x1, x2)


@primitive(
    x1=lambda gy, x1, x2: gy * (x2 * _pow(where(eq(x2, 0), _not_0(x1), x1), x2 - 1)),  # x^0 is flat, at 0 too
    x2=lambda gy, x1, y: gy * (y * log(_not_0(x1))),  # 0^x does not change with x
    rule=promote,
)
def _pow(k: Backend, x1: Array, x2: Array) -> Array:
    """y = x1 ^ x2."""
    return k.pow(x1, x2)


def _not_0(x: Tensor) -> Tensor:
    return where(eq(x, 0), 1, x)


@primitive(x=lambda gy, x, exponent: gy * (_pow_number(x, exponent=exponent - 1 if exponent else 1) * exponent))
def _pow_number(k: Backend, x: Array, *, exponent: float) -> Array:
    """y = x ^ exponent."""
    return k.square(x) if exponent == 2 else k.pow(x, exponent)


@primitive(x=lambda gy: -gy)
def neg(k: Backend, x: Array) -> Array:
    """y = -x."""
    return k.neg(x)


@primitive(x=lambda gy, x: gy * sign(x))
def abs(k: Backend, x: Array) -> Array:
    """y = |x|; the gradient at 0 is 0."""
    return k.abs(x)


@primitive(x=lambda gy: gy * 0.0)
def sign(k: Backend, x: Array) -> Array:
    """y = -1, 0 or 1; its gradient is 0 everywhere."""
    return k.sign(x)


@primitive(x=lambda gy, x: gy * (x * 2))
def square(k: Backend, x: Array) -> Array:
    """y = x^2."""
    return k.square(x)


@primitive(x=lambda gy, y: gy / (y * 2), rule=floating)
def sqrt(k: Backend, x: Array) -> Array:
    """y = x^(1/2)."""
    return k.sqrt(x)


@primitive(x=lambda gy, y: gy * y * y * y * -0.5, rule=floating)
def rsqrt(k: Backend, x: Array) -> Array:
    """y = x^(-1/2)."""
    return k.rsqrt(x)


@primitive(x=lambda gy, y: -gy * y * y, rule=floating)
def reciprocal(k: Backend, x: Array) -> Array:
    """y = 1 / x."""
    return k.reciprocal(x)


# ---- exponentials and angles -----------------------------------------------------------------------------


@primitive(x=lambda gy, y: gy * y, rule=floating)
def exp(k: Backend, x: Array) -> Array:
    """y = e^x."""
    return k.exp(x)


@primitive(x=lambda gy, y: gy * (y + 1), rule=floating)
def expm1(k: Backend, x: Array) -> Array:
    """y = e^x - 1, exact for small x."""
    return k.expm1(x)


@primitive(x=lambda gy, x: gy / x, rule=floating)
def log(k: Backend, x: Array) -> Array:
    """y = ln x."""
    return k.log(x)


@primitive(x=lambda gy, x: gy / (x + 1), rule=floating)
def log1p(k: Backend, x: Array) -> Array:
    """y = ln(1 + x), exact for small x."""
    return k.log1p(x)


@primitive(x=lambda gy, x: gy * cos(x), rule=floating)
def sin(k: Backend, x: Array) -> Array:
    """y = sin x."""
    return k.sin(x)


@primitive(x=lambda gy, x: -gy * sin(x), rule=floating)
def cos(k: Backend, x: Array) -> Array:
    """y = cos x."""
    return k.cos(x)


# ---- choosing between values -----------------------------------------------------------------------------


def where(condition: Any, x1: Any, x2: Any) -> Tensor:
    """y = x1 where the condition holds, else x2.

    >>> x = mg.tensor([-1.0, 2.0])
    >>> mg.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if not isinstance(condition, Variable):
        condition = constant(np.asarray(condition, bool))
    dtype = result_type([operand(x1), operand(x2)])
    backend = get_backend(condition._data)
    choices = [cast_to(x, dtype) if isinstance(x, Variable) else _as(backend, x, dtype) for x in (x1, x2)]
    return _where(condition, *choices)


def _as(backend: Any, x: Any, dtype: np.dtype[Any]) -> Tensor:
    return constant(backend.asarray(x, dtype))


@primitive(x1=lambda gy, condition: where(condition, gy, 0.0), x2=lambda gy, condition: where(condition, 0.0, gy))
def _where(k: Backend, condition: Array, x1: Array, x2: Array) -> Array:
    """y = x1 where the condition holds, else x2."""
    return k.where(condition, x1, x2)


def _share(gy: Tensor, wins: Tensor, tie: Tensor) -> Tensor:
    """All of gy where this argument wins, half where both are equal, as in PyTorch."""
    return where(tie, gy * 0.5, where(wins, gy, 0.0))


@primitive(
    x1=lambda gy, x1, x2: _share(gy, gt(x1, x2), eq(x1, x2)),
    x2=lambda gy, x1, x2: _share(gy, gt(x2, x1), eq(x1, x2)),
    rule=promote,
)
def maximum(k: Backend, x1: Array, x2: Array) -> Array:
    """y = the larger of x1 and x2."""
    return k.maximum(x1, x2)


@primitive(
    x1=lambda gy, x1, x2: _share(gy, lt(x1, x2), eq(x1, x2)),
    x2=lambda gy, x1, x2: _share(gy, lt(x2, x1), eq(x1, x2)),
    rule=promote,
)
def minimum(k: Backend, x1: Array, x2: Array) -> Array:
    """y = the smaller of x1 and x2."""
    return k.minimum(x1, x2)


def clamp(x: Any, min: float | None = None, max: float | None = None) -> Tensor:
    """y = x held between min and max; the gradient is 1 inside, bounds included, and 0 outside.

    >>> mg.clamp(mg.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise ConfigError("clamp: expected min, max or both, but got neither. Give at least one bound.")
    low, high = (None if bound is None else operand(bound) for bound in (min, max))
    if isinstance(low, Variable) or isinstance(high, Variable):
        raise DTypeError("clamp: expected numbers as bounds, but got a tensor. Use mg.maximum and mg.minimum.")
    x = operand(x)
    return _clamp(cast_to(x, result_type([x, low, high])), low=low, high=high)


def _clamp_grad(gy: Tensor, x: Tensor, low: float | None, high: float | None) -> Tensor:
    if low is not None:
        gy = where(ge(x, low), gy, 0.0)
    return gy if high is None else where(le(x, high), gy, 0.0)


@primitive(x=_clamp_grad)
def _clamp(k: Backend, x: Array, *, low: float | None, high: float | None) -> Array:
    """y = min(max(x, low), high), where a bound of None is none."""
    if low is not None:
        x = k.maximum(x, low)
    return x if high is None else k.minimum(x, high)


# ---- comparisons: boolean results without a gradient -----------------------------------------------------


@primitive(rule=promote)
def eq(k: Backend, x1: Array, x2: Array) -> Array:
    """y = (x1 = x2)."""
    return k.eq(x1, x2)


@primitive(rule=promote)
def ne(k: Backend, x1: Array, x2: Array) -> Array:
    """y = (x1 differs from x2)."""
    return k.ne(x1, x2)


@primitive(rule=promote)
def lt(k: Backend, x1: Array, x2: Array) -> Array:
    """y = (x1 < x2)."""
    return k.lt(x1, x2)


@primitive(rule=promote)
def le(k: Backend, x1: Array, x2: Array) -> Array:
    """y = (x1 <= x2)."""
    return k.le(x1, x2)


@primitive(rule=promote)
def gt(k: Backend, x1: Array, x2: Array) -> Array:
    """y = (x1 > x2)."""
    return k.gt(x1, x2)


@primitive(rule=promote)
def ge(k: Backend, x1: Array, x2: Array) -> Array:
    """y = (x1 >= x2)."""
    return k.ge(x1, x2)


@primitive()
def isfinite(k: Backend, x: Array) -> Array:
    """y = (x is neither infinite nor nan)."""
    return k.isfinite(x)
