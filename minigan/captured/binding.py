"""Binding: from the calls of a trace, on places, to calls on arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from minigan.backend import Array
from minigan.captured.plan import padded
from minigan.captured.trace import Call, Memory, View, address, bytes_of, mapped, owner_of, shown


class Binding:
    """Turns calls on places into calls on arrays.

    Attributes:
        buffer: the memory of all that lives within a step, and ...
        offsets: ... where in it each allocation lies.
        alive: the arrays that outlived the run.
        copies: what to use in place of these and of what was there before the run; None for themselves.
    """

    def __init__(
        self,
        buffer: Array,
        offsets: dict[Memory, int],
        alive: dict[Memory, Array],
        copies: Copies | None = None,
    ) -> None:
        self.buffer = buffer
        self.offsets = offsets
        self.alive = alive
        self.copies = copies

    def call(self, call: Call) -> Callable[[], Any]:
        """A call that takes no arguments any more."""
        args, options = mapped((View, np.ndarray), self._array, (list(call.args), call.options))
        return partial(call.function, *_numbers_as_arrays(call.function, args), **options)

    def _array(self, x: Any) -> Any:
        if isinstance(x, View):
            return shown(x, self._memory(x.memory))
        return x if self.copies is None else self.copies.array(x)

    def _memory(self, memory: Memory) -> Array:
        if memory in self.alive:
            owner = self.alive[memory]
            return bytes_of(owner) if self.copies is None else self.copies.memory(owner)
        start = self.offsets[memory]
        return self.buffer[start : start + padded(memory.nbytes)]


class Copies:
    """Copies of what was there before a run or outlives it, so that to time a program changes nothing."""

    def __init__(self) -> None:
        self._made: dict[int, Array] = {}  # the bytes, by the id of their owner

    def memory(self, owner: Array) -> Array:
        """Of all that this array owns."""
        if id(owner) not in self._made:
            self._made[id(owner)] = bytes_of(owner).copy()
        return self._made[id(owner)]

    def array(self, x: Array) -> Array:
        """Of this array, in the copy of its owner; by itself if that one has gaps."""
        owner = owner_of(x)
        if not owner.flags.forc:
            return x.copy()
        return np.ndarray(x.shape, x.dtype, self.memory(owner), address(x) - address(owner), x.strides)


def _numbers_as_arrays(function: Callable[..., Any], args: list[Any]) -> list[Any]:
    """Python numbers among the operands of a ufunc as 0-d arrays: NumPy would make them again in every call.

    It takes them in the type of the arrays beside them (NEP 50), here if these are of one type.
    """
    if not isinstance(function, np.ufunc):
        return args
    types = {x.dtype for x in args[: function.nin] if isinstance(x, np.ndarray)}
    if len(types) != 1 or next(iter(types)).kind != "f":
        return args
    (dtype,) = types
    return [np.array(x, dtype) if type(x) in (int, float) else x for x in args]
