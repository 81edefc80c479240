"""Parzen windows by the protocol of 2014: the score of the first GAN, and of images that need no generator.

Goodfellow et al., "Generative Adversarial Nets" (2014), table 1: a Gaussian on each of 10,000 samples, its width chosen
on the first 1,000 of the images that the networks do not see, and the mean log-likelihood of the 10,000 test images.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from comparison import images_of, noise
from published_rows import Computed, Quantity, Trained
from published_runs import CPU
from scipy.ndimage import gaussian_filter

from minigan.gan import Run
from minigan.gan.sampling import sample
from minigan.metrics import choose_sigma, parzen_log_likelihood

FITTED, VALIDATION = 50_000, 1000  # training images of the networks; the next ones choose the width


class Protocol(NamedTuple):
    """Numbers of images.

    Attributes:
        samples: of a generator.
        test: of which the likelihood is told.
    """

    samples: int = 10_000
    test: int = 10_000

    def score(self, samples: np.ndarray) -> dict[str, float]:
        """Of images (N, 1, 28, 28) in [-1, 1]."""
        sigma = choose_sigma(samples, images_of("train", FITTED + VALIDATION)[FITTED:])
        found = parzen_log_likelihood(samples, images_of("test", self.test), sigma)
        return {"sigma": sigma, "mean": found.mean, "error": found.error}


QUICK = Protocol(200, 200)
BLUR = 0.8  # pixels: Parzen windows like it better than none


def ceiling(seed: int, quick: bool) -> dict[str, float]:
    """Scores of images that need no generator."""
    protocol = QUICK if quick else Protocol()
    train = images_of("train", FITTED)
    some = train[np.random.default_rng(seed).choice(FITTED, 1000, replace=False)]
    real = train[: protocol.samples]
    return {
        **protocol.score(real),
        "blurred": protocol.score(gaussian_filter(real, (0, 0, BLUR, BLUR), mode="constant", cval=-1))["mean"],
        "some": protocol.score(some)["mean"],
        "mean_image": protocol.score(train.mean(axis=0, keepdims=True))["mean"],
        "noise": protocol.score(noise(protocol.samples))["mean"],
    }


def of_run(run: Run, quick: bool) -> dict[str, float]:
    """The score of a run's samples."""
    protocol = QUICK if quick else Protocol()
    return protocol.score(sample(run.game(CPU), protocol.samples, 0, CPU))


ROWS = (
    Computed(
        name="parzen-ceiling",
        about="Parzen windows on real training images, where a perfect generator would be",
        compute=ceiling,
        time="about 30 s",
        quantities=(
            Quantity("sigma", "sigma for the first 10,000 training images", expected=".1668", form=".4f"),
            Quantity("mean", "their log-likelihood", expected="241.19 +- 2.13", error="error"),
            Quantity("blurred", f"if they are blurred by {BLUR} pixels", form=".1f"),
            Quantity("some", "of 1,000 random ones", expected="120.4", form=".1f"),
            Quantity("mean_image", "of the mean image", expected="-59", form=".1f"),
            Quantity("noise", "of uniform noise", expected="-630", form=".1f"),
        ),
    ),
    Trained(
        name="parzen-2014",
        about="Parzen windows on samples of the first GAN, trained by its published settings",
        preset="goodfellow-2014",
        score=of_run,
        quantities=(
            Quantity("mean", "log-likelihood", "225 +- 2", "real images 241.2", ".1f", error="error"),
            Quantity("sigma", "sigma", form=".4f"),
        ),
        seeds=(0, 1),
    ),
)
