"""What experiments return: dataclasses of numbers, which show themselves in one line.

The last line of a notebook's cell is printed, and what an experiment found may be a million numbers.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np


class Numbers:
    """The base of such a dataclass, which is made with ``repr=False``.

    >>> from dataclasses import dataclass
    >>> from minigan.lab.numbers import Numbers
    >>> @dataclass(frozen=True, repr=False)
    ... class Found(Numbers):
    ...     lr: float
    ...     radii: np.ndarray
    ...     seeds: list[int]
    >>> Found(0.1, np.zeros((2, 3)), [0, 1])
    Found(lr=0.1, radii=array(2, 3), seeds=list of 2)
    """

    def __repr__(self) -> str:
        """Of arrays the shape, and of lists and dicts how much they hold."""
        shown = (f"{field.name}={_shown(getattr(self, field.name))}" for field in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(shown)})"


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array{value.shape}"
    if isinstance(value, list | tuple | Mapping):
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, np.generic):
        return _shown(value.item())
    if isinstance(value, str | int | float | complex | None):
        return reprlib.repr(value)
    return f"{type(value).__name__}(...)"
