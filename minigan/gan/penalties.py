"""What keeps D's slope in bounds: penalties on its gradient with respect to its input, and the clipping of weights.

The penalties need second derivatives: the gradient of D's parameters of a gradient of D's input. Each is the mean over
samples of a function of one sample's slope, the gradient of D's output on that sample alone. Where D mixes the samples
of a batch, as BatchNorm does, it is the slope of all outputs together: to pull that towards 0, as R1 and R2 do, still
calms D; a slope of 1, which the others want, means nothing then.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar, Literal

from minigan.autograd import grad
from minigan.backend import get_backend
from minigan.errors import ConfigError, GraphError, ShapeError
from minigan.ops.checks import whole
from minigan.ops.length import norm
from minigan.ops.random import rand, rand_like
from minigan.ops.reduce import std
from minigan.recording import no_grad
from minigan.tensor import Tensor


def slope(outputs: Tensor, x: Tensor) -> Tensor:
    """The gradient of D's output on each sample with respect to that sample, itself to be differentiated.

    Args:
        outputs: D(x), (N, 1).
        x: samples (N, ...) that require a gradient.

    Returns:
        (N, ...), on the tape.

    >>> from minigan.gan.penalties import slope
    >>> x = mg.tensor([[1.0], [2.0]], requires_grad=True)
    >>> slope(x**3, x).tolist()
    [[3.0], [12.0]]
    """
    (gx,) = grad(outputs.sum(), x, create_graph=True)
    assert gx is not None  # grad raises where the outputs do not depend on x
    return gx


class Penalty:
    """What D pays for its slope at some points, on every k-th step and then k times as much.

    That is lazy regularisation: it costs a k-th of the time, and its gradient is the same on average (Karras et al.
    2020, "Analyzing and improving the image quality of StyleGAN", section 3.1).

    Args:
        weight: what the mean is multiplied by.
        every: k.

    Attributes:
        at: where the slope is taken: at the "real" samples, the "fake" ones, or "new" :meth:`points`.

    Raises:
        ConfigError: a weight that is not finite or below 0, or k below 1.
    """

    at: ClassVar[Literal["real", "fake", "new"]]

    def __init__(self, weight: float, every: int = 1) -> None:
        name = type(self).__name__
        if not 0 <= weight < math.inf or whole(name, "every", every) < 1:
            raise ConfigError(f"{name}: expected a weight of at least 0 and every >= 1, but got {weight} and {every}.")
        self.weight = weight
        self.every = every

    def due(self, step: int) -> bool:
        """Whether the penalty is part of step number ``step`` (from 0)."""
        return self.weight > 0 and step % self.every == 0

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        """Where the slope is taken, if ``at`` is "new": (N, ...), cut off from the tape and asking for a gradient."""
        raise NotImplementedError

    def cost(self, gx: Tensor) -> Tensor:
        """The penalty, 0-d, for the slopes (N, ...) of D at these points."""
        return self._each(gx.reshape(len(gx), -1)).mean() * (self.weight * self.every)

    def _each(self, gx: Tensor) -> Tensor:
        """What each sample's slope costs: from (N, numbers of a sample) to (N,)."""
        raise NotImplementedError


class _FlatSlope(Penalty):
    """gamma / 2 E |grad D(x)|^2."""

    def __init__(self, gamma: float, every: int = 1) -> None:
        super().__init__(gamma, every)

    def _each(self, gx: Tensor) -> Tensor:
        return (gx * gx).sum(1) / 2


class R1(_FlatSlope):
    """gamma / 2 E |grad D(x)|^2 over real samples x, with D's logit or score as D(x).

    Where D has nothing to gain, at the data, it is made flat; so the game comes to rest. Source: Mescheder, Geiger
    and Nowozin 2018, equation 9.

    Args:
        gamma: the weight; the half is the paper's.
        every: on which steps it is due; see :class:`Penalty`.

    Raises:
        ConfigError: settings that make no sense.

    >>> from minigan.gan.penalties import R1
    >>> R1(gamma=10.0).cost(mg.tensor([[3.0, 4.0], [0.0, 0.0]]))  # 10 / 2 * (5^2 + 0^2) / 2
    tensor(62.5000)
    """

    at = "real"


class R2(_FlatSlope):
    """gamma / 2 E |grad D(G(z))|^2: as :class:`R1`, but over fakes; source: equation 10 of the same paper.

    >>> from minigan.gan.penalties import R2
    >>> R2(gamma=1.0, every=4).cost(mg.tensor([[3.0, 4.0]]))  # 1 / 2 * 5^2 on average, on every 4th step
    tensor(50.)
    """

    at = "fake"


