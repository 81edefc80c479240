"""What the arguments of convolution and pooling must be, said once."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from minigan.backend.window import Pair
from minigan.errors import ConfigError, ShapeError
from minigan.ops.checks import tensor_of
from minigan.ops.shape import unsqueeze


def images(op: str, x: Any) -> tuple[Any, bool]:
    """x as (N, C, H, W), and whether it was a single image (C, H, W): that becomes a batch of one.

    Raises:
        ShapeError: x has another number of dimensions.
    """
    x = tensor_of(op, x)
    shape = x.shape
    if len(shape) not in (3, 4):
        raise ShapeError(
            f"{op}: expected an input (N, C, H, W) or (C, H, W), but got {shape}. "
            "Give it the missing dimensions, for example with reshape or Unflatten."
        )
    return (unsqueeze(x, 0), True) if len(shape) == 3 else (x, False)


def pair(op: str, name: str, value: Any) -> Pair:
    """One number for rows and columns, or one for each.

    Raises:
        ConfigError: it is neither a whole number nor two.
    """
    values = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    try:
        numbers = tuple(operator.index(n) for n in values if not isinstance(n, bool))
    except TypeError:
        numbers = ()
    if len(numbers) not in (1, 2):
        raise ConfigError(f"{op}: expected {name} as a whole number or two, but got {value!r}. Give one or a pair.")
    return numbers[0], numbers[-1]


def require_at_least(op: str, name: str, values: Sequence[int], least: int) -> None:
    """Raise ConfigError if a setting is below what makes sense."""
    if any(not isinstance(n, int) or isinstance(n, bool) or n < least for n in values):
        given = values[0] if len(values) == 1 else tuple(values)
        raise ConfigError(f"{op}: expected {name} of at least {least}, but got {given}. Raise it.")


def require_result(op: str, shape: Sequence[int], sizes: Pair, why: str) -> None:
    """Raise ShapeError if the result would have no rows or columns."""
    if min(sizes) < 1:
        raise ShapeError(
            f"{op}: expected an input large enough for {why}, but got {tuple(shape)}, which would give a result of "
            f"{sizes[0]} x {sizes[1]}. Use a larger input, or other settings."
        )
