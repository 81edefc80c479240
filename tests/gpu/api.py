"""What CuPy offers, written down: the names and signatures that it shares with NumPy, one to a line.

The strict double offers these and no others. A test compares the list with the installed CuPy; to write it anew
after a new release, run ``python -m gpu.api`` in the folder ``tests``, where CuPy is installed.
"""

import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from . import names

FILE = Path(__file__).with_name("cupy14.txt")
SUBMODULES = ("", "linalg", "lib.stride_tricks")
UFUNC, NUMPY, PROPERTY = "a ufunc", "NumPy's own", "a property"


def record(cupy: Any) -> list[str]:
    """One line for each name: ``sum(a, axis=None, ...)``, ``add: a ufunc``, ``pi: NumPy's own``."""
    lines = [line for path in SUBMODULES for line in _of_module(path, cupy)]
    return [*lines, *_of_arrays(cupy.ndarray)]


def _of_module(path: str, cupy: Any) -> Iterator[str]:
    theirs, ours = _at(cupy, path), _at(np, path)
    for name in sorted(n for n in dir(ours) if not n.startswith("_") and hasattr(theirs, n)):
        value, full = getattr(theirs, name), f"{path}.{name}".lstrip(".")
        if value is getattr(ours, name):
            yield f"{full}: {NUMPY}"
        elif isinstance(value, cupy.ufunc):
            if isinstance(getattr(ours, name), np.ufunc):
                yield f"{full}: {UFUNC}"
        elif callable(value) and not isinstance(value, type):
            yield f"{full}{_without_defaults(names._signature(value))}"


def _of_arrays(ndarray: type) -> Iterator[str]:
    for name in sorted(n for n in names.ARRAY_ATTRIBUTES if hasattr(ndarray, n)):
        member = getattr(ndarray, name)
        text = _without_defaults(names._signature(member)) if callable(member) else f": {PROPERTY}"
        yield f"ndarray.{name}{text}"


def _without_defaults(signature: inspect.Signature) -> str:
    """The signature with None for each default: what it is differs between NumPy and CuPy, and does not matter."""
    empty = inspect.Parameter.empty
    parameters = [
        p.replace(default=empty if p.default is empty else None, annotation=empty)
        for p in signature.parameters.values()
    ]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


@cache
def read() -> dict[str, str]:
    """What stands behind each name: its parameters in brackets, or one of the remarks above."""
    found = {}
    for line in FILE.read_text(encoding="ascii").splitlines():
        name, bracket, parameters = line.partition("(")
        name, _, remark = line.partition(": ") if not bracket else (name, "", "")
        found[name] = remark or f"({parameters}"
    return found


@cache
def signature(name: str) -> inspect.Signature:
    """The signature of a function of CuPy, or of a method: ``signature("ndarray.sum")``."""
    return names._parse(read()[name][1:-1])


def _at(module: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        module = getattr(module, name)
    return module


if __name__ == "__main__":
    import cupy

    FILE.write_text("\n".join(record(cupy)) + "\n", encoding="ascii")
