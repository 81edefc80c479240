"""The parameters of a function as options of the command line.

Its signature gives types, with the values that they allow (see `minigan.lab.options`), and defaults; its docstring the
help texts.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from minigan.arguments import Parser
from minigan.gan.settings import shown
from minigan.lab.options import allowed, is_optional, without_none, wrong


def add_parameters(parser: Parser, function: Callable[..., Any]) -> None:
    """Add an option ``--step-size`` for each parameter ``step_size``, and an argument for each positional-only one.

    Types may be int, float, str, bool (False by default, and True with the option), tuples of any length (typed with
    commas between the values), and each of these or None.
    """
    types_of, texts = get_type_hints(function, include_extras=True), described(function)
    for name, parameter in inspect.signature(function).parameters.items():
        kind, text = types_of[name], texts[name]
        if kind is bool:
            parser.add_argument(_option(name), action="store_true", help=_escaped(text))
            continue
        settings: dict[str, Any] = {"type": _reader(kind), "metavar": name.upper()}
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            parser.add_argument(name, **settings, **_optional(parameter), help=_escaped(text + _values(kind)))
        else:
            text = _escaped(text + _values(kind, parameter.default))
            parser.add_argument(_option(name), action=_Once, default=parameter.default, **settings, help=text)


class _Once(argparse.Action):
    """Stores a value; a second one would replace the first unseen, as if it had been added to it."""

    given = False

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        if self.given:
            raise argparse.ArgumentError(self, "was given twice; give it once")
        self.given = True
        setattr(namespace, self.dest, values)


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


# ---- help texts ------------------------------------------------------------------------------------------


def _values(kind: Any, default: Any = None) -> str:
    """Which there are, and the default."""
    parts = [allowed(kind), "" if default is None else f"default: {_typed(default)}"]
    return f" ({'; '.join(filter(None, parts))})" if any(parts) else ""


def _typed(value: Any) -> str:
    """As it would be typed."""
    if isinstance(value, tuple):
        return ",".join(map(_typed, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _escaped(text: str) -> str:
    """For argparse, to which a % means something."""
    return text.replace("%", "%%")


# ---- values ----------------------------------------------------------------------------------------------


def _reader(kind: Any) -> Callable[[str], Any]:
    """What makes a value of this type of a text, for argparse."""

    def read(text: str) -> Any:
        value = _read(kind, text)
        if problem := wrong(kind, value):
            raise argparse.ArgumentTypeError(problem)
        return value

    return read


def _read(kind: Any, text: str) -> Any:
    if is_optional(kind):
        return _read(without_none(kind), text)
    if get_origin(kind) is Annotated:
        return _read(get_args(kind)[0], text)
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], part.strip()) for part in text.split(","))
    return _number(kind, text) if kind in (int, float) else text


def _number(kind: type, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        name = {int: "a whole number", float: "a number"}[kind]
        raise argparse.ArgumentTypeError(f"expected {name}, but got {shown(text)}") from None
