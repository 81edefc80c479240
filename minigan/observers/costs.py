"""What an operation costs, told by its shapes: floating point operations (FLOPs) and bytes.

Products of matrices and convolutions are counted exactly, a multiplication and an addition for each pair of factors
(2 m n k), the zeros of the padding included and the bias left out, as PyTorch counts. What only moves values counts
nothing. Everything else counts one for each element of its largest array, however much is done to it: that of the
result if it is elementwise, that of the argument if it is a reduction.

Bytes are those of the arrays that are read and of those that are written. An array that is updated in place is both, so
it counts twice: a step of Adam moves 28 bytes for each float32 parameter, as it reads p, g, m, v and writes p, m, v.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from minigan.backend import Array


class Cost(NamedTuple):
    """FLOPs, and the bytes of all arrays that are read and written; a view of an argument is free."""

    flops: int
    bytes: int


def cost(name: str, arrays: Sequence[Any], y: Any) -> Cost:
    """What the operation (or the kernel) of this name costs that made y of these arrays.

    >>> from minigan.observers.costs import cost
    >>> cost("matmul", [np.ones((2, 3)), np.ones((3, 4))], np.ones((2, 4)))
    Cost(flops=48, bytes=208)
    """
    given, result = _arrays(arrays), _arrays([y])
    everything = [*given, *result]
    moved = sum(x.nbytes for x in everything) + _updated(name, arrays)
    if name in _GATHERS:  # of the first array only what is read counts
        moved -= given[0].nbytes - y.size * given[0].itemsize
        return Cost(0 if name in _MOVES else y.size, moved)
    if name == "setitem_":  # of the first array only what is written counts
        return Cost(0, moved - given[0].nbytes + _set(*arrays) * given[0].itemsize)
    if name in _MOVES:
        return Cost(0, 0 if any(_views(y, x) for x in given) else moved)
    if name in _PRODUCTS:
        return Cost(2 * _PRODUCTS[name](*given, y), moved)
    return Cost(max((x.size for x in everything), default=0), moved)


def _arrays(values: Sequence[Any]) -> list[Array]:
    """The arrays among them, and those in their lists."""
    flat = [x for value in values for x in (value if isinstance(value, (list, tuple)) else (value,))]
    return [x for x in flat if hasattr(x, "nbytes")]


def _updated(name: str, arrays: Sequence[Any]) -> int:
    """The bytes that are written to arrays which are read, too, and so are among the arguments once already."""
    return sum(arrays[i].nbytes for i in _IN_PLACE.get(name, ()) if i < len(arrays) and arrays[i] is not None)


def _set(x: Array, index: Any, value: Any) -> int:
    """How many elements ``x[index] = value`` writes; all of x if that cannot be told from shapes."""
    if not _arrays([index]):
        return int(x[index].size)  # a view
    return int(value.size) if hasattr(value, "size") else x.size


def _views(y: Any, x: Array) -> bool:
    """Whether y shows the memory of x."""
    base = getattr(y, "base", None)
    return y is x or (base is not None and (base is x or base is x.base))


def _terms(weight: Array) -> int:
    """Of how many products a convolution sums each result."""
    return math.prod(weight.shape[1:])


# How many products of two numbers are summed. The arguments are the operation's arrays, then y.
_PRODUCTS: dict[str, Callable[..., int]] = {
    "matmul": lambda x1, x2, y: y.size * x1.shape[-1],
    "matmul_grad1": lambda gy, x2, y: y.size * gy.shape[-1],
    "matmul_grad2": lambda gy, x1, y: y.size * gy.shape[-2],
    "linear": lambda x, weight, *bias_y: x.size * weight.shape[0],
    "linear_without_bias": lambda x, weight, *bias_y: x.size * weight.shape[0],
    "linear_weight_grad": lambda gy, x, gw: gy.size * x.shape[-1],
    "conv2d": lambda x, weight, *bias_y: bias_y[-1].size * _terms(weight),
    "conv2d_input_grad": lambda gy, weight, *bias_y: gy.size * _terms(weight),
    "conv2d_weight_grad": lambda gy, x, gw: gy.size * _terms(gw),
}

_GATHERS = {"embedding", "gather", "gather_pixels", "pick"}

_MOVES = {
    "reshape", "permute", "expand", "flip", "getitem", "gather", "cat", "pad", "pick", "embedding",
    "cast", "to_device", "copy", "copy_", "full", "zeros", "arange", "eye", "flat_buffer", "meet", "pass",
}  # fmt: skip

# Kernels that update arrays: the positions of these among the arguments. `copy_` and `setitem_` only write.
_IN_PLACE = {
    "sgd_": (0, 2),  # p, momentum_buffer
    "adam_": (0, 2, 3),  # p, m, v
    "rmsprop_": (0, 2, 3, 4),  # p, square_avg, momentum_buffer, grad_avg
    "lerp_": (0,),
    "shrink_": (0,),
    "clip_": (0,),
}
