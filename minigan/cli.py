"""The command line: ``minigan train``, ``sample``, ``interpolate``, ``evaluate``, ``presets``, ``lab`` ...

A command is a function that takes its arguments and returns its exit code; whatever is wrong with them it raises, and
`main` says it in one sentence.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from minigan import blas, streams
from minigan._version import __version__
from minigan.arguments import Parser, parse
from minigan.commands import bench, evaluate, info, interpolate, lab, presets, sample, train
from minigan.errors import MiniganError

# Exit codes; the last two are what a shell gives to a program that Ctrl-C or a reader who left (`| head`) ended.
OK, WRONG, INTERRUPTED, UNREAD = 0, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments; those of this process if not given, which is then the command and nothing else, and may be
            started anew for faster kernels of the BLAS.

    Returns:
        The exit code: 0; 2 after an error; 130 after an interrupt; 141 if all went well but nobody read stdout; of
        ``train`` and ``bench``, 143 if a SIGTERM ended it and 129 if a SIGHUP did.
    """
    if argv is None:
        blas.restart_with_settings()
        argv = sys.argv[1:]
    streams.prepare()
    code = _run(list(argv))
    failure = streams.finish()
    if failure is None or code != OK:
        return code
    if isinstance(failure, BrokenPipeError):
        return UNREAD
    return _complain(f"Cannot write to the standard output ({failure.strerror}); send it somewhere else.", WRONG)


def _run(argv: list[str]) -> int:
    try:
        args = parse(*parsers(), argv or ["--help"])
        args.typed = shlex.join(["minigan", *argv])
        return int(args.run(args))
    except SystemExit as done:  # how argparse ends after --help and --version
        return int(done.code or OK)
    except MiniganError as error:
        return _complain(" ".join([str(error), *getattr(error, "__notes__", [])]), WRONG)
    except OSError as error:  # a name or a permission that nobody thought of
        return _complain(_told(error), WRONG)
    except MemoryError as error:
        return _complain(f"Out of memory ({error}); try a smaller --batch-size, network or -n.", WRONG)
    except KeyboardInterrupt:
        return _complain("Interrupted.", INTERRUPTED)


def _told(error: OSError) -> str:
    """Libraries raise some without the name of a file."""
    if error.filename is None:
        return f"The system or a file failed ({error.strerror or error}); check disk, names and permissions."
    return f"Cannot use {error.filename} ({error.strerror or error}); check its name and permissions."


def _complain(sentence: str, code: int) -> int:
    streams.say(f"minigan: {sentence}", to="stderr")
    return code


def parsers() -> tuple[Parser, dict[str, Parser]]:
    """The parser, and those of the commands by name."""
    parser = Parser(prog="minigan", description="Train GANs on an autograd engine built from scratch.", epilog=START)
    parser.add_argument("--version", action="version", version=f"minigan {__version__}")
    add = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser
    modules = {
        "train": train,
        "sample": sample,
        "interpolate": interpolate,
        "evaluate": evaluate,
        "presets": presets,
        "lab": lab,
        "bench": bench,
        "info": info,
    }
    return parser, {name: module.parser(add) for name, module in modules.items()}


START = """\
start with
  minigan train             five to nine minutes on two cores, then generated digits
  minigan train --help      options
  minigan presets           what else can be trained by name"""


if __name__ == "__main__":
    sys.exit(main())
