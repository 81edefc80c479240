"""Optimistic steps: expect the next gradient to change as much as this one has, and go there already.

w <- w - lr d - lr (d - d_before) = w - 2 lr d + lr d_before: extragradient, with the last gradient in place of one from
a step ahead, at the price of an ordinary step. Source: Daskalakis et al. 2018, "Training GANs with Optimism".
"""

from __future__ import annotations

from typing import Any

from minigan.backend import Array, Backend
from minigan.backend.base.arrays import Number
from minigan.optim.adam import Adam
from minigan.optim.optimizer import Optimizer, decay_in_gradient
from minigan.optim.sgd import SGD

PREVIOUS = "previous_direction"


class Optimistic(Optimizer):
    """What the optimistic methods share: the direction d of the optimizer they extend, used twice.

    The direction before the first is 0, and parameters without a gradient keep theirs until they have one again.
    """

    def _numbers(self, group: dict[str, Any], step: int) -> tuple[float, ...]:
        """-lr and 2 lr, and those of a step of length -1."""
        lr = group["lr"]
        return -lr, 2 * lr, *super()._numbers({**group, "lr": -1.0}, step)

    def _update(
        self,
        group: dict[str, Any],
        backend: Backend,
        p: Array,
        g: Array,
        moments: dict[str, Array],
        numbers: tuple[Number, ...],
    ) -> None:
        back, on, *own = numbers
        direction = moments[PREVIOUS]
        group, g = decay_in_gradient(group, backend, p, g)
        _descend(backend, p, direction, back)
        # A step of length -1 that begins at 0 ends at the direction itself.
        backend.copy_(direction, 0)
        super()._update(group, backend, direction, g, moments, tuple(own))
        _descend(backend, p, direction, on)


def _descend(backend: Backend, p: Array, d: Array, lr: Number) -> None:
    """p -= lr d: a step of plain SGD."""
    backend.sgd_(p, d, None, lr=lr, momentum=0.0, share=None, weight_decay=0.0, nesterov=False)


class OptimisticSGD(Optimistic, SGD):
    """Optimistic mirror descent; source: Daskalakis et al. 2018.

    w <- w - 2 lr g_t + lr g_(t-1), where g_0 = 0. A momentum, if wanted, takes the place of the gradient.

    Args:
        params: parameters, or dictionaries of parameters with settings of their own.
        lr, momentum, dampening, weight_decay, nesterov: as of `minigan.optim.SGD`.

    Raises:
        ConfigError: no parameters, or a setting out of range.

    >>> w = mg.nn.Parameter(mg.tensor([1.0]))
    >>> optimizer = mg.optim.OptimisticSGD([w], lr=0.25)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     optimizer.step()
    ...     print(w.tolist())
    [0.0]
    [0.5]
    """

    moments = (*SGD.moments, PREVIOUS)

    def _needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        return (*super()._needs(group), PREVIOUS)


class OptimisticAdam(Optimistic, Adam):
    """Optimistic Adam; source: Daskalakis et al. 2018, algorithm 1.

    w <- w - 2 lr d_t + lr d_(t-1), where d_t = m_t / (sqrt(v_t) + eps) is Adam's direction, from moments corrected for
    their bias, and d_0 = 0.

    Args:
        params: parameters, or dictionaries of parameters with settings of their own.
        lr, betas, eps, weight_decay: as of `minigan.optim.Adam`.

    Raises:
        ConfigError: no parameters, or a setting out of range.

    >>> w = mg.nn.Parameter(mg.tensor([1.0]))
    >>> optimizer = mg.optim.OptimisticAdam([w], lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (w * 3).sum().backward()
    ...     optimizer.step()
    ...     print(w)
    tensor([0.8000], requires_grad=True)
    tensor([0.7000], requires_grad=True)
    """

    moments = (*Adam.moments, PREVIOUS)
