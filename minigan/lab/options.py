"""What an experiment can be asked for: the types of its function's parameters say it, and it is checked in one place.

    @checked
    def ring(*, data: Annotated[str, OneOf(("ring", "grid"))] = "ring", steps: Steps = 3000): ...

Who calls the function is told by the parameter's name what is wrong with a value, who types a command by the option's
name, and the help of the command names the values that there are. Numbers have an upper limit, too, so that a typing
error does not compute for days: far above what is useful, and such that pages stay below 8 MB.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from numbers import Integral, Real
from types import UnionType
from typing import Annotated, Any, NamedTuple, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from minigan.errors import ConfigError
from minigan.gan.settings import nearest, shown

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Whole(NamedTuple):
    """A whole number from ``least`` to ``most``."""

    least: int
    most: int

    def __str__(self) -> str:
        """As in a help text."""
        return f"{self.least:,} to {self.most:,}" if self.most < 2**32 else f"{self.least:,} or more"

    def wrong(self, value: Any) -> str:
        """What a value should be and is not; nothing if it is right."""
        if isinstance(value, Integral) and not isinstance(value, bool) and self.least <= int(value) <= self.most:
            return ""
        return f"expected a whole number from {self.least:,} to {self.most:,}, but got {shown(value)}"


class Number(NamedTuple):
    """A number from ``least``, or with ``above`` above it, to ``most``."""

    least: float
    most: float
    above: bool = False

    def __str__(self) -> str:
        """As in a help text."""
        return f"above {self.least:g}, at most {self.most:g}" if self.above else f"{self.least:g} to {self.most:g}"

    def wrong(self, value: Any) -> str:
        """What a value should be and is not; nothing if it is right."""
        number = isinstance(value, Real) and not isinstance(value, bool)
        if number and self.least <= value <= self.most and not (self.above and value == self.least):
            return ""
        words = f"above {self.least:g} and at most" if self.above else f"from {self.least:g} to"
        return f"expected a number {words} {self.most:g}, but got {shown(value)}"


class OneOf(NamedTuple):
    """One of these names."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        """As in a help text."""
        return ", ".join(self.names)

    def wrong(self, value: Any) -> str:
        """What a value should be and is not; nothing if it is right."""
        if isinstance(value, str) and value in self.names:
            return ""
        guess = nearest(value, list(self.names)) if isinstance(value, str) else ""
        return f"expected one of {self}, but got {shown(value)}{f' ({guess.strip()})' if guess else ''}"


class Several(NamedTuple):
    """1 to ``most`` different values."""

    most: int

    def __str__(self) -> str:
        """As in a help text."""
        return f"up to {self.most} values with commas between them"

    def wrong(self, values: Any) -> str:
        """What the values should be and are not; nothing if they are right."""
        if not isinstance(values, tuple | list):
            return f"expected several values, but got {shown(values)}"
        if not 1 <= len(values) <= self.most:
            return f"expected 1 to {self.most} values, but got {len(values)}"
        twice = [each for i, each in enumerate(values) if each in values[:i]]
        return f"expected each value once, but got {shown(twice[0])} twice" if twice else ""


Steps = Annotated[int, Whole(1, 100_000)]
Repeats = Annotated[int, Whole(1, 20)]
BatchSize = Annotated[int, Whole(1, 10_000)]
Seed = Annotated[int, Whole(0, 2**63 - 1)]  # with room above it for the seeds of further trainings
R1Gamma = Annotated[float, Number(0, 1000)]
Plane = Annotated[str, OneOf(("ring", "grid"))]  # mixtures of points whose modes lie apart, so that they can be counted


def checked(experiment: Callable[_P, _R]) -> Callable[_P, _R]:
    """A decorator of experiments: what the types of the parameters do not allow is refused.

    >>> from minigan.lab.options import Steps, checked
    >>> @checked
    ... def count(*, steps: Steps = 10):
    ...     return steps
    >>> count(steps=0)
    Traceback (most recent call last):
    minigan.errors.ConfigError: steps: expected a whole number from 1 to 100,000, but got 0.
    """

    @wraps(experiment)
    def run(*args: _P.args, **settings: _P.kwargs) -> _R:
        kinds = get_type_hints(experiment, include_extras=True)
        for name, value in signature(experiment).bind(*args, **settings).arguments.items():
            if problem := wrong(kinds[name], value):
                raise ConfigError(f"{name}: {problem}.")
        return experiment(*args, **settings)

    return run


def wrong(kind: Any, value: Any) -> str:
    """What a value of a parameter of this type should be and is not; nothing if it is right.

    >>> from typing import Annotated
    >>> from minigan.lab.options import Number, wrong
    >>> wrong(Annotated[float, Number(0, 1)] | None, 2.0)
    'expected a number from 0 to 1, but got 2.0'
    """
    if is_optional(kind):
        return "" if value is None else wrong(without_none(kind), value)
    if get_origin(kind) is tuple:
        return next(filter(None, (wrong(get_args(kind)[0], each) for each in value)), "")
    if get_origin(kind) is Annotated:
        plain, rule = get_args(kind)
        return rule.wrong(value) or wrong(plain, value)
    return ""


def allowed(kind: Any) -> str:
    """The values that a type allows, for the help of a command; nothing if it does not say.

    >>> from minigan.lab.options import Steps, allowed
    >>> allowed(Steps)
    '1 to 100,000'
    """
    if is_optional(kind):
        return allowed(without_none(kind))
    if get_origin(kind) is tuple:
        return allowed(get_args(kind)[0])
    if get_origin(kind) is Annotated:
        plain, rule = get_args(kind)
        return "; ".join(filter(None, (allowed(plain), str(rule))))
    return ""


def is_optional(kind: Any) -> bool:
    """Whether it is a type or None."""
    return get_origin(kind) in (Union, UnionType)


def without_none(kind: Any) -> Any:
    """Of a type or None, the type."""
    return next(each for each in get_args(kind) if each is not type(None))
