"""The Parzen window estimate of the likelihood of test images: the score of the article that introduced GANs.

A Gaussian is put on every sample, and the logarithm of their mean density is taken at each test image. It is a poor
estimate of the likelihood in so many dimensions (Theis, van den Oord, Bethge, "A note on the evaluation of generative
models", 2016), and is here because numbers of 2014 can be compared with by nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.errors import ConfigError, RangeError
from minigan.metrics.checks import LARGEST, alike, numbers, require_not_unit_range
from minigan.metrics.distances import difference_blocks, distance_blocks, error_bound
from minigan.ops.checks import real
from minigan.recording import no_grad
from minigan.tensor import Tensor

SIGMAS: tuple[float, ...] = tuple(np.logspace(-1, 0, 10).tolist())  # of the protocol
NATS = 1e-6  # by which products may move the logarithm of a density; differences move it by 1e-15 of itself


@dataclass(frozen=True)
class ParzenScore:
    """What `parzen_log_likelihood` finds.

    Attributes:
        mean: log-likelihood of a test image, in nats.
        error: its standard error: the standard deviation over test images, divided by the root of their number.
    """

    mean: float
    error: float


def parzen_log_likelihood(samples: Any, test: Any, sigma: float) -> ParzenScore:
    """The mean log-likelihood of test images under Gaussians around samples.

    log p(x) = log 1/N sum_i N(x; s_i, sigma^2 I), for images of pixels in [0, 1], to which those of [-1, 1] are brought
    here. Higher is better, without an upper end: on MNIST uniform noise has -630, the mean image -59, 1,000 random
    training images 120 and the first 10,000 of them 241.2, about where a perfect generator would be; the article of
    2014 has 225 +- 2. That is no upper bound: a generator that copies the training images, or draws the means of their
    clusters, scores as high, and those 10,000, blurred by .8 pixels, have 316.

    By the protocol there are 10,000 samples, ``sigma`` comes from `choose_sigma` with the first 1,000 of the images
    50,000 to 59,999 of the training set, and all 10,000 test images are scored. More samples score higher: never
    compare different numbers of them. N samples and M test images take O(N M F) time, 10,000 of each some four
    seconds of two cores, and O((N + M) F) memory.

    Source: I. Goodfellow et al., "Generative Adversarial Nets" (2014), after O. Breuleux et al. (2011).

    Args:
        samples: images (N, C, H, W) in [-1, 1]; or points (N, F), which are taken as they are: so pass images in which
            nothing is dark, as x.reshape(N, -1) / 2 + 0.5.
        test: of the same kind, (M, ...).
        sigma: standard deviation of the Gaussians.

    Raises:
        ShapeError: there are no samples, or they and the test samples have different shapes.
        DTypeError: pixels are whole numbers.
        RangeError: a number is NaN or infinite, or a pixel is outside [-1, 1], or those of a set look like [0, 1]; or a
            density's logarithm is beyond -1e100, as no sample is within 1e50 sigmas.
        ConfigError, ArgumentError: ``sigma`` is not above 0, or no number.

    Example:
        >>> score = mg.metrics.parzen_log_likelihood(np.array([[0.0], [2.0]]), np.array([[1.0]]), sigma=1.0)
        >>> round(score.mean, 4), score.error  # log N(1; 0, 1) = -1/2 - log(2 pi) / 2
        (-1.4189, 0.0)
    """
    sigma = real("parzen_log_likelihood", "sigma", sigma)
    densities = _log_densities("parzen_log_likelihood", samples, ("test samples", test), [sigma])[0]
    return ParzenScore(mean=float(densities.mean()), error=float(densities.std() / math.sqrt(len(densities))))


def choose_sigma(samples: Any, valid: Any, sigmas: Sequence[float] = SIGMAS) -> float:
    """The standard deviation by which validation images are likeliest under `parzen_log_likelihood`.

    The protocol, what is taken and what is raised are told there. It is one of ``sigmas``, and the larger,
    the fewer samples there are: .1668 for the first 10,000 training images of MNIST, .2154 for 1,000 of them. Chosen by
    the very images that are then scored, it would flatter the samples. Distances are computed once for all of
    ``sigmas``, so that time and memory are about those of one score of the validation images.

    Source: as there; the ten values are those of the authors' program.

    Args:
        samples: those that are to be scored.
        valid: by the protocol the first 1,000 of the images 50,000 to 59,999 of the training set.
        sigmas: to choose from, above 0; those of the protocol are 10 from .1 to 1, evenly spaced in their logarithm.

    Raises:
        ConfigError, DTypeError: there are no ``sigmas``, or one is not above 0, or no number.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(2000, 1))
        >>> round(mg.metrics.choose_sigma(points[:1000], points[1000:]), 3)
        0.359
    """
    several = numbers("choose_sigma", "sigmas", sigmas)
    if several.ndim != 1 or not several.size:
        raise ConfigError(
            f"choose_sigma: expected a list of at least one sigma to choose from, but got shape {several.shape}."
        )
    densities = _log_densities("choose_sigma", samples, ("validation samples", valid), several.tolist())
    return float(several[int(densities.mean(axis=1).argmax())])


def _log_densities(metric: str, samples: Any, test: tuple[str, Any], sigmas: Sequence[float]) -> NDArray[np.float64]:
    """log p(x) of each test sample under each sigma: (sigmas, M)."""
    for sigma in sigmas:
        if not 1 / LARGEST <= sigma <= LARGEST:
            raise ConfigError(
                f"{metric}: expected a sigma above 0, whose square is a number, but got {sigma}. The protocol's are .1 "
                "to 1."
            )
    both = ("samples", samples), test
    centres, x = (_rows(metric, what, each) for (what, _), each in zip(both, alike(metric, *both), strict=True))
    densities = np.empty((len(sigmas), len(x)))
    products = error_bound(x, centres).max() <= 2 * NATS * min(sigmas) ** 2
    for part, squares in (distance_blocks if products else difference_blocks)(x, centres):
        for i, sigma in enumerate(sigmas):
            with no_grad(), np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                kernels = (squares * (-0.5 / sigma**2)).logsumexp(dim=1)
            densities[i, part] = kernels.to("cpu").numpy()
    if not (np.abs(densities) < LARGEST).all():
        raise RangeError(f"{metric}: the samples are too far apart for so small a sigma, {min(sigmas):g}. Raise it.")
    n, width = centres.shape
    logs: NDArray[np.float64] = math.log(n) + width / 2 * np.log(2 * math.pi * np.square(sigmas))
    return densities - logs[:, np.newaxis]


def _rows(metric: str, what: str, samples: Tensor) -> Tensor:
    """A row for each sample, in float64: images with pixels in [0, 1], as the protocol has them.

    Those that are in [0, 1] already would be halved, and the score be hundreds of nats off: so each set is asked.
    """
    if samples.ndim == 4:
        require_not_unit_range(metric, what, samples)
        return unit_rows(samples)
    with no_grad():
        return samples.double().reshape(len(samples), -1)


def unit_rows(images: Tensor) -> Tensor:
    """Images in [-1, 1] as rows in [0, 1], in float64."""
    with no_grad():
        return images.double().reshape(len(images), -1) / 2 + 0.5
