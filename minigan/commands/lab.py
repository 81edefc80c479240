"""``minigan lab``: experiments that show how backpropagation drives the game."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minigan.arguments import Parser, choose, parse
from minigan.commands.results import results_folder
from minigan.commands.stopping import until_stopped
from minigan.streams import say

if TYPE_CHECKING:
    from minigan.lab.page.contents import Page

ALL, COURSE, INDEX = "all", "lab/course", "index.html"

EXAMPLES = """\
examples
  minigan lab                  what there is
  minigan lab dirac            writes lab/dirac/index.html: open it in a browser
  minigan lab dirac --help     its options
  minigan lab all --out course"""


def parser(add: Callable[..., Parser]) -> Parser:
    """Its arguments."""
    parser = add(
        "lab",
        help="experiments that show how backpropagation drives the game, as pages to read",
        description="Run an experiment; write its pictures, its numbers and a page that explains them.\n"
        "Without a name, list the experiments; all of them in a row are a course.",
        epilog=EXAMPLES,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="of the experiment, or all")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="OPTIONS", help="see minigan lab NAME --help")
    parser.set_defaults(run=lab)
    return parser


def lab(args: argparse.Namespace) -> int:
    """Run an experiment, or all, or list them."""
    from minigan.lab.course import EXPERIMENTS

    if args.name is None:
        for experiment in EXPERIMENTS.values():
            say(f"{experiment.name:<12}{experiment.about}")
        say(f"{ALL:<12}the whole course, with a page that leads through it")
        return 0
    choose("experiment", args.name, [*EXPERIMENTS, ALL])
    return until_stopped(lambda: _all(args.rest) if args.name == ALL else _one(args.name, args.rest))


def _one(name: str, argv: list[str]) -> int:
    from minigan.commands.parameters import call
    from minigan.lab.course import EXPERIMENTS

    values = vars(parse(_options(name), {}, argv))
    with _folder(values.pop("out"), f"lab/{name}") as folder:
        _publish(name, call(EXPERIMENTS[name].run, values), folder)
    return 0


def _all(argv: list[str]) -> int:
    from minigan.lab.course import EXPERIMENTS

    parser = Parser(prog="minigan lab all", description="Run all experiments; write a page that leads to theirs.")
    pages: dict[str, Page] = {}
    with _folder(parse(_with_out(parser, COURSE), {}, argv).out, COURSE) as folder:
        try:
            for name in EXPERIMENTS:
                _add(name, pages, folder)
        finally:
            if 0 < len(pages) < len(EXPERIMENTS):
                say(f"{folder / INDEX} leads to the {len(pages)} of {len(EXPERIMENTS)} pages that were made.")
        say(f"Wrote {folder / INDEX}: open it in a browser.")
    return 0


def _add(name: str, pages: dict[str, Page], folder: Path) -> None:
    """Run the next experiment of the course, and let the index lead to it: so that is never ahead of the pages."""
    from minigan.lab.course import EXPERIMENTS
    from minigan.lab.index import write_index

    start = time.perf_counter()
    data = EXPERIMENTS[name].run()
    with results_folder(str(folder / name), name) as own:
        pages[name] = _publish(name, data, own)
    write_index(pages, folder)
    say(f"  {name} took {time.perf_counter() - start:.0f} s.")


@contextmanager
def _folder(out: str | None, usual: str) -> Iterator[Path]:
    """That to write to; all that may fail later is tried first."""
    from minigan.bench.figures import check_drawing
    from minigan.lab.page import look

    check_drawing(look)
    with results_folder(out, usual) as folder:
        yield folder


def _publish(name: str, data: Any, folder: Path) -> Page:
    """Write the page, and say what it found."""
    from minigan.lab.course import EXPERIMENTS
    from minigan.lab.writing import write

    page = EXPERIMENTS[name].page(data)
    index = write(name, data, page, folder)
    failed = [check.name for check in page.checks if not check.holds]
    held = f" {len(page.checks) - len(failed)} of {len(page.checks)} predictions hold." if page.checks else ""
    if page.found:
        say(page.found)
    say(f"Wrote {index}: open it in a browser.{held}")
    if failed:
        say(f"Beyond their tolerance: {re.sub('<[^>]+>', '', '; '.join(failed))}.")
    return page


def _options(name: str) -> Parser:
    """The parser of an experiment: the parameters of its function, and --out."""
    from minigan.commands.parameters import add_parameters
    from minigan.lab.course import EXPERIMENTS

    parser = Parser(prog=f"minigan lab {name}", description=f"{name}: {EXPERIMENTS[name].about}.")
    add_parameters(parser, EXPERIMENTS[name].run)
    return _with_out(parser, f"lab/{name}")


def _with_out(parser: Parser, usual: str) -> Parser:
    parser.add_argument("--out", metavar="DIR", help=f"folder to write, empty or new (default: the next free {usual})")
    return parser
