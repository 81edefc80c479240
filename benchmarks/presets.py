"""An epoch of every preset: minigan's speed and peak memory beside PyTorch eager's.

    python benchmarks/presets.py                         all of them; hours on a slow machine
    python benchmarks/presets.py --names default dcgan   these
    python benchmarks/presets.py --quick                 a few steps of each, to see that all of it runs
    python benchmarks/presets.py --page                  the table of docs/presets.md, from the results that are there

Both sides play the same game with the same networks, start from the same weights and take the same batches; each is in
a process of its own, and they take turns (`turns.py`). PyTorch's step is the twin to which the tests compare minigan's
step, number by number (tests/torch_twins), written as a good engineer writes it: D is frozen in G's turn, Adam and SGD
are the fused ones; its process loads nothing of minigan. A step is timed with all that belongs to it: batches, noise,
both players' moves, averages, and the report read every 50 steps. Where minigan / PyTorch is above 1, minigan is the
faster one.

Unless --quick, the results go to minigan/gan/presets/costs.json, which `minigan presets` reads, and as a table to
benchmarks/results/presets.txt. Results of presets that are not named stay; so what is measured on another machine, with
other versions or threads, has to be measured for all of them.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch_side
import turns

ROOT = Path(__file__).parents[1]
COSTS = ROOT / "minigan" / "gan" / "presets" / "costs.json"
TABLE = ROOT / "benchmarks" / "results" / "presets.txt"
ROUNDS = 10  # into which the epoch is cut
READ_EVERY = 50
MINIGAN, PYTORCH = "minigan", "PyTorch"


# ---- the two sides -------------------------------------------------------------------------------------------


def minigan_game(name: str) -> tuple:
    """The preset's settings, its batches, what the game knows of its data, and the game."""
    import minigan as mg
    from minigan.gan import DataFacts, build_game, load_preset
    from minigan.gan.source import data_of, loader_of

    config = load_preset(name)
    loader = loader_of(config, data_of(config))
    facts = DataFacts.of(loader, config)
    return config, loader, facts, build_game(config, facts, mg.device("cpu"))


def minigan_step(name: str) -> Callable[[int], None]:
    """The preset's step, as `minigan train` makes it."""
    import minigan as mg
    from minigan.gan.source import batch_of

    config, loader, _, game = minigan_game(name)
    if config.training.capture:
        game.capture()
    mg.manual_seed(config.training.seed)
    per_step, cpu = game.batches_per_step, mg.device("cpu")

    def step(k: int) -> None:
        mg.set_step(k)
        read(k, game.step(*(batch_of(loader, i, cpu) for i in range(k * per_step, (k + 1) * per_step))))

    return step


def torch_step(path: Path) -> Callable[[int], None]:
    """The same step by the twin in PyTorch, of the game in a file."""
    step = torch_side.game_of(path)
    return lambda k: read(k, step(k))


def read(k: int, report: dict) -> None:
    """As the log does: every so often."""
    if k % READ_EVERY == 0:
        [value.item() for value in report.values()]


def hand_over(name: str, path: Path) -> int:
    """Write to a file what PyTorch's side needs of a preset's game; returns the steps of an epoch."""
    config, loader, facts, game = minigan_game(name)
    about = {"config": config.to_dict(), "shape": facts.shape, "classes": facts.classes, "batches": facts.batches}
    arrays = {"samples": loader.images, "order": np.concatenate([loader.indices_of(i) for i in range(len(loader))])}
    if loader.labels is not None:
        arrays["labels"] = loader.labels
    if facts.labelled is not None:
        arrays |= dict(zip(("labelled.samples", "labelled.labels"), facts.labelled, strict=True))
    for player, prefix in ((game.generator, "G."), (game.discriminator, "D.")):
        arrays |= {prefix + key: array for key, array in player.network.state_dict().items()}
    np.savez(path, facts=json.dumps({**about, "batches_per_step": game.batches_per_step}), **arrays)
    return math.ceil(facts.batches / game.batches_per_step)


# ---- measuring -----------------------------------------------------------------------------------------------


def measure(name: str, sides: list[str], quick: bool) -> dict[str, Any]:
    """What costs.json says of a preset, and of which settings that was true."""
    from published_runs import settings

    from minigan.gan import load_preset

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "game.npz"
        steps = hand_over(name, path)
        rounds, calls = (1, 2) if quick else (ROUNDS, math.ceil(steps / ROUNDS))
        makers = {MINIGAN: partial(minigan_step, name), PYTORCH: partial(torch_step, path)}
        times, memory = turns.measure_with_memory({side: makers[side] for side in sides}, rounds, calls)
    # Steps are not alike, penalties may be due on some only: so means over blocks, and the median of these.
    seconds = {side: statistics.median(map(statistics.mean, blocks)) / 1e3 for side, blocks in times.items()}
    return {
        "steps_per_epoch": steps,
        "seconds_per_epoch": round(seconds[MINIGAN] * steps, 2),
        "steps_per_s": {side: round(1 / s, 2) for side, s in seconds.items()},
        "peak_MB": {side: round(peak / 1e6) for side, peak in memory.items()},
        "settings": settings(load_preset(name)),
    }


