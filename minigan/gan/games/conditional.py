"""The conditional GAN: both players are told the label."""

from __future__ import annotations

import numpy as np

from minigan.errors import ConfigError
from minigan.gan.batch import Batch
from minigan.gan.game import Game
from minigan.ops.creation import as_tensor
from minigan.recording import no_grad
from minigan.tensor import Tensor


class LabelledGame(Game):
    """G(z, y) makes samples of the class that it is told; fakes get the labels of the real samples beside them."""

    def generate(self, batch: Batch) -> Batch:
        """As many fakes as real samples, of the same classes."""
        labels = labels_of(batch)
        z = self.noise.draw(len(labels), batch.images.dtype, batch.images.device)
        return Batch(self.generator.network(z, labels), labels)

    def draw(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Samples of these classes (N,), without gradients."""
        if labels is None:
            raise ConfigError("draw: this G draws what it is told; give labels, one for each z.")
        with no_grad():
            samples: Tensor = self.sampler.eval()(z, labels)
        return samples

    def _examples(self) -> list[tuple[Tensor, ...]]:
        """With all classes in turn."""
        classes = getattr(self.generator.network, "classes", 0)
        if not classes:
            return []
        return [(z, as_tensor(np.arange(len(z)) % classes, device=z.device)) for (z,) in super()._examples()]


class ConditionalGame(LabelledGame):
    """D(x, y) judges whether x is a real sample of class y; source: Mirza and Osindero 2014, equation 2.

    Networks take labels (N,) as their second argument, as `minigan.gan.networks.LabelledGenerator` does.
    """

    def ask(self, batch: Batch) -> Tensor:
        """D's outputs on samples together with their labels."""
        output: Tensor = self.discriminator.network(batch.images, labels_of(batch))
        return output


def labels_of(batch: Batch) -> Tensor:
    """The labels of a batch that has to have some.

    Raises:
        ConfigError: it has none.
    """
    if batch.labels is None:
        raise ConfigError("This game is played with labels, but the data have none; choose data with labels.")
    return batch.labels
