"""What steps report: numbers that stay on the device until somebody reads them, as reading makes the host wait."""

from __future__ import annotations

from collections import Counter
from typing import Any

from minigan.backend import Array, get_backend
from minigan.ops.joining import stack
from minigan.tensor import Tensor

Report = dict[str, Tensor]
"""What a step shows, by name: 0-d tensors on the device, so that nobody waits for them before they are read.

loss_D and loss_G are the losses without penalties; D_x and D_G_z the mean of D's probability of being real, or of
its score where that is no probability, on real samples and on fakes; ``penalty`` is what D paid besides.
"""


def in_a_row(report: Report) -> Report:
    """The same numbers, all of which show one array: of a captured step, which the next one overwrites.

    >>> from minigan.gan.reports import in_a_row
    >>> in_a_row({"loss_D": mg.tensor(1.0), "loss_G": mg.tensor(2.0)})
    {'loss_D': tensor(1.), 'loss_G': tensor(2.)}
    """
    row = stack(list(report.values()))
    return {name: row[i : i + 1].reshape(()) for i, name in enumerate(report)}


class Unread:
    """Reports that nobody has read yet: rows of an array on the device, so that one copy keeps each, and one reads all.

    Args:
        most: how many there may be.

    >>> from minigan.gan.reports import Unread
    >>> unread = Unread(most=10)
    >>> unread.add({"loss_D": mg.tensor(1.0), "loss_G": mg.tensor(2.0)})
    >>> unread.read(), len(unread)
    ([{'loss_D': 1.0, 'loss_G': 2.0}], 0)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tables: dict[Any, Array] = {}  # (most, names), by names and type: some steps report a penalty, too
        self._lengths: Counter[Any] = Counter()
        self._order: list[Any] = []

    def __len__(self) -> int:
        return len(self._order)

    def add(self, report: Report, one_array: bool = False) -> None:
        """Keep a copy of a report; one that is :func:`in_a_row` shows one array."""
        row = next(iter(report.values()))._data.base if one_array else stack([*report.values()])._data
        key, backend = (tuple(report), str(row.dtype)), get_backend(row)
        if key not in self._tables:
            self._tables[key] = backend.empty((self._most, len(report)), row.dtype)
        backend.copy_(self._tables[key][self._lengths[key]], row)
        self._lengths[key] += 1
        self._order.append(key)

    def read(self) -> list[dict[str, float]]:
        """All reports in their order, as plain numbers; from now on they are read."""
        rows = {key: iter(_on_host(self._tables[key][:length])) for key, length in self._lengths.items()}
        found = [dict(zip(key[0], next(rows[key]), strict=True)) for key in self._order]
        self.clear()
        return found

    def clear(self) -> None:
        """Forget them."""
        self._lengths.clear()
        self._order.clear()


def _on_host(rows: Array) -> list[list[float]]:
    """The numbers; this makes the host wait."""
    numbers: list[list[float]] = get_backend(rows).to_host(rows).tolist()
    return numbers
