"""The tape of a user's own function, whose parameters' defaults are the tensors it is called with."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import minigan as mg
from minigan.errors import ConfigError, MiniganError
from minigan.lab.experiments.step_record import Backward, Forward, program
from minigan.lab.experiments.step_tape import Tape, read
from minigan.ops.random import fork_rng

MOST = 200  # operations: a slider has a position for each

EXAMPLE = "def f(x=[[1., 2.]], w=[[.5], [.3]]): return (x @ w).tanh().sum()"


@dataclass(frozen=True)
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
    f = _load(function) if isinstance(function, str) else function
    if not callable(f):
        raise ConfigError(f"step: expected a function, but got an object of type {type(f).__name__}.")
    name = getattr(f, "__name__", type(f).__name__)
    arguments = _arguments(f, name)
    seen, sweep = Forward(), Backward()
    with fork_rng():
        mg.manual_seed(seed)
        with seen:
            y = _scalar(name, _result(name, f, arguments))
            loss = y if y.numel() == 1 else y.sum()
    _check_length(name, seen, loss)
    with sweep:
        loss.backward()
    return Function(name, _source(f), y.shape, read(seen, sweep, loss, {}, {}))


# ---- finding it ------------------------------------------------------------------------------------------


def _load(place: str) -> Any:
    path, colon, name = place.rpartition(":")
    if not colon or not path or not name:
        raise ConfigError(f"--function: expected FILE.py:NAME, such as mine.py:f, but got {place!r}.")
    if not Path(path).is_file():
        raise ConfigError(f"--function: there is no file {path!r}; give the path of a Python file.")
    values = _run(path)
    if not hasattr(values, name):
        own = sorted(key for key, value in vars(values).items() if inspect.isfunction(value))
        hint = f"it has {', '.join(own)}" if own else "it has no functions"
        raise ConfigError(f"--function: {path} has no function {name!r}; {hint}.")
    return getattr(values, name)


def _run(path: str) -> Any:
    """The file as a module."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"--function: expected a Python file, whose name ends with .py, but got {path!r}.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ConfigError(f"--function: running {path} raised {_words(error)}") from error
    return module


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
    """Numbers as a tensor, which takes a gradient if they are floating point; anything else as it is."""
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


def _result(name: str, f: Callable[..., Any], arguments: inspect.BoundArguments) -> Any:
    try:
        return f(*arguments.args, **arguments.kwargs)
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{name} raised {_words(error)}") from error


def _scalar(name: str, y: Any) -> mg.Tensor:
    if not isinstance(y, mg.Tensor):
        raise ConfigError(f"{name}: expected it to return a tensor, but got an object of type {type(y).__name__}.")
    if not y.requires_grad:
        raise ConfigError(
            f"{name}: its result depends on no tensor that takes a gradient; give a parameter a default of numbers "
            "with a decimal point, and compute the result from it with operations of tensors."
        )
    return y


def _check_length(name: str, seen: Forward, loss: mg.Tensor) -> None:
    length = len(program(seen, loss))
    if not length:
        raise ConfigError(f"{name}: it returns its argument as it is; compute something from it.")
    if length > MOST:
        raise ConfigError(f"{name} ran {length:,} operations, and a page shows at most {MOST}; make it shorter.")


def _words(error: BaseException) -> str:
    text = str(error).strip().replace("\n", " ").rstrip(".")
    return f"{type(error).__name__}{': ' + text if text else ''}."


def _source(f: Callable[..., Any]) -> str:
    try:
        return inspect.cleandoc("\n" + inspect.getsource(f))
    except (OSError, TypeError):
        return ""
