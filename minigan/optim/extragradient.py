"""Extragradient: take the gradient where one step would lead, and make the step from where one stood.

In a game each player's step changes what the other one's gradient should have been. Simultaneous steps along the
gradients of here and now turn around an equilibrium in ever wider circles; gradients from one step ahead lead into it.
Source: Korpelevich 1976; for GANs, Gidel et al. 2019, "A Variational Inequality Perspective on GANs".
"""

from __future__ import annotations

from typing import Any

from minigan.backend import Array, Backend
from minigan.backend.base.arrays import Number
from minigan.errors import GraphError, StateError
from minigan.optim.adam import Adam
from minigan.optim.flat import Flat
from minigan.optim.optimizer import Optimizer, decay_in_gradient
from minigan.optim.sgd import SGD

START = "start"  # where the parameters stood; kept with the moments, from `extrapolate()` to `step()`


class Extragradient(Optimizer):
    """What the extragradient methods share: an update in two halves, each of them a step of the optimizer it extends.

    Both players of a game make the first half before either of them makes the second.
    """

    def extrapolate(self) -> None:
        """The first half: remember the parameters, and move them to where the gradients for the second are taken.

        Raises:
            GraphError: the update before is not finished.
        """
        self._follow()
        if self._unfinished():
            raise GraphError(
                f"{type(self).__name__}: expected step() after extrapolate(), but got extrapolate() again. Take the "
                "gradients where the parameters are now, and call step()."
            )
        starts = [(flat, flat.backend.copy(flat.data)) for flats in self._flats for flat in flats]
        super().step()
        for flat, start in starts:
            flat.moments[START] = start

    def step(self) -> None:
        """The second half: go back to where :meth:`extrapolate` began, and on along the gradients found since.

        Raises:
            GraphError: there was no first half.
        """
        if not self._unfinished():
            raise GraphError(
                f"{type(self).__name__}: expected extrapolate() before step(), but it was not called. Call "
                "extrapolate(), take the gradients anew, and call step()."
            )
        super().step()
        for flat in self._unfinished():
            _finish(flat)

    def _update(
        self,
        group: dict[str, Any],
        backend: Backend,
        p: Array,
        g: Array,
        moments: dict[str, Array],
        numbers: tuple[Number, ...],
    ) -> None:
        if START in moments:
            group, g = decay_in_gradient(group, backend, p, g)
            backend.copy_(p, moments[START])
        super()._update(group, backend, p, g, moments, numbers)

    def _unfinished(self) -> list[Flat]:
        return [flat for flats in self._flats for flat in flats if START in flat.moments]

    def state_dict(self) -> dict[str, Any]:
        """Steps, moments and settings, as of any optimizer; to be asked for between whole updates.

        Raises:
            StateError: the second half of an update is missing.
        """
        if self._unfinished():
            raise StateError(
                f"{type(self).__name__}: expected a finished update, but got state_dict() between extrapolate() and "
                "step(), where the parameters are not their own. Call step() first."
            )
        return super().state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave; a first half made before is forgotten.

        Raises:
            StateError: the state does not fit this optimizer. Nothing is changed then.
        """
        super().load_state_dict(state_dict)
        for flat in self._unfinished():
            del flat.moments[START]


def _finish(flat: Flat) -> None:
    """Forget the start; a parameter that has no gradient now, but may have had one before, goes back there."""
    starts = flat.split(flat.moments.pop(START))
    for parameter, start in zip(flat.parameters, starts, strict=True):
        if parameter._grad is None:
            flat.backend.copy_(parameter._data, start)
            parameter.count_change()


class ExtraSGD(Extragradient, SGD):
    """The extragradient method; source: Korpelevich 1976; Gidel et al. 2019, algorithm 2 without its average.

    w' = w - lr g(w), then w <- w - lr g(w'). A momentum, if wanted, sums the gradients of both halves.

    Args:
        params: parameters, or dictionaries of parameters with settings of their own.
        lr, momentum, dampening, weight_decay, nesterov: as of `minigan.optim.SGD`.

    Raises:
        ConfigError: no parameters, or a setting out of range.

    >>> w = mg.nn.Parameter(mg.tensor([1.0]))
    >>> optimizer = mg.optim.ExtraSGD([w], lr=0.5)
    >>> for move in (optimizer.extrapolate, optimizer.step):
    ...     optimizer.zero_grad()
    ...     (w * w).sum().backward()
    ...     move()
    ...     print(w.tolist())
    [0.0]
    [1.0]
    """


class ExtraAdam(Extragradient, Adam):
    """Extragradient with Adam's steps; source: Gidel et al. 2019, algorithm 4.

    Both halves update the moments, so that the bias of the t-th update is corrected for 2t - 1 gradients in its first
    half and for 2t in its second.

    Args:
        params: parameters, or dictionaries of parameters with settings of their own.
        lr, betas, eps, weight_decay: as of `minigan.optim.Adam`.

    Raises:
        ConfigError: no parameters, or a setting out of range.

    >>> w = mg.nn.Parameter(mg.tensor([1.0]))
    >>> optimizer = mg.optim.ExtraAdam([w], lr=0.1)
    >>> for move in (optimizer.extrapolate, optimizer.step):
    ...     optimizer.zero_grad()
    ...     (w * 3).sum().backward()
    ...     move()
    >>> w
    tensor([0.9000], requires_grad=True)
    """
