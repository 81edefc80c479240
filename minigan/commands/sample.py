"""``minigan sample``: draw new images, or points, from a trained run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minigan.arguments import Parser, at_least, number_from
from minigan.commands.best import add_best
from minigan.commands.out import checked, required
from minigan.streams import say

if TYPE_CHECKING:
    from minigan.gan.views import View

SEEDS = 2**64
KINDS = {".png": "a picture", ".npy": "the numbers"}

EXAMPLES = """\
examples
  minigan sample runs/default -n 100 --seed 3 --out grid.png
  minigan sample runs/default -n 10000 --out digits.npy
  minigan sample runs/default --best --out best.png
  minigan sample runs/default --truncation 1 --out typical.png
  minigan sample runs/cgan --label 7 -n 30 --out sevens.png"""


def parser(add: Callable[..., Parser]) -> Parser:
    """Its arguments."""
    parser = add(
        "sample",
        help="draw new images from a trained run",
        description="Draw new images, or points, from the newest checkpoint of a run.\n"
        "A run that restores images shows input, output and original side by side.",
        epilog=EXAMPLES,
    )
    parser.add_argument("folder", metavar="RUN", help="the folder of a run, such as runs/default")
    add_best(parser)
    parser.add_argument(
        "-n",
        type=at_least(1),
        metavar="N",
        help="how many (default: 64 images; 8 of each class, where G is told the class; 2,000 points)",
    )
    parser.add_argument(
        "--label", type=at_least(0), metavar="K", help="of this class only, where G is told the class (default: all)"
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="the same seed draws the same images")
    parser.add_argument(
        "--truncation",
        type=number_from(0.01),
        default=0.0,
        metavar="T",
        help="draw z again where it lies more than T standard deviations off: more typical images, and less diverse",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="grid.png for a picture; x.npy for float32 numbers, images (N, C, H, W) in [-1, 1] or points (N, F); "
        "required",
    )
    parser.set_defaults(run=sample)
    return parser


def sample(args: argparse.Namespace) -> int:
    """Draw new images from a trained run."""
    from minigan.backend.device import CPU
    from minigan.gan import Run
    from minigan.gan.pictures import png
    from minigan.gan.sampling import check_wishes
    from minigan.gan.settings import check_whole
    from minigan.gan.views import real_beside, view
    from minigan.serialization import write_whole

    out = checked(args.out, KINDS)
    seed = check_whole("--seed", args.seed, 0, SEEDS - 1)
    n = None if args.n is None else check_whole("-n", args.n)
    run = Run.open(args.folder, best=args.best)
    game = run.game(CPU)
    check_wishes(game, args.label, args.truncation)
    out = required(out, "sample")
    real = real_beside(game, run.config, n)
    drawn = view(game, seed, CPU, real, n=n, label=args.label, truncation=args.truncation)
    write_whole(out, png(drawn.picture()) if out.suffix == ".png" else _npy(drawn.samples))
    say(f"Wrote {out}: {_counted(drawn)} by {run.path} as it was after step {game.steps:,}.")
    return 0


def _counted(drawn: View) -> str:
    n = len(drawn.samples)
    return f"{n:,} {'point' if drawn.samples.ndim == 2 else 'image'}{'s' if n > 1 else ''}"


def _npy(samples: Any) -> bytes:
    from io import BytesIO

    import numpy as np

    file = BytesIO()
    np.save(file, samples)
    return file.getvalue()
