"""What the number of samples does to each score: its bias, and how far perfect samples scatter."""

from __future__ import annotations

import math

from minigan.metrics.evaluation.digits import subset_size
from minigan.metrics.evaluation.scores import NOISE_SEARCHED, Reference
from minigan.metrics.frechet import frechet_bias
from minigan.metrics.judge import DIGITS

# Of ten independent standard normal numbers z, the smallest lies so far below their mean on average, with this standard
# deviation. The shares of ten equal classes among N samples are .1 + sqrt(.1 / N) (z - mean of z).
RAREST, RAREST_STD = 1.5388, 0.4943


def facts(n: int, reference: Reference) -> dict[str, float]:
    """What n samples do to the scores, by the names that `minigan.metrics.evaluation.columns.Column.with_n` has.

    See the metrics' own docstrings for the formulas. Of MNIST it takes 30 ms, so ask once for all columns.

    >>> from minigan.metrics.evaluation import reference_of
    >>> from minigan.metrics.evaluation.sample_size import facts
    >>> facts(2500, reference_of(mg.gan.load_preset("ring")))["kl_modes"]  # (8 - 1) / (2 n)
    0.0014
    """
    found: dict[str, float] = {
        "n": n,
        "some": min(NOISE_SEARCHED, n),
        "classifier": 100 * (DIGITS - 1) / (2 * n),
        "subset": subset_size(n),
        "share": 100 * math.sqrt(0.25 / n),
        "rarest": 100 * (0.1 - RAREST * math.sqrt(0.1 / n)),
        "rarest_std": 100 * RAREST_STD * math.sqrt(0.1 / n),
        "kl_digits": (DIGITS - 1) / (2 * n),
    }
    if reference.digits is not None:
        features = reference.digits.features
        found["m"] = len(features)
        found["frechet"] = frechet_bias(features, n, len(features))
    if reference.images is not None:
        found["below"] = 100 * math.sqrt(0.01 * 0.99 * (1 / n + 1 / len(reference.images.others)))
    if reference.points is not None and reference.points.mixture is not None:
        found["kl_modes"] = (len(reference.points.mixture.centres) - 1) / (2 * n)
    return found
