"""The lab: experiments that show how backpropagation drives the minimax game.

Each is a command, ``minigan lab NAME``, which writes pictures, numbers and a page, and a function here that returns
the numbers. `write` makes the page of what a function returned::

    from minigan import lab

    data = lab.dirac(steps=200)
    lab.write("dirac", data, "my-dirac")
"""

from __future__ import annotations

import os as _os
from pathlib import Path as _Path
from typing import Any as _Any

from minigan.errors import ConfigError as _ConfigError
from minigan.lab.course import EXPERIMENTS

__all__ = ["EXPERIMENTS", "write"]


def write(name: str, data: _Any, folder: str | _os.PathLike[str]) -> _Path:
    """Write the page, the pictures and the numbers of an experiment; returns the path of its index.html.

    Args:
        name: of the experiment.
        data: what its function returned.
        folder: is made if it is not there; files of the same names are replaced.

    Raises:
        ConfigError: there is no experiment of this name.
        RunError: a file cannot be written.
    """
    from minigan.lab.writing import write

    if name not in EXPERIMENTS:
        raise _ConfigError(f"There is no experiment {name!r}. Expected one of {', '.join(EXPERIMENTS)}.")
    _Path(folder).mkdir(parents=True, exist_ok=True)
    return write(name, data, EXPERIMENTS[name].page(data), _Path(folder))


def __getattr__(name: str) -> _Any:
    """The function of an experiment, loaded when first used."""
    if name in EXPERIMENTS:
        return EXPERIMENTS[name].run
    raise AttributeError(f"module 'minigan.lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *EXPERIMENTS]
