"""What the kernels of a step cost, and how long each takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from minigan.backend import Backend
from minigan.backend.intercept import intercepted
from minigan.observers.costs import Cost, cost
from minigan.observers.profiler import profile


class KernelTotal(NamedTuple):
    """All calls of a kernel.

    Attributes:
        name: that of the backend's method.
        calls: how many.
        seconds: they took, all together.
        flops, bytes: see `minigan.observers.costs`.
    """

    name: str
    calls: float
    seconds: float
    flops: float
    bytes: float

    def over(self, steps: int) -> KernelTotal:
        """In one of so many steps."""
        return KernelTotal(self.name, *(number / steps for number in self[1:]))


def within(step: float, kernels: Sequence[KernelTotal]) -> tuple[list[KernelTotal], float]:
    """The kernels of a step that takes so many seconds unwatched, and how many they leave of it.

    A step whose kernels are timed takes longer, mostly between them, where the books are kept. What is left is
    therefore that of a step that nobody watches; should the kernels alone have come to more, they are scaled to it.

    >>> from minigan.bench.kernels import KernelTotal, within
    >>> a, b = KernelTotal("a", 1, 0.5, 0, 0), KernelTotal("b", 2, 0.25, 0, 0)
    >>> within(1.0, [a, b])[1], [kernel.seconds for kernel in within(0.375, [a, b])[0]]
    (0.25, [0.25, 0.125])
    """
    watched = sum(kernel.seconds for kernel in kernels)
    scale = step / watched if watched > step else 1.0
    return [kernel._replace(seconds=scale * kernel.seconds) for kernel in kernels], max(0.0, step - watched)


class Meter:
    """Hears of every kernel that runs, and keeps the books of `minigan.profile`.

    The profile itself would not do: as an observer it wants to see each layer, and so none would be fused.
    """

    def __init__(self) -> None:
        self._profile = profile()
        self._running = False
        self.costs: list[Cost] = []

    def __call__(self, name: str, backend: Backend, kernel: Callable[..., Any], *args: Any, **params: Any) -> Any:
        """Run a kernel, and look at the clock; not if it is a part of another one."""
        if self._running:
            return kernel(*args, **params)
        self._running = True
        self._profile.running(name, backend)
        try:
            y = kernel(*args, **params)
        finally:
            self._running = False
        given = args[:-1] if len(args) > 1 and args[-1] is y else args  # without the memory for the result
        self._profile.ran(name, backend, given, params, y)
        self.costs.append(cost(name, given, y))
        return y

    def kernels(self) -> list[KernelTotal]:
        """One for each name, slowest first."""
        for row in self._profile.rows:
            row.settle()  # a GPU knows only now
        return [KernelTotal(row.op, row.calls, row.seconds, row.flops, row.bytes) for row in self._profile.rows]


@contextmanager
def metered() -> Iterator[Meter]:
    """Inside, this thread's kernels are metered.

    >>> from minigan.bench.kernels import metered
    >>> x, w = mg.ones(8, 3), mg.ones(5, 3)
    >>> with metered() as meter:
    ...     y = mg.nn.functional.linear(x, w)
    >>> [(kernel.name, kernel.flops) for kernel in meter.kernels()]
    [('linear', 240)]
    """
    meter = Meter()
    with intercepted(meter):
        yield meter
