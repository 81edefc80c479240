"""Learning rate schedules: they change the "lr" of an optimizer's groups, once per call of ``step()``.

All but LambdaLR derive the next rate from the present one, as PyTorch's do. So several schedules on one optimizer
multiply, and a rate that the user changed by hand stays changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

from minigan.capturing import each_time
from minigan.errors import ConfigError, StateError
from minigan.optim.optimizer import Optimizer

Checks = dict[str, Callable[[str, str, Any], Any]]  # each raises ConfigError, or returns the value


def _whole(least: int) -> Callable[[str, str, Any], int]:
    """A check for whole numbers that are not less than ``least``."""

    def check(schedule: str, name: str, value: Any) -> int:
        if not isinstance(value, Integral) or value < least:
            raise ConfigError(
                f"{schedule}: expected {name} to be a whole number of at least {least}, but got {value!r}."
            )
        return int(value)

    return check


def _number(least: float = 0.0, most: float = math.inf) -> Callable[[str, str, Any], float]:
    """A check for numbers from ``least`` to ``most``."""

    def check(schedule: str, name: str, value: Any) -> float:
        if not isinstance(value, Real) or not least <= float(value) <= most:
            bounds = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
            raise ConfigError(f"{schedule}: expected {name} to be a number {bounds}, but got {value!r}.")
        return float(value)

    return check


def _above_0(schedule: str, name: str, value: Any) -> float:
    if value == 0:
        raise ConfigError(f"{schedule}: expected {name} above 0, but got 0: no factor leads away from it.")
    return _number(most=1)(schedule, name, value)


def _milestones(schedule: str, name: str, value: Any) -> list[int]:
    if not isinstance(value, Iterable):
        raise ConfigError(f"{schedule}: expected {name} to be a list of numbers, but got {value!r}.")
    return sorted(_whole(0)(schedule, f"each of the {name}", m) for m in value)


def _rates(schedule: str, name: str, value: Any) -> list[float]:
    return [_number()(schedule, name, rate) for rate in value]


class LRScheduler:
    """The base of all schedules. A subclass tells the next rates in ``get_lr()``.

    Attributes:
        checks: for each setting, which the state dict has beside the place in the schedule, what it must be.
        last_epoch: how many steps were made.
        base_lrs: the rate that each group began with, its "initial_lr".
    """

    checks: ClassVar[Checks] = {}

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        name = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise ConfigError(f"{name}: expected an optimizer of mg.optim, but got {type(optimizer).__name__}.")
        _whole(-1)(name, "last_epoch", last_epoch)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ConfigError(
                    f'{name}: expected an "initial_lr" in parameter group {i} to go on from last_epoch {last_epoch}, '
                    "but there is none. Load the optimizer's state dict first, or leave last_epoch out."
                )
        self.optimizer = optimizer
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._starting = True
        self.step()
        self._starting = False

    def step(self) -> None:
        """Go on to the next rate; to be called after the optimizer's ``step()``."""
        each_time(self._go_on)

    def _go_on(self) -> None:
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = float(lr)
        self._last_lr = self._rates()

    def _set(self, **settings: Any) -> None:
        """Take the settings over, if they make sense."""
        for name, value in settings.items():
            setattr(self, name, self.checks[name](type(self).__name__, name, value))

    def get_lr(self) -> list[float]:
        """The rates of all groups at ``last_epoch``, from those one step before."""
        raise NotImplementedError

    def get_last_lr(self) -> list[float]:
        """The rates that the last step set."""
        return list(self._last_lr)

    def _rates(self, factor: float = 1.0) -> list[float]:
        """The present rates, times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The place in the schedule and its settings, as plain values. The rates themselves are the optimizer's."""
        names = ("last_epoch", "base_lrs", "_last_lr", *self.checks)
        return {name: _plain(getattr(self, name)) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave, or PyTorch's schedule of the same name.

        Raises:
            StateError: something is missing, makes no sense, or is there for another number of groups. Nothing is
                changed then.
        """
        expected, name = self.state_dict(), type(self).__name__
        missing = [key for key in expected if not isinstance(state_dict, Mapping) or key not in state_dict]
        if missing:
            raise StateError(
                f"{name}: expected a state dict with {', '.join(map(repr, expected))}, but it has no "
                f"{', '.join(map(repr, missing))}. Pass what a {name}'s state_dict() gave."
            )
        loaded = {key: _plain(state_dict[key]) for key in expected}
        for key in ("base_lrs", "_last_lr"):
            if not isinstance(loaded[key], list) or len(loaded[key]) != len(expected[key]):
                raise StateError(
                    f"{name}: expected {key} for {len(expected[key])} parameter groups, but the state dict has "
                    f"{loaded[key]!r}. Load it into a schedule of an optimizer with the same groups."
                )
        checks = {"last_epoch": _whole(0), "base_lrs": _rates, "_last_lr": _rates, **self.checks}
        try:
            loaded = {key: check(name, key, loaded[key]) for key, check in checks.items()}
        except ConfigError as error:
            raise StateError(f"The state dict has a bad setting. {error}") from None
        self.__dict__.update(loaded)


class LambdaLR(LRScheduler):
    """The initial rate times ``lr_lambda(last_epoch)``.

    Args:
        optimizer: whose rates to set.
        lr_lambda: a function of the number of steps made, or a list of one for each parameter group. The state dict
            does not hold it.
        last_epoch: where to go on from; -1 starts.

    Raises:
        ConfigError: there are more or fewer functions than groups, or what was given is no function.

    >>> optimizer = mg.optim.SGD([mg.nn.Parameter(mg.ones(1))], lr=0.5)
    >>> schedule = mg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(getattr(optimizer, "param_groups", ()))
        self.lr_lambdas = lr_lambda if isinstance(lr_lambda, list) else [lr_lambda] * groups
        if len(self.lr_lambdas) != groups or not all(map(callable, self.lr_lambdas)):
            raise ConfigError(
                f"LambdaLR: expected one function for each of {groups} parameter groups, or one for all, "
                f"but got {lr_lambda!r}."
            )
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Base_lr * lr_lambda(last_epoch)."""
        return [lr * factor(self.last_epoch) for lr, factor in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class StepLR(LRScheduler):
    """The rate times gamma, every step_size steps.

    Args:
        optimizer: whose rates to set.
        step_size: steps from one change to the next.
        gamma: the factor.
        last_epoch: where to go on from; -1 starts.

    Raises:
        ConfigError: a setting makes no sense.

    >>> optimizer = mg.optim.SGD([mg.nn.Parameter(mg.ones(1))], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> for _ in range(4):
    ...     optimizer.step()
    ...     schedule.step()
    >>> optimizer.param_groups[0]["lr"]
    0.25
    """

    checks: ClassVar[Checks] = {"step_size": _whole(1), "gamma": _number()}
    step_size: int
    gamma: float

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self._set(step_size=step_size, gamma=gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Lr * gamma where step_size divides last_epoch."""
        due = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return self._rates(self.gamma if due else 1.0)


class MultiStepLR(LRScheduler):
    """The rate times gamma at each milestone.

    Args:
        optimizer: whose rates to set.
        milestones: numbers of steps; one that is listed twice counts twice.
        gamma: the factor.
        last_epoch: where to go on from; -1 starts.

    Raises:
        ConfigError: a setting makes no sense.

    >>> optimizer = mg.optim.SGD([mg.nn.Parameter(mg.ones(1))], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5)
    >>> for _ in range(3):
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    checks: ClassVar[Checks] = {"milestones": _milestones, "gamma": _number()}
    milestones: list[int]
    gamma: float

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self._set(milestones=milestones, gamma=gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Lr * gamma for each time that last_epoch is among the milestones."""
        return self._rates(self.gamma ** self.milestones.count(self.last_epoch))


class ExponentialLR(LRScheduler):
    """The rate times gamma at every step.

    Args:
        optimizer: whose rates to set.
        gamma: the factor.
        last_epoch: where to go on from; -1 starts.

    Raises:
        ConfigError: a setting makes no sense.

    >>> optimizer = mg.optim.SGD([mg.nn.Parameter(mg.ones(1))], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> for _ in range(3):
    ...     schedule.step()
    >>> schedule.get_last_lr()
    [0.125]
    """

    checks: ClassVar[Checks] = {"gamma": _number()}
    gamma: float

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self._set(gamma=gamma)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Lr * gamma."""
        return self._rates(1.0 if self._starting else self.gamma)


class LinearLR(LRScheduler):
    """The rate times a factor that goes from start_factor to end_factor in a line, in total_iters steps.

    Args:
        optimizer: whose rates to set.
        start_factor: the factor at the start, above 0 and at most 1.
        end_factor: the factor from step total_iters on, from 0 to 1.
        total_iters: how many steps the way takes.
        last_epoch: where to go on from; -1 starts.

    Raises:
        ConfigError: a setting makes no sense.

    >>> optimizer = mg.optim.SGD([mg.nn.Parameter(mg.ones(1))], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> schedule.get_last_lr()
    [0.5]
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.75]
    """

    checks: ClassVar[Checks] = {"start_factor": _above_0, "end_factor": _number(most=1), "total_iters": _whole(0)}
    start_factor: float
    end_factor: float
    total_iters: int

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self._set(start_factor=start_factor, end_factor=end_factor, total_iters=total_iters)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Lr * (the factor now) / (the factor one step before)."""
        if self.last_epoch == 0:
            return self._rates(self.start_factor)
        if self._starting or self.last_epoch > self.total_iters:
            return self._rates()
        rise = self.end_factor - self.start_factor
        return self._rates(1 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise))


class CosineAnnealingLR(LRScheduler):
    """The rate along half a cosine from the initial one down to eta_min in T_max steps, and up again if it goes on.

    Source: Loshchilov and Hutter 2017, equation 5, without restarts.

    Args:
        optimizer: whose rates to set.
        T_max: how many steps the way down takes.
        eta_min: the rate at the bottom.
        last_epoch: where to go on from; -1 starts.

    Raises:
        ConfigError: a setting makes no sense.

    >>> optimizer = mg.optim.SGD([mg.nn.Parameter(mg.ones(1))], lr=1.0)
    >>> schedule = mg.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> schedule.step()
    >>> round(schedule.get_last_lr()[0], 6)
    0.5
    """

    checks: ClassVar[Checks] = {"T_max": _whole(1), "eta_min": _number()}
    T_max: int
    eta_min: float

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self._set(T_max=T_max, eta_min=eta_min)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """eta_min + (lr - eta_min) * (1 + cos now) / (1 + cos one step before)."""
        if self._starting:
            return self._rates()
        if (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # at the bottom, where 1 + cos was 0
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [lr + (base - self.eta_min) * rise for lr, base in zip(self._rates(), self.base_lrs, strict=True)]
        now, before = (1 + math.cos(math.pi * (self.last_epoch - i) / self.T_max) for i in (0, 1))
        return [now / before * (lr - self.eta_min) + self.eta_min for lr in self._rates()]


def _plain(value: Any) -> Any:
    """A copy of numbers and lists; PyTorch counts milestones in a Counter."""
    if isinstance(value, Mapping):
        return sorted(key for key, times in value.items() for _ in range(times))
    return list(value) if isinstance(value, list | tuple) else value
