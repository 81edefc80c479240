"""How far measurements of one thing lie apart, told the same way wherever they are shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float]) -> tuple[float, float]:
    """What a tenth of the values undercut, and what a tenth exceed: the first and the last decile.

    Between two values they are interpolated, as by NumPy's ``quantile``.

    >>> from minigan.bench.spread import spread
    >>> spread([float(i) for i in range(11)]), spread([3.0])
    ((1.0, 9.0), (3.0, 3.0))
    """
    if len(values) == 1:
        return values[0], values[0]
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return tenths[0], tenths[-1]
