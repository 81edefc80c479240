"""The tape of a user's own function, whose parameters' defaults are the tensors it is called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

import minigan as mg
from minigan.errors import ConfigError, MiniganError
from minigan.lab.experiments.step_file import function_in, in_words
from minigan.lab.experiments.step_record import Backward, Forward, program
from minigan.lab.experiments.step_tape import Tape, read

MOST = 200  # operations: a slider has a position for each

EXAMPLE = "def f(x=[[1., 2.]], w=[[.5], [.3]]): return (x @ w).tanh().sum()"


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function and its tape.

    Attributes:
        name: of the function.
        source: its text, where that can be found.
        shape: of its result; where that has several elements, their sum is what the gradients are of.
        tape: what it did.
    """

    name: str
    source: str
    shape: tuple[int, ...]
    tape: Tape


def explain(function: Callable[..., Any] | str, seed: int) -> Function:
    """Call the function and follow its gradients.

    Args:
        function: itself, or FILE.py:NAME.
        seed: of the random numbers that it draws.

    Raises:
        ConfigError: what is wrong with it, in one sentence.
    """
    with function_in(function) if isinstance(function, str) else nullcontext(function) as f:
        if not callable(f):
            raise ConfigError(f"function: expected a function, but got an object of type {type(f).__name__}.")
        mg.manual_seed(seed)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # the page says what is not finite
            return _followed(f, getattr(f, "__name__", type(f).__name__))


def _followed(f: Callable[..., Any], name: str) -> Function:
    """Its result, and the sweep from there."""
    arguments = _arguments(f, name)
    seen, sweep = Forward(), Backward()
    with seen:
        with _reported(name):
            y = f(*arguments.args, **arguments.kwargs)
        _check_tracked(name, y)
        loss = y if y.numel() == 1 else y.sum()
    _check_length(name, seen, loss)
    with sweep, _reported(f"the backward pass of {name}"):
        loss.backward()
    with _reported(f"computing {name} again in float64"):
        tape = read(seen, sweep, loss, {}, {})
    return Function(name=name, source=_source(f), shape=y.shape, tape=tape)


# ---- calling it ------------------------------------------------------------------------------------------


def _arguments(f: Callable[..., Any], name: str) -> inspect.BoundArguments:
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        raise ConfigError(f"{name}: its parameters cannot be found; write a function around it: {EXAMPLE}") from None
    bound = signature.bind_partial()
    for key, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.default is parameter.empty:
            raise ConfigError(f"{name}: parameter {key!r} has no default, which would be its value here: {EXAMPLE}")
        bound.arguments[key] = _tensor(name, key, parameter.default)
    return bound


def _tensor(function: str, name: str, value: Any) -> Any:
    """ArraySummary as a tensor, which takes a gradient if they are floating point; anything else as it is."""
    if value is None or isinstance(value, str | bool):
        return value
    data = value.detach() if isinstance(value, mg.Tensor) else value
    try:
        x = mg.tensor(data)
    except (MiniganError, TypeError, ValueError):
        raise ConfigError(f"{function}: expected the default of {name!r} to be numbers, but got {value!r}.") from None
    if not x.numel():
        raise ConfigError(f"{function}: the default of {name!r} has no numbers (its shape is {x.shape}); give it some.")
    x.name = name
    return x.requires_grad_() if np.dtype(x.dtype).kind == "f" else x


@contextmanager
def _reported(what: str) -> Iterator[None]:
    """An error of the user's own code becomes one sentence."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{what} raised {in_words(error)}") from error


def _check_tracked(name: str, y: Any) -> None:
    if not isinstance(y, mg.Tensor):
        raise ConfigError(f"{name}: expected it to return a tensor, but got an object of type {type(y).__name__}.")
    if not y.requires_grad:
        raise ConfigError(
            f"{name}: its result depends on no tensor that takes a gradient; give a parameter a default of numbers "
            "with a decimal point, and compute the result from it with operations of tensors."
        )


def _check_length(name: str, seen: Forward, loss: mg.Tensor) -> None:
    length = len(program(seen, loss))
    if not length:
        raise ConfigError(f"{name}: it returns its argument as it is; compute something from it.")
    if length > MOST:
        raise ConfigError(f"{name} ran {length:,} operations, and a page shows at most {MOST}; make it shorter.")


def _source(f: Callable[..., Any]) -> str:
    try:
        return inspect.cleandoc("\n" + inspect.getsource(f))
    except (OSError, TypeError):
        return ""
