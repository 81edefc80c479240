"""What `minigan bench` does, from its arguments to its exit code."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from minigan.backend.device import CPU, Device, probe
from minigan.backend.device import device as resolve
from minigan.backend.memory import keep_freed_memory
from minigan.bench.crossover import crossovers
from minigan.bench.expected import Expectation, expect
from minigan.bench.figures import check_drawing
from minigan.bench.measure import measure
from minigan.bench.memory import usable_memory
from minigan.bench.progress import Tell, at, progress
from minigan.bench.report import Report, name_of
from minigan.bench.table import footer, head, lines
from minigan.bench.work import Work
from minigan.blas import running
from minigan.commands.announcement import duration
from minigan.commands.results import results_folder
from minigan.commands.stopping import until_stopped
from minigan.errors import ConfigError, RunError, ShapeError
from minigan.gan import load_preset
from minigan.gan.signals import Stopped
from minigan.roofline import Limits, limits
from minigan.streams import say

PLOTS = 1.5  # seconds to draw those of a preset
GIB = 1 << 30


class Job(NamedTuple):
    """A preset on a device."""

    work: Work
    device: Device
    expected: Expectation


def bench(args: argparse.Namespace) -> int:
    """Measure, print, write; nothing is written before all is known to work."""
    try:
        return until_stopped(lambda: _bench(args))
    except MemoryError as error:  # not in a step, see `_measure`
        reason = f" ({error})" if str(error) else ""
        raise RunError(f"Out of memory{reason}; close other programs, or choose another --device.") from None


def _bench(args: argparse.Namespace) -> int:
    keep_freed_memory()  # as training does
    devices = _devices(args.device)
    works = [Work.of(load_preset(name), args.batch_sizes) for name in args.presets]
    check_drawing()
    with results_folder(args.out, "bench") as folder, progress() as tell:
        _announce(args, devices, folder)
        report = Report(args.typed, _measured_limits(devices, tell))
        jobs = _jobs(works, report, args.seconds, tell)
        try:
            _measure_all(jobs, report, folder, args.seconds, tell)
        finally:  # whatever ends it, what was measured is shown
            tell("")
            if report.points:
                _finish(report, folder)
    return 0


# ---- before --------------------------------------------------------------------------------------------------


def _devices(asked: str) -> list[Device]:
    """The CPU and all GPUs that work, or the one that was asked for."""
    if asked != "all":
        return [resolve(asked)]
    if probe().state != "ok":
        return [CPU]
    import cupy

    gpus = range(cupy.cuda.runtime.getDeviceCount())
    return [CPU, *(Device("cuda", index) for index in gpus if probe(index).state == "ok")]


def _announce(args: argparse.Namespace, devices: Sequence[Device], folder: Path) -> None:
    """What is about to happen: what is measured, where, and where to."""
    from minigan.info import AVX512_HINT, environment

    _row("measures", f"training steps of {' and '.join(args.presets)}, eager and captured")
    for device in devices:
        _row(str(device), f"{environment()['cpu']}; {running()}" if device == CPU else name_of(device))
    if args.device == "all" and len(devices) == 1:
        _row("cuda", f"is left out. {probe().sentence}")
    if environment()["avx512_unused"]:
        _row("faster", AVX512_HINT)
    _row("writes", f"{folder}/")


def _row(label: str, text: str) -> None:
    say(f"{label:<10}{text}")


def _measured_limits(devices: Sequence[Device], tell: Tell) -> dict[Device, Limits]:
    """What each device can do at most."""
    found = {}
    for device in devices:
        tell(f"measuring what {device} can do at most")
        found[device] = limits(device)
        tell("")
        _row("at most", f"{device}: {found[device]}")
    return found


def _jobs(works: Sequence[Work], report: Report, seconds: float, tell: Tell) -> list[Job]:
    """Every preset on every device, with a first look at each, from which follows how long all will take."""
    jobs = []
    for work in works:
        for device, most in report.devices.items():
            tell(f"a first look at {work.name} on {device}")
            jobs.append(Job(work, device, expect(work, device, most)))
    tell("")
    total = sum(job.expected.duration(job.work, seconds) for job in jobs) + PLOTS * len(works)
    _row("time", f"{duration(total, total)}; Ctrl-C stops early and keeps what was measured")
    return jobs


# ---- measuring -----------------------------------------------------------------------------------------------


def _measure_all(jobs: Sequence[Job], report: Report, folder: Path, seconds: float, tell: Tell) -> None:
    """Every preset on every device; what is known is in the folder at any time, for those whom nobody warns.

    Raises:
        ConfigError: none could be measured at any batch size.
    """
    try:
        for job in jobs:
            _measure(job, report, folder, seconds, tell)
    except Stopped as stopped:
        if report.points:
            last = report.points[-1]
            where = f"{last.preset} on {last.device}, batch size {last.batch_size:,}"
            report.left_out.append(f"all after {where}: interrupted by {stopped.number.name}")
        raise
    if not report.points:
        raise ConfigError(f"Nothing could be measured: {'; '.join(report.left_out)}")
    report.finished = True


def _measure(job: Job, report: Report, folder: Path, seconds: float, tell: Tell) -> None:
    """A preset on a device, from the smallest batch to the largest that fits into memory."""
    work, device, expected = job
    kernels = f" ({running().kernels} kernels)" if device == CPU and running().kernels else ""
    say(f"\n{work.name} on {device}{kernels}\n{head()}")
    room = usable_memory(device)
    largest = expected.largest(room)
    fits = 0
    for batch_size in work.batch_sizes:
        if batch_size > largest:
            why = f"take more than the {room / GIB:.1f} GiB that may be used; about {largest:,.0f} would fit"
            _leave_out(job, report, f"batch sizes from {batch_size:,} on {why}")
            return
        where = f"{work.name} on {device}, batch size {batch_size:,}"
        try:
            point = measure(work, batch_size, device, report.devices[device], seconds, tell=at(tell, where))
        except MemoryError:
            most = f"{fits:,} is the largest measured that fits" if fits else "none that was measured fits"
            _leave_out(job, report, f"batch sizes from {batch_size:,} on run out of memory; {most}")
            return
        except (ShapeError, ConfigError) as error:
            _leave_out(job, report, f"batch size {batch_size:,}: {error}")
            continue
        finally:
            tell("")
        fits = batch_size
        report.points.append(point)
        report.write(folder)
        say("\n".join(lines(point)))
        if point.refused is not None:
            _leave_out(job, report, f"captured steps at batch size {batch_size:,}: {point.refused}")


def _leave_out(job: Job, report: Report, why: str) -> None:
    report.left_out.append(f"{job.work.name} on {job.device}: {why}")
    say(f"left out: {why}")


def _finish(report: Report, folder: Path) -> None:
    """The end of what is printed, and the files."""
    say(f"\n{footer()}\n")
    for each in crossovers(report.points):
        say(str(each))
    say(f"Wrote {report.write(folder)}")
    for path in report.plot(folder):
        say(f"Wrote {path}")
