"""The classifier score: does each sample show one class clearly, and do all together show every class?

It is the Inception score of Salimans et al. 2016 with a judge of digits in the place of the Inception network.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from minigan.metrics.checks import probabilities as checked_probabilities
from minigan.metrics.checks import whole_from
from minigan.metrics.score import Score
from minigan.tensor import Tensor

TINY = 1e-300  # in place of a probability of 0, so that 0 log 0 is 0


def classifier_score(probabilities: Any, splits: int = 10) -> Score:
    """How clear and how diverse samples are to a classifier: exp E_x KL(p(y|x) || p(y)).

    p(y|x) is what the classifier says of a sample, and p(y) the mean of this over all samples. From 1, where the
    classifier says the same of all samples, to K, where it is sure of each and all classes are equally frequent;
    higher is better. It sees neither a class of which one image is drawn again and again, nor noise that the classifier
    is sure of, and knows nothing of the data: real images cannot pass exp(entropy of the labels), 9.986 for MNIST's
    training images and 9.983 for its test images, with a classifier that is always right.

    By the protocol of Salimans et al. 2016 the samples are split, in the order that they are in, and the mean over the
    parts is told. A part of n samples is scored too low, by about a share (K - 1) / (2 n), as its p(y) is fitted to it:
    by 0.45% for 10 sure classes and n = 1,000. With ``splits=1`` all samples are one part, and there is no spread.

    Source: Salimans et al. 2016, "Improved Techniques for Training GANs", section 4. Time and memory O(N K).

    Args:
        probabilities: of K classes for each of N samples, (N, K), such as `Judge.probabilities` returns.
        splits: in how many parts, equal but for a sample more or less, the samples are scored.

    Returns:
        The mean over the parts, and their standard deviation.

    Raises:
        ShapeError, DTypeError: these are no rows of probabilities.
        RangeError: one is NaN or below 0, or a row does not add up to 1.
        ConfigError: there are more parts than samples, or less than one.

    Example:
        >>> sure = np.eye(10)[np.arange(1000) % 10]
        >>> few = np.eye(10)[np.arange(1000) % 4]
        >>> [round(mg.metrics.classifier_score(p).mean, 6) for p in (sure, few)]
        [10.0, 4.0]
    """
    p = checked_probabilities("classifier_score", probabilities)
    splits = whole_from("classifier_score", "splits", splits, 1, len(p), f"there are {len(p):,} samples")
    ends = [len(p) * part // splits for part in range(splits + 1)]
    scores = [_of_part(p[start:end]) for start, end in pairwise(ends)]
    return Score(float(np.mean(scores)), float(np.std(scores)))


def _of_part(p: Tensor) -> float:
    marginal = p.mean(dim=0)
    divergences = (p * (p.clamp(min=TINY).log() - marginal.clamp(min=TINY).log())).sum(dim=1)
    return math.exp(divergences.mean().item())
