"""Programs on the CPU: a flat list of NumPy calls, on memory that was planned once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from minigan.backend import Array
from minigan.backend.device import CPU
from minigan.captured.arena import buffer_of
from minigan.captured.binding import Binding, Copies
from minigan.captured.plan import needed, outlives, place
from minigan.captured.program import Program
from minigan.captured.recorder import Recorder
from minigan.captured.report import report
from minigan.captured.trace import Call, Memory, View, owner_of
from minigan.roofline import limits
from minigan.tensor import Tensor


class CallProgram(Program):
    """A captured step on the CPU. Printed, it is a table of its kernels, with the time of each."""

    def __init__(self, recorder: Recorder, inputs: Sequence[Tensor], result: Any) -> None:
        super().__init__(recorder, inputs, result)
        calls = recorder.trace.calls
        alive = _alive(calls)  # and so until all is planned, whatever a garbage collection would take
        use = needed(calls)
        numbers = list(accumulate(use, initial=0))  # how many of the calls before each are needed
        self._calls = [call for call, used in zip(calls, use, strict=True) if used]
        self._plan = place(self._calls)
        self.nbytes = self._plan.nbytes
        # What outlived the run lies where it is: whoever holds it sees what each replay puts there.
        self._alive = _alive(self._calls)
        del alive
        parts = [slice(numbers[part.start], numbers[part.stop]) for part in recorder.parts]
        self.kernels = [kernel for kernel, part in zip(recorder.kernels, parts, strict=True) if part.start < part.stop]
        self._parts = [part for part in parts if part.start < part.stop]
        written = [self._owner(x) for call in self._calls for x in call.written if outlives(x)]
        self._written = list({id(owner): owner for owner in written}.values())
        self._steps: list[Callable[[], Any]] = []
        self.count_results()

    def _owner(self, x: View | Array) -> Array:
        """The array that owns what outlives a step."""
        return self._alive[x.memory] if isinstance(x, View) else owner_of(x)

    def move(self, buffer: Array | None) -> None:
        """Live in this buffer of at least ``nbytes`` from now on; without one the program cannot run."""
        bound = Binding(buffer, self._plan.offsets, self._alive)
        self._steps = [] if buffer is None else [bound.call(call) for call in self._calls]

    def overwrites(self, x: Tensor) -> bool:
        """Whether a run writes to the memory of this result."""
        return any(owner_of(x._data) is owner for owner in self._written)

    def play(self) -> None:
        """Make the calls."""
        with np.errstate(all="ignore"):  # as the kernels themselves do
            for step in self._steps:
                step()

    def seconds(self, runs: int = 20) -> list[list[float]]:
        """How long each kernel takes, in each of several runs on copies of what the memory holds now."""
        bound = Binding(buffer_of(self.nbytes), self._plan.offsets, self._alive, Copies())
        steps = [bound.call(call) for call in self._calls]
        stop = time.perf_counter
        found: list[list[float]] = [[] for _ in self.kernels]
        with np.errstate(all="ignore"):
            for _ in range(runs):
                for times, part in zip(found, self._parts, strict=True):
                    begun = stop()
                    for step in steps[part]:
                        step()
                    times.append(stop() - begun)
        return found

    def __str__(self) -> str:
        return report(self.kernels, self.seconds(), limits(CPU))


def _alive(calls: Sequence[Call]) -> dict[Memory, Array]:
    """The arrays that outlived the run, of those that the calls use."""
    views = [x for call in calls for x in call.operands() if isinstance(x, View)]
    return {x.memory: owner for x in views if (owner := x.memory.owner()) is not None}
