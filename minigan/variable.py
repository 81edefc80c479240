"""What the tape sees of a tensor: an array, the node that made it, and how often it was changed.

A value that backward needs must be what it was in the forward pass. A leaf therefore counts its changes, and a
tensor that shows the memory of a leaf, such as ``weight.T``, counts and is checked with that leaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import Array, get_backend
from minigan.capturing import touch
from minigan.hooks import Hooks

if TYPE_CHECKING:
    from minigan.tape import Node
    from minigan.tensor import Tensor

_tensor_class: type[Tensor]


class Variable:
    """An array, the node that made it, and its gradient. `minigan.Tensor` adds the operators.

    Attributes:
        node: the operation whose result this is; None for a leaf.
        base: the leaf whose memory the array shows, if it is a view of one; else None.
        shows_result: whether the array shows the memory of a result, which a node may have saved: never changed.
        version: how often the array of this leaf was changed; saved values remember it.
        name: what error messages call it; modules name their parameters.
    """

    __slots__ = (
        "__weakref__",
        "_data",
        "_grad",
        "_grad_buffer",
        "_hooks",
        "_requires_grad",
        "base",
        "name",
        "node",
        "shows_result",
        "version",
    )  # fmt: skip

    def __init__(self, data: Array, node: Node | None = None, requires_grad: bool = False) -> None:
        self._data = data
        self.node = node
        self._requires_grad = requires_grad or node is not None
        self._grad: Array | None = None
        self._grad_buffer: Array | None = None  # where an optimizer wants the gradient of this leaf
        self._hooks: Hooks | None = None  # called with the gradient of this leaf
        self.base: Variable | None = None
        self.shows_result = node is not None
        self.version = 0
        self.name: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of all dimensions."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type, one of NumPy's."""
        return self._data.dtype  # type: ignore[no-any-return]

    def owner(self) -> Variable | None:
        """The leaf that counts the changes of this array; None for results, whose arrays never change."""
        return self if self.base is None and self.node is None else self.base

    def count_change(self) -> None:
        """To be called by whoever has written to the array."""
        owner = self.owner()
        if owner is not None:
            touch(owner)
            owner.version += 1


def tensor_class(cls: type[Tensor]) -> type[Tensor]:
    """Class decorator: primitives return this class."""
    global _tensor_class
    _tensor_class = cls
    return cls


def constant(data: Array) -> Tensor:
    """A tensor around this very array that needs no gradient."""
    return _tensor_class(data)


def tied(data: Array, node: Node | None, base: Variable | None = None) -> Tensor:
    """A tensor around this very array, made by the node, that shows the memory of the leaf ``base``."""
    y = _tensor_class(data, node)
    y.base = base
    return y


def view_of(x: Variable) -> Tensor:
    """The same array, off the tape."""
    y = tied(x._data, None, x.owner())
    y.shows_result = x.shows_result
    return y


def result(data: Array, node: Node | None, operands: Sequence[Any]) -> Tensor:
    """A tensor around what a kernel made of the operands: perhaps a view of one of them."""
    y = _tensor_class(data, node)
    viewed = None if data.base is None else _viewed(data, operands)
    if viewed is not None:
        y.base = viewed.owner()
        y.shows_result = y.shows_result or viewed.shows_result
    return y


def forget_gradients(leaves: Iterable[Any], set_to_none: bool) -> None:
    """Take the gradients of leaves away; or make them zeros, where there are any."""
    for leaf in leaves:
        if set_to_none:
            leaf.grad = None
        elif leaf._grad is not None:
            leaf.grad = get_backend(leaf._data).full(leaf.shape, 0, leaf.dtype)


def edge_of(x: Variable) -> Node | Variable | None:
    """Where a gradient of x goes: to the node that made it, to x itself if it is a leaf, or nowhere."""
    return (x.node or x) if x._requires_grad else None


def _viewed(data: Array, operands: Sequence[Any]) -> Variable | None:
    """The operand whose memory ``data`` shows."""
    for x in operands:
        if isinstance(x, Variable) and (data.base is x._data or data.base is x._data.base):
            return x
    return None
