"""Networks that are told the label: it joins their input; source: Mirza and Osindero 2014, figure 1."""

from __future__ import annotations

from minigan import nn
from minigan.errors import ShapeError
from minigan.gan.networks.discriminator import Discriminator
from minigan.nn.functional import one_hot
from minigan.ops.checks import require_indices
from minigan.ops.joining import cat
from minigan.tensor import Tensor


class LabelledGenerator(nn.Module):
    """G(z, y): a network whose input is z and, after it, a 1 at the place of the label y and 0 at all others.

    Args:
        network: a G for z of z_dim + classes numbers.
        classes: how many labels there are.

    Raises:
        ShapeError: there is not one label for each z.
        DTypeError: the labels are no whole numbers.
        IndexRangeError: on the CPU: a label is not from 0 to below ``classes``.

    >>> from minigan.gan.networks import LabelledGenerator, mlp_generator
    >>> G = LabelledGenerator(mlp_generator(100 + 10, [256], (1, 28, 28)), classes=10)
    >>> G(mg.zeros(2, 100), mg.tensor([7, 0])).shape
    (2, 1, 28, 28)
    """

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network = network
        self.classes = classes

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Z (N, z_dim) and labels (N,) to samples (N, ...)."""
        y: Tensor = self.network(with_labels(z, labels, self.classes))
        return y


class LabelledDiscriminator(nn.Module):
    """D(x, y): a network that sees x and, as further channels or numbers, 1 for the label y and 0 for all others.

    Args:
        network: a D for samples of (C + classes, H, W), or of F + classes numbers.
        classes: how many labels there are.
        flat: make rows of numbers of images first, for a network of Linear layers.

    Raises:
        ShapeError: there is not one label for each sample.
        DTypeError: the labels are no whole numbers.
        IndexRangeError: on the CPU: a label is not from 0 to below ``classes``.

    >>> from minigan.gan.networks import LabelledDiscriminator, conv_discriminator
    >>> D = LabelledDiscriminator(conv_discriminator((1 + 10, 28, 28), [64, 128]), classes=10)
    >>> D(mg.zeros(2, 1, 28, 28), mg.tensor([7, 0])).shape
    (2, 1)
    """

    def __init__(self, network: Discriminator, classes: int, *, flat: bool = False) -> None:
        super().__init__()
        self.network = network
        self.classes = classes
        self.flat = flat

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Samples (N, ...) and labels (N,) to (N, outputs)."""
        y: Tensor = self.network(self._joined(x, labels))
        return y

    def features(self, x: Tensor, labels: Tensor) -> Tensor:
        """What the last Linear layer sees: (N, features)."""
        return self.network.features(self._joined(x, labels))

    def _joined(self, x: Tensor, labels: Tensor) -> Tensor:
        return with_labels(x.flatten(1) if self.flat else x, labels, self.classes)


def with_labels(x: Tensor, labels: Tensor, classes: int) -> Tensor:
    """x (N, C, ...) with one more channel for each class, which is 1 if it is that of the label and else 0.

    Args:
        x: rows of numbers (N, F) or images (N, C, H, W).
        labels: whole numbers (N,).
        classes: how many there are.

    Returns:
        (N, C + classes, ...), of the type of x.

    Raises:
        ShapeError: there is not one label for each row of x.
        DTypeError: the labels are no whole numbers.
        IndexRangeError: on the CPU: a label is not from 0 to below ``classes``.

    >>> from minigan.gan.networks.labels import with_labels
    >>> with_labels(mg.tensor([[0.5], [0.25]]), mg.tensor([2, 0]), classes=3)
    tensor([[0.5000, 0.0000, 0.0000, 1.0000],
            [0.2500, 1.0000, 0.0000, 0.0000]])
    """
    if tuple(labels.shape) != tuple(x.shape[:1]):
        raise ShapeError(
            f"labels: expected one for each sample, (N,), but got {tuple(labels.shape)} for {tuple(x.shape)}. "
            "Give a class number for each."
        )
    require_indices("labels", labels, classes, f"The network was built for {classes} classes.")
    planes = one_hot(labels, classes).to(dtype=x.dtype).reshape(len(x), classes, *[1] * (x.ndim - 2))
    return cat([x, planes.expand(-1, -1, *x.shape[2:])], 1)
