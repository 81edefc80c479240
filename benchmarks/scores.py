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
