"""The plan of a program's memory: which calls are needed, and where in one buffer each array lies while it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from minigan.backend.numpy import LINE
from minigan.captured.trace import Call, Memory, View


class Plan(NamedTuple):
    """Where each allocation lies in the buffer, and how long the buffer has to be; in bytes."""

    offsets: dict[Memory, int]
    nbytes: int


def needed(calls: Sequence[Call]) -> list[bool]:
    """Which calls write to what outlives the run, or to what such calls read."""
    wanted: set[Memory] = set()
    found = []
    for call in reversed(calls):
        use = call.always or any(outlives(x) or x.memory in wanted for x in call.written)
        if use:
            wanted.update(x.memory for x in call.operands() if isinstance(x, View))
        found.append(use)
    return found[::-1]


def place(calls: Sequence[Call]) -> Plan:
    """A place for each allocation that does not outlive the run: two may share it if they are not in use together.

    The largest first, each as low as it fits (greedy by size; Pisarchyk and Lee 2020, "Efficient Memory Management for
    Deep Neural Net Inference", section 5).
    """
    first, last = _lifetimes(calls)
    order = sorted(first, key=lambda memory: (-memory.nbytes, first[memory]))
    begins = np.array([first[memory] for memory in order])
    ends = np.array([last[memory] for memory in order])
    sizes = np.array([padded(memory.nbytes) for memory in order], np.int64)
    starts = np.zeros(len(order), np.int64)
    for i in range(len(order)):
        together = np.flatnonzero((begins[:i] <= ends[i]) & (ends[:i] >= begins[i]))
        starts[i] = _lowest_gap(starts[together], sizes[together], int(sizes[i]))
    nbytes = int((starts + sizes).max(initial=0))
    return Plan({memory: int(start) for memory, start in zip(order, starts, strict=True)}, nbytes)


def padded(nbytes: int) -> int:
    """So many bytes and the rest of their last cache line."""
    return -(-nbytes // LINE) * LINE


def outlives(x: View | np.ndarray) -> bool:
    """Whether this memory was there before the run, or is still."""
    return not isinstance(x, View) or x.memory.owner() is not None


def _lifetimes(calls: Sequence[Call]) -> tuple[dict[Memory, int], dict[Memory, int]]:
    """The first and the last call that uses each allocation."""
    first: dict[Memory, int] = {}
    last: dict[Memory, int] = {}
    for i, call in enumerate(calls):
        for x in call.operands():
            if isinstance(x, View) and x.memory.owner() is None:
                first.setdefault(x.memory, i)
                last[x.memory] = i
    return first, last


def _lowest_gap(starts: np.ndarray, sizes: np.ndarray, size: int) -> int:
    """The lowest place where ``size`` bytes touch none of these."""
    end = 0
    for i in np.argsort(starts, kind="stable"):
        if starts[i] - end >= size:
            break
        end = max(end, int(starts[i] + sizes[i]))
    return end
