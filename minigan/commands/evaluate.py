"""``minigan evaluate``: how good are the samples of a run, or of several?"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from minigan.arguments import Parser, at_least
from minigan.commands.best import add_best
from minigan.commands.stopping import until_stopped

EXAMPLES = """\
examples
  minigan evaluate runs/default
  minigan evaluate runs/default --best
  minigan evaluate runs/default runs/default-2 runs/dcgan --out compared

what each number means: docs/scores.md"""


def parser(add: Callable[..., Parser]) -> Parser:
    """Its arguments."""
    parser = add(
        "evaluate",
        help="score the samples of a run, beside real samples and noise",
        description="Score samples of the newest checkpoint of a run, beside real samples and noise.\n"
        "Of one run, it writes a page of pictures and scores.json into RUN/scores, where\n"
        "they replace those of an earlier evaluation; several runs are compared, and those\n"
        "of the same settings are one row, with the standard error over their seeds.",
        epilog=EXAMPLES,
    )
    parser.add_argument("folders", nargs="+", metavar="RUN", help="the folder of a run, such as runs/default")
    add_best(parser)
    parser.add_argument(
        "-n", type=at_least(1), metavar="N", help="samples of each (default: 10,000 images; 2,500 points)"
    )
    parser.add_argument(
        "--judge",
        choices=("report", "selection"),
        default="report",
        help="who looks at digits: report, for what is told to others, or selection, to choose recipes or "
        "checkpoints by (default: report)",
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, or auto: a GPU if one works (default)")
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="the same seed draws the same samples")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder to write, empty or new (default: RUN/scores; of several runs the next free scores)",
    )
    parser.set_defaults(run=evaluate)
    return parser


def evaluate(args: argparse.Namespace) -> int:
    """Score the samples of runs."""
    from minigan.commands.evaluating import evaluate  # a second to import, which --help and other commands save

    return until_stopped(lambda: evaluate(args))
