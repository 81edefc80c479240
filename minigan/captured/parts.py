"""What a program assumes of the modules that it went through: their settings, tensors, modules and hooks.

Somebody may put another layer, another parameter or another probability of dropout in the place of one that was there
when the function was recorded. A replay would not notice, so it is looked for before each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from minigan.variable import Variable

NOT_SETTINGS = ("training", "_parameters", "_buffers", "_modules")  # the first is watched by itself
NUMBERS = (bool, int, float)  # and the like, which are the same if they are equal


class Part(NamedTuple):
    """Some entries of a dictionary of a module.

    Attributes:
        home: the dictionary.
        entries: names, and what belongs there.
        size: the number of all entries; None if there may be others.
    """

    home: dict[Any, Any]
    entries: list[tuple[Any, Any]]
    size: int | None


def is_number(x: Any, value: Any) -> bool:
    """Whether x is this very number, in another object."""
    return type(x) in NUMBERS and type(x) is type(value) and x == value


class Parts:
    """What a module consisted of when it was called."""

    def __init__(self, module: Any) -> None:
        own = {name: value for name, value in vars(module).items() if name not in NOT_SETTINGS}
        shadowed = {name: own.get(name) for name in ("_hooks", "forward")}  # there may be one later
        self._found = [Part(vars(module), list({**own, **shadowed}.items()), None)]
        hooks = own.get("_hooks")
        inside = () if hooks is None else (hooks.before, hooks.after, hooks.backward)
        for home in (module._parameters, module._buffers, module._modules, *inside):
            self._found.append(Part(home, list(home.items()), len(home)))

    def kept(self) -> Iterator[Part]:
        """What the run has left as it was; what it changes, it may change again."""
        for home, entries, size in self._found:
            same = [(name, value) for name, value in entries if home.get(name) is value]
            if same or size is not None:
                yield Part(home, same, None if size is None else len(home))

    def replaced(self) -> Iterator[tuple[str, Variable]]:
        """The tensors that the run has put others in the place of, with their names."""
        for home, entries, _ in self._found:
            for name, value in entries:
                if isinstance(value, Variable) and home.get(name) is not value:
                    yield name, value
