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
    """Four decimals, none where all values are whole, or powers of ten where they differ much."""
    if host.dtype.kind != "f":
        return None
    sizes = np.abs(host[np.isfinite(host) & (host != 0)].astype(np.float64))
    if not sizes.size:
        return None
    whole = bool((sizes == np.trunc(sizes)).all())
    wide = sizes.max() / 1000 > sizes.min() or sizes.max() > 1e8 or sizes.min() < 1e-4
    style = "{:.4e}" if wide else "{:.0f}." if whole else "{:.4f}"

    def text(value: Any) -> str:
        return style.format(value) if np.isfinite(value) else str(value)

    width = max([len(text(value)) for value in host.reshape(-1)[:1000] if np.isfinite(value)], default=0)
    return {"float_kind": lambda value: text(value).rjust(width)}
