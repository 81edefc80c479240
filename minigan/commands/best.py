"""``--best``: which checkpoint of a run a command takes."""

from __future__ import annotations

from minigan.arguments import Parser


def add_best(parser: Parser) -> None:
    """Add the option, for ``Run.open(folder, best=args.best)``."""
    parser.add_argument(
        "--best",
        action="store_true",
        help="take the checkpoint with the best score, of a run trained with --set score.every=1, not the newest",
    )
