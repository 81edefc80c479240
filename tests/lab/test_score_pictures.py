"""Pictures of a page of scores show what the scores beside them say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from minigan.lab.pages import scores_images
from minigan.metrics import Neighbours, memorisation


def distances_of(n):
    """Of n samples to the nearest training image, all different."""
    return np.random.default_rng(n).uniform(1, 3, n)


@pytest.mark.parametrize(("held_out", "lines"), [(150, 1), (60, 0)])
def test_the_dashed_line_stands_where_the_score_counts_from_and_nowhere_if_it_does_not(held_out, lines):
    ours, others = distances_of(200), distances_of(held_out)
    found = memorisation(*(Neighbours(d[:, None], np.zeros((len(d), 1), np.int64)) for d in (ours, others)))
    run = SimpleNamespace(
        scores=SimpleNamespace(images=SimpleNamespace(memorisation=found)), looks=SimpleNamespace(distances=ours)
    )
    (ax,) = scores_images._distances(run, others).figure.axes
    assert [line.get_xdata()[0] for line in ax.lines] == [found.threshold] * lines
