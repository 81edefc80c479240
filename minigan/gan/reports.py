"""Reports of captured steps, which the next step overwrites: their numbers in one row, so that one copy keeps them."""

from __future__ import annotations

from minigan.backend import get_backend
from minigan.ops.joining import stack
from minigan.tensor import Tensor
from minigan.variable import constant

Report = dict[str, Tensor]
"""What a step shows, by name: 0-d tensors on the device, so that nobody waits for them before they are read.

loss_D and loss_G are the losses without penalties; D_x and D_G_z the mean of D's probability of being real, or of
its score where that is no probability, on real samples and on fakes; ``penalty`` is what D paid besides.
"""


def in_a_row(report: Report) -> Report:
    """The same numbers, all of which show one array.

    >>> from minigan.gan.reports import in_a_row
    >>> in_a_row({"loss_D": mg.tensor(1.0), "loss_G": mg.tensor(2.0)})
    {'loss_D': tensor(1.), 'loss_G': tensor(2.)}
    """
    row = stack(list(report.values()))
    return _shown(list(report), row)


def kept(report: Report) -> Report:
    """A copy of a report that is :func:`in_a_row`: what happens to the report leaves it as it is."""
    row = next(iter(report.values()))._data.base
    return _shown(list(report), constant(get_backend(row).copy(row)))


def _shown(names: list[str], row: Tensor) -> Report:
    return {name: row[i : i + 1].reshape(()) for i, name in enumerate(names)}
