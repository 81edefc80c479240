"""What a judge makes of images: the numbers in which generators are compared by quality.py and recipes.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.data import gather_pixels, load_mnist
from minigan.metrics import class_accuracy, class_histogram, classifier_score, frechet_distance, load_judge


def images_of(split: str, n: int) -> np.ndarray:
    """The first n images of MNIST, as a judge takes them: (n, 1, 28, 28)."""
    return gather_pixels(load_mnist(split)[0][:n, None], np.arange(n))


REPORTED_Z = 1  # the seed of z of what is reported: what was chosen, was chosen by samples of seed 0


class Scorer:
    """The scores that recipes are compared by, of which the judge and the real images are prepared once.

    Args:
        judge: "selection" or "report".
        n: the first training images to compare with.
    """

    def __init__(self, judge: str, n: int) -> None:
        self.judge = load_judge(judge)
        self.real = self.judge.features(images_of("train", n))

    def row(self, images: np.ndarray, asked: np.ndarray | None = None) -> dict[str, Any]:
        """The scores of images (N, 1, 28, 28), and whose they are; the classifier score is that of all N at once.

        With the digits that G was asked for, (N,), also how often the judge sees those: "class_accuracy".
        """
        features, p = self.judge.outputs(images)
        row = {
            "judge": self.judge.sha256[:12],
            "samples": len(images),
            "score": classifier_score(p, splits=1).mean,
            "frechet": frechet_distance(features, self.real),
            "confidence": float(p.max(1).mean()),
            "rarest": class_histogram(p).rarest,
        }
        return row if asked is None else {**row, "class_accuracy": class_accuracy(p, asked)}
