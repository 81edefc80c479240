"""Every example in a docstring prints what it says."""

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import minigan
from minigan.tape import Primitive


def modules():
    yield minigan
    for info in pkgutil.walk_packages(minigan.__path__, "minigan."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def examples():
    """The doctests of all modules, functions, classes and methods, and of what doctest does not know.

    These are primitives, and functions that a decorator wrapped.
    """
    finder, parser = doctest.DocTestFinder(), doctest.DocTestParser()
    for module in modules():
        yield from finder.find(module, module.__name__, globs={})
        for name, value in vars(module).items():
            unknown = isinstance(value, Primitive) or hasattr(value, "__wrapped__")
            if unknown and value.__module__ == module.__name__:
                yield parser.get_doctest(value.__doc__ or "", {}, f"{module.__name__}.{name}", module.__file__, 0)


EXAMPLES = {test.name: test for test in examples() if test.examples}


def test_there_are_examples_throughout():
    assert len(EXAMPLES) >= 60
    found = {name.split(".")[1] for name in EXAMPLES}
    assert {
        "autograd",
        "backend",
        "data",
        "gan",
        "jacobian",
        "lab",
        "metrics",
        "nn",
        "ops",
        "optim",
        "serialization",
    } <= found


def test_examples_of_primitives_are_found():
    primitives = {
        f"{module.__name__}.{name}": value
        for module in modules() for name, value in vars(module).items()
        if isinstance(value, Primitive) and value.__module__ == module.__name__
    }  # fmt: skip
    assert len(primitives) >= 40
    assert {name for name, value in primitives.items() if ">>>" in (value.__doc__ or "")} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_prints_what_it_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example that writes a file by mistake leaves it here, and is found out
    test, printed = EXAMPLES[name], []
    test.globs = {"mg": minigan, "np": np, "__name__": "__main__"}
    failed, _ = doctest.DocTestRunner().run(test, out=printed.append)
    assert not failed, "".join(printed)
    assert not list(tmp_path.iterdir())
