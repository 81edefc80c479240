"""Sequential: modules one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigan.errors import DTypeError, ShapeError
from minigan.nn.module import Module


class Sequential(Module):
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
        """All modules in turn."""
        for i, module in enumerate(self._modules.values()):
            try:
                x = module(x)
            except ShapeError as error:
                raise ShapeError(f"Layer {i}: {error}") from None
        return x

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Module:
        modules = list(self._modules.values())
        return Sequential(*modules[index]) if isinstance(index, slice) else modules[index]
