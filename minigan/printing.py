"""How a tensor looks when it is printed: as PyTorch prints it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.backend import device_of, get_backend
from minigan.variable import Variable

_USUAL = (np.dtype(np.float32), np.dtype(np.int64), np.dtype(bool))


def text_of(x: Variable) -> str:
    """``tensor(...)`` with the values, and with whatever about the tensor is not usual."""
    host = get_backend(x._data).to_host(x._data)
    notes = [np.array2string(host, separator=", ", prefix="tensor(", threshold=1000, formatter=_formatter(host))]
    if x.dtype not in _USUAL:
        notes.append(f"dtype={x.dtype}")
    if device_of(x._data).type != "cpu":
        notes.append(f"device='{device_of(x._data)}'")
    if x.node is not None:
        notes.append(f"grad_fn=<{x.node.op.name}>")
    elif x._requires_grad:
        notes.append("requires_grad=True")
    return f"tensor({', '.join(notes)})"


def _formatter(host: Any) -> Any:
    """Four decimals, or none where all values are whole, as PyTorch prints them."""
    if host.dtype.kind != "f":
        return None
    finite = host[np.isfinite(host)]
    if (finite == np.trunc(finite)).all() and (np.abs(finite) < 1e6).all():
        return None
    largest, smallest = np.abs(finite).max(), np.abs(finite[finite != 0]).min()
    style = "{:.4e}" if largest >= 1e5 or smallest < 1e-4 else "{:.4f}"
    width = max(len(style.format(value)) for value in host.reshape(-1)[:1000])
    return {"float_kind": lambda value: style.format(value).rjust(width)}
