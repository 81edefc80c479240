"""What all experiments have in common: the same numbers each time, and nothing changed for whoever called them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

from minigan.gan.signals import raise_on_stop_signal
from minigan.ops.random import fork_rng

_P = ParamSpec("_P")
_R = TypeVar("_R")


def repeatable(experiment: Callable[_P, _R]) -> Callable[_P, _R]:
    """A decorator of experiments: random streams go on afterwards where they were, and the BLAS has one thread.

    Products this small are sooner made by one thread than shared by two, far sooner where others want the cores, too;
    and another number of threads would give other last bits. A Ctrl-C, SIGTERM or SIGHUP raises, as no page should be
    made of a training that was cut short.

    >>> from minigan.lab.repeatable import repeatable
    >>> @repeatable
    ... def draw(n):
    ...     mg.manual_seed(1)
    ...     return mg.rand(n)
    >>> before = mg.rand(2)
    >>> bool((draw(2) == draw(2)).numpy().all())
    True
    """

    @wraps(experiment)
    def run(*args: _P.args, **settings: _P.kwargs) -> _R:
        with fork_rng(), threadpool_limits(1, "blas"), raise_on_stop_signal():
            return experiment(*args, **settings)

    return run
