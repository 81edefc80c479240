"""Arguments of the command line: argparse, with errors in one sentence that suggests the nearest known name."""

from __future__ import annotations

import argparse
import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from minigan.errors import ConfigError
from minigan.streams import say


class Parser(argparse.ArgumentParser):
    """Raises ConfigError where argparse would print the usage and leave.

    Attributes:
        late_epilog: makes the end of the help text, when it is asked for and not before.
    """

    late_epilog: Callable[[], str] | None = None

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_Formatter, **settings)

    def error(self, message: str) -> NoReturn:
        """Called by argparse."""
        raise ConfigError(f"{message.removeprefix('argument ')}. See {self.prog} --help.")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Called by argparse with a help text or the version; its own passes over a failure and forgets it."""
        say(message, end="")

    def format_help(self) -> str:
        """Called by argparse."""
        if self.late_epilog is not None:
            self.epilog = self.late_epilog()
        return super().format_help()


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)  # wide enough for all options on one line each
        self._action_max_length = 17  # argparse forgets that the names of commands are indented


def parse(parser: Parser, commands: Mapping[str, Parser], argv: Sequence[str]) -> argparse.Namespace:
    """The arguments, by ``parser``, whose sub-parsers are ``commands``.

    Raises:
        ConfigError: an unknown command or option, a value that makes no sense, or a missing one.
        SystemExit: after ``--help`` or ``--version``.
    """
    if commands and argv and not argv[0].startswith("-"):
        choose("command", argv[0], commands)
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        used = commands.get(argv[0], parser)
        name = unknown[0].partition("=")[0]
        kind = "option" if name.startswith("-") else "place for the argument"
        hint = _nearest(name, used._option_string_actions)
        raise ConfigError(f"There is no {kind} {name!r} in {used.prog}{hint} See {used.prog} --help.")
    return args


def choose(kind: str, name: str, known: Iterable[str]) -> None:
    """Make sure that a name is one of those known.

    Raises:
        ConfigError: it is not; the nearest one is suggested.
    """
    if name not in (known := list(known)):
        expected = f"Expected one of {', '.join(known)}."
        raise ConfigError(f"There is no {kind} {name!r}{_nearest(name, known)} {expected}")


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else "."


def at_least(low: int) -> Callable[[str], int]:
    """A ``type=`` for argparse: reads a whole number that is not less than ``low``.

    >>> from minigan.arguments import at_least
    >>> at_least(1)("12")
    12
    """

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {low}, but got {text!r}")
        return number

    return read


def number_from(low: float) -> Callable[[str], float]:
    """A ``type=`` for argparse: reads a finite number that is not less than ``low``.

    >>> from minigan.arguments import number_from
    >>> number_from(0.5)("0.7")
    0.7
    """

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not low <= number < math.inf:
            raise argparse.ArgumentTypeError(f"expected a number of at least {low:g}, but got {text!r}")
        return number

    return read
