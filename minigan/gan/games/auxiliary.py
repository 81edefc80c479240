"""The auxiliary-classifier GAN: D also tells the class, and both players gain when it is told rightly."""

from __future__ import annotations

from typing import Any

from minigan.gan.batch import Batch
from minigan.gan.games.conditional import LabelledGame, labels_of
from minigan.gan.reports import Report
from minigan.nn import functional as F
from minigan.recording import no_grad
from minigan.tensor import Tensor


class AuxiliaryClassifierGame(LabelledGame):
    """D's outputs are (N, 1 + K): how real, and the logits of K classes.

    With L_C = E log P(class | real) + E log P(class | fake), D and G both maximise L_C beside what they want of real
    and fake; source: Odena, Olah and Shlens 2017, equations 2 and 3.

    Args:
        args, settings: of `Game`.
        class_weight: the weight of L_C.
    """

    def __init__(self, *args: Any, class_weight: float = 1.0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.class_weight = class_weight

    def opinion(self, outputs: Tensor) -> Tensor:
        """The first column."""
        return outputs[:, :1]

    def add_to_D(
        self, cost: Tensor, report: Report, real: tuple[Batch, Tensor], fake: tuple[Batch, Tensor]
    ) -> tuple[Tensor, Report]:
        """The classification of both; ``accuracy`` is that on real samples."""
        classes = F.cross_entropy(real[1][:, 1:], labels_of(real[0])) + _cross_entropy(fake)
        return cost + self.class_weight * classes, {**report, "accuracy": accuracy(real[1][:, 1:], labels_of(real[0]))}

    def add_to_G(self, cost: Tensor, report: Report, batch: Batch, fake: tuple[Batch, Tensor]) -> tuple[Tensor, Report]:
        """The classification of the fakes."""
        return cost + self.class_weight * _cross_entropy(fake), report

    def assess(self, batch: Batch) -> Report:
        """The accuracy of D's classifier, too."""
        report = super().assess(batch)
        with no_grad():
            classes = self.ask(batch)[:, 1:]
        return {**report, "accuracy_test": accuracy(classes, labels_of(batch))}


def _cross_entropy(fake: tuple[Batch, Tensor]) -> Tensor:
    batch, outputs = fake
    return F.cross_entropy(outputs[:, 1:], labels_of(batch))


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """How often the largest of the logits (N, K) is at the label (N,): 0-d.

    >>> from minigan.gan.games.auxiliary import accuracy
    >>> accuracy(mg.tensor([[0.0, 1.0], [2.0, 1.0]]), mg.tensor([1, 1]))
    tensor(0.5000)
    """
    with no_grad():
        return (logits.argmax(1) == labels).to(dtype=logits.dtype).mean()
