"""The names under which a function keeps tensors from one call to the next."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from minigan.tensor import Tensor


def kept_by(function: Callable[..., Any]) -> dict[str, Tensor]:
    """The tensors that a function finds by name: in its module, in the function around it, and in its object.

    >>> total = mg.zeros(2)
    >>> def add(x):
    ...     global total
    ...     total = total + x
    >>> from minigan.captured.names import kept_by
    >>> list(kept_by(add))
    ['total']
    """
    function = inspect.unwrap(function)
    found: dict[str, Any] = {}
    if inspect.ismethod(function):
        found = {f"self.{name}": value for name, value in getattr(function.__self__, "__dict__", {}).items()}
        function = function.__func__
    if inspect.isfunction(function):
        names = inspect.getclosurevars(function)
        found |= {**names.globals, **names.nonlocals}
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}
