"""The reconstruction GAN: G repairs or enlarges images, and pays for what it gets wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from minigan.errors import ConfigError
from minigan.gan.batch import Batch
from minigan.gan.game import Game
from minigan.gan.reports import Report
from minigan.nn import functional as F
from minigan.ops.creation import arange
from minigan.ops.elementwise import where
from minigan.ops.random import randint
from minigan.recording import no_grad
from minigan.tensor import Tensor


class Damaged(NamedTuple):
    """Images (N, C, H, W) that lack something.

    Attributes:
        images: what G gets to see.
        missing: bool (N, 1, H, W): where G's pixels count; None for everywhere.
    """

    images: Tensor
    missing: Tensor | None = None


Damage = Callable[[Tensor], Damaged]


def hole(images: Tensor) -> Damaged:
    """A hole, half as high and wide as the image, at a place drawn for each; it is grey (0).

    >>> from minigan.gan.games.reconstruction import hole
    >>> hole(mg.ones(2, 1, 28, 28)).missing.to(dtype=mg.float32).sum((1, 2, 3))
    tensor([196., 196.])
    """
    _, _, height, width = images.shape
    rows, columns = _half(height, images), _half(width, images)
    missing = rows.reshape(-1, 1, height, 1) * columns.reshape(-1, 1, 1, width)  # where both are true
    return Damaged(where(missing, 0.0, images), missing)


def _half(length: int, images: Tensor) -> Tensor:
    """Half of the places along one side, next to each other, for each of the images: bool (N, length)."""
    size = length // 2
    first = randint(length - size + 1, (len(images),), device=images.device).reshape(-1, 1)
    places = arange(length, device=images.device)
    return (places >= first) * (places < first + size)


def quarter(images: Tensor) -> Damaged:
    """A quarter of the height and width, by means over 4 x 4 pixels, and stretched to the old size again.

    >>> from minigan.gan.games.reconstruction import quarter
    >>> quarter(mg.ones(2, 1, 28, 28)).images.shape
    (2, 1, 28, 28)
    """
    height, width = images.shape[2:]
    if height % 4 or width % 4:
        raise ConfigError(
            f'The task "super-resolution" needs images whose height and width are multiples of 4, but these are '
            f"{height} x {width}; set data.size."
        )
    return Damaged(F.interpolate(F.avg_pool2d(images, 4), scale_factor=4, mode="nearest"))


DAMAGES: dict[str, Damage] = {"repair": hole, "super-resolution": quarter}


class ReconstructionGame(Game):
    """G(damaged x) against x: the adversarial loss plus lambda times the mean squared error to x.

    D makes the result convincing, the error makes it faithful; lambda balances the two (Pathak et al. 2016, "Context
    Encoders"; Ledig et al. 2017, "SRGAN").

    Args:
        args, settings: of `Game`.
        damage: what is done to an image before G gets it.
        reconstruction: lambda.
    """

    def __init__(self, *args: Any, damage: Damage, reconstruction: float, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.damage = damage
        self.reconstruction = reconstruction

    def generate(self, batch: Batch) -> Batch:
        """The images of the batch, damaged and restored by G."""
        damaged = self.damage(batch.images)
        return Batch(_keep_known(damaged, self.generator.network(damaged.images)))

    def add_to_G(self, cost: Tensor, report: Report, batch: Batch, fake: tuple[Batch, Tensor]) -> tuple[Tensor, Report]:
        """Lambda times the mean squared error, which is reported as ``reconstruction``."""
        error = F.mse_loss(fake[0].images, batch.images)
        return cost + self.reconstruction * error, {**report, "reconstruction": error.detach()}

    def restore(self, damaged: Damaged) -> Tensor:
        """What G makes of damaged images, without gradients."""
        with no_grad():
            return _keep_known(damaged, self.sampler.eval()(damaged.images))

    def _examples(self) -> list[tuple[Tensor, ...]]:
        """None: this G takes images, and the game has none but those of the step."""
        return []

    def assess(self, batch: Batch) -> Report:
        """The squared error of what G makes of these images, too."""
        restored = self.restore(self.damage(batch.images))
        return {**super().assess(batch), "reconstruction_test": F.mse_loss(restored, batch.images)}


def _keep_known(damaged: Damaged, restored: Tensor) -> Tensor:
    """G's pixels where some are missing, and the given ones elsewhere."""
    return restored if damaged.missing is None else where(damaged.missing, restored, damaged.images)
