"""A program as a table: what each kernel of a step does, costs and takes, and what the machine could do at best."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from minigan.captured.watch import Kernel
from minigan.observers.tables import table
from minigan.roofline import Limits

_HEAD = ["kernel", "shapes", "MFLOP", "MB", "us", "share"]


def report(kernels: Sequence[Kernel], seconds: Sequence[Sequence[float]], limits: Limits) -> str:
    """The table of a program's kernels in their order, the total, and the roofline in one line.

    Args:
        kernels: what a step runs.
        seconds: of each kernel, in several runs.
        limits: of the machine.
    """
    typical = [statistics.median(times) for times in seconds]
    total = sum(typical)
    lines = [_line(kernel, time, total) for kernel, time in zip(kernels, typical, strict=True)]
    head, rule, *body, last = table(_HEAD, [*lines, _line(_total(kernels), total, total)], words=2)
    least = sum(limits.seconds(kernel.flops, kernel.bytes) for kernel in kernels)
    roofline = (
        f"At this machine's limits ({limits}) the kernels would take {1e6 * least:,.0f} us, "
        f"{100 * least / (total or 1):.0f}% of the measured time."
    )
    return "\n".join([head, rule, *body, rule, last, roofline])


def _total(kernels: Sequence[Kernel]) -> Kernel:
    return Kernel("total", (), sum(kernel.flops for kernel in kernels), sum(kernel.bytes for kernel in kernels))


def _line(kernel: Kernel, seconds: float, total: float) -> list[str]:
    shapes = " ".join("x".join(map(str, shape)) or "1" for shape in kernel.shapes)
    cost = f"{kernel.flops / 1e6:.2f}", f"{kernel.bytes / 1e6:.2f}"
    return [kernel.name, shapes, *cost, f"{1e6 * seconds:,.0f}", f"{100 * seconds / (total or 1):.1f}%"]
