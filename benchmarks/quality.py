"""Are they digits? Trains presets from the command line, and lets minigan's judge look at 10,000 samples of each.

    python benchmarks/quality.py default dcgan cgan [--runs DIR] [--seed 0]

Prints, and adds to benchmarks/results/quality.jsonl: the mean confidence of the judge, the share of the rarest class,
and for games with labels how often the judge sees the digit that was asked for. The judge is the one for reporting,
which chose nothing (`minigan.metrics`). A run that is in DIR already is scored as it is. The grids of the README are
written with --grids.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import minigan as mg
from minigan.data import load_mnist
from minigan.gan import Run
from minigan.gan.pictures import grid, png
from minigan.gan.sampling import sample
from minigan.metrics import Judge, load_judge

RESULTS = Path(__file__).parent / "results" / "quality.jsonl"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
N = 10_000
CPU = mg.device("cpu")


def train(preset: str, folder: Path, seed: int) -> float:
    """Train into the folder as a user does; returns the seconds."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "minigan", "train", preset, "--out", str(folder), "--seed", str(seed)]
    subprocess.run(command, check=True)
    return time.perf_counter() - begun


def score(judge: Judge, images: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    """What the judge makes of images (N, 1, 28, 28), and how often it sees the labels (N,) that they should have."""
    p = judge.probabilities(images)
    shares = np.bincount(p.argmax(1), minlength=10) / len(p)
    row = {"confidence": float(p.max(1).mean()), "rarest": float(shares.min())}
    return row if labels is None else {**row, "as_asked": float((p.argmax(1) == labels).mean())}


def main() -> None:
    """Train, draw, score, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--runs", type=Path, default=Path(tempfile.gettempdir()) / "minigan-quality")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--grids", action="store_true", help="write docs/images/PRESET.png")
    args = parser.parse_args()
    judge = load_judge("report")
    test_images, test_labels = load_mnist("test")
    test = mg.data.gather_pixels(test_images[:, None], np.arange(len(test_images)))
    print(json.dumps({"preset": "real test images", **score(judge, test, test_labels)}))
    for preset in args.presets:
        folder = args.runs / f"{preset}-{args.seed}"
        seconds = None if folder.exists() else round(train(preset, folder, args.seed))
        run = Run.open(folder)
        if not run.finished:
            sys.exit(f"{folder} was broken off; finish it with: minigan train --resume {folder}")
        game = run.game(CPU)
        asked = np.arange(N) % 10 if run.config.game.task in ("conditional", "auxiliary") else None
        images = sample(game, N, 0, CPU, labels=asked)
        row = {"preset": preset, "seed": args.seed, "steps": game.steps, "seconds": seconds, "judge": judge.sha256[:12]}
        row |= score(judge, images, asked)
        print(json.dumps(row), flush=True)
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if args.grids:
            (IMAGES / f"{preset}.png").write_bytes(png(grid(images[:100], columns=10)))


if __name__ == "__main__":
    main()
