"""What a judge makes of images: the numbers in which benchmarks compare generators."""

from __future__ import annotations

import numpy as np

from minigan.data import gather_pixels, load_mnist
from minigan.metrics import load_judge
from minigan.metrics.evaluation.digits import DigitReference


def images_of(split: str, n: int) -> np.ndarray:
    """The first n images of MNIST, as a judge takes them: (n, 1, 28, 28)."""
    return gather_pixels(load_mnist(split)[0][:n, None], np.arange(n))


def noise(n: int) -> np.ndarray:
    """As many images of uniform noise: what a score means, lies between these and real images."""
    return np.random.default_rng(0).uniform(-1, 1, (n, 1, 28, 28)).astype(np.float32)


REPORTED_Z = 1  # the seed of z of what is reported: what was chosen, was chosen by samples of seed 0


class Comparison:
    """Of generators with real images by a judge, both of which are prepared once.

    Args:
        judge: "selection" or "report".
        n: the first training images to compare with.
    """

    def __init__(self, judge: str, n: int) -> None:
        self.judge = load_judge(judge)
        self.reference = DigitReference.of(self.judge, images_of("train", n))

    def row(self, images: np.ndarray, asked: np.ndarray | None = None) -> dict[str, float]:
        """The scores of images (N, 1, 28, 28), as `minigan evaluate` has them.

        With the digits that G was asked for, (N,), also how often the judge sees those: "class_accuracy".
        """
        found = self.reference.score(images, asked, kernel=False)
        row = {"score": found.classifier_score, "frechet": found.frechet_distance, "rarest": found.classes.rarest}
        return row if found.class_accuracy is None else {**row, "class_accuracy": found.class_accuracy}
