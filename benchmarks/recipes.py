"""Which recipe makes the best digits in five minutes? Every try behind docs/recipes.md.

    python benchmarks/recipes.py --list            what there is to try
    python benchmarks/recipes.py default articles  train and score these recipes, one after the other
    python benchmarks/recipes.py --calibrate       score real test images, and noise
    python benchmarks/recipes.py --table           the table of docs/recipes.md, from benchmarks/results/recipes.jsonl
    python benchmarks/recipes.py --quick           a few steps of all of them, to see that they run

Each try trains on the 60,000 training images, draws 10,000 samples and shows them to minigan's judge for selection:
the classifier score of Salimans et al. 2016, and the Frechet distance of Heusel et al. 2017 to 10,000 training images
in the 64 features of the judge. The rows of real test images and of noise say what these numbers mean with this judge;
they say nothing beside others'. Results go to benchmarks/results/recipes.jsonl, and 100 samples of each try to
benchmarks/results/recipes; of a recipe and seed that were tried twice, the table shows the newer one.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from scores import images_of, score

import minigan as mg
from minigan.gan import Config, DataFacts, Trainer, build_game, load_preset, set_field
from minigan.gan.pictures import grid, png
from minigan.gan.sampling import sample
from minigan.gan.source import data_of, loader_of
from minigan.metrics import Judge, classifier_score, frechet_distance, load_judge
from minigan.metrics.judge import SHA256

RESULTS = Path(__file__).parent / "results"
N, FEW = 10_000, 200
CPU = mg.device("cpu")

# What each recipe changes in the preset `default` (or `reference`, where it starts with @reference).
RECIPES: dict[str, list[str]] = {
    "default": [],
    "BatchNorm in G": ["generator.norm=batch"],
    "BatchNorm in G, no R1, dropout .3, smoothing .1": [
        "generator.norm=batch", "game.r1_gamma=0.0", "discriminator.dropout=0.3", "game.label_smoothing=0.1",
    ],
    "articles": ["@reference", "training.steps=7000"],
}  # fmt: skip


def settings(name: str, seed: int, quick: bool) -> Config:
    """Of a recipe."""
    changes = [*RECIPES[name], f"training.seed={seed}", *(["training.steps=5"] if quick else [])]
    preset = changes.pop(0)[1:] if changes[0].startswith("@") else "default"
    config = load_preset(preset)
    for change in changes:
        config = set_field(config, change)
    return config


def train(config: Config, n: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples of a recipe, and what they took."""
    loader = loader_of(config, data_of(config))
    game, steps = build_game(config, DataFacts.of(loader, config), CPU), config.training.steps
    begun = time.process_time()  # what else the machine does changes it little
    Trainer(game, loader, steps).run()
    seconds = round(time.process_time() - begun)
    return sample(game, n, 0, CPU), {"seed": config.training.seed, "steps": steps, "cpu_seconds": seconds}


class Scores:
    """Scores images beside the first n training images, and records the results."""

    def __init__(self, n: int, recorded: bool) -> None:
        self.judge: Judge = load_judge("selection")
        self.real = self.judge.features(images_of("train", n))
        self.recorded = recorded

    def add(self, name: str, images: np.ndarray, facts: dict[str, Any]) -> None:
        """Print the row of a try, and add it to the results."""
        row = {"recipe": name, **facts, "judge": self.judge.sha256[:12]}
        row["score"] = classifier_score(self.judge.probabilities(images), splits=1).mean
        row["frechet"] = frechet_distance(self.judge.features(images), self.real)
        row |= score(self.judge, images)
        print(json.dumps(row), flush=True)
        if self.recorded:
            with (RESULTS / "recipes.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")


def save_grid(name: str, seed: int, images: np.ndarray) -> None:
    """The first 100 samples, 10 x 10."""
    folder = RESULTS / "recipes"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name.replace(' ', '-').replace(',', '')}-{seed}.png"
    path.write_bytes(png(grid(images[:100], columns=10, scale=1)))


def recorded_rows() -> list[dict[str, Any]]:
    """The newest of each recipe and seed, by the judge that minigan has now: another's numbers do not compare."""
    rows = [json.loads(line) for line in (RESULTS / "recipes.jsonl").read_text().splitlines()]
    known = [row for row in rows if row.get("judge") == SHA256["selection"][:12]]
    return list({(row["recipe"], row.get("seed")): row for row in known}.values())


def table() -> str:
    """All recorded tries, best first, as Markdown."""
    lines = [
        "| recipe | seed | steps | processor seconds | classifier score | Frechet | confidence | rarest class |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['recipe']} | {row.get('seed', '')} | {row.get('steps', '')} | {row.get('cpu_seconds', '')} "
        f"| {row['score']:.2f} | {row['frechet']:.1f} | {row['confidence']:.3f} | {row['rarest']:.1%} |"
        for row in sorted(recorded_rows(), key=lambda row: row["frechet"])
    ]
    return "\n".join(lines)


def main() -> None:
    """Train and score the recipes that were named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="RECIPE")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--calibrate", action="store_true", help="score real test images and noise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps and samples of each; nothing is recorded")
    args = parser.parse_args()
    if unknown := [name for name in args.names if name not in RECIPES]:
        parser.error(f"there is no recipe {', '.join(unknown)}; --list shows which there are")
    if args.list or args.table:
        print(table() if args.table else "\n".join(RECIPES))
        return
    n = FEW if args.quick else N
    scores = Scores(n, recorded=not args.quick)
    if args.calibrate:
        scores.add("real test images", images_of("test", n), {})
        scores.add("noise", np.random.default_rng(0).uniform(-1, 1, (n, 1, 28, 28)).astype(np.float32), {})
    for name in args.names or (RECIPES if args.quick else []):
        images, facts = train(settings(name, args.seed, args.quick), n)
        scores.add(name, images, facts)
        if not args.quick:
            save_grid(name, args.seed, images)


if __name__ == "__main__":
    main()
