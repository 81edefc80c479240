"""What a captured step does: every kernel of a preset's step with its cost and its time, and the machine's limits.

    python benchmarks/program.py                       the preset reference
    OMP_NUM_THREADS=1 python benchmarks/program.py ring
    python benchmarks/program.py --device cuda         without times: a CUDA graph is launched as a whole

The step is captured as `minigan train` captures it; how to read the table is told in docs/performance.md.
"""

from __future__ import annotations

import argparse
import datetime
import sys

import minigan as mg
from minigan import blas
from minigan.backend.device import CPU, Device
from minigan.backend.memory import keep_freed_memory
from minigan.bench.report import name_of
from minigan.errors import ConfigError, DeviceError
from minigan.gan import DataFacts, build_game, load_preset
from minigan.gan.source import batch_of, data_of, loader_of


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", default="reference")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda")
    args = parser.parse_args()
    keep_freed_memory()
    try:
        config, device = load_preset(args.preset), mg.device(args.device)
    except (ConfigError, DeviceError) as error:
        print(f"program.py: {error}", file=sys.stderr)
        sys.exit(2)
    print(f"{machine(device)}\n")
    loader = loader_of(config, data_of(config))
    game = build_game(config, DataFacts.of(loader, config), device)
    game.capture()
    mg.manual_seed(config.training.seed)
    for k in range(2 * max(penalty.every for penalty in game.penalties) if game.penalties else 3):
        mg.set_step(k)
        first = k * game.batches_per_step
        game.step(*(batch_of(loader, first + i, device) for i in range(game.batches_per_step)))
    print(game.program)


def machine(device: Device) -> str:
    """The date, the device, and on which kernels and threads NumPy multiplies."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return ", ".join(
        [today, name_of(device), f"minigan {mg.__version__}", *([str(blas.running())] if device == CPU else [])]
    )


if __name__ == "__main__":
    main()
