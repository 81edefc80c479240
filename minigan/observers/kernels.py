"""Kernels that no operation runs, such as an optimizer's step or a dropout mask, told to observers as well."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from minigan.backend import Backend
from minigan.backend.intercept import intercepted
from minigan.observers.observer import run_told, running


def kernels_told() -> contextlib.AbstractContextManager[None]:
    """Inside, observers hear of kernels outside operations under the kernel's name."""
    return intercepted(_tell)


def _tell(name: str, backend: Backend, kernel: Callable[..., Any], *args: Any, **params: Any) -> Any:
    if running() or name == "to_host":  # inside an operation or another kernel; and a look at an array is none
        return kernel(*args, **params)
    return run_told(name, backend, args, params, lambda: kernel(*args, **params))