class _UnitSlope(Penalty):
    """weight * E (|grad D(x)| - 1)^2, without a half; |.| is the length of one sample's gradient.

    Where the length is 0 it has no derivative; 0 is taken for it.
    """

    at = "new"

    def _each(self, gx: Tensor) -> Tensor:
        excess = norm(gx, dim=1) - 1
        return excess * excess


class GradientPenalty(_UnitSlope):
    """weight * E (|grad D(x)| - 1)^2 at points x between real samples and fakes: the penalty of WGAN-GP.

    x = eps real + (1 - eps) fake with one eps ~ U(0, 1) for each sample. Source: Gulrajani et al. 2017, equation 3 and
    algorithm 1, where the weight is called lambda and is 10; there is no half.

    Args:
        weight: lambda.
        every: on which steps it is due; see :class:`Penalty`.

    Raises:
        ConfigError: settings that make no sense.

    >>> from minigan.gan.penalties import GradientPenalty
    >>> penalty = GradientPenalty(weight=10.0)
    >>> penalty.points(mg.zeros(8, 1, 28, 28), mg.ones(8, 1, 28, 28)).shape
    (8, 1, 28, 28)
    >>> penalty.cost(mg.tensor([[3.0, 4.0], [0.0, 1.0]]))  # 10 * ((5 - 1)^2 + (1 - 1)^2) / 2
    tensor(80.)
    """

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        """Points (N, ...) on the lines between real samples and the fakes beside them.

        Raises:
            ShapeError: real samples and fakes are not of one shape.
        """
        if real.shape != fake.shape:
            raise ShapeError(
                f"GradientPenalty: expected a fake of the same shape for each real sample, but got {real.shape} and "
                f"{fake.shape}. Make as many fakes as there are real samples."
            )
        with no_grad():
            eps = rand(len(real), *[1] * (real.ndim - 1), dtype=real.dtype, device=real.device)
            between = eps * real + (1 - eps) * fake
        return between.requires_grad_()


class DRAGAN(_UnitSlope):
    """weight * E (|grad D(x + delta)| - 1)^2 around real samples x: where the data are, D is to have slope 1.

    delta = std(x) / 2 * u with u ~ U(0, 1) for every number of every sample, std(x) being that of all numbers in the
    batch: the form of the published program. The paper (Kodali, Abernethy, Hays and Kira 2017, "On convergence and
    stability of GANs", equation 1) writes it with normal noise; both have the weight 10 and no half.

    Args:
        weight: the paper's lambda.
        every: on which steps it is due; see :class:`Penalty`.

    Raises:
        ConfigError: settings that make no sense.

    >>> from minigan.gan.penalties import DRAGAN
    >>> x = mg.tensor([[-1.0], [1.0]])  # its standard deviation is 1
    >>> moved = (DRAGAN(10.0).points(x, x) - x).detach().numpy()
    >>> bool((0 <= moved).all() and (moved <= 0.5).all())
    True
    """

    def points(self, real: Tensor, fake: Tensor) -> Tensor:
        """Points (N, ...) near the real samples."""
        with no_grad():
            near = real + rand_like(real) * (std(real, correction=0) / 2)
        return near.requires_grad_()


def clip_weights_(parameters: Iterable[Tensor], limit: float) -> None:
    """Put every number of the parameters that is beyond +-limit there, after each step of D.

    So WGAN keeps D's slope below some bound (Arjovsky, Chintala and Bottou 2017, algorithm 1, with limit .01). It is
    another thing than clipping gradients, for which there is `minigan.nn.utils.clip_grad_norm_`.

    Args:
        parameters: all of D's.
        limit: the largest absolute value, above 0.

    Raises:
        ConfigError: the limit is not above 0.
        GraphError: one of them is the result of an operation.

    >>> from minigan.gan.penalties import clip_weights_
    >>> w = mg.nn.Parameter(mg.tensor([-3.0, 0.005]))
    >>> clip_weights_([w], 0.01)
    >>> w
    tensor([-0.0100,  0.0050], requires_grad=True)
    """
    if not limit > 0:
        raise ConfigError(f"clip_weights_: expected a limit above 0, but got {limit}.")
    for parameter in parameters:
        if parameter.node is not None:
            raise GraphError("clip_weights_: expected parameters, but one is a result. Pass D.parameters().")
        get_backend(parameter._data).clip_(parameter._data, float(limit))
        parameter.count_change()
