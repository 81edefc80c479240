"""Which recipe makes the best digits in the time there is? Every try behind docs/recipes.md.

    python benchmarks/recipes.py --list                 what there is to try
    python benchmarks/recipes.py default articles       train and score these recipes, one after the other
    python benchmarks/recipes.py default --seed 1 --until 3125  break them off after so many steps
    python benchmarks/recipes.py --calibrate            score real test images, and noise
    python benchmarks/recipes.py --table                the tables of docs/recipes.md, from what was recorded
    python benchmarks/recipes.py --quick                a few steps of all of them, to see that they run

Each try trains on the 60,000 training images. After an eighth, a quarter, half, three quarters and all of its steps it
draws 10,000 samples and shows them to minigan's judge for selection: the classifier score of Salimans et al. 2016, and
the Frechet distance of Heusel et al. 2017 to 10,000 training images in the 64 features of the judge. The rows of real
test images and of noise say what these numbers mean with this judge; they say nothing beside others'. Results go to
benchmarks/results/recipes.jsonl, and 100 samples of each try to benchmarks/results/recipes; of what was tried twice,
the tables show the newer one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import command
import numpy as np
from comparison import Comparison, images_of, noise
from in_memory import train
from published_runs import machine
from published_runs import settings as settings_of
from published_table import Machines
from recipe_list import RECIPES
from recorded import add, read

from minigan.arguments import at_least
from minigan.backend.device import CPU
from minigan.gan import Config, Extension, Trainer, load_preset, set_fields
from minigan.gan.pictures import grid, png
from minigan.gan.sampling import sample
from minigan.info import environment
from minigan.metrics.hashes import short
from minigan.metrics.judge import SHA256

RESULTS = Path(__file__).parent / "results"
N, FEW = 10_000, 200
EIGHTHS = 1, 2, 4, 6, 8  # of the steps: when samples are scored
TABLES = (("default", "reference"), ("dcgan",))  # the presets whose tries stand in one
HEAD = [
    "| recipe | seed | classifier score after so many thousand steps | minutes | Frechet | rarest class | on |",
    "|---|---|---|---|---|---|---|",
]


def settings(name: str, seed: int, quick: bool) -> Config:
    """Of a recipe."""
    preset, changes = RECIPES[name]
    few = ["training.steps=8"] if quick else []
    return set_fields(load_preset(preset), [*changes, f"training.seed={seed}", *few])


class Scores(Extension):
    """Scores a game after each part of its steps, and at its end; what that takes is not counted.

    Args:
        comparison: with real images.
        n: samples to draw.
        config: the settings of the try.
        last: its last step, if it is broken off.
        tell: is told the row of each part.

    Attributes:
        samples: the newest.
    """

    def __init__(
        self, comparison: Comparison, n: int, config: Config, last: int, tell: Callable[[dict[str, Any]], None]
    ) -> None:
        self.comparison, self.n, self.tell = comparison, n, tell
        self.seed, self.settings = config.training.seed, settings_of(config)
        self.due = {*(config.training.steps * eighths // 8 for eighths in EIGHTHS), last}

    def start(self, trainer: Trainer) -> None:
        """Look at the clock: that of the processor, as what else the machine does changes it little."""
        self.begun = time.process_time()

    def after_step(self, trainer: Trainer) -> None:
        """Score, if a part is over."""
        if trainer.step in self.due:
            before = time.process_time()
            self.samples = sample(trainer.game, self.n, 0, CPU)
            facts = {"seed": self.seed, "steps": trainer.step, "cpu_seconds": round(before - self.begun)}
            self.tell(facts | scored(self.comparison, self.samples) | {"settings": self.settings})
            self.begun += time.process_time() - before


def scored(comparison: Comparison, images: np.ndarray) -> dict[str, Any]:
    """The scores of images, and whose they are."""
    return {"judge": short(comparison.judge.sha256), "samples": len(images), **comparison.row(images)}


def record(name: str, row: dict[str, Any], quick: bool) -> None:
    """Print a row, and add it to the results."""
    result = {"recipe": name, **row, **machine(environment())}
    print(json.dumps(result), flush=True)
    if not quick:
        add(RESULTS / "recipes.jsonl", result)


def save_grid(name: str, seed: int, images: np.ndarray) -> None:
    """The first 100 samples, 10 x 10."""
    folder = RESULTS / "recipes"
    folder.mkdir(exist_ok=True)
    kept = "".join(letter for letter in name.replace(" ", "-") if letter.isalnum() or letter in "-.")
    (folder / f"{kept}-{seed}.png").write_bytes(png(grid(images[:100], columns=10, scale=1)))


# ---- the tables --------------------------------------------------------------------------------------------


def recorded_rows() -> list[dict[str, Any]]:
    """The newest of each recipe, seed and step, with the settings and by the judge that these have now.

    Another judge's numbers do not compare, and a preset that changed is another recipe.
    """
    rows = read(RESULTS / "recipes.jsonl", "recipe", "judge", "score")
    newest = {(row["recipe"], row.get("seed", -1), row.get("steps", 0)): row for row in rows if is_of_today(row)}
    return [newest[key] for key in sorted(newest)]


def is_of_today(row: dict[str, Any]) -> bool:
    """Whether a try would be the same again, but for rounding."""
    same = "settings" not in row or row["settings"] == settings_of(settings(row["recipe"], row["seed"], quick=False))
    return same and bool(row["judge"] == short(SHA256["selection"]))


def tries() -> list[list[dict[str, Any]]]:
    """The rows of each recipe and seed, step by step; the best last score first."""
    rows = groupby(recorded_rows(), lambda row: (row["recipe"], row.get("seed")))
    return sorted((list(group) for _, group in rows), key=lambda group: -group[-1]["score"])


def line_of(group: list[dict[str, Any]], machines: Machines) -> str:
    """Of a table: one try, or one of the two calibrations."""
    last = group[-1]
    minutes = f"{last['cpu_seconds'] / 60:.1f}" if "cpu_seconds" in last else ""
    after = [f"{row['steps'] / 1000:g}: " if "steps" in row else "" for row in group]
    scores = ", ".join(f"{steps}{row['score']:.2f}" for steps, row in zip(after, group, strict=True))
    where = machines.letters([row for row in group if "machine" in row])
    numbers = f"{scores} | {minutes} | {last['frechet']:.2f} | {last['rarest']:.1%} | {where} |"
    return f"| {last['recipe']} | {last.get('seed', '')} | {numbers}"


def table(presets: Sequence[str]) -> str:
    """All recorded tries that change one of these presets, as Markdown, between real images and noise."""
    shown = [t for t in tries() if t[0]["recipe"] not in RECIPES or RECIPES[t[0]["recipe"]][0] in presets]
    machines = Machines()
    lines = [line_of(group, machines) for group in shown]
    return "\n".join([*HEAD, *lines, *(["", machines.legend()] if machines.found else [])])


def main() -> None:
    """Train and score the recipes that were named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="RECIPE")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--calibrate", action="store_true", help="score real test images and noise")
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--until", type=at_least(1), metavar="STEPS", help="break them off after so many")
    parser.add_argument("--quick", action="store_true", help="a few steps and samples of each; nothing is recorded")
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in RECIPES]:
        parser.error(f"there is no recipe {', '.join(unknown)}; --list shows which there are: put a name in quotes")
    if args.list or args.table:
        print("\n\n".join(map(table, TABLES)) if args.table else "\n".join(RECIPES))
        return
    recorded_rows()  # damage is told before the long work
    n = FEW if args.quick else N
    comparison = Comparison("selection", n)
    if args.calibrate:
        record("real test images", scored(comparison, images_of("test", n)), args.quick)
        record("noise", scored(comparison, noise(n)), args.quick)
    for name in args.names or (RECIPES if args.quick else []):
        config = settings(name, args.seed, args.quick)
        steps = min(args.until or config.training.steps, config.training.steps)
        scores = Scores(comparison, n, config, steps, lambda row, name=name: record(name, row, args.quick))
        train(config, scores, until=steps)
        if not args.quick:
            save_grid(name, args.seed, scores.samples)


if __name__ == "__main__":
    command.run(main)
