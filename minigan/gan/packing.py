"""What D is shown in place of single, clean samples. Real samples and fakes have to be treated alike."""

from __future__ import annotations

from collections.abc import Callable

from minigan.backend.base.arrays import Number
from minigan.errors import ConfigError, ShapeError
from minigan.ops.joining import stack
from minigan.ops.random import randn_like
from minigan.tensor import Tensor


def instance_noise(x: Tensor, std: Number) -> Tensor:
    """x + std * n with n ~ N(0, 1) for every number of every sample.

    Noise spreads data and fakes until they overlap, so that D cannot become sure and its gradient means something.
    It is added in both turns, and usually fades away during training. Sources: Sonderby et al. 2017, "Amortised MAP
    inference for image super-resolution", section 3.2; Arjovsky and Bottou 2017, section 3.

    Args:
        x: samples (N, ...), real or fake; gradients pass.
        std: of the noise; 0 draws none.

    Raises:
        ConfigError: std is below 0.

    >>> from minigan.gan.packing import instance_noise
    >>> instance_noise(mg.zeros(8, 1, 28, 28), std=0.1).shape
    (8, 1, 28, 28)
    """
    if isinstance(std, float | int):  # in a captured step it is an array, which nobody may look at
        if not std >= 0:
            raise ConfigError(f"instance_noise: expected a standard deviation of at least 0, but got {std}.")
        if not std:
            return x
    noisy: Tensor = x + std * randn_like(x)
    return noisy


def pack(x: Tensor, m: int) -> Tensor:
    """m samples at a time, one after the other along their first dimension, for a D that judges them together.

    Samples that are alike give themselves away as a pack, though each is convincing alone: this works against mode
    collapse. Source: Lin, Khetan, Fanti and Oh 2018, "PacGAN", section 2.

    Args:
        x: samples (N, C, H, W) or (N, F), real or fake; gradients pass.
        m: how many make a pack; N % m samples at the end are left out.

    Returns:
        (N // m, m C, H, W) or (N // m, m F).

    Raises:
        ConfigError: m is below 1.
        ShapeError: there are fewer than m samples.

    >>> from minigan.gan.packing import pack
    >>> pack(mg.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), 2)
    tensor([[1., 2., 3., 4.]])
    """
    packs = _packs(len(x), m)
    width, *rest = x.shape[1:]
    return x[: packs * m].reshape(packs, m * width, *rest)


def in_places(G: Callable[[Tensor], Tensor], z: Tensor, m: int) -> Tensor:
    """Samples for packs of m: those that are first in a pack come from G together, those that are second, and so on.

    So BatchNorm in G has statistics of its own for each place in a pack, over as many samples as D sees packs, as in
    the program of PacGAN's authors. To another G it is all the same.

    Args:
        G: makes samples (N, ...) of z (N, z_dim).
        z: as many as samples are wanted; N % m at the end are left out, as by `pack`.
        m: how many make a pack.

    Returns:
        Samples (N // m * m, ...), m of a pack one after the other, as `pack` takes them.

    Raises:
        ConfigError, ShapeError: as `pack`.

    >>> from minigan.gan.packing import in_places, pack
    >>> samples = in_places(lambda z: z - z.mean(), mg.tensor([[1.0], [2.0], [6.0], [9.0]]), m=2)
    >>> pack(samples, 2)
    tensor([[-0.5000, -1.5000],
            [ 0.5000,  1.5000]])
    """
    if m == 1:
        return G(z)
    packs = _packs(len(z), m)
    samples = stack([G(part) for part in z[: packs * m].split(packs)], dim=1)
    return samples.reshape(packs * m, *samples.shape[2:])


def _packs(n: int, m: int) -> int:
    """How many packs of m there are among n samples."""
    if m < 1:
        raise ConfigError(f"pack: expected at least 1 sample in a pack, but got {m}.")
    if n < m:
        raise ShapeError(f"pack: expected at least {m} samples, but got {n}. Enlarge the batch, or pack fewer.")
    return n // m
