"""Elementwise operations: the first page of the op table.

Each entry is an operation's gradients, its formula and its kernel. ``gy`` is the gradient of the result y;
broadcasting is undone elsewhere (`minigan.sweep`), so a VJP may return the shape of y. VJPs are written with
operations of this same table, so each can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, Backend, get_backend
from minigan.errors import ConfigError, DTypeError, RangeError, ShapeError
from minigan.ops.checks import operand_of, tensor_of
from minigan.ops.promotion import agree, cast_to, floating, numbers, promote, result_type
from minigan.tape import primitive
from minigan.variable import Variable, constant

if TYPE_CHECKING:
    from minigan.tensor import Tensor

# ---- arithmetic ------------------------------------------------------------------------------------------


@primitive(x1=lambda gy: gy, x2=lambda gy: gy, rule=promote)
def add(k: Backend, x1: Array, x2: Array) -> Array:
    """y = x1 + x2."""
    return k.add(x1, x2)


@primitive(x1=lambda gy: gy, x2=lambda gy: -gy, rule=numbers)
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


def pow(input: Any, exponent: Any) -> Tensor:
    """y = input ^ exponent; a Python number as the exponent has a cheaper gradient than a tensor.

    Raises:
        RangeError: the power of integers would be none, as 2 ^ -1.

    >>> mg.pow(mg.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    x1, x2 = operand_of("pow", input), operand_of("pow", exponent)
    if not isinstance(x2, Variable):
        return _pow_number(_base(x1, x2), exponent=x2)
    if not isinstance(x1, Variable):
        x1 = constant(get_backend(x2._data).asarray(x1, result_type([x1, x2])))
    return _pow(x1, x2)


def _base(x: Any, exponent: float) -> Any:
    """x in the type that its power has."""
    if isinstance(x, Variable) and x._data.dtype.kind == "f":
        return x
    dtype = result_type([x, exponent])
    if exponent < 0 and dtype.kind in "iu":
        raise RangeError(f"pow: integers have no integer power {exponent}. Convert the base with x.float().")
    return cast_to(x, dtype)


def _base_of_slope(x1: Tensor, x2: Tensor) -> Tensor:
    """x1, but 1 where x2 is 0 and x1 is 0 or nan: x^0 is flat there, too."""
    return where(eq(x2, 0), where(gt(abs(x1), 0), x1, 1.0), x1)


def _log_of_base(x1: Tensor, x2: Tensor) -> Tensor:
    """ln x1, but 0 where x1 is 0 and x2 is not below it: 0^x does not change with x."""
    return log(where(eq(x1, 0), where(ge(x2, 0), 1.0, x1), x1))


@primitive(
    x1=lambda gy, x1, x2: gy * (x2 * _pow(_base_of_slope(x1, x2), x2 - 1)),
    x2=lambda gy, x1, x2, y: gy * (y * _log_of_base(x1, x2)),
    rule=promote,
)
def _pow(k: Backend, x1: Array, x2: Array) -> Array:
    """y = x1 ^ x2."""
    return k.pow(x1, x2)


def not_0(x: Tensor) -> Tensor:
    """x, but 1 where it is 0: for quotients and powers that do not count there."""
    return where(eq(x, 0), 1.0, x)


def _nothing_of(gy: Tensor) -> Tensor:
    """0 for each gy, infinite ones and nan too, for which gy * 0 is nan; still a function of gy."""
    return where(lt(gy, gy), gy, 0.0)


def _pow_number_grad(gy: Tensor, x: Tensor, exponent: float) -> Tensor:
    if exponent == 0:
        return _nothing_of(gy)
    return gy * (_pow_number(x, exponent=exponent - 1) * exponent)


@primitive(x=_pow_number_grad)
def _pow_number(k: Backend, x: Array, *, exponent: float) -> Array:
    """y = x ^ exponent."""
    cheaper = _POWERS.get(exponent)
    return cheaper(k, x) if cheaper else k.pow(x, exponent)


_POWERS: dict[float, Callable[[Backend, Array], Array]] = {
    2: lambda k, x: k.square(x),
    0.5: lambda k, x: k.sqrt(x),
    -0.5: lambda k, x: k.rsqrt(x),
    -1: lambda k, x: k.reciprocal(x),
}


@primitive(x=lambda gy: -gy, rule=numbers)
def neg(k: Backend, x: Array) -> Array:
    """y = -x."""
    return k.neg(x)


@primitive(x=lambda gy, x: gy * sign(x), rule=numbers)
def abs(k: Backend, x: Array) -> Array:
    """y = |x|; the gradient at 0 is 0."""
    return k.abs(x)


@primitive(x=_nothing_of, rule=numbers)
def sign(k: Backend, x: Array) -> Array:
    """y = -1, 0 or 1, and 0 for nan; its gradient is 0 everywhere."""
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


def where(condition: Any, input: Any, other: Any) -> Tensor:
    """y = input where the condition holds, else other.

    Raises:
        DTypeError: the condition is not made of truth values.

    >>> x = mg.tensor([-1.0, 2.0])
    >>> mg.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    condition = operand_of("where", condition)
    if not isinstance(condition, Variable):
        condition = constant(np.asarray(condition))
    if condition.dtype.kind != "b":
        raise DTypeError(f"where: expected a condition of bool, but got {condition.dtype}. Compare, as in x > 0.")
    if not (isinstance(input, Variable) or isinstance(other, Variable)):
        input = _constant_choice(condition, operand_of("where", input), operand_of("where", other))
    return _where(condition, input, other)


def masked_fill(input: Any, mask: Any, value: Any) -> Tensor:
    """y = input, but the value where the mask holds, which is made of the input's type.

    Raises:
        DTypeError: the mask is not made of truth values.
        RangeError: the input's type has no such value.
        ShapeError: the value is more than one number.

    >>> mg.masked_fill(mg.tensor([1.0, 2.0]), mg.tensor([True, False]), 0.0)
    tensor([0., 2.])
    """
    x, value = tensor_of("masked_fill", input), operand_of("masked_fill", value)
    if isinstance(value, Variable) and value.shape:
        raise ShapeError(f"masked_fill: expected one number as the value, but got the shape {value.shape}. Use where.")
    return where(mask, _of_type(x.dtype, value), x)


def _of_type(dtype: np.dtype[Any], value: Any) -> Any:
    try:
        return cast_to(value, dtype) if isinstance(value, Variable) else dtype.type(value).item()
    except (OverflowError, ValueError):
        raise RangeError(f"masked_fill: {dtype} cannot hold the value {value}. Convert the input.") from None


def _constant_choice(condition: Tensor, x1: Any, x2: Any) -> Tensor:
    """x1 as a tensor: the kernel wants one beside the condition."""
    if isinstance(x1, Variable):
        return x1  # type: ignore[return-value]
    return constant(get_backend(condition._data).asarray(x1, result_type([x1, x2])))


def _promote_choices(name: str, args: list[Any]) -> list[Any]:
    condition, x1, x2 = args
    return args if agree(x1, x2) else [condition, *promote(name, [x1, x2])]


@primitive(
    x1=lambda gy, condition: where(condition, gy, 0.0),
    x2=lambda gy, condition: where(condition, 0.0, gy),
    rule=_promote_choices,
)
def _where(k: Backend, condition: Array, x1: Array, x2: Array) -> Array:
    """y = x1 where the condition holds, else x2."""
    return k.where(condition, x1, x2)


def _share(gy: Tensor, loses: Tensor, tie: Tensor) -> Tensor:
    """gy, but half of it where both are equal and 0 where this one loses; all of it beside nan, as in PyTorch."""
    return where(loses, 0.0, where(tie, gy * 0.5, gy))


@primitive(
    x1=lambda gy, x1, x2: _share(gy, lt(x1, x2), eq(x1, x2)),
    x2=lambda gy, x1, x2: _share(gy, lt(x2, x1), eq(x1, x2)),
    rule=promote,
)
def maximum(k: Backend, x1: Array, x2: Array) -> Array:
    """y = the larger of x1 and x2; nan if one of them is."""
    return k.maximum(x1, x2)


@primitive(
    x1=lambda gy, x1, x2: _share(gy, gt(x1, x2), eq(x1, x2)),
    x2=lambda gy, x1, x2: _share(gy, gt(x2, x1), eq(x1, x2)),
    rule=promote,
)
def minimum(k: Backend, x1: Array, x2: Array) -> Array:
    """y = the smaller of x1 and x2; nan if one of them is."""
    return k.minimum(x1, x2)


def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    """y = input held between min and max, numbers or tensors; max counts where min is above it.

    The gradient of the input is 1 inside, bounds included, and 0 outside, where it is the bound's.

    Raises:
        ConfigError: there is neither a min nor a max.

    >>> mg.clamp(mg.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise ConfigError("clamp: expected min, max or both, but got neither. Give at least one bound.")
    return _clamp(input, min, max)


def _clamp_grad(gy: Tensor, x: Tensor, low: Any, high: Any) -> Tensor:
    if low is not None:
        gy = where(ge(x, low), gy, 0.0)
    return gy if high is None else where(le(x, high), gy, 0.0)


def _clamp_low_grad(gy: Tensor, x: Tensor, low: Tensor, high: Any) -> Tensor:
    gy = where(lt(x, low), gy, 0.0)
    return gy if high is None else where(lt(low, high), gy, 0.0)


def _clamp_high_grad(gy: Tensor, x: Tensor, low: Any, high: Tensor) -> Tensor:
    crossed = 0.0 if low is None else where(lt(high, low), gy, 0.0)
    return where(gt(x, high), gy, crossed)


@primitive(x=_clamp_grad, low=_clamp_low_grad, high=_clamp_high_grad, rule=promote)
def _clamp(k: Backend, x: Array, low: Any = None, high: Any = None) -> Array:
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
