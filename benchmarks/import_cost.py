"""What `import minigan` costs beside `import numpy`: seconds and memory of whole processes, taking turns.

    python benchmarks/import_cost.py [--runs 15]

Both run from bytecode, as they do from their second import on. Goal: at most 1.5 times, in both.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time


def cost(module: str, bytecode: str) -> tuple[float, int]:
    """Seconds and peak memory (KB) of a process that imports the module, with a folder for its bytecode."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", f"import {module}"], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"import {module} failed")
    return time.perf_counter() - start, usage.ru_maxrss


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    costs: dict[str, list[tuple[float, int]]] = {"numpy": [], "minigan": []}
    with tempfile.TemporaryDirectory() as bytecode:
        for module in costs:
            cost(module, bytecode)  # not counted: fills the file cache, writes bytecode
        for _ in range(args.runs):
            for module, rows in costs.items():
                rows.append(cost(module, bytecode))
    seconds, memory = (
        {module: statistics.median(row[i] for row in rows) for module, rows in costs.items()} for i in (0, 1)
    )
    for module in costs:
        print(f"import {module:8} {1e3 * seconds[module]:6.0f} ms  {memory[module] / 1024:6.1f} MB")
    print(
        f"minigan / numpy   {seconds['minigan'] / seconds['numpy']:5.2f}     {memory['minigan'] / memory['numpy']:5.2f}"
        "   goal: at most 1.50"
    )


if __name__ == "__main__":
    main()
