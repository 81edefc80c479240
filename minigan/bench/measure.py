"""How a point is measured: both modes, by turns, in blocks of steps."""

from __future__ import annotations

import signal
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from minigan.backend.device import Device
from minigan.bench.kernels import KernelTotal, Meter, metered, within
from minigan.bench.memory import peak_memory
from minigan.bench.progress import Tell
from minigan.bench.spread import spread
from minigan.bench.work import CAPTURED, EAGER, MODES, Task, Work
from minigan.captured.program import Program
from minigan.gan.source import batch_of
from minigan.roofline import Limits, synchronize

BLOCKS = 5  # at least: fewer tell nothing of their spread
BLOCKS_IN_TIME, LOOKS_IN_TIME = 10, 40  # short steps are timed in blocks, so many to the time; looks are shorter
LEAD_IN = 10  # of so many steps in a block, one more is made before that is not timed


@dataclass(frozen=True)
class Timing:
    """How long a step takes.

    Attributes:
        steps: in a block.
        seconds: of a step, as the mean over each block.
        peak_bytes: the most memory that a training holds in its steps after the first ones.

    >>> from minigan.bench.measure import Timing
    >>> timing = Timing(steps=10, seconds=[0.1, 0.3, 0.2], peak_bytes=0)
    >>> timing.median, timing.steps_per_s, [round(s, 2) for s in timing.spread]
    (0.2, 5.0, [0.12, 0.28])
    """

    steps: int
    seconds: list[float]
    peak_bytes: int

    @property
    def median(self) -> float:
        """Seconds of a step."""
        return statistics.median(self.seconds)

    @property
    def steps_per_s(self) -> float:
        """By the median."""
        return 1 / self.median

    @property
    def spread(self) -> tuple[float, float]:
        """The seconds of a step that a tenth of the blocks undercut, and those that a tenth exceed."""
        return spread(self.seconds)


@dataclass(frozen=True)
class Point:
    """What was measured of a preset on a device, at one batch size.

    Attributes:
        preset, device, batch_size: what was measured.
        samples: real samples that a step is played on: one batch, or several.
        kernels: what runs in an eager step, as means over the period of lazy penalties.
        outside: seconds of such a step that these leave of its median, see `minigan.bench.kernels.within`.
        limit: seconds that these would take at the limits of the device.
        timings: by mode.
        refused: why there is none of the captured step; None if there is.
    """

    preset: str
    device: str
    batch_size: int
    samples: int
    kernels: list[KernelTotal]
    outside: float
    limit: float
    timings: dict[str, Timing]
    refused: str | None = None

    @property
    def flops(self) -> float:
        """Of a step."""
        return sum(kernel.flops for kernel in self.kernels)

    @property
    def bytes(self) -> float:
        """That go into and come out of the kernels of a step."""
        return sum(kernel.bytes for kernel in self.kernels)

    def samples_per_s(self, mode: str) -> float:
        """Real samples per second."""
        return self.samples * self.timings[mode].steps_per_s

    def flops_per_s(self, mode: str) -> float:
        """FLOP/s."""
        return self.flops * self.timings[mode].steps_per_s

    def share(self, mode: str) -> float:
        """The part of the time in which the device worked at its limits."""
        return self.limit * self.timings[mode].steps_per_s


