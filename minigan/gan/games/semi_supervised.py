"""The semi-supervised GAN: D learns to classify from few labels and many images without."""

from __future__ import annotations

from typing import Any

from minigan.errors import ConfigError
from minigan.gan.batch import Batch
from minigan.gan.game import Game
from minigan.gan.games.auxiliary import accuracy
from minigan.gan.games.conditional import labels_of
from minigan.gan.reports import Report
from minigan.nn import functional as F
from minigan.ops.random import randint
from minigan.recording import no_grad
from minigan.tensor import Tensor


class SemiSupervisedGame(Game):
    """D's outputs are the logits l (N, K) of the classes; how real a sample is follows from them.

    With "fake" as one more class, whose logit is fixed at 0, D(x) = Z / (Z + 1) for Z = sum_k exp l_k: the sigmoid of
    log Z. D pays for real and fake as in the plain game, and the cross-entropy of a batch of labelled samples. G
    matches features: it minimises the mean square of E f(x) - E f(G(z)), f being what D's last layer sees. Source:
    Salimans et al. 2016, sections 3.1 and 5.

    Args:
        args, settings: of `Game`.
        labelled: the samples whose labels are known.
        class_weight: the weight of the cross-entropy.
    """

    def __init__(self, *args: Any, labelled: Batch | None = None, class_weight: float = 1.0, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.labelled = labelled
        self.class_weight = class_weight

    def opinion(self, outputs: Tensor) -> Tensor:
        """Log Z."""
        return outputs.logsumexp(1, keepdim=True)

    def add_to_D(
        self, cost: Tensor, report: Report, real: tuple[Batch, Tensor], fake: tuple[Batch, Tensor]
    ) -> tuple[Tensor, Report]:
        """The cross-entropy of as many labelled samples as the batch has; ``accuracy`` is that on all real ones."""
        batch = self._some_labelled(len(real[0].images))
        classes = F.cross_entropy(self.ask(self.seen(batch)), labels_of(batch))
        more = {} if real[0].labels is None else {"accuracy": accuracy(real[1], real[0].labels)}
        return cost + self.class_weight * classes, {**report, "cross_entropy": classes.detach(), **more}

    def cost_G(self, batch: Batch, fakes: Batch) -> tuple[Tensor, Report]:
        """Feature matching."""
        D = self.discriminator.network
        real, fake = (D.features(self.seen(x).images).mean(0) for x in (batch, fakes))
        gap = real - fake
        loss = (gap * gap).mean()
        return loss, {"loss_G": loss.detach()}

    def assess(self, batch: Batch) -> Report:
        """The accuracy of D's classifier, too."""
        report = super().assess(batch)
        with no_grad():
            return {**report, "accuracy_test": accuracy(self.ask(batch), labels_of(batch))}

    def _some_labelled(self, n: int) -> Batch:
        """n of the labelled samples, drawn with replacement."""
        if self.labelled is None:
            raise ConfigError("This game needs samples whose labels are known; give labelled=Batch(images, labels).")
        chosen = randint(len(self.labelled.images), (n,), device=self.labelled.images.device)
        return Batch(self.labelled.images[chosen], labels_of(self.labelled)[chosen])
