"""A number with how far it scatters: what `classifier_score` and `kernel_distance` return."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """A score of several parts of the samples.

    Attributes:
        mean: over the parts.
        std: their standard deviation, that of the parts at hand (1/n, not 1/(n - 1)); 0 for a single part.

    >>> from minigan.metrics.score import Score
    >>> Score(8.9, 0.1)
    Score(mean=8.9, std=0.1)
    """

    mean: float
    std: float
