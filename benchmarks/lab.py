"""How long does the lab make a reader wait?

    python benchmarks/lab.py [--runs 3]     writes benchmarks/results/lab.txt, too

Runs `minigan lab NAME` as a user does, whole processes one after the other, for the experiments that have a goal, and
`minigan lab all` once. Seconds by the clock, medians; CPU seconds tell how much of that other work on the machine took.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from program import machine

from minigan.backend.device import CPU

RESULTS = Path(__file__).parent / "results" / "lab.txt"
GOALS = {"step": 10, "dirac": 20, "ring": 90, "all": 600}  # seconds on two cores


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of each experiment but the whole course")
    runs = parser.parse_args().runs
    lines = [machine(CPU), f"\n{'minigan lab':<14}{'seconds':>9}{'CPU seconds':>13}{'MB':>7}{'goal':>6}"]
    print("\n".join(lines))
    for name, goal in GOALS.items():
        seconds, cpu, size = measured(name, 1 if name == "all" else runs)
        lines.append(f"{name:<14}{seconds:>9.1f}{cpu:>13.1f}{size / 2**20:>7.1f}{goal:>6}")
        print(lines[-1], flush=True)
    RESULTS.write_text("\n".join(lines) + "\n")


def measured(name: str, runs: int) -> tuple[float, float, int]:
    """Seconds, CPU seconds, and the bytes of the largest page."""
    times = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "minigan", "lab", name, "--out", f"{folder}/out"], stdout=subprocess.DEVNULL
            )
            _, status, usage = os.wait4(process.pid, 0)
            if status:
                raise SystemExit(f"minigan lab {name} failed")
            times.append((time.perf_counter() - start, usage.ru_utime + usage.ru_stime))
            size = max(page.stat().st_size for page in Path(folder).rglob("index.html"))
    return (*map(statistics.median, zip(*times, strict=True)), size)


if __name__ == "__main__":
    main()
