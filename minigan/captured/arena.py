"""The arena: one buffer for all programs of a captured function, which never run at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from minigan.backend import Array, get_backend
from minigan.backend.memory import give_back_freed_memory


class Tenant(Protocol):
    """A program that needs ``nbytes`` of memory while it runs."""

    nbytes: int

    def move(self, buffer: Array | None) -> None:
        """Live in this buffer from now on, or in none."""


class Arena:
    """Memory as large as the largest of its tenants needs.

    It is given up while a function is recorded, which takes memory of its own: so the most that is ever in use is what
    the function takes as written, or what its programs need, and not their sum.
    """

    def __init__(self) -> None:
        self.tenants: Sequence[Tenant] = ()
        self._given_up = False

    def give_up(self) -> None:
        """Leave no tenant a place."""
        self._given_up = True
        for tenant in self.tenants:
            tenant.move(None)

    def furnish(self, tenants: Sequence[Tenant]) -> None:
        """Give each of these a place, all of them the same."""
        self.tenants, self._given_up = tenants, False
        give_back_freed_memory()  # what the recording took: the buffer takes its place
        buffer = buffer_of(max((tenant.nbytes for tenant in tenants), default=0))
        for tenant in tenants:
            tenant.move(buffer)

    def furnish_again(self) -> None:
        """Give all tenants a place again if it was given up."""
        if self._given_up:
            self.furnish(self.tenants)


def buffer_of(nbytes: int) -> Array:
    """New memory on the CPU, which begins with a cache line."""
    return get_backend(np.empty(0)).flat_buffer(nbytes, np.uint8)
