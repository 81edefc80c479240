"""The lab: experiments that show how backpropagation drives the minimax game.

Each is a command, ``minigan lab NAME``, which writes pictures, numbers and a page, and a function here that returns
the numbers. `write` makes the page of what a function returned::

    from minigan import lab

    data = lab.dirac(lr=(0.1, 0.2))
    lab.write("dirac", data, "my-dirac")
"""

from __future__ import annotations

import os as _os
from pathlib import Path as _Path
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from minigan.errors import RunError as _RunError
from minigan.lab.course import EXPERIMENTS

if _TYPE_CHECKING:
    from minigan.lab.experiments.bugs import bugs
    from minigan.lab.experiments.collapse import collapse
    from minigan.lab.experiments.dirac import dirac
    from minigan.lab.experiments.doctor import doctor
    from minigan.lab.experiments.dstar import dstar
    from minigan.lab.experiments.flow import flow
    from minigan.lab.experiments.fork import fork
    from minigan.lab.experiments.ring import ring
    from minigan.lab.experiments.saturation import saturation
    from minigan.lab.experiments.spectrum import spectrum
    from minigan.lab.experiments.step import step

__all__ = [
    "EXPERIMENTS",
    "bugs",
    "collapse",
    "dirac",
    "doctor",
    "dstar",
    "flow",
    "fork",
    "ring",
    "saturation",
    "spectrum",
    "step",
    "write",
]


def write(name: str, data: _Any, folder: str | _os.PathLike[str]) -> _Path:
    """Write the page, the pictures and the numbers of an experiment; returns the path of its index.html.

    Args:
        name: of the experiment.
        data: what its function returned.
        folder: is made if it is not there; files of the same names are replaced.

    Raises:
        ConfigError: there is no experiment of this name.
        RunError: the folder or a file in it cannot be written.
    """
    from minigan.arguments import choose
    from minigan.lab.writing import write

    choose("experiment", name, EXPERIMENTS)
    page = EXPERIMENTS[name].page(data)
    try:
        _Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _RunError(f"Cannot make the folder {folder} ({error.strerror}); choose another.") from None
    return write(name, data, page, _Path(folder))


def __getattr__(name: str) -> _Any:
    """The function of an experiment, loaded when first used."""
    if name in EXPERIMENTS:
        return EXPERIMENTS[name].run
    raise AttributeError(f"module 'minigan.lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *EXPERIMENTS]
