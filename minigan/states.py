"""What state dicts may hold: numbers in the arrays or tensors of any library, read as host arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.errors import StateError


def host_array(what: str, value: Any, shape: tuple[int, ...]) -> Any:
    """A NumPy array of any library's array or tensor, without its gradient.

    Args:
        what: the start of a message, such as "Linear: expected bias".
        value: a number, an array or a tensor.
        shape: what its shape has to be.

    Raises:
        StateError: the value is nothing that NumPy has numbers for, or has another shape.

    >>> from minigan.states import host_array
    >>> host_array("Linear: expected bias", mg.ones(2, requires_grad=True), (2,))
    array([1., 1.], dtype=float32)
    """
    try:
        array = _on_host(value)
        numeric = array.dtype.kind in "fiub"
    except (TypeError, ValueError):  # such as PyTorch's bfloat16, or lists of different lengths
        numeric = False
    if not numeric:
        raise StateError(
            f"{what} to be numbers of one of NumPy's types, but the state dict has type "
            f"{getattr(value, 'dtype', type(value).__name__)}. Convert it, for example to float32."
        )
    if array.shape != shape:
        raise StateError(
            f"{what} of shape {shape}, but the state dict has {array.shape}. "
            "Load it into a network of the same layer sizes."
        )
    return array


def _on_host(value: Any) -> Any:
    value = value.detach() if hasattr(value, "detach") else value
    if hasattr(value, "cpu"):
        value = value.cpu()
    return value.get() if hasattr(value, "get") and hasattr(value, "device") else np.asarray(value)
