"""One training step, node by node: which numbers D hands to G, and why those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from minigan.lab.experiments.step_digits import Digits, digits
from minigan.lab.experiments.step_function import Function, explain
from minigan.lab.experiments.step_toy import Toy, toy
from minigan.lab.numbers import Numbers
from minigan.lab.options import Seed, Whole, checked
from minigan.lab.repeatable import repeatable


@dataclass(frozen=True, repr=False)
class Step(Numbers):
    """What was looked at: a GAN of eleven numbers and one on real digits, or a user's function."""

    toy: Toy | None = None
    digits: Digits | None = None
    function: Function | None = None


@checked
@repeatable
def step(
    function: Any = None,
    *,
    steps: Annotated[int, Whole(0, 100_000)] = 100,
    batch_size: Annotated[int, Whole(1, 128)] = 32,
    seed: Seed = 0,
) -> Step:
    """Follow one step of a GAN through the tape: forward, backward, and from D to G.

    Args:
        function: look at this function in place of the GANs: FILE.py:NAME, whose parameters' defaults are the tensors
            to call it with, as in "def f(x=[[1., 2.]], w=[[.5], [.3]]): return (x @ w).tanh().sum()".
        steps: how many steps the reference GAN trains on MNIST before its step is shown.
        batch_size: of these steps and of the one that is shown.
        seed: of the weights, the order of the digits and z.

    Raises:
        ConfigError: a number out of range, or something is wrong with the function.

    >>> from minigan import lab
    >>> def f(x=[1.0, 2.0], w=[3.0, 4.0]):
    ...     return (x * w).sum()
    >>> tape = lab.step(f).function.tape
    >>> [box.name for box in tape.boxes], tape.boxes[0].gradient.numbers.tolist()
    (['x', 'w', 'mul', 'sum'], [3.0, 4.0])
    """
    if function is not None:
        return Step(function=explain(function, seed))
    return Step(toy(), digits(steps, batch_size, seed))
