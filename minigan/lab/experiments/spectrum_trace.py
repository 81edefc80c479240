"""How fast R1 pulls all eigenvalues of the small game together to the left, without a Jacobian.

The sum of the eigenvalues is the trace of the Jacobian, and R1 adds γ/2 of the mean of |∇ₓD|² to what D pays: so for
each unit of γ the sum falls by half of the trace of that mean's Hessian in D's weights. Here that is found by
differences of the values of |∇ₓD|², from a formula written out by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.lab.experiments.spectrum_small import SmallGame

STEP = 1e-3  # of second differences: what they leave out is of the order of its fourth power


def trace_per_gamma(game: SmallGame) -> float:
    """d trace J / dγ at the weights of the game: -1/2 of the Laplacian of the mean of |∇ₓD|² in D's weights."""
    x = game.batch.images.numpy()
    weights = [w.detach().numpy().copy() for w in game.game.discriminator.trained]
    here, total = _mean_square(x, weights), 0.0
    for weight in weights:
        for at in np.ndindex(weight.shape):
            middle, values = weight[at], []
            for step in (-2, -1, 1, 2):
                weight[at] = middle + step * STEP
                values.append(_mean_square(x, weights))
            weight[at] = middle
            far, near = values[0] + values[3], values[1] + values[2]
            total += (16 * near - far - 30 * here) / (12 * STEP**2)
    return -total / 2


def _mean_square(x: NDArray[Any], weights: Sequence[NDArray[Any]]) -> float:
    """The mean of |∇ₓD|² over the points x (n, 2), of a D with two hidden layers of tanh: the chain rule, by hand."""
    W1, b1, W2, b2, W3, _ = weights
    first = np.tanh(x @ W1.T + b1)
    second = np.tanh(first @ W2.T + b2)
    slopes = ((1 - second**2) * W3 @ W2 * (1 - first**2)) @ W1
    return float(np.square(slopes).sum(1).mean())