def machine(threads: int, sides: list[str]) -> str:
    """What was measured on, in a line."""
    from minigan.info import environment

    found = environment()
    torch = [f"PyTorch {found['libraries']['torch']}"] if PYTORCH in sides else []
    versions = [f"Python {found['python']}", f"NumPy {found['numpy']}", *torch]
    return f"{found['cpu']}, {threads} thread{'s' if threads > 1 else ''}, {', '.join(versions)}"


# ---- reporting -----------------------------------------------------------------------------------------------

HEAD = f"""\
{"":18}{"steps per":>10}{"minigan":>10}{"PyTorch":>10}{"minigan /":>11}{"minigan":>10}{"PyTorch":>10}{"minigan":>11}
{"":18}{"epoch":>10}{"steps/s":>10}{"steps/s":>10}{"PyTorch":>11}{"peak MB":>10}{"peak MB":>10}{"s / epoch":>11}"""


def line(name: str, row: dict[str, Any]) -> str:
    """A preset's line of the table."""
    ours, theirs = (row["steps_per_s"].get(side) for side in (MINIGAN, PYTORCH))
    ratio = f"{ours / theirs:.2f}" if theirs else "-"
    cells = [f"{row['steps_per_epoch']:,}", f"{ours:.1f}", f"{theirs:.1f}" if theirs else "-", ratio]
    peaks = [str(row["peak_MB"].get(side, "-")) for side in (MINIGAN, PYTORCH)]
    cells += [*peaks, f"{row['seconds_per_epoch']:.1f}"]
    widths = (10, 10, 10, 11, 10, 10, 11)
    return f"{name:18}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def known() -> dict[str, Any]:
    """What was measured before."""
    found: dict[str, Any] = json.loads(COSTS.read_text(encoding="utf-8")) if COSTS.exists() else {}
    return found


def check_machine(where: str, names: list[str]) -> None:
    """Make sure that no result of another machine would stand beside those of this one."""
    before = known()
    others = sorted({*before.get("presets", {})} - {*names})
    if others and before["machine"] != where:
        sys.exit(
            f"{COSTS} was measured on {before['machine']}, but this is {where}. Measure the other presets in it, too "
            f"({', '.join(others)}), or remove the file."
        )


def save(where: str, rows: dict[str, dict[str, Any]]) -> None:
    """Put these rows beside those that are there, if they are of this machine, and write the table of all of them."""
    before = known()
    kept = before["presets"] if before.get("machine") == where else {}
    everything = dict(sorted({**kept, **rows}.items()))
    COSTS.write_text(json.dumps({"machine": where, "presets": everything}, indent=1) + "\n", encoding="utf-8")
    table = [where, "", HEAD, *(line(name, row) for name, row in everything.items())]
    TABLE.write_text("\n".join(table) + "\n", encoding="utf-8")


def page() -> str:
    """The table of docs/presets.md."""
    from minigan.gan import load_preset, preset_names

    rows = known().get("presets", {})
    lines = ["| preset | what it is | source | an epoch |", "|---|---|---|---|"]
    for name in preset_names():
        preset, row = load_preset(name), rows.get(name)
        cost = f"{row['steps_per_epoch']:,} steps, {row['seconds_per_epoch']:.3g} s" if row else "not measured"
        lines.append(f"| `{name}` | {preset.about} | {preset.source} | {cost} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, record."""
    from minigan.gan import preset_names

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", nargs="+", choices=preset_names(), default=preset_names(), metavar="PRESET")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a few steps of each; nothing is recorded")
    parser.add_argument("--page", action="store_true", help="print the table of docs/presets.md, and measure nothing")
    args = parser.parse_args()
    if args.page:
        print(page())
        return
    turns.set_up(args.threads)
    sides = [MINIGAN, PYTORCH] if importlib.util.find_spec("torch") else [MINIGAN]
    if PYTORCH not in sides:
        print("PyTorch is not installed: timing minigan alone. To compare: pip install torch")
    where = machine(args.threads, sides)
    if not args.quick:
        check_machine(where, args.names)
    print(f"{where}\n\n{HEAD}", flush=True)
    for name in args.names:
        row = measure(name, sides, args.quick)
        print(line(name, row), flush=True)
        if not args.quick:
            save(where, {name: row})


if __name__ == "__main__":
    main()
