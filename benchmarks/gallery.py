"""The pictures of README.md and docs/presets.md: what presets draw when they have been trained.

    python benchmarks/gallery.py [default dcgan cgan ring repair super-resolution] [--runs DIR]

Trains each preset from the command line, unless DIR has the run already, and lets `minigan sample` write
docs/images/PRESET.png.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from quality import finished_run, settings, train

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SHOWN = ["default", "dcgan", "cgan", "ring", "repair", "super-resolution"]


def main() -> None:
    """Train, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=SHOWN)
    parser.add_argument("--runs", type=Path, metavar="DIR", help="where runs are kept; if not given, in a new folder")
    args = parser.parse_args()
    runs = args.runs or Path(tempfile.mkdtemp(prefix="minigan-gallery-"))
    for preset in args.presets:
        config, folder = settings(preset, seed=0, quick=False), runs / f"{preset}-0"
        if not folder.exists():
            train(config, folder)
        run, picture = finished_run(folder, config), IMAGES / f"{preset}.png"
        subprocess.run([sys.executable, "-m", "minigan", "sample", str(run.path), "--out", str(picture)], check=True)


if __name__ == "__main__":
    main()
