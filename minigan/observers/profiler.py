"""What a program spends its time on: ``profile``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from minigan.backend import Array, Backend
from minigan.observers.costs import cost
from minigan.observers.kernels import kernels_told
from minigan.observers.observer import Observer
from minigan.observers.tables import table

if TYPE_CHECKING:
    from minigan.tape import Node
    from minigan.tensor import Tensor


@dataclass
class Row:
    """All calls of one operation in one direction: "forward", "backward", or "update" for what writes in place."""

    op: str
    direction: str
    calls: int = 0
    seconds: float = 0.0
    flops: int = 0
    bytes: int = 0
    spans: list[tuple[Backend, Any, Any]] = field(default_factory=list, repr=False)  # not yet in ``seconds``

    def settle(self) -> None:
        """Take the times of the calls into account, which a GPU knows only when it is done."""
        self.seconds += sum(_between(*span) for span in self.spans)
        self.spans.clear()

    def add(self, row: Row) -> None:
        """Add another row to this one."""
        self.calls += row.calls
        self.seconds += row.seconds
        self.flops += row.flops
        self.bytes += row.bytes


class profile(Observer):  # noqa: N801  (PyTorch's name)
    """Count calls, time, FLOPs and bytes of each operation inside; print it for a table, slowest first.

    Kernels that belong to no operation, such as an optimizer's step (``adam_``), have rows of their own. FLOPs and
    bytes follow from the shapes: products of matrices and convolutions are counted exactly (2 m n k), what moves
    values counts 0, all else 1 for each element of its largest array (see `minigan.observers.costs`).

    On a GPU the time is that between two events around each kernel, so it includes the time that the GPU waits for
    the program to launch small kernels; the program itself does not wait until the end of the block.

    As a decorator it holds what the call of the function that ended last came to, with all calls inside that one.

    Attributes:
        rows: one `Row` for each operation and direction, slowest first.
        seconds: how long the block took by the clock, with everything that Python did.

    >>> with mg.profile() as p:
    ...     y = mg.ones(2, 3) @ mg.ones(3, 4)
    >>> [(row.op, row.direction, row.calls, row.flops) for row in p.rows if row.flops]
    [('matmul', 'forward', 1, 48)]
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._rows: dict[tuple[str, str], Row] = {}
        self._passing = 0
        self._start: Any = None
        self._entered = 0.0
        self._told = ExitStack()

    def __enter__(self) -> profile:
        profile.__init__(self)
        self._told.enter_context(kernels_told())
        super().__enter__()
        self._entered = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for row in self._rows.values():
            row.settle()
        self.seconds = time.perf_counter() - self._entered
        super().__exit__(kind, error, trace)
        self._told.close()

    def _recreate_cm(self) -> profile:
        return _Call(self)

    @property
    def rows(self) -> list[Row]:
        """One row for each operation and direction, slowest first."""
        return sorted(self._rows.values(), key=lambda row: -row.seconds)

    def running(self, name: str, backend: Backend) -> None:
        """Start the clock."""
        self._start = _now(backend)

    def ran(self, name: str, backend: Backend, arrays: Sequence[Any], params: dict[str, Any], y: Array) -> None:
        """Stop it, and count."""
        span = (backend, self._start, _now(backend))
        direction = "backward" if self._passing else "update" if name.endswith("_") else "forward"
        row = self._rows.setdefault((name, direction), Row(name, direction))
        flops, moved = cost(name, arrays, y)
        row.calls += 1
        row.flops += flops
        row.bytes += moved
        row.spans.append(span)
        if backend.device_type == "cpu":
            row.settle()

    def passing(self, node: Node, gy: Tensor) -> None:
        """Backward has come to a node."""
        self._passing += 1

    def passed(self, node: Node) -> None:
        """Backward has left it."""
        self._passing -= 1

    def __str__(self) -> str:
        rows = self.rows
        total = Row("total", "")
        for row in rows:
            total.add(row)
        head, rule, *body, last = table(_HEAD, [_line(row, total.seconds) for row in [*rows, total]], words=2)
        rest = max(self.seconds - total.seconds, 0.0)
        clock = f"{1e3 * self.seconds:.2f} ms by the clock, {1e3 * rest:.2f} of them outside kernels"
        return "\n".join([head, rule, *body, rule, last, clock])


class _Call(profile):
    """The profile of one call of a function that another profile decorates, and shows."""

    def __init__(self, shown_by: profile) -> None:
        super().__init__()
        self.shown_by = shown_by

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.shown_by._rows, self.shown_by.seconds = self._rows, self.seconds


_HEAD = ["operation", "direction", "calls", "ms", "share", "MFLOP", "GFLOP/s", "MB"]


def _line(row: Row, total: float) -> list[str]:
    share, speed = (f"{x:.1f}" for x in (100 * row.seconds / (total or 1), row.flops / (row.seconds or 1) / 1e9))
    numbers = [f"{x:.2f}" for x in (1e3 * row.seconds, row.flops / 1e6, row.bytes / 1e6)]
    return [row.op, row.direction, str(row.calls), numbers[0], share + "%", numbers[1], speed, numbers[2]]


def _now(backend: Backend) -> Any:
    """The time: on a GPU an event that will know it."""
    if backend.device_type == "cpu":
        return time.perf_counter()
    event = backend.xp.cuda.Event()
    event.record()
    return event


def _between(backend: Backend, start: Any, end: Any) -> float:
    """Seconds from one time to the other; on a GPU, waits for the second."""
    if backend.device_type == "cpu":
        return end - start  # type: ignore[no-any-return]
    end.synchronize()
    return backend.xp.cuda.get_elapsed_time(start, end) / 1e3  # type: ignore[no-any-return]
