"""A trace: every NumPy call that was made while a function ran, with what it read and wrote.

Arrays that were there before, such as parameters, are kept as they are. Of an array that was made meanwhile only its
place is kept: which allocation, where in it, of what shape. So the trace keeps no memory alive, and once the function
has returned, it tells from whose allocations are still alive what outlived it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigan.backend import Array
from minigan.errors import CaptureError


class Memory:
    """One allocation.

    Attributes:
        nbytes: its size.
        owner: a weak reference to the array that owns it.
    """

    __slots__ = ("nbytes", "owner")

    def __init__(self, owner: Array, gone: Callable[[Any], None]) -> None:
        self.nbytes: int = owner.nbytes
        self.owner = weakref.ref(owner, gone)


class View(NamedTuple):
    """Where an array lies in an allocation; ``offset`` and ``strides`` count bytes."""

    memory: Memory
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]


class Call(NamedTuple):
    """A function of NumPy's with its arguments: views, arrays from before, lists of them, and plain values.

    Attributes:
        written: which of the arguments it writes to, in the same form.
        always: whether it is made even if nobody reads what it writes.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    written: tuple[Any, ...]
    always: bool = False

    def operands(self) -> Iterator[Any]:
        """All views and arrays among the arguments."""
        return _leaves((*self.args, *self.options.values(), *self.written))


class Trace:
    """The calls so far, and the allocations made since it began."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._made: dict[int, Memory] = {}  # those that are alive, by the id of their owner
        self._before: dict[int, Array] = {}  # owners of what was there before; kept, so that no other gets their id

    def release(self) -> None:
        """Forget all of them, and their arrays with them."""
        self.calls.clear()
        self._made.clear()
        self._before.clear()

    def admit(self, x: Array) -> None:
        """From now on this array may be used: it was there before, unless a call of the trace made it."""
        owner = owner_of(x)
        if id(owner) not in self._made:
            self._before[id(owner)] = owner

    def knows(self, x: Array) -> bool:
        """Whether it was admitted or made."""
        key = id(owner_of(x))
        return key in self._before or key in self._made

    def made(self, x: Array) -> None:
        """This array is new."""
        owner = owner_of(x)
        key = id(owner)
        if key not in self._made:
            self._made[key] = Memory(owner, partial(self._forget, key))

    def _forget(self, key: int, _: Any) -> None:
        """An allocation is gone."""
        self._made.pop(key, None)

    def record(
        self,
        function: Callable[..., Any],
        args: Iterable[Any],
        options: dict[str, Any] | None = None,
        written: Iterable[Array] = (),
        always: bool = False,
    ) -> None:
        """Note a call that has just been made."""
        place = partial(mapped, np.ndarray, self._place)
        named = {name: place(value) for name, value in (options or {}).items()}
        self.calls.append(Call(function, tuple(map(place, args)), named, tuple(map(place, written)), always))

    def _place(self, x: Array) -> Any:
        owner = owner_of(x)
        memory = self._made.get(id(owner))
        if memory is not None:
            return View(memory, address(x) - address(owner), x.shape, x.strides, x.dtype)
        if id(owner) in self._before:
            return x.view(np.ndarray)
        raise CaptureError(
            f"capture: found an array of shape {x.shape} that a kernel made without a trace of it; "
            "kernels make arrays through the array module of their backend."
        )


def owner_of(x: Array) -> Array:
    """The array that owns the memory that x shows."""
    while True:
        base = getattr(x.base, "base", None) if not isinstance(x.base, np.ndarray) else x.base  # as_strided's own base
        if not isinstance(base, np.ndarray):
            return x
        x = base


def shown(view: View, memory: Array) -> Array:
    """The array that a view names, in this memory: one dimension of bytes."""
    if 0 in view.shape:  # it shows nothing, whatever its strides
        return np.ndarray(view.shape, view.dtype)
    return np.ndarray(view.shape, view.dtype, memory, view.offset, view.strides)


def bytes_of(owner: Array) -> Array:
    """The memory of an array, as one dimension of bytes."""
    return owner.ravel("K").view(np.uint8)


def address(x: Array) -> int:
    """Where the first element of x lies."""
    return x.__array_interface__["data"][0]  # type: ignore[no-any-return]


def reach(x: Array) -> tuple[int, int]:
    """How many bytes an array shows before its first element, and from there on."""
    far = [(n - 1) * stride for n, stride in zip(x.shape, x.strides, strict=True)] if x.size else []
    return -sum(min(n, 0) for n in far), sum(max(n, 0) for n in far) + x.itemsize


def mapped(kind: Any, change: Callable[[Any], Any], x: Any) -> Any:
    """x with everything of this kind in it, however deep in tuples, lists and dictionaries, changed."""
    if isinstance(x, kind):
        return change(x)
    if type(x) in (tuple, list):
        return type(x)(mapped(kind, change, part) for part in x)
    if type(x) is dict:
        return {name: mapped(kind, change, part) for name, part in x.items()}
    return x


def _leaves(parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, View | np.ndarray):
            yield part
        elif type(part) in (tuple, list):
            yield from _leaves(part)
