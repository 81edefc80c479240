"""What the number of samples does to each score: its bias, and how far perfect samples scatter."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import xlogy

from minigan.metrics.evaluation.digits import subset_size
from minigan.metrics.evaluation.scores import NOISE_SEARCHED, Reference
from minigan.metrics.frechet import frechet_bias
from minigan.metrics.judge import DIGITS

DRAWS = 10_000  # of samples of equal classes: formulas for their shares hold only where no class has few


def facts(n: int, reference: Reference) -> dict[str, float]:
    """What n samples do to the scores, by the names that `minigan.metrics.evaluation.columns.Column.with_n` has.

    See the metrics' own docstrings for the formulas. It takes some 60 ms, so ask once for all columns.

    >>> from minigan.metrics.evaluation import reference_of
    >>> from minigan.metrics.evaluation.sample_size import facts
    >>> round(facts(2500, reference_of(mg.gan.load_preset("ring")))["kl_modes"], 4)  # about (8 - 1) / (2 n)
    0.0014
    """
    rarest, rarest_std, kl = equal_shares(n, DIGITS)
    found: dict[str, float] = {
        "n": n,
        "some": min(NOISE_SEARCHED, n),
        "classifier": 100 * (DIGITS - 1) / (2 * n),
        "subset": subset_size(n),
        "share": 100 * math.sqrt(0.25 / n),
        "rarest": 100 * rarest,
        "rarest_std": 100 * rarest_std,
        "kl_digits": kl,
    }
    if reference.digits is not None:
        features = reference.digits.features
        found["m"] = len(features)
        found["frechet"] = frechet_bias(features, n, len(features))
    if reference.images is not None:
        found["below"] = 100 * math.sqrt(0.01 * 0.99 * (1 / n + 1 / len(reference.images.others)))
    if reference.points is not None and reference.points.mixture is not None:
        _, _, found["kl_modes"] = equal_shares(n, len(reference.points.mixture.centres))
    return found


def equal_shares(n: int, classes: int) -> tuple[float, float, float]:
    """Of n samples of equal classes: the rarest one's share on average, its standard deviation, and their mean KL.

    >>> from minigan.metrics.evaluation.sample_size import equal_shares
    >>> [round(number, 2) for number in equal_shares(2, 2)]  # exactly .25, .25 and ln 2 / 2
    [0.25, 0.25, 0.35]
    """
    shares = np.random.default_rng(0).multinomial(n, np.full(classes, 1 / classes), DRAWS) / n
    rarest, kl = shares.min(axis=1), xlogy(shares, shares * classes).sum(axis=1)
    return float(rarest.mean()), float(rarest.std()), float(kl.mean())
