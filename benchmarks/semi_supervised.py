"""What are 60,000 images without labels worth, when 100 have one? The semi-supervised GAN against the same D alone.

    python benchmarks/semi_supervised.py [--labelled 100] [--seeds 0 1 2 3 4]
    python benchmarks/semi_supervised.py --quick               a few steps, to see that it runs

Both D's have the layers of the preset `semi-supervised`, and the same 100 labelled digits, ten of each. One plays the
game; the other is trained on the 100 digits only, as any classifier is. Another seed is another game and another draw
of the 100. Prints the test accuracy of both, with mean and standard deviation over the seeds, and adds each seed's to
benchmarks/results/semi_supervised.jsonl.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from in_memory import train
from recorded import add

import minigan as mg
from minigan.data import Dataset, gather_pixels
from minigan.gan import Config, DataFacts, load_preset, set_fields
from minigan.gan.held_out import assess
from minigan.gan.networks import build_discriminator
from minigan.gan.source import data_of, loader_of
from minigan.nn import functional as F

RESULTS = Path(__file__).parent / "results" / "semi_supervised.jsonl"
BASELINE_STEPS = 2000  # 100 digits are learned by heart long before
GAME, ALONE = "game", "labels alone"


def settings(seed: int, labelled: int, quick: bool) -> Config:
    """Of a game."""
    few = ["training.steps=5"] if quick else []
    return set_fields(load_preset("semi-supervised"), [f"training.seed={seed}", f"game.labelled={labelled}", *few])


def compare(config: Config, baseline_steps: int) -> dict[str, Any]:
    """Train both; returns what they were trained on, and their accuracies."""
    facts, test = DataFacts.of(loader_of(config, data_of(config)), config), data_of(config, "test")
    begun = time.perf_counter()
    game = train(config)
    return {
        "seed": config.training.seed,
        "labelled": len(facts.labelled[1]),  # as many of each class
        "steps": config.training.steps,
        "seconds": round(time.perf_counter() - begun),
        GAME: round(assess(game, test)["accuracy_test"], 4),
        ALONE: baseline(config, facts, test, baseline_steps),
    }


def baseline(config: Config, facts: DataFacts, test: Dataset, steps: int) -> float:
    """Test accuracy of D trained on the labelled digits alone."""
    mg.manual_seed(config.training.seed)
    D = build_discriminator(config.discriminator, facts.shape, outputs=facts.classes)
    optimizer = mg.optim.Adam(D.parameters(), lr=config.discriminator.lr, betas=config.discriminator.betas)
    images, labels = (mg.as_tensor(part) for part in facts.labelled)
    for step in range(steps):
        mg.set_step(step)
        optimizer.zero_grad()
        F.cross_entropy(D(images), labels).backward()
        optimizer.step()
    pixels = gather_pixels(test.samples, np.arange(len(test.samples)))
    with mg.no_grad():
        return float((D.eval()(mg.as_tensor(pixels)).numpy().argmax(1) == test.labels).mean())


def summary(rows: list[dict[str, Any]]) -> str:
    """Mean and standard deviation of both accuracies over the seeds."""
    lines = [f"test accuracy with {rows[0]['labelled']} labels, mean and standard deviation over {len(rows)} seeds:"]
    for side in (GAME, ALONE):
        accuracies = [row[side] for row in rows]
        lines.append(f"{side:14}{statistics.mean(accuracies):.2%} +- {statistics.stdev(accuracies):.2%}")
    return "\n".join(lines)


def main() -> None:
    """Train, print, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--quick", action="store_true", help="a few steps of two seeds; nothing is recorded")
    args = parser.parse_args()
    rows = []
    for seed in args.seeds[:2] if args.quick else args.seeds:
        rows.append(compare(settings(seed, args.labelled, args.quick), 5 if args.quick else BASELINE_STEPS))
        print(json.dumps(rows[-1]), flush=True)
        if not args.quick:
            add(RESULTS, rows[-1])
    if len(rows) > 1:
        print(summary(rows))


if __name__ == "__main__":
    main()
