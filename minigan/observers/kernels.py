"""Kernels that no operation runs, such as an optimizer's step or a dropout mask, told to observers as well.

Only while somebody asks for it: then every kernel of a backend is called through a function that tells.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from minigan.backend import Backend, _backends
from minigan.observers.observer import run_told, running

_NO_KERNELS = ("array_type", "asarray", "empty", "of", "to_host")
_NAMES = [name for name in dir(Backend) if not name.startswith("_") and name not in _NO_KERNELS]

_lock = threading.Lock()
_users = 0
_before: dict[Backend, dict[str, Any]] = {}  # what each backend had of its own, by name


@contextlib.contextmanager
def kernels_told() -> Iterator[None]:
    """Inside, observers hear of kernels outside operations under the kernel's name."""
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _tell()
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _fall_silent()


def _tell() -> None:
    for backend in _backends.values():
        kernels = {name: getattr(backend, name) for name in _NAMES if callable(getattr(backend, name))}
        _before[backend] = {name: vars(backend)[name] for name in kernels if name in vars(backend)}
        for name, kernel in kernels.items():
            setattr(backend, name, _telling(name, backend, kernel))


def _fall_silent() -> None:
    for backend, own in _before.items():
        for name in _NAMES:
            vars(backend).pop(name, None)
        vars(backend).update(own)
    _before.clear()


def _telling(name: str, backend: Backend, kernel: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **params: Any) -> Any:
        if running():  # inside an operation, or inside another kernel
            return kernel(*args, **params)
        return run_told(name, backend, args, params, lambda: kernel(*args, **params))

    return run
