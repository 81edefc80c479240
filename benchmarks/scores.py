"""What a judge makes of images: the numbers in which generators are compared by quality.py and recipes.py."""

from __future__ import annotations

import numpy as np

from minigan.data import gather_pixels, load_mnist
from minigan.metrics import Judge


def images_of(split: str, n: int) -> np.ndarray:
    """The first n images of MNIST, as a judge takes them: (n, 1, 28, 28)."""
    return gather_pixels(load_mnist(split)[0][:n, None], np.arange(n))


def score(judge: Judge, images: np.ndarray, labels: np.ndarray | None = None) -> dict[str, float]:
    """How sure the judge is of images (N, 1, 28, 28), and what part of them shows the digit that it sees least often.

    With labels (N,) also how often it sees the digits that they say: "as_asked".
    """
    p = judge.probabilities(images)
    seen = p.argmax(1)
    row = {"confidence": float(p.max(1).mean()), "rarest": float(np.bincount(seen, minlength=10).min() / len(p))}
    return row if labels is None else {**row, "as_asked": float((seen == labels).mean())}


def classifier_score(p: np.ndarray) -> float:
    """exp E KL(p(y|x) | p(y)) of Salimans et al. 2016, for probabilities (N, K): from 1 to K, and higher is better."""
    p = p.astype(np.float64)
    marginal = np.broadcast_to(p.mean(0), p.shape)
    logs = np.zeros_like(p)
    np.log(p / np.maximum(marginal, 1e-300), out=logs, where=p > 0)  # 0 log 0 = 0
    return float(np.exp((p * logs).sum(1).mean()))


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """|mean difference|^2 + tr(A + B - 2 (AB)^1/2) of Heusel et al. 2017, for features (N, F) with covariances A, B."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    A, B = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # AB has the eigenvalues of A^1/2 B A^1/2: none is negative, but for rounding, and the trace needs only these.
    root = np.sqrt(np.linalg.eigvals(A @ B).real.clip(0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(A) + np.trace(B) - 2 * root)
