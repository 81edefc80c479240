"""Values that are known before anything is trained: of a perfect sampler of stacked MNIST, and of the best D."""

from __future__ import annotations

import numpy as np
from published_rows import Computed, Quantity

from minigan.data import gather_pixels, load_mnist
from minigan.lab import dstar
from minigan.lab.experiments.dstar import REFERENCE
from minigan.metrics import kl_divergence, load_judge, stack_digits, stacked_modes
from minigan.metrics.hashes import short
from minigan.metrics.judge import SHA256

STACKED, CLASSES = 26_000, 1000
DRAWS = 200  # of as many classes each, by a perfect sampler


def stacked(seed: int, quick: bool) -> dict[str, float]:
    """Stacks of real digits, which a judge looks at as if they were a generator's; and draws of a perfect sampler."""
    images, _ = stack_digits(*load_mnist("test"), 100 if quick else STACKED, seed)
    found = stacked_modes(gather_pixels(images, np.arange(len(images))), load_judge("report"))
    perfect = np.random.default_rng(seed).multinomial(len(images), [1 / CLASSES] * CLASSES, size=DRAWS)
    return {"modes": found.modes, "kl": found.kl, "floor": float(np.mean([kl_divergence(each) for each in perfect]))}


def optimal_d(seed: int, quick: bool) -> dict[str, float]:
    """V of a D that was trained against Gaussians that stand still."""
    means = tuple(pair.mean for pair in REFERENCE if pair.std == 1)
    found = dstar(means=means, seed=seed, **({"steps": 10} if quick else {}))
    return {each.pair.name: float(each.values[-1]) for each in found.trained}


ROWS = (
    Computed(
        name="stacked",
        about="stacked MNIST: modes and KL of 26,000 stacks of real test digits",
        compute=stacked,
        time="about 10 s",
        judge=short(SHA256["report"]),
        quantities=(
            Quantity("modes", "modes of 1,000", expected="1,000", form=",.0f"),
            Quantity("kl", "KL", expected=".020 to .030", form=".4f"),
            Quantity("floor", "KL of a perfect sampler", expected="999 / 2N = .0192", form=".4f"),
        ),
    ),
    Computed(
        name="optimal-d",
        about="V of D trained on N(0, 1) against five Gaussians, beside V*",
        compute=optimal_d,
        time="about 20 s",
        quantities=tuple(
            Quantity(pair.name, f"V, fakes {pair.name}", expected=f"{value:.6f}", form=".6f")
            for pair, value in REFERENCE.items()
        ),
    ),
)
