"""A function in a user's file, which is run as Python runs a script: it can import the modules that lie beside it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from minigan.errors import ConfigError
from minigan.gan.settings import hint

MODULE = "__lab_main__"  # not "__main__": what a script does only when it is started is not wanted here


@contextmanager
def function_in(place: str) -> Iterator[Any]:
    """The function at FILE.py:NAME; it is to be called inside, where what it imports only then is found, too.

    Raises:
        ConfigError: there is no such file or function, or the file cannot be run.
    """
    file, _, name = place.rpartition(":")
    if not file or not name:
        raise ConfigError(f"function: expected FILE.py:NAME, such as mine.py:f, but got {place!r}.")
    path = Path(file).resolve()
    if not path.is_file():
        raise ConfigError(f"function: there is no file {file!r}; give the path of a Python file.")
    with _as_a_script(path.parent):
        module = _run(path)
        if not hasattr(module, name):
            raise ConfigError(f"function: {file} has no function {name!r}.{_instead(name, module)}")
        yield getattr(module, name)


@contextmanager
def _as_a_script(folder: Path) -> Iterator[None]:
    """Inside, modules are looked for in this folder first; those that were found there are forgotten afterwards.

    Otherwise another file would get them, whose own neighbours have the same names.
    """
    path, known = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - known:
            package = name.partition(".")[0]
            if package not in known and (package == MODULE or PathFinder.find_spec(package, [str(folder)])):
                del sys.modules[name]


def _run(path: Path) -> ModuleType:
    """The file as a module that is known by a name, as dataclasses need it."""
    module = sys.modules[MODULE] = ModuleType(MODULE)
    module.__file__ = str(path)
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        raise ConfigError(f"function: running {path.name} raised {in_words(error)}") from error
    return module


def _instead(name: str, module: ModuleType) -> str:
    """The end of a message: which function was meant, or which there are."""
    functions = inspect.getmembers(module, inspect.isfunction)
    own = [known for known, function in functions if function.__module__ == MODULE]
    return hint(name, own) if own else " It has no functions."


def in_words(error: BaseException) -> str:
    """An error's kind and text as the end of a sentence."""
    text = str(error).strip().replace("\n", " ").rstrip(".")
    return f"{type(error).__name__}{': ' + text if text else ''}."
