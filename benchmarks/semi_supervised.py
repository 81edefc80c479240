"""What are 60,000 images without labels worth, when 100 have one? The semi-supervised GAN against the same D alone.

    python benchmarks/semi_supervised.py [--steps 12000] [--labelled 100] [--seeds 0]

Both D's have the layers of the preset `semi-supervised`, and the same 100 labelled digits, ten of each. One plays the
game; the other is trained on the 100 digits only, as any classifier is. Prints the test accuracy of both, and adds it
to benchmarks/results/semi_supervised.jsonl.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import minigan as mg
from minigan.data import Dataset
from minigan.gan import Config, DataFacts, Trainer, build_game, load_preset, set_field
from minigan.gan.held_out import assess
from minigan.gan.networks import build_discriminator
from minigan.gan.source import data_of, loader_of
from minigan.nn import functional as F

RESULTS = Path(__file__).parent / "results" / "semi_supervised.jsonl"
CPU = mg.device("cpu")
BASELINE_STEPS = 2000  # 100 digits are learned by heart long before


def baseline(config: Config, facts: DataFacts, test: Dataset) -> float:
    """Test accuracy of D trained on the labelled digits alone."""
    mg.manual_seed(config.training.seed)
    D = build_discriminator(config.discriminator, facts.shape, outputs=facts.classes)
    optimizer = mg.optim.Adam(D.parameters(), lr=config.discriminator.lr, betas=config.discriminator.betas)
    images, labels = (mg.as_tensor(part) for part in facts.labelled)
    for step in range(BASELINE_STEPS):
        mg.set_step(step)
        optimizer.zero_grad()
        F.cross_entropy(D(images), labels).backward()
        optimizer.step()
    pixels = mg.data.gather_pixels(test.samples, np.arange(len(test.samples)))
    with mg.no_grad():
        return float((D.eval()(mg.as_tensor(pixels)).numpy().argmax(1) == test.labels).mean())


def main() -> None:
    """Train both, print, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=load_preset("semi-supervised").training.steps)
    parser.add_argument("--labelled", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    for seed in args.seeds:
        config = load_preset("semi-supervised")
        for change in (f"training.seed={seed}", f"game.labelled={args.labelled}", f"training.steps={args.steps}"):
            config = set_field(config, change)
        loader, test = loader_of(config, data_of(config)), data_of(config, "test")
        facts = DataFacts.of(loader, config)
        game = build_game(config, facts, CPU)
        begun = time.perf_counter()
        Trainer(game, loader, args.steps).run()
        row = {
            "seed": seed,
            "labelled": args.labelled,
            "steps": args.steps,
            "seconds": round(time.perf_counter() - begun),
            "game": assess(game, test)["accuracy_test"],
            "labels alone": baseline(config, facts, test),
        }
        print(json.dumps(row), flush=True)
        if args.steps == load_preset("semi-supervised").training.steps:
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
