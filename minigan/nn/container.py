"""Modules in a row: Sequential calls them one after the other, ModuleList only holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from minigan.errors import DTypeError, IndexRangeError, ShapeError
from minigan.nn.fusion import steps
from minigan.nn.module import Module
from minigan.ops.checks import whole


class _Row(Module):
    """Modules by number; the first is called ``0``."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def _number(self, index: Any) -> int:
        """The index counted from the front."""
        owner, length = type(self).__name__, len(self)
        i = whole(owner, "an index", index)
        if not -length <= i < length:
            raise IndexRangeError(f"{owner}: expected an index below its length of {length}, but got {i}.")
        return i % length


class Sequential(_Row):
    """The output of each module is the input of the next; state dict keys are ``0.weight`` and so on.

    Raises:
        DTypeError: an argument is no module.

    >>> net = mg.nn.Sequential(mg.nn.Linear(3, 4), mg.nn.ReLU(), mg.nn.Linear(4, 1))
    >>> net(mg.zeros(5, 3)).shape
    (5, 1)
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise DTypeError(
                    f"Sequential: expected modules, but argument {i} is of type {type(module).__name__}. "
                    "Write Sequential(first, second), or Sequential(*modules) for a list."
                )
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        """All modules in turn, some of them perhaps as one operation: see `minigan.nn.fusion`."""
        for i, step in steps(list(self._modules.values())):
            try:
                x = step(x)
            except ShapeError as error:
                raise ShapeError(f"Layer {i}: {error}") from None
        return x

    def __getitem__(self, index: int | slice) -> Module:
        modules: list[Module] = list(self._modules.values())
        return Sequential(*modules[index]) if isinstance(index, slice) else modules[self._number(index)]


class ModuleList(_Row):
    """A list of modules whose parameters are found; it has no forward of its own.

    Args:
        modules: what it holds at first.

    Raises:
        DTypeError: one of them is no module.

    >>> blocks = mg.nn.ModuleList([mg.nn.Linear(2, 2) for _ in range(3)])
    >>> len(blocks.append(mg.nn.Tanh())), list(blocks.state_dict())[:2]
    (4, ['0.weight', '0.bias'])
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(() if modules is None else modules)

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end; returns the list."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end; returns the list."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Add a module before the one at this index."""
        modules = list(self)
        modules.insert(index, module)
        self._hold(modules)

    def _hold(self, modules: list[Module]) -> None:
        self._modules.clear()
        self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        modules = list(self)
        return ModuleList(modules[index]) if isinstance(index, slice) else modules[self._number(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(str(self._number(index)), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index if isinstance(index, slice) else self._number(index)]
        self._hold(modules)

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)
