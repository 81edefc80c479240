"""Settings as dataclasses: read from the nested dictionaries that TOML gives, checked, and written back.

A field's type says all that is known of it: ``Count`` is a whole number from 1, ``Literal["a", "b"]`` one of two
texts. So what a person typed is checked in one place, and whatever is wrong is named with its path.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from minigan.errors import ConfigError

LARGEST = 10**9  # of a length or a count: a product of two of them is still a size that NumPy can be asked for
FLOAT32_MAX = 3.4028234663852886e38
LIST = "a list such as [1, 2]"


class Range(NamedTuple):
    """The least and the greatest value that a field may have, of a list or text its length, and how to say it."""

    least: float
    most: float
    words: str = ""


Count = Annotated[int, Range(1, LARGEST)]
Natural = Annotated[int, Range(0, LARGEST)]
Seed = Annotated[int, Range(0, 2**64 - 1)]
Amount = Annotated[float, Range(0, FLOAT32_MAX, "a number of at least 0")]
Positive = Annotated[float, Range(5e-324, FLOAT32_MAX, "a number above 0")]
Probability = Annotated[float, Range(0, 1, "a number from 0 to 1")]
Text = Annotated[str, Range(1, LARGEST, "a text that is not empty")]
Counts = Annotated[tuple[Count, ...], Range(1, LARGEST, LIST)]
Decay = Annotated[float, Range(0, 1 - 2**-53, "a number from 0 to below 1")]


def build(cls: Any, values: dict[str, Any], path: str = "") -> Any:
    """The dataclass ``cls`` with these values; what is left out has its default.

    Raises:
        ConfigError: an unknown field (the nearest known one is suggested), or a value that its type does not allow.
    """
    hints = _hints(cls)
    unknown = [name for name in values if name not in hints]
    if unknown:
        raise ConfigError(f"No field {shown(path + str(unknown[0]))}.{hint(str(unknown[0]), list(hints))}")
    return cls(**{name: _convert(hints[name], value, path + name) for name, value in values.items()})


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


def _convert(kind: Any, value: Any, path: str) -> Any:
    """The value in the type of its field; TOML has no tuples, and people write 1 for 1.0."""
    if dataclasses.is_dataclass(kind):
        if isinstance(value, dict):
            return build(kind, value, f"{path}.")
        raise ConfigError(f"{path}: expected a table of settings, but got {shown(value)}.")
    if get_origin(kind) is Literal:
        return _choose(get_args(kind), value, path)
    if get_origin(kind) is tuple:
        if isinstance(value, list | tuple):
            return tuple(_convert(get_args(kind)[0], part, path) for part in value)
        raise ConfigError(f"{path}: expected {LIST}, but got {shown(value)}.")
    if get_origin(kind) is Annotated:
        plain, limits = get_args(kind)
        return _within(limits, _convert(plain, value, path), path)
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise ConfigError(f"{path}: expected {_KINDS[kind]}, but got {shown(value)}.")
    return _finite(path, value) if kind is float else value


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _choose(known: tuple[Any, ...], value: Any, path: str) -> Any:
    if type(value) is type(known[0]) and value in known:  # true is no 1
        return value
    names = [str(name) for name in known]
    guess = nearest(value, names) if isinstance(value, str) else ""
    raise ConfigError(f"{path}: expected one of {', '.join(names)}, but got {shown(value)}.{guess}")


def _finite(path: str, value: float) -> float:
    """What the networks can compute with; a NaN is not at most anything."""
    if not abs(value) <= FLOAT32_MAX:
        raise ConfigError(f"{path}: expected a finite number of at most {FLOAT32_MAX:.2g}, but got {shown(value)}.")
    return float(value)


def _within(limits: Range, value: Any, path: str) -> Any:
    if isinstance(value, int):
        return check_whole(path, value, int(limits.least), int(limits.most))
    size = len(value) if isinstance(value, tuple | str) else value
    if not limits.least <= size <= limits.most:
        raise ConfigError(f"{path}: expected {limits.words}, but got {shown(plain(value))}.")
    return value


def check_whole(path: str, value: int, least: int = 1, most: int = LARGEST) -> int:
    """The value itself.

    Raises:
        ConfigError: it is no whole number, less than ``least`` or more than ``most``; ``path`` says what it is.

    >>> from minigan.gan.settings import check_whole
    >>> check_whole("generator.z_dim", 100)
    100
    """
    if type(value) is not int or value < least:
        raise ConfigError(f"{path}: expected a whole number of at least {least}, but got {shown(value)}.")
    if value > most:
        raise ConfigError(f"{path}: expected a whole number of at most {most:,}, but got {shown(value)}.")
    return value


# ---- texts ------------------------------------------------------------------------------------------------


def parse_assignment(assignment: str, example: str) -> tuple[str, Any]:
    """``PATH=VALUE``: the path, and the value as TOML reads it; what is no TOML is a text.

    Raises:
        ConfigError: no ``=``; ``example`` says what was expected.
    """
    path, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"--set {assignment}: expected FIELD=VALUE, for example {example}.")
    return path.strip(), _value(text.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # no TOML, or thousands of digits or brackets
        return text


def shown(value: Any) -> str:
    """The value as a part of a message."""
    try:
        text = repr(value).replace("\n", " ")  # of arrays, which a checkpoint may have anywhere
    except (ValueError, RecursionError):  # Python does not write out thousands of digits, or of tables in tables
        return "one too long to show"
    return text if len(text) <= 80 else f"{text[:77]}..."


def plain(value: Any) -> Any:
    """With lists for tuples, as TOML and JSON have them."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return list(value) if isinstance(value, tuple) else value


def leaves(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, by path: {"generator.lr": 1e-4, ...}."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def hint(given: str, known: list[str]) -> str:
    """The end of a message on an unknown name: the nearest known one, or all of them."""
    return nearest(given, known) or f" Known are {', '.join(known)}."


def nearest(given: str, known: list[str]) -> str:
    """A question that suggests the nearest known name, or nothing."""
    ends = {path.rpartition(".")[2]: path for path in known}
    close = (
        [path for path in known if given and path.startswith(given)]
        or difflib.get_close_matches(given, known, 1)
        or [ends[end] for end in difflib.get_close_matches(given.rpartition(".")[2], list(ends), 1)]
    )
    return f" Did you mean {close[0]}?" if close else ""
