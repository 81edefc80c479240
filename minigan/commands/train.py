"""``minigan train``: train a GAN into a run folder, or go on with a run."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from minigan.arguments import Parser, at_least

EXAMPLES = """\
examples
  minigan train
  minigan train reference --epochs 5 --out runs/first
  minigan train --data path/to/fashion-mnist --seed 1
  minigan train dcgan --data path/to/photos --set data.size=32 --set data.channels=3
  minigan train --set game.r1_gamma=0 --set 'generator.hidden=[128, 256]'
  minigan train --set score.every=1
  minigan train runs/default/config.toml
  minigan train --resume runs/default
  minigan train --resume runs/default --steps 40000 --allow-changes"""


def parser(add: Callable[..., Parser]) -> Parser:
    """Its arguments."""
    parser = add(
        "train",
        help="train a GAN; writes a folder with samples, curves, a log and checkpoints",
        description="Train a GAN. All that it leaves behind is in one folder, by default runs/PRESET.",
    )
    whole, natural = at_least(1), at_least(0)
    length = parser.add_mutually_exclusive_group()
    parser.add_argument(
        "preset",
        nargs="?",
        metavar="PRESET",
        help="a preset (below; by default `default`), or a .toml file, such as config.toml of a run",
    )
    parser.add_argument(
        "--data",
        metavar="DATA",
        help="mnist; a folder of images, or of IDX files; a .npy or .npz file; ring, grid, spiral, mixture-1d",
    )
    length.add_argument("--epochs", type=whole, metavar="N", help="how often to go through the data")
    length.add_argument("--steps", type=whole, metavar="N", help="how many steps to make (default: the preset's)")
    parser.add_argument("--batch-size", type=whole, metavar="N", help="real samples in a batch (default: the preset's)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, or auto: a GPU if one works (default)")
    parser.add_argument("--seed", type=natural, metavar="S", help="the same seed gives the same run (default: 0)")
    parser.add_argument(
        "--out", metavar="DIR", help="folder to write, empty or new (default: the next free runs/PRESET)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change any setting in config.toml, such as generator.lr=1e-4; may be repeated",
    )
    parser.add_argument("--resume", metavar="DIR", help="go on with the run in this folder, from its newest checkpoint")
    parser.add_argument(
        "--allow-changes",
        action="store_true",
        help="with --resume: go on with other settings or data than the run was trained with so far",
    )
    parser.set_defaults(run=train)
    parser.late_epilog = _epilog
    return parser


def _epilog() -> str:
    import textwrap

    from minigan.gan.config import preset_names

    names = textwrap.fill(", ".join(preset_names()), 78, initial_indent="  ", subsequent_indent="  ")
    return f"presets (`minigan presets` says what each is)\n{names}\n\n{EXAMPLES}"


def train(args: argparse.Namespace) -> int:
    """Train a GAN into a run folder, or go on with a run."""
    from minigan.commands.training import train

    return train(args)
