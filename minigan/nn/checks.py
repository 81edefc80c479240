"""What layers expect of their sizes and inputs, said once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minigan.backend import get_backend
from minigan.errors import DTypeError, ShapeError
from minigan.tensor import Tensor

if TYPE_CHECKING:
    from minigan.nn.module import Module


def require_array(layer: Module, what: str, x: Any) -> None:
    """Raise if the ``what`` that a layer was given is no tensor or array, such as a list."""
    if isinstance(x, Tensor):
        return
    try:
        get_backend(x)
    except DTypeError:
        raise DTypeError(
            f"{layer!r} expected {what} to be a tensor or an array, but got an object of type {type(x).__name__}. "
            "Convert it with mg.tensor(x)."
        ) from None


def require_size(owner: str, name: str, size: Any) -> None:
    """Raise if a number of features is no whole number of at least 0."""
    if not isinstance(size, int | np.integer) or isinstance(size, bool):
        raise DTypeError(f"{owner}: expected {name} to be a whole number, but got {size!r}.")
    if size < 0:
        raise ShapeError(f"{owner}: expected {name} of at least 0, but got {size}.")


def require_dtype(layer: Module, x: Any, own: Any) -> None:
    """Raise if the input is of another type than the layer's ``own`` tensor, or of no floating point type."""
    if own is not None and x.dtype != own.dtype:
        raise DTypeError(
            f"{layer!r} holds {own.dtype} values, but got a {x.dtype} input. "
            f"Convert the input with x.to(mg.{own.dtype}) or the layer with .to()."
        )
    if x.dtype.kind != "f":
        raise DTypeError(f"{layer!r} expected floating point values, but got {x.dtype}. Convert them with x.float().")
