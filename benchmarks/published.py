"""Published numbers, found anew: each row is a command, and stands beside what the articles have.

    python benchmarks/published.py                          the tables of docs/published.md, from the results so far
    python benchmarks/published.py --table ring-r1 noise    those of these rows
    python benchmarks/published.py --list                   the rows, and what each takes
    python benchmarks/published.py parzen-ceiling ring-r1   these rows; adds to benchmarks/results/published.jsonl
    python benchmarks/published.py ring-gan --seeds 0 1 2   one run for each seed
    python benchmarks/published.py legible-r1 --minutes 60  stopped after so many minutes of training, in all
    python benchmarks/published.py --quick                  a few steps and samples of all of them, to see that they run

Runs are kept in --runs FOLDER as ROW-SEED. A row may be broken off at any time, as with Ctrl-C: the same command goes
on from the run's checkpoint, and a run that is finished is only scored. A run that `minigan train` began with the
settings of a row, in a folder of this name, will do, too.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import command
import published_exact
import published_legible
import published_parzen
import published_points
import published_table
from published_rows import Computed, How, Row, UnfinishedError
from published_table import table
from recorded import add, check_addable

from minigan.arguments import Parser, at_least, choose, number_from
from minigan.commands.presets import COSTS
from minigan.errors import ConfigError

RUNS = Path("runs/published")
GROUPS = (published_parzen, published_points, published_exact, published_legible)
ROWS: dict[str, Row] = {row.name: row for group in GROUPS for row in group.ROWS}


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments."""
    parser = Parser(prog="published.py", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ROW")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="what rows there are")
    instead.add_argument("--table", action="store_true", help="what was found so far; nothing is measured")
    instead.add_argument("--quick", action="store_true", help="a few steps and samples; nothing is kept or recorded")
    parser.add_argument("--seeds", type=at_least(0), nargs="+", metavar="S", help="if not given, those of the row")
    parser.add_argument("--runs", type=Path, metavar="DIR", help=f"where runs are kept (default: {RUNS})")
    parser.add_argument(
        "--minutes",
        type=number_from(0.01),
        metavar="M",
        help="the most that a run is trained, in all its parts",
    )
    args = parser.parse_args(argv)
    for name in args.names:
        choose("row", name, ROWS)
    _check_used(args)
    return args


def _check_used(args: argparse.Namespace) -> None:
    """Make sure that no option would be passed over.

    Raises:
        ConfigError: one would be.
    """
    given = [f"--{name}" for name in ("seeds", "runs", "minutes") if getattr(args, name) is not None]
    if given and (args.list or args.table or not (args.names or args.quick)):
        raise ConfigError(f"{given[0]}: this is for rows that are measured; name one, or leave it out.")
    of_runs = [option for option in given if option != "--seeds"]
    if of_runs and args.quick:
        raise ConfigError(f"{of_runs[0]}: --quick makes a few steps and keeps no run; leave one of them out.")
    untrained = [name for name in args.names if isinstance(ROWS[name], Computed)]
    if given and untrained:
        raise ConfigError(f"{given[0]}: the row {untrained[0]} has no runs, and one seed; leave one of them out.")


def listed() -> str:
    """All rows, what each takes, and what it does."""
    wide = max(map(len, ROWS))
    machine = json.loads(COSTS.read_text(encoding="utf-8"))["machine"]
    costs = {name: f"{row.cost()}{f' x {len(row.seeds)}' if len(row.seeds) > 1 else ''}" for name, row in ROWS.items()}
    rows = (f"{name:<{wide}}  {costs[name]:<22}{row.about}" for name, row in ROWS.items())
    return "\n".join([*rows, "", f"What trainings take, by an epoch on {machine}, with nothing beside it."])


def measure(row: Row, seeds: Sequence[int], how: How) -> bool:
    """Find the numbers of a row anew, print them, and record them unless that was quick; whether all were found."""
    complete = True
    for seed in seeds:
        try:
            found = row.measure(seed, how)
        except UnfinishedError as error:
            print(error, file=sys.stderr)
            complete = False
            continue
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        result = {"row": row.name, "seed": seed, "date": today, **found}
        print(published_table.result_told(result), flush=True)
        if not how.quick:
            add(published_table.RESULTS, result)
    return complete


def main(argv: Sequence[str]) -> int:
    """Print, or measure, what was asked for; 1 if the minutes of a run were over before its numbers were found."""
    args = parsed(argv)
    if args.list:
        print(listed())
        return 0
    rows = [ROWS[name] for name in args.names or ROWS]
    if args.table or not (args.names or args.quick):
        print(table(rows))
        return 0
    published_table.results()  # damage is told before the long work
    if not args.quick:
        check_addable(published_table.RESULTS)
    else:
        print("Two steps and few samples of each row, to see that it runs: the numbers tell nothing else.")
    with tempfile.TemporaryDirectory() as aside:
        how = How(Path(aside) if args.quick else args.runs or RUNS, args.quick, args.minutes or math.inf)
        complete = [measure(row, args.seeds or (row.seeds[:1] if args.quick else row.seeds), how) for row in rows]
    if not args.quick:
        print("\n" + table(rows))
    return 0 if all(complete) else 1


if __name__ == "__main__":
    command.run(lambda: main(sys.argv[1:]))
