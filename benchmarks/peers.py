"""A training step of minigan beside the same step in PyTorch and JAX, and what was to be reached.

    python benchmarks/peers.py                             all works (`works.py`); a quarter of an hour
    python benchmarks/peers.py --works reference r1        these
    python benchmarks/peers.py --check                     only make sure that all sides compute the same
    python benchmarks/peers.py --quick                     a few small steps of each kind, to see that all runs
    python benchmarks/peers.py --device cuda [--tf32]      on a GPU, with CuPy and PyTorch for CUDA

Each side is a process of its own with the same number of threads, and they take turns: while one plays, the others
sleep. All keep the memory of arrays that are gone for the next ones, as the command line of minigan does: by itself
glibc gives it back to the system, which can take longer than the arithmetic (`turns.MALLOC`). The code of each library
is in the file of its name, peers_minigan.py, peers_torch.py and peers_jax.py, written as a good engineer of that
library would write it. PyTorch is there as most people write the step ("eager": D asked twice, all of D's gradients
computed in G's turn, the default Adam), the same with the fused Adam, and as it is written best (real and fake in one
pass through D, which is frozen in G's turn, fused Adam), also compiled and, on a GPU, as one CUDA graph. JAX is one
jitted function whose state is donated. What is missing is left out, and said.

A step is the whole step: gather a batch of uint8 images and normalise it, draw z and dropout masks, both players' moves
with their Adams, and the losses read every 50 steps. Before anything is timed, each side plays five steps from the same
weights on the same batches and the same z (`works.Task.for_check`). A side whose losses are not minigan's is left out,
and the script then ends with an error.

Times are medians over blocks of steps, each with a wait for the device at its end. "first step" is how long it takes
from the start of a process until it has made its first reference step, with the data read from a file; "peak memory" is
what it has held at most after 60 of them. What is printed is also written to a text file, with the numbers as JSON
beside it; not by --quick and --check.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

import peers_table as table
import turns
from peers_machine import describe, in_words
from peers_minigan import hand_over
from peers_results import Results
from peers_worker import FailedError, LeftOutError, Setting, Worker
from works import (
    CHECKED,
    JAX,
    MINIGAN_CAPTURED,
    MINIGAN_EAGER,
    PRODUCTS,
    PYTORCH_BEST,
    PYTORCH_COMPILED,
    PYTORCH_EAGER,
    PYTORCH_FUSED,
    PYTORCH_GRAPHS,
    READ_EVERY,
    WORKS,
    Work,
)

import minigan as mg
from minigan.errors import DeviceError

HERE = Path(__file__).parent
PROGRAMS = {
    MINIGAN_CAPTURED: "peers_minigan.py",
    MINIGAN_EAGER: "peers_minigan.py",
    PYTORCH_EAGER: "peers_torch.py",
    PYTORCH_FUSED: "peers_torch.py",
    PYTORCH_BEST: "peers_torch.py",
    PYTORCH_COMPILED: "peers_torch.py",
    PYTORCH_GRAPHS: "peers_torch.py",
    JAX: "peers_jax.py",
    PRODUCTS: "peers_minigan.py",
}
QUICK_WORKS = ("reference", "dcgan-64", "r1", "wgan-gp")  # one of each kind ...
QUICK_CHANGES = ("training.batch_size=16",)  # ... with a few samples
STEPS_OF_A_LIFE = 60  # after which a process is asked for its peak of memory: the losses were read, twice
LIVES = 7  # of which the medians are taken

Sides = dict[str, Worker]


def close(sides: Sides) -> None:
    """End their processes."""
    for worker in sides.values():
        worker.close()


class Bench:
    """One run of this script: the processes of its sides.

    Args:
        args: the command line.
        results: where all goes that is found.
        folder: where the works are handed over.
    """

    def __init__(self, args: argparse.Namespace, results: Results, folder: Path) -> None:
        self.args = args
        self.results = results
        self.folder = folder

    def run(self) -> None:
        """All that was asked for."""
        sides = self._start()
        self.check(sides)
        if not self.args.check:
            self.time(sides)
        close(sides)
        if not self.args.check and self.args.tf32:
            sides = self._start(tf32=True)
            self.time(sides, ", TF32")
            close(sides)
        if not self.args.check and self.args.device == "cpu" and "reference" in self.args.works:
            self.live()
        self.results.say_who_is_left_out(self.args.works)

    def _start(self, tf32: bool = False) -> Sides:
        """A process for each side; they load their libraries side by side."""
        without = {PYTORCH_GRAPHS} if self.args.device == "cpu" else set()
        if self.args.quick:
            without.add(PYTORCH_COMPILED)  # it would compile for minutes
        sides = {side: self._worker(side, tf32) for side in PROGRAMS if side not in without}
        for worker in sides.values():
            worker.send("prepare")
        for side, worker in sides.items():
            try:
                worker.answer()
            except LeftOutError as reason:
                for name in self.args.works:
                    self.results.leave_out(side, name, reason)
        return sides

    def _worker(self, side: str, tf32: bool = False) -> Worker:
        return Worker(HERE / PROGRAMS[side], Setting(side, self.args.device, tf32))

    def _task(self, name: str) -> Path:
        """The file from which the sides play a work."""
        return self.folder / f"{name}.npz"

    # ---- the check ---------------------------------------------------------------------------------------

    def check(self, sides: Sides) -> None:
        """Compare the losses of all sides in every work; note who cannot play it, and who plays something else."""
        players = [side for side in sides if side != PRODUCTS]
        say = self.results.say
        say(f"How far losses of {CHECKED} steps are from minigan's, eager, on a CPU; at most {table.TOLERANCE:g}:")
        say(table.head("work", players))
        for name in self.args.works:
            losses = turns.in_worker(hand_over, self._work(name), self._task(name))
            for side in filter(lambda side: self._plays(side, name), players):
                try:
                    self._compare(side, name, sides[side].ask("check", str(self._task(name))), losses)
                except LeftOutError as reason:
                    self.results.leave_out(side, name, reason)
            found = self.results.differences.get(name, {})
            say(table.line(name, players, {side: f"{value:.1e}" for side, value in found.items()}))
        self.results.say_who_is_left_out(self.args.works)
        if not self.results.failed:
            say("All losses agree.")

    def _work(self, name: str) -> Work:
        work = WORKS[name]
        return dataclasses.replace(work, changes=(*work.changes, *QUICK_CHANGES)) if self.args.quick else work

    def _compare(self, side: str, name: str, losses: list[list[float]], expected: list[list[float]]) -> None:
        """Note how far a side's losses are from minigan's; `FailedError` if it is too far."""
        found = table.difference(losses, expected)
        self.results.differences.setdefault(name, {})[side] = found
        if not found <= table.TOLERANCE:  # a NaN is not at most anything
            raise FailedError(f"its losses are not minigan's: they differ by {found:.1e}")

    # ---- times -------------------------------------------------------------------------------------------

    def time(self, sides: Sides, suffix: str = "") -> None:
        """Time the steps of every work, and print them, a line for each work."""
        self.results.say(f"\n{table.head('ms a step', list(sides))}")
        for name in self.args.works:
            workers = [worker for side, worker in sides.items() if self._plays(side, name)]
            row = self.results.measured[name + suffix] = self._take_turns(name, workers)
            medians = {side: f"{turns.median(rounds):.2f}" for side, rounds in row.items()}
            self.results.say(table.line(name + suffix, list(sides), medians))
            self.results.write()

    def _plays(self, side: str, name: str) -> bool:
        return name not in self.results.left_out.get(side, {}) and (side != PRODUCTS or name == "reference")

    def _take_turns(self, name: str, workers: list[Worker]) -> turns.Times:
        """Milliseconds of a step, by side and round; as `turns.measure`, but of processes that go on to other works."""
        work, on_gpu = WORKS[name], self.args.device == "cuda"
        block = READ_EVERY if on_gpu else work.block
        blocks = max(1, (self.args.steps or (2 * READ_EVERY if on_gpu else work.steps)) // block)
        warm_up = 1 if on_gpu or self.args.quick else turns.WARM_UP
        times: turns.Times = {worker.side: [] for worker in workers}
        for i in range(self.args.rounds + 1):
            for worker in list(workers if i % 2 else reversed(workers)):
                try:
                    if i == 0:
                        worker.ask("load", str(self._task(name)))
                    seconds = worker.ask("time", warm_up, blocks if i else 0, block)  # what compiles does it before
                except LeftOutError as reason:
                    self.results.leave_out(worker.side, name, reason)
                    workers.remove(worker)
                    del times[worker.side]
                else:
                    times[worker.side] += [[1e3 * s for s in seconds]] if i else []
        return times

    # ---- whole lives of processes --------------------------------------------------------------------------

    def live(self) -> None:
        """How long after its start a process has made its first step, and how much memory it has held at most."""
        sides = [side for side in (MINIGAN_CAPTURED, PYTORCH_EAGER) if side not in self.results.left_out]
        start: dict[str, list[list[float]]] = {side: [] for side in sides}
        memory: dict[str, list[list[float]]] = {side: [] for side in sides}
        for i in range(1 if self.args.quick else LIVES):
            for side in sides if i % 2 else reversed(sides):
                try:
                    seconds, peak = self._life(side)
                except LeftOutError as reason:
                    self.results.leave_out(side, table.START, reason)
                    return
                start[side].append([seconds])
                memory[side].append([peak / 1e6])
        self.results.measured |= {table.START: start, table.MEMORY: memory}
        self.results.write()

    def _life(self, side: str) -> tuple[float, int]:
        began = time.perf_counter()
        worker = self._worker(side)
        worker.send("load", str(self._task("reference")))
        worker.send("time", 0, 1, 1)
        worker.answer()
        worker.answer()
        seconds = time.perf_counter() - began
        worker.ask("time", 0, 1, STEPS_OF_A_LIFE)
        peak = worker.ask("peak_memory")
        worker.close()
        return seconds, peak


# ---- the command line ----------------------------------------------------------------------------------------


def set_up(args: argparse.Namespace) -> None:
    """What the processes of the sides find in their environment."""
    turns.set_up(args.threads)
    os.environ["NPROC"] = str(args.threads)  # from which XLA takes its number of threads
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # the other sides need memory on the GPU, too
    if args.device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"


def main() -> None:
    """Check, measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--works", nargs="+", choices=WORKS, metavar="NAME", help=f"of {', '.join(WORKS)}")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--tf32", action="store_true", help="on a GPU: time all again with TensorFloat-32")
    parser.add_argument("--threads", type=int, default=2, help="of each side (2)")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each side (15)")
    parser.add_argument("--steps", type=int, help="timed steps in a turn, if not those of works.py")
    parser.add_argument("--check", action="store_true", help="compare losses, and time nothing")
    parser.add_argument(
        "--quick", action="store_true", help="a few small steps of each kind on one thread; nothing is recorded"
    )
    parser.add_argument("--out", type=Path, help="the JSON file (benchmarks/results/peers-DEVICE.json)")
    args = parser.parse_args()
    args.works = args.works or list(QUICK_WORKS if args.quick else WORKS)
    args.out = args.out or HERE / "results" / f"peers-{args.device}.json"
    if args.quick:
        args.rounds, args.steps, args.threads = 1, 1, 1
    set_up(args)
    try:
        mg.device(args.device)
    except DeviceError as error:
        print(f"peers.py: {error}", file=sys.stderr)
        sys.exit(2)
    about = describe(args.device, args.threads)
    results = Results(about, table.GOALS[args.device], None if args.quick or args.check else args.out)
    results.say(in_words(about))
    with tempfile.TemporaryDirectory() as folder:
        Bench(args, results, Path(folder)).run()
    if not args.check:
        results.say(f"\n{table.of_goals(results.goals(), results.measured)}")
        results.write()
    if args.quick:
        print("Of so few small steps nothing follows: measure without --quick.")
    elif not args.check:
        print(f"written to {results.out} and {results.text}")
    if results.failed:
        sys.exit("A side failed, and was left out; why is said above.")


if __name__ == "__main__":
    main()
