"""Kernels seen from outside: while somebody asks for it, every call of a backend's kernel goes by way of them.

Nothing is in the way otherwise: kernels are replaced on the backend objects only as long as there is an interceptor.
Each hears of the calls of its own thread alone.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import minigan.backend as backends
from minigan.backend import Backend

Kernel = Callable[..., Any]
Interceptor = Callable[..., Any]
"""Called in place of a kernel: with its name, the backend, the kernel, and then the kernel's arguments."""

_NO_KERNELS = ("asarray", "empty", "flat_buffer", "of", "siblings")
NAMES = [
    name
    for name in dir(Backend)
    if not name.startswith("_") and name not in _NO_KERNELS and inspect.isroutine(getattr(Backend, name))
]

_lock = threading.Lock()
_interceptors: list[tuple[int, Interceptor]] = []
_before: dict[Backend, dict[str, Any]] = {}  # what each backend had of its own, by name


@contextlib.contextmanager
def intercepted(interceptor: Interceptor) -> Iterator[None]:
    """Inside, this thread's kernels are called by the interceptor; by the one that came last, if there are several."""
    entry = threading.get_ident(), interceptor
    with _lock:
        _interceptors.append(entry)
        if len(_interceptors) == 1:
            _begin()
    try:
        yield
    finally:
        with _lock:
            _interceptors.remove(entry)
            if not _interceptors:
                _end()


def _begin() -> None:
    for backend in [each for kind in backends._backends.values() for each in kind.siblings()]:
        kernels = {name: getattr(backend, name) for name in NAMES}
        _before[backend] = {name: vars(backend)[name] for name in kernels if name in vars(backend)}
        for name, kernel in kernels.items():
            setattr(backend, name, partial(_call, name, backend, kernel))


def _end() -> None:
    for backend, own in _before.items():
        for name in NAMES:
            vars(backend).pop(name, None)
        vars(backend).update(own)
    _before.clear()


def _call(name: str, backend: Backend, kernel: Kernel, *args: Any, **params: Any) -> Any:
    me = threading.get_ident()
    for interceptor in [found for thread, found in _interceptors if thread == me]:
        kernel = partial(interceptor, name, backend, kernel)
    return kernel(*args, **params)