class Side:
    """A training in one mode, beyond its first steps, in which kernels are compiled and steps are captured."""

    def __init__(self, task: Task, device: Device, mode: str, period: int) -> None:
        self.device = device
        self.period = period
        loader = task.loader()  # each its own: it keeps the order of one epoch
        batch_of(loader, 0, device)  # brings the data set to a GPU
        with peak_memory(device) as peak, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Steps are played as written")  # see `refused`
            self.trainer = task.trainer(loader, device, mode)
            self.play(2 * period)  # each kind of step is made as written, and then captured
            peak.restart()
            programs = self._programs()
        self.peak_bytes = peak.nbytes + sum(graph.nbytes for graph in programs if device.type == "cuda")

    def _programs(self) -> set[Program]:
        """Make a step with lazy penalties and one without them; returns the programs that replayed them, if any did."""
        found = set()
        for _ in range(2):
            self.play(1)
            found.add(self.trainer.game.program)
        return found - {None}

    @property
    def refused(self) -> str | None:
        """Why it plays as written though it was to be captured."""
        return self.trainer.game.refused

    def play(self, steps: int) -> float:
        """Make some steps; returns the seconds of one, from and to a moment at which the device has nothing to do."""
        self.trainer.steps = self.trainer.step + steps
        start = time.perf_counter()
        self.trainer.run()
        synchronize(self.device)
        seconds = time.perf_counter() - start
        if self.trainer.stopped_by is not None:  # a training ends quietly
            signal.raise_signal(self.trainer.stopped_by)
        return seconds / steps

    def block(self, steps: int) -> float:
        """The seconds of a step in a block, after steps that are not timed: another side had caches and threads."""
        if steps >= LEAD_IN:
            self.play(steps // LEAD_IN)
        return self.play(steps)


def measure(
    work: Work,
    batch_size: int,
    device: Device,
    limits: Limits,
    seconds: float,
    blocks: int = BLOCKS,
    tell: Tell = lambda text: None,
) -> Point:
    """Both modes of a training at one batch size.

    Args:
        work: what is trained.
        batch_size: one of its sizes.
        device: where.
        limits: of this device.
        seconds: for how long each mode is timed, at least.
        blocks: in how many blocks, at least.
        tell: is told what is being done.

    Raises:
        MemoryError: there is too little memory.
        ShapeError, ConfigError: the step cannot be made with such batches.
    """
    task = work.at(batch_size)
    sides = {}
    for mode in MODES:
        tell(f"first steps, {mode}")
        sides[mode] = Side(task, device, mode, work.period)
    refused = sides[CAPTURED].refused
    if refused is not None:
        del sides[CAPTURED]
    looks = Looks(sides[EAGER], seconds / LOOKS_IN_TIME)
    timings = _timings(sides, seconds, blocks, looks.more, tell)
    kernels, outside = within(timings[EAGER].median, looks.kernels())
    return Point(
        preset=work.name,
        device=str(device),
        batch_size=batch_size,
        samples=batch_size * sides[EAGER].trainer.game.batches_per_step,
        kernels=kernels,
        outside=outside,
        limit=looks.limit(limits),
        timings=timings,
        refused=refused,
    )


class Looks:
    """Looks at the kernels of an eager step: in each, those of one period are timed one by one.

    Args:
        side: the training.
        seconds: about so long are the looks that are taken at a time.
    """

    def __init__(self, side: Side, seconds: float) -> None:
        self.side = side
        self.number = _steps_in_block(side, seconds) // side.period
        self.taken: list[Meter] = []

    def more(self) -> None:
        """Take some more looks."""
        for _ in range(self.number):
            with metered() as meter:
                self.side.play(self.side.period)
            self.taken.append(meter)

    def kernels(self) -> list[KernelTotal]:
        """What they come to in a step, slowest first; each with the median of its times."""
        found: dict[str, list[KernelTotal]] = {}
        for meter in self.taken:
            for kernel in meter.kernels():
                found.setdefault(kernel.name, []).append(kernel.over(self.side.period))
        medians = [
            looks[0]._replace(seconds=statistics.median(each.seconds for each in looks)) for looks in found.values()
        ]
        return sorted(medians, key=lambda kernel: -kernel.seconds)

    def limit(self, limits: Limits) -> float:
        """The seconds of a step at the limits."""
        return sum(limits.seconds(*cost) for cost in self.taken[0].costs) / self.side.period


def _timings(
    sides: dict[str, Side], seconds: float, blocks: int, after_each: Callable[[], object], tell: Tell
) -> dict[str, Timing]:
    """The sides take turns, so that all see the same weather on the machine; so does what is done after each turn."""
    steps = {mode: _steps_in_block(side, seconds / BLOCKS_IN_TIME) for mode, side in sides.items()}
    taken: dict[str, list[float]] = {mode: [] for mode in sides}
    while (done := _done(taken, steps, seconds, blocks)) < 1:
        tell(f"timed, {done:.0%}".replace("%", " %"))
        for mode, side in sides.items():
            taken[mode].append(side.block(steps[mode]))
        after_each()
    return {mode: Timing(steps[mode], taken[mode], side.peak_bytes) for mode, side in sides.items()}


def _done(taken: dict[str, list[float]], steps: dict[str, int], seconds: float, blocks: int) -> float:
    """How much of the time and of the blocks has been taken, by the side that has least of them."""
    parts = [(len(times) / blocks, sum(times) * steps[mode] / (seconds or 1e-9)) for mode, times in taken.items()]
    return min(min(part) for part in parts)


def _steps_in_block(side: Side, seconds: float) -> int:
    """So many steps take about so long: whole periods, as the blocks would not be alike otherwise."""
    return side.period * max(1, round(seconds / (side.play(side.period) * side.period)))
