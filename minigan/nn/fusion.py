"""Which modules of a row run as one operation: a Linear, the LeakyReLU behind it, and a Dropout behind that.

Results, gradients and random numbers are the same bits as of one after the other. Whoever wants to see the modules one
by one does: with a hook, under an observer such as `minigan.profile`, or with a forward of its own, nothing is fused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from minigan.capturing import capturing, touch
from minigan.nn.activation import LeakyReLU
from minigan.nn.dropout import Dropout
from minigan.nn.linear import Linear
from minigan.observers.observer import observers, watching
from minigan.ops.fused import can_be_fused, linear_leaky_relu_dropout

Step = tuple[int, Callable[[Any], Any]]
"""What to call with x, and the number of the first module that it stands for."""

FUSED: tuple[type, ...] = Linear, LeakyReLU, Dropout


def steps(modules: Sequence[Any]) -> list[Step]:
    """What there is to call in turn, so that x passes through all modules.

    It is found anew at each call: that takes less than to notice every change of a module would.

    >>> from minigan.nn.fusion import steps
    >>> row = mg.nn.Linear(2, 3), mg.nn.LeakyReLU(0.2), mg.nn.Dropout(0.3), mg.nn.Linear(3, 1)
    >>> [i for i, _ in steps(row)]
    [0, 3]
    """
    if observers and _watched():
        return list(enumerate(modules))
    found: list[Step] = []
    i = 0
    while i < len(modules):
        length = _fusible(modules[i : i + len(FUSED)]) if type(modules[i]) is Linear else 1
        found.append((i, partial(_run, modules[i : i + length]) if length > 1 else modules[i]))
        i += length
    return found


def _fusible(modules: Sequence[Any]) -> int:
    """How many of these, from the first on, run as one operation; 1 if it stays alone."""
    for i, (module, kind) in enumerate(zip(modules, FUSED, strict=False)):
        if module._hooks is not None or "forward" in vars(module) or type(module) is not kind:
            return max(i, 1)
    return len(modules)


def _run(modules: Sequence[Any], x: Any) -> Any:
    """What these modules, one after the other, make of x."""
    linear, activation, *rest = modules
    p, training = 0.0, False
    for dropout in rest:
        touch(dropout, "training")
        p, training = dropout.p, dropout.training
    settings = linear.weight, linear.bias, activation.negative_slope
    if can_be_fused(x, *settings, p):
        return linear_leaky_relu_dropout(x, *settings, p if training else 0.0)
    for module in modules:
        x = module(x)
    return x


def _watched() -> bool:
    """Whether an observer wants to hear of each module; a capture only notes what they do."""
    capture: Any = capturing()
    return any(observer is not capture for observer in watching())
