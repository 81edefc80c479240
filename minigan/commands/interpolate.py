"""``minigan interpolate``: what G draws on the way from one z to another."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from minigan.arguments import Parser, at_least
from minigan.commands.best import add_best
from minigan.commands.out import checked, required
from minigan.commands.sample import SEEDS
from minigan.errors import ConfigError
from minigan.streams import say

KINDS = {".png": "a picture with a row for each way", ".gif": "a film that goes there and back"}
STEPS = {".png": 10, ".gif": 30}
PER_SECOND = 15  # frames of a film

EXAMPLES = """\
examples
  minigan interpolate runs/default --out ways.png
  minigan interpolate runs/default -n 16 --steps 60 --out film.gif
  minigan interpolate runs/cgan --from-label 3 --to-label 8 --out three-to-eight.png"""


def parser(add: Callable[..., Parser]) -> Parser:
    """Its arguments."""
    parser = add(
        "interpolate",
        help="draw what lies between generated images, as a picture or a film",
        description="Draw what the newest checkpoint of a run makes of z\non the way from one z to another.",
        epilog=EXAMPLES,
    )
    parser.add_argument("folder", metavar="RUN", help="the folder of a run, such as runs/default")
    add_best(parser)
    parser.add_argument("-n", type=at_least(1), default=8, metavar="N", help="how many ways (default: 8)")
    parser.add_argument("--steps", type=at_least(2), metavar="K", help="images on each way (default: 10; in a film 30)")
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="the same seed takes the same ways")
    way = parser.add_mutually_exclusive_group()
    for name, text in (
        ("spherical", "along a great circle (default for a normal z)"),
        ("linear", "straight (for others)"),
    ):
        way.add_argument(f"--{name}", dest="way", action="store_const", const=name, help=text)
    natural = at_least(0)
    parser.add_argument("--label", type=natural, metavar="K", help="of this class (default: each row of its own)")
    parser.add_argument("--from-label", type=natural, metavar="A", help="go from this class ...")
    parser.add_argument("--to-label", type=natural, metavar="B", help="... to this one")
    parser.add_argument(
        "--out", metavar="FILE", help="ways.png for a picture, film.gif for a film there and back; required"
    )
    parser.set_defaults(run=interpolate)
    return parser


def interpolate(args: argparse.Namespace) -> int:
    """Draw what lies between generated images."""
    from minigan.backend.device import CPU
    from minigan.gan import Run
    from minigan.gan.latent import check_labels, walk
    from minigan.gan.settings import check_whole
    from minigan.gan.views import real_beside
    from minigan.serialization import write_whole

    out, labels = checked(args.out, KINDS), _labels(args)
    steps = args.steps or STEPS[out.suffix if out else ".png"]
    seed = check_whole("--seed", args.seed, 0, SEEDS - 1)
    check_whole("-n times --steps", args.n * steps)
    run = Run.open(args.folder, best=args.best)
    game = run.game(CPU)
    check_labels(game, labels)
    out = required(out, "interpolate")
    samples = walk(game, args.n, steps, seed, CPU, args.way, labels)
    real = real_beside(game, run.config)
    write_whole(out, _picture(samples, real) if out.suffix == ".png" else _film(samples, real))
    say(f"Wrote {out}: {args.n} ways of {steps} steps by {run.path} as it was after step {game.steps:,}.")
    return 0


def _labels(args: argparse.Namespace) -> tuple[int, int] | None:
    """Of the first and the last image; None if nobody asked."""
    ends = (args.from_label, args.to_label)
    if args.label is not None and ends != (None, None):
        raise ConfigError("--label: not allowed with --from-label and --to-label. See minigan interpolate --help.")
    if args.label is not None:
        return args.label, args.label
    if ends == (None, None):
        return None
    if None in ends:
        raise ConfigError("--from-label and --to-label: expected both. See minigan interpolate --help.")
    return ends


def _picture(samples: Any, real: Any) -> bytes:
    """A row for each way; of points, all in one."""
    from minigan.gan.pictures import png
    from minigan.gan.views import Drawn

    rows, steps, *shape = samples.shape
    return png(Drawn(samples.reshape(rows * steps, *shape), steps, real).picture())


def _film(samples: Any, real: Any) -> bytes:
    """A frame for each step there, and then back again, to loop."""
    from minigan.gan.pictures import gif, png
    from minigan.gan.views import Drawn

    there = [png(Drawn(samples[:, step], None, real).picture()) for step in range(samples.shape[1])]
    frames = there + there[-2:0:-1]
    return gif(frames, seconds=len(frames) / PER_SECOND, rest=0.0)
