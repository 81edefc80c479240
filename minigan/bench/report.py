"""What is left behind: the numbers as JSON, and the plots."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minigan.backend.device import CPU, Device
from minigan.bench.crossover import Crossover, crossovers
from minigan.bench.kernel_plot import kernel_plot
from minigan.bench.measure import Point
from minigan.bench.speed_plot import speed_plot
from minigan.info import environment
from minigan.roofline import Limits
from minigan.serialization import write_whole

RESULTS = "results.json"


@dataclass
class Report:
    """All that was measured.

    Attributes:
        command: what was typed.
        devices: on which, with their limits.
        points: what was found.
        left_out: sentences about what was not measured, and why.
        finished: whether all was measured that was not left out; not if something broke off, be it the power.
    """

    command: str
    devices: dict[Device, Limits]
    points: list[Point] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    finished: bool = False

    @property
    def names(self) -> dict[str, str]:
        """Of the devices, for people."""
        return {str(device): name_of(device) for device in self.devices}

    def write(self, folder: Path) -> Path:
        """Write the numbers into a folder that is there, in place of those before; never a part of them.

        Raises:
            RunError: that fails.
        """
        path = folder / RESULTS
        write_whole(path, json.dumps(self.as_dict(), indent=1).encode())
        return path

    def plot(self, folder: Path) -> Iterator[Path]:
        """Write the plots there, one after the other.

        Raises:
            RunError: that fails.
        """
        for preset in dict.fromkeys(point.preset for point in self.points):
            points = [point for point in self.points if point.preset == preset]
            for name, plot in (("speed", speed_plot), ("kernels", kernel_plot)):
                path = folder / f"{name}-{preset}.png"
                write_whole(path, plot(points, self.names))
                yield path

    def as_dict(self) -> dict[str, Any]:
        """For JSON. Times are in seconds, memory in bytes."""
        return {
            "command": self.command,
            "finished": self.finished,
            "machine": environment(),
            "devices": {str(device): _device(device, limits) for device, limits in self.devices.items()},
            "points": [_point(point) for point in self.points],
            "crossovers": [_crossover(each) for each in crossovers(self.points)],
            "left_out": self.left_out,
        }


def name_of(device: Device) -> str:
    """What people call it, and how much of it is used.

    >>> from minigan.bench.report import name_of
    >>> name_of(mg.device("cpu")).endswith("threads") or name_of(mg.device("cpu")).endswith("1 thread")
    True
    """
    found = environment(device)
    if device.type == "cuda":
        return str(found["gpu"]["name"])
    threads = found["blas_threads"]
    return f"{found['cpu']}, {threads} thread{'' if threads == 1 else 's'}"


def _device(device: Device, limits: Limits) -> dict[str, Any]:
    return {
        "name": name_of(device),
        **({"gpu": environment(device)["gpu"]} if device != CPU else {}),
        "matmul_flops_per_s": limits.flops,
        "copy_bytes_per_s": {str(nbytes): speed for nbytes, speed in limits.copies.items()},
    }


def _point(point: Point) -> dict[str, Any]:
    return {
        "preset": point.preset,
        "device": point.device,
        "batch_size": point.batch_size,
        "samples": point.samples,
        "flops": point.flops,
        "bytes": point.bytes,
        "seconds_at_limits": point.limit,
        "kernels": [kernel._asdict() for kernel in point.kernels],
        "seconds_outside_kernels": point.outside,
        "modes": {mode: _timing(point, mode) for mode in point.timings},
        "refused": point.refused,
    }


def _timing(point: Point, mode: str) -> dict[str, Any]:
    timing = point.timings[mode]
    low, high = timing.spread
    return {
        "seconds_per_step": timing.median,
        "10%": low,
        "90%": high,
        "steps_per_s": timing.steps_per_s,
        "samples_per_s": point.samples_per_s(mode),
        "flops_per_s": point.flops_per_s(mode),
        "share": point.share(mode),
        "peak_bytes": timing.peak_bytes,
        "steps_in_a_block": timing.steps,
        "blocks": timing.seconds,
    }


def _crossover(each: Crossover) -> dict[str, Any]:
    ratios = {str(size): ratio for size, ratio in each.ratios.items()}
    return {**each._asdict(), "ratios": ratios, "in_words": str(each)}
