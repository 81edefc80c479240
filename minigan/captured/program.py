"""A program: a captured step that can be run again. How, a subclass for each kind of device knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from minigan.backend import get_backend
from minigan.captured.parts import is_number
from minigan.captured.structure import flatten
from minigan.captured.watch import Kernel, Watch
from minigan.ops.random import stream
from minigan.tensor import Tensor
from minigan.variable import Variable


class Program:
    """A captured step, made of what a `Watch` saw of it.

    Attributes:
        kernels: the kernels, in their order.
        nbytes: how much memory it needs for all that lives within a step.
        result: what it returns; the same tensors each time.
    """

    kernels: Sequence[Kernel]
    nbytes: int

    def __init__(self, watch: Watch, inputs: Sequence[Tensor], result: Any) -> None:
        self.result = result
        self._inputs = [x._data for x in inputs]
        self._sites = watch.sites
        self._settings = watch.settings
        touched = [(x.owner(), x) for x in watch.touched.values()]
        self._found = [(owner, *found) for owner, x in touched for found in x.before.items()]
        changed = [(owner, name) for owner, name, before in self._found if getattr(owner, name) is not before]
        changed += [(owner, name) for owner, x in touched for name in x.replaced]
        self._left = [(owner, name, getattr(owner, name)) for owner, name in changed]
        parts = [part for parts in watch.modules.values() for part in parts.kept()]
        self._entries = [(part.home.get, name, value) for part in parts for name, value in part.entries]
        self._sizes = [(part.home, part.size) for part in parts if part.size is not None]
        counts = [(owner, owner.version - x.version) for owner, x in touched if isinstance(owner, Variable)]
        self._updates = [(leaf, count) for leaf, count in counts if count]

    def count_results(self) -> None:
        """Have the updates of results counted, too, so that a tape that has saved one notices them."""
        results: list[Tensor] = []
        flatten(self.result, results)
        owners = {id(owner): owner for x in results if self.overwrites(x) and (owner := x.owner()) is not None}
        counted = {id(leaf) for leaf, _ in self._updates}
        self._updates += [(owner, 1) for key, owner in owners.items() if key not in counted]

    def overwrites(self, x: Tensor) -> bool:
        """Whether a run writes to the memory of this result, which may as well be a leaf of the function's."""
        owner = x.owner()
        return owner is not None and not owner._requires_grad

    def fits(self) -> bool:
        """Whether everything that the program depends on is as it was when it was recorded."""
        for owner, name, value in self._found:
            if getattr(owner, name) is not value:
                return False
        for get, name, value in self._entries:
            if (now := get(name)) is not value and not is_number(now, value):
                return False
        for home, size in self._sizes:
            if len(home) != size:
                return False
        return all(setting() == value for setting, value in self._settings)

    def run(self, inputs: Iterable[Tensor]) -> Any:
        """Replay it on these inputs."""
        for memory, x in zip(self._inputs, inputs, strict=True):
            get_backend(memory).copy_(memory, x._data)
        self.play()
        for owner, name, value in self._left:
            setattr(owner, name, value)
        for leaf, count in self._updates:
            leaf.version += count
        stream.site += self._sites
        return self.result

    def play(self) -> None:
        """Run the kernels, and what the host has to do for them."""
        raise NotImplementedError
