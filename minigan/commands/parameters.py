"""The parameters of a function as options of the command line.

Its signature gives types and defaults, its docstring the help texts.
"""

from __future__ import annotations

import argparse
import inspect
import re
import types
from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

from minigan.arguments import Parser


def add_parameters(parser: Parser, function: Callable[..., Any]) -> None:
    """Add an option ``--step-size`` for each parameter ``step_size``, and an argument for each positional-only one.

    Types may be int, float, str, bool (False by default, and True with the option), tuples of numbers of any length
    (typed with commas between them), and each of these or None.
    """
    types_of, texts = get_type_hints(function), described(function)
    for name, parameter in inspect.signature(function).parameters.items():
        text = texts[name].replace("%", "%%")
        if types_of[name] is bool:
            parser.add_argument(_option(name), action="store_true", help=text)
            continue
        settings: dict[str, Any] = {"type": _reader(types_of[name]), "metavar": name.upper(), "help": text}
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            parser.add_argument(name, **settings, **_optional(parameter))
        else:
            settings["help"] = text + _default(parameter.default)
            parser.add_argument(_option(name), default=parameter.default, **settings)


def call(function: Callable[..., Any], values: dict[str, Any]) -> Any:
    """Call the function with these values of its parameters.

    >>> from minigan.commands.parameters import call
    >>> def power(x, /, *, exponent):
    ...     return x**exponent
    >>> call(power, {"exponent": 2, "x": 3})
    9
    """
    parameters = inspect.signature(function).parameters.values()
    by_place = [each.name for each in parameters if each.kind is inspect.Parameter.POSITIONAL_ONLY]
    by_name = {name: value for name, value in values.items() if name not in by_place}
    return function(*(values[name] for name in by_place), **by_name)


def described(function: Callable[..., Any]) -> dict[str, str]:
    """What the docstring says of each parameter, below ``Args:``.

    >>> from minigan.commands.parameters import described
    >>> def f(h, steps):
    ...     '''Nothing.
    ...
    ...     Args:
    ...         h: the step size,
    ...             above 0.
    ...         steps: how many.
    ...     '''
    >>> described(f)
    {'h': 'the step size, above 0', 'steps': 'how many'}
    """
    text = inspect.getdoc(function) or ""
    block = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)*)", text, flags=re.MULTILINE)
    entries = re.findall(r"^ {4}(\w+): ((?:.*\n?(?: {8}.*\n?)*))", block[1] if block else "", flags=re.MULTILINE)
    return {name: " ".join(words.split()).replace("``", "").removesuffix(".") for name, words in entries}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _optional(parameter: inspect.Parameter) -> dict[str, Any]:
    return {} if parameter.default is parameter.empty else {"nargs": "?", "default": parameter.default}


def _default(value: Any) -> str:
    if value is None:
        return ""
    shown = ",".join(f"{each:g}" for each in value) if isinstance(value, tuple) else value
    return f" (default: {shown})"


def _reader(kind: Any) -> Callable[[str], Any]:
    """What makes a value of this type of a text."""
    if isinstance(kind, types.UnionType):
        (kind,) = (each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is tuple:
        one = _reader(get_args(kind)[0])
        return lambda text: tuple(one(part) for part in text.split(","))
    return _number(kind) if kind in (int, float) else str


def _number(kind: type) -> Callable[[str], Any]:
    name = {int: "a whole number", float: "a number"}[kind]

    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected {name}, but got {text!r}") from None

    return read
