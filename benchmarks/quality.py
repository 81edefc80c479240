"""Are they digits? Trains presets from the command line, and lets minigan's judge look at 10,000 samples of each.

    python benchmarks/quality.py default dcgan cgan            train, and score
    python benchmarks/quality.py default --seeds 0 1 2 3 4     the same for each of these seeds
    python benchmarks/quality.py default --runs DIR            runs that DIR has are not repeated
    python benchmarks/quality.py --table                       the table of docs/recipes.md, from what was recorded
    python benchmarks/quality.py default dcgan cgan --quick    a few steps of each, to see that all of it runs

Prints, and adds to benchmarks/results/quality.jsonl: the classifier score, the Frechet distance to the training images,
the mean confidence of the judge, the share of the rarest class, and for games with labels how often the judge sees the
digit that was asked for. The judge is the one for reporting, which chose nothing (`minigan.metrics`). A run in DIR has
to have the settings that the preset has now; version, seconds and machine are those that the run has recorded.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from published_runs import settings as settings_of
from scores import REPORTED_Z, Scorer, images_of

import minigan as mg
from minigan.data import load_mnist
from minigan.gan import Config, Run, load_preset, set_field
from minigan.gan.record import changed_settings, read_record
from minigan.metrics.evaluation.data import draw

RESULTS = Path(__file__).parent / "results" / "quality.jsonl"
TRAINING, N, FEW = 60_000, 10_000, 200
CPU = mg.device("cpu")


def settings(preset: str, seed: int, quick: bool) -> Config:
    """Of the run that is wanted."""
    config = set_field(load_preset(preset), f"training.seed={seed}")
    return set_field(config, "training.steps=10") if quick else config


def train(config: Config, folder: Path) -> None:
    """Train into the folder as a user does."""
    wanted = ["--seed", str(config.training.seed), "--steps", str(config.training.steps), "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "minigan", "train", config.name, *wanted], check=True)


def finished_run(folder: Path, config: Config) -> Run:
    """The run in a folder, if it is whole and has these settings."""
    run = Run.open(folder)
    if changes := changed_settings(run.config, config):
        sys.exit(f"{folder} is a run with other settings ({'; '.join(changes)}): choose another folder with --runs")
    if not run.finished:
        sys.exit(f"{folder} was broken off; finish it with: minigan train --resume {folder}")
    return run


def facts(run: Run) -> dict[str, Any]:
    """What made the run."""
    record = read_record(run.path / "config.toml")
    return {
        "preset": run.config.name,
        "seed": run.config.training.seed,
        "steps": run.config.training.steps,
        "seconds": round(run.seconds()),
        "threads": record.get("blas_threads"),
        "cpu": record.get("cpu"),
        "version": record["minigan"],
        "settings": settings_of(run.config),
    }


def record(row: dict[str, Any], quick: bool) -> None:
    """Print a row, and add it to the results."""
    print(json.dumps(row), flush=True)
    if not quick and "seed" in row:
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")


def recorded_rows() -> list[dict[str, Any]]:
    """The newest of each preset and seed, if it has the settings that the preset has now."""
    rows = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    newest = {(row["preset"], row["seed"]): row for row in rows}
    today = {key: settings_of(settings(*key, quick=False)) for key in newest}
    return [row for key, row in sorted(newest.items()) if row["settings"] == today[key]]


def table() -> str:
    """The recorded results as Markdown."""
    lines = [
        "| preset | seed | steps | minutes, threads | classifier score | Frechet | rarest class | class accuracy |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in recorded_rows():
        asked = f"{row['class_accuracy']:.1%}" if "class_accuracy" in row else ""
        time = f"{row['seconds'] / 60:.1f}, {row['threads']}"
        scores = f"{row['score']:.2f} | {row['frechet']:.2f} | {row['rarest']:.1%} | {asked} |"
        lines.append(f"| `{row['preset']}` | {row['seed']} | {row['steps']:,} | {time} | {scores}")
    return "\n".join(lines)


def main() -> None:
    """Train, draw, score, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="where runs are kept; if not given, in a new folder")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], metavar="SEED")
    parser.add_argument("--quick", action="store_true", help="a few steps and samples of each; nothing is recorded")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if args.table:
        print(table())
        return
    n = FEW if args.quick else N
    scorer = Scorer("report", FEW if args.quick else TRAINING)
    record({"preset": "real test images", **scorer.row(images_of("test", n), load_mnist("test")[1][:n])}, args.quick)
    runs = args.runs or Path(tempfile.mkdtemp(prefix="minigan-quality-"))
    for preset, seed in product(args.presets, args.seeds):
        config, folder = settings(preset, seed, args.quick), runs / f"{preset}-{seed}"
        if not folder.exists():
            train(config, folder)
        run = finished_run(folder, config)
        record({**facts(run), **scorer.row(*draw(run.game(CPU), n, REPORTED_Z))}, args.quick)


if __name__ == "__main__":
    main()
