"""Means of what the steps report."""

from __future__ import annotations

from typing import Any

from minigan.gan.settings import check_whole

Values = dict[str, float]
"""A report, or the mean of some, as numbers by name."""


class Means:
    """Running means, each over the reports that had the number: of a million reports as small as of one.

    >>> from minigan.gan.means import Means
    >>> means = Means()
    >>> means.add({"loss_D": 1.0, "penalty": 0.5})
    >>> means.add({"loss_D": 2.0})
    >>> means.values()
    {'loss_D': 1.5, 'penalty': 0.5}
    """

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def __bool__(self) -> bool:
        """Whether there were any reports."""
        return bool(self._sums)

    def add(self, values: Values) -> None:
        """Take the numbers of one more report."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def values(self) -> Values:
        """The means, by name; in the order in which the names first appeared."""
        return {name: total / self._counts[name] for name, total in self._sums.items()}

    def clear(self) -> None:
        """Forget all reports."""
        self._sums.clear()
        self._counts.clear()

    def state_dict(self) -> dict[str, Any]:
        """Sums and counts: what goes on from them gives the same bits."""
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave."""
        self._sums = {str(name): float(total) for name, total in state_dict["sums"].items()}
        self._counts = {name: check_whole(name, state_dict["counts"][name]) for name in self._sums}


def rounded(values: Values) -> Values:
    """To six digits: more are noise, and would only make the log longer.

    >>> from minigan.gan.means import rounded
    >>> rounded({"loss_D": 2 / 3, "D_x": 0.5})
    {'loss_D': 0.666667, 'D_x': 0.5}
    """
    return {name: float(f"{value:.6g}") for name, value in values.items()}
