"""Arguments and results as a list of tensors and what is left without them."""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from minigan.backend import Array, device_of, get_backend
from minigan.captured.trace import reach
from minigan.errors import CaptureError
from minigan.tensor import Tensor
from minigan.variable import view_of


class Place(NamedTuple):
    """Where a tensor was; equal for tensors that one program fits.

    Attributes:
        shape, dtype, device, requires_grad: the tensor's.
        strides: in bytes; None where the numbers lie one after the other. The order of a sum depends on them.
        first: the position of the first tensor that is this very one: the gradient of one is that of both.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    device: str
    requires_grad: bool
    strides: tuple[int, ...] | None
    first: int

    @classmethod
    def of(cls, x: Tensor, tensors: list[Tensor]) -> Place:
        """The place of the last of the tensors."""
        array = x._data
        device = "" if type(array) is np.ndarray else str(device_of(array))
        strides = None if array.flags.c_contiguous else array.strides
        first = next(i for i, tensor in enumerate(tensors) if tensor is x)
        return cls(array.shape, array.dtype, device, x._requires_grad, strides, first)


def flatten(x: Any, tensors: list[Tensor]) -> Any:
    """x as something hashable, with a `Place` for each tensor; the tensors are added to the list.

    Raises:
        CaptureError: there is something in it that cannot be compared by its value, or a tensor on the tape.
    """
    if isinstance(x, Tensor):
        if x.node is not None:
            raise CaptureError(
                f"capture: expected arguments that are off the tape, but the one of shape {x.shape} is the result of "
                "an operation, and the gradient would end at its copy. Pass x.detach()."
            )
        tensors.append(x)
        return Place.of(x, tensors)
    if isinstance(x, tuple | list):
        return type(x), tuple([flatten(part, tensors) for part in x])
    if isinstance(x, dict):
        return dict, tuple([(name, flatten(part, tensors)) for name, part in x.items()])
    if isinstance(x, np.ndarray):
        return flatten(Tensor(x), tensors)
    if isinstance(x, slice):
        return slice, x.start, x.stop, x.step
    if isinstance(x, float | np.floating):  # -0.0 equals 0.0, and nan not even itself
        return type(x), repr(x)
    if type(x).__hash__ is None:
        raise CaptureError(
            f"capture: expected tensors, containers of them, and values that can be hashed, but got "
            f"a {type(x).__name__}. Pass a tuple of its parts."
        )
    return type(x), x


def like(x: Array) -> Array:
    """New memory with the shape, the type and the layout of x, which nobody has written to."""
    backend = get_backend(x)
    if x.flags.c_contiguous:
        return backend.empty(x.shape, x.dtype)
    before, after = reach(x)
    memory = backend.empty((before + after,), np.uint8)
    first = memory[before : before + x.itemsize].view(x.dtype)
    return backend.xp.lib.stride_tricks.as_strided(first, x.shape, x.strides)


def map_tensors(change: Callable[[Tensor], Any], x: Any) -> Any:
    """x with every tensor in it changed."""
    if isinstance(x, Tensor):
        return change(x)
    if isinstance(x, tuple | list):
        parts = [map_tensors(change, part) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if isinstance(x, dict):
        changed = copy.copy(x)  # of its own kind, such as a defaultdict
        changed.update({name: map_tensors(change, part) for name, part in x.items()})
        return changed
    return change(Tensor(x)) if isinstance(x, np.ndarray) else x


def replaced(x: Any, tensors: Iterator[Tensor]) -> Any:
    """x with these tensors in place of its own, in the order of :func:`flatten`."""
    return map_tensors(lambda _: next(tensors), x)


def in_words(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The arguments of a call as a person may read them: of tensors, their shapes.

    >>> from minigan.captured.structure import in_words
    >>> in_words((mg.ones(2, 3), 0.5), {"flip": True})
    '(tensor (2, 3), 0.5, flip=True)'
    """
    shown = map_tensors(lambda x: _Shape(x.shape), [*args, *kwargs.values()])
    names = [""] * len(args) + [f"{name}=" for name in kwargs]
    parts = [name + reprlib.repr(x) for name, x in zip(names, shown, strict=True)]
    return f"({', '.join(parts)})"


class _Shape(tuple[int, ...]):
    """That of a tensor."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"tensor {tuple(self)}"


def result_of(y: Any) -> Any:
    """What a captured function returns: its tensors off the tape.

    Raises:
        CaptureError: there is something in it that a replay could not give anew, such as a number.
    """
    if isinstance(y, np.ndarray):
        raise CaptureError(
            "capture: expected the function to return tensors, but got an array: a replay would not know it. "
            "Return the tensor."
        )
    if isinstance(y, tuple | list | dict):
        for part in y.values() if isinstance(y, dict) else y:
            result_of(part)
        return map_tensors(view_of, y)
    if y is not None and not isinstance(y, Tensor):
        found = f"{y!r}, " if isinstance(y, int | float | complex | str) else ""  # others may hold tensors
        raise CaptureError(
            f"capture: expected the function to return tensors, but got {found}a {type(y).__name__}: every replay "
            "would return the same. Return the tensor itself, and call .item() on it outside."
        )
    return None if y is None else view_of(y)
