"""The pictures of README.md and docs/: what presets draw when they have been trained.

    python benchmarks/gallery.py [default dcgan cgan ring repair super-resolution legible] [--runs DIR]

Trains what a picture shows, unless DIR has the run already, and lets `minigan sample` write docs/images/NAME.png. A run
that was broken off is gone on with.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import command
from published_runs import trained

from minigan.arguments import choose
from minigan.gan import load_preset, set_fields

IMAGES = Path(__file__).parents[1] / "docs" / "images"
PRESETS = ("default", "dcgan", "cgan", "ring", "repair", "super-resolution")
SHOWN = {name: load_preset(name) for name in PRESETS} | {
    "legible": set_fields(load_preset("default"), ["training.steps=1800"])  # where published.py finds it first
}


def main() -> None:
    """Train, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=SHOWN, metavar="NAME")
    parser.add_argument("--runs", type=Path, default=Path("runs/gallery"), metavar="DIR", help="where runs are kept")
    args = parser.parse_args()
    for name in args.names:
        choose("picture", name, SHOWN)
    for name in args.names:
        run, picture = trained(args.runs / f"{name}-0", SHOWN[name]), IMAGES / f"{name}.png"
        subprocess.run([sys.executable, "-m", "minigan", "sample", str(run.path), "--out", str(picture)], check=True)


if __name__ == "__main__":
    command.run(main)
