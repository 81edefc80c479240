"""The mistakes that introductions to GANs make: each one runs, beside its mend, from the same seed.

The programs are in `bugs_programs`, one to a file. Six mistakes are of code; two are of wording: weight clipping called
gradient clipping, and the chain rule told as a dependence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

import minigan as mg
from minigan import nn
from minigan.lab.experiments.bugs_programs import (
    chain_rule,
    clipping,
    decay_that_restarts,
    line_game,
    logits_as_probabilities,
    minimax_in_name_only,
    shadowed_loss,
    shape_as_data,
    sigmoid_twice,
    swapped_value,
)
from minigan.lab.numbers import Numbers
from minigan.lab.options import Seed, checked
from minigan.lab.repeatable import repeatable
from minigan.nn import functional as F
from minigan.ops.random import manual_seed

Floats = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True)
class Comparison(Generic[T]):
    """What the wrong program saw, and what the mended one saw from the same seed."""

    wrong: T
    mended: T


@dataclass(frozen=True)
class SigmoidTwice:
    """Mistake 1.

    Attributes:
        seen: D's training.
        logits: places on the axis of what D's last Linear gives, (N,).
        signals: how strongly a fake with this number is pulled up, (N,): through two sigmoids and through one.
    """

    seen: Comparison[sigmoid_twice.Seen]
    logits: Floats
    signals: Comparison[Floats]


@dataclass(frozen=True)
class NoProbabilities:
    """Mistake 2.

    Attributes:
        seeds: of the trainings.
        seen: D's training from each.
        outputs: places on the axis of D's output, (N,).
        costs: what a real sample with this output costs, (N,).
        slopes: the derivatives of these costs, (N,).
        refusal: what minigan says to the unclipped numbers.
    """

    seeds: list[int]
    seen: Comparison[list[logits_as_probabilities.Seen]]
    outputs: Floats
    costs: Comparison[Floats]
    slopes: Comparison[Floats]
    refusal: str


@dataclass(frozen=True)
class SwappedValue:
    """Mistake 4.

    Attributes:
        data: the mean of the data.
        seen: the game.
        both: the game in which G knows that real and fake are swapped.
        alone: D after it trained alone against a G at 0.
    """

    data: float
    seen: Comparison[line_game.Seen]
    both: line_game.Seen
    alone: Comparison[line_game.Seen]


@dataclass(frozen=True)
class NameOnly:
    """Mistake 5.

    Attributes:
        data: the mean of the data.
        seen: the game, in which D is sure at first.
        logits: places on the axis of D's logit on a fake, (N,).
        signals: how strongly a fake with this logit is pulled up, (N,).
    """

    data: float
    seen: Comparison[line_game.Seen]
    logits: Floats
    signals: Comparison[Floats]


@dataclass(frozen=True)
class Shadowed:
    """Mistake 7, the loss: the values before the program ended, and what it said then."""

    losses: Comparison[list[float]]
    error: str


@dataclass(frozen=True)
class Chain:
    """Mistake 8.

    Attributes:
        steps: the derivative of D(G(z)) by what each part takes, from the output back to z.
        places: t, how far z is moved, (N,).
        values: D(G(z + t u)), (N,).
        slopes: the products of all Jacobians there, times u, (N,).
        by_backward: the gradient of the weights of G's first layer, (3, 2).
        by_hand: the signal behind that layer times what went into it, (3, 2).
    """

    steps: list[chain_rule.Step]
    places: Floats
    values: Floats
    slopes: Floats
    by_backward: Floats
    by_hand: Floats


@dataclass(frozen=True, kw_only=True, repr=False)
class Bugs(Numbers):
    """What `bugs` found, mistake by mistake."""

    seed: int
    sigmoid_twice: SigmoidTwice
    no_probabilities: NoProbabilities
    decay: Comparison[decay_that_restarts.Seen]
    swapped: SwappedValue
    name_only: NameOnly
    clipping: Comparison[clipping.Seen]
    shadowed: Shadowed
    shape: Comparison[shape_as_data.Seen]
    chain: Chain


@checked
@repeatable
def bugs(*, seed: Seed = 0) -> Bugs:
    """The mistakes that tutorials make, what they look like, and the mend.

    Args:
        seed: of all weights and samples; each wrong program and its mend start from the same numbers.

    Raises:
        ConfigError: the seed is out of range.

    >>> from minigan import lab
    >>> found = lab.bugs(seed=1)
    >>> round(found.sigmoid_twice.seen.wrong.D_x[-1], 2), round(found.sigmoid_twice.seen.mended.D_x[-1], 2)
    (0.73, 1.0)
    """
    return Bugs(
        seed=seed,
        sigmoid_twice=_sigmoid_twice(seed),
        no_probabilities=_no_probabilities(seed),
        decay=_both(seed, decay_that_restarts, decay_that_restarts.train),
        swapped=_swapped_value(seed),
        name_only=_name_only(seed),
        clipping=_both(seed, clipping, clipping.train),
        shadowed=_shadowed(seed),
        shape=_both(seed, shape_as_data, shape_as_data.train),
        chain=_chain(seed),
    )


def _both(seed: int, program: Any, run: Callable[[Any], T]) -> Comparison[T]:
    """What ``run`` makes of the program's wrong lines, and of its mended ones, from the same seed."""
    found = []
    for lines in (program.wrong, program.mended):
        manual_seed(seed)
        found.append(run(lines))
    return Comparison(*found)


def _signals(cost: Callable[[mg.Tensor], mg.Tensor], places: Floats) -> Floats:
    """Minus the derivative of the cost of each number."""
    x = mg.tensor(places[:, np.newaxis], requires_grad=True)
    slope: Any = mg.grad(cost(x) * len(places), [x])[0]
    return -np.array(slope.numpy()[:, 0])


def _sigmoid_twice(seed: int) -> SigmoidTwice:
    logits = np.linspace(-8, 8, 65)
    signals = Comparison(
        wrong=_signals(lambda s: swapped_value.fool(s.sigmoid()), logits),
        mended=_signals(swapped_value.fool, logits),
    )
    return SigmoidTwice(_both(seed, sigmoid_twice, lambda make: sigmoid_twice.train(make())), logits, signals)


def _no_probabilities(seed: int) -> NoProbabilities:
    program, seeds = logits_as_probabilities, [seed + i for i in range(5)]
    seen = [_both(each, program, program.train) for each in seeds]
    outputs = np.linspace(-3, 3, 121)
    return NoProbabilities(
        seeds,
        Comparison([pair.wrong for pair in seen], [pair.mended for pair in seen]),
        outputs,
        costs=_both(seed, program, lambda cost: np.array([_cost(cost, x) for x in outputs])),
        slopes=_both(
            seed, program, lambda cost: -_signals(lambda x: cost(x, mg.ones(len(x), 1, dtype=mg.float64)), outputs)
        ),
        refusal=_refusal(),
    )


def _cost(cost: logits_as_probabilities.Cost, output: float) -> float:
    """Of a real sample with this output."""
    return float(cost(mg.tensor([output], dtype=mg.float64), mg.ones(1, dtype=mg.float64)).item())


def _refusal() -> str:
    try:
        F.binary_cross_entropy(mg.tensor([1.5, -0.5]), mg.ones(2))
    except mg.RangeError as error:
        return str(error)
    return ""


def _swapped_value(seed: int) -> SwappedValue:
    program = swapped_value

    def game(cost_D: line_game.Cost) -> line_game.Seen:
        return line_game.play(cost_D, program.fool, program.DATA)

    def alone(cost_D: line_game.Cost) -> line_game.Seen:
        return line_game.play(cost_D, program.fool, program.DATA, steps=1, head_start=300)

    manual_seed(seed)
    both = line_game.play(program.wrong, program.fool_swapped, program.DATA)
    return SwappedValue(program.DATA, _both(seed, program, game), both, _both(seed, program, alone))


def _name_only(seed: int) -> NameOnly:
    data, logits = 6.0, np.linspace(-8, 8, 65)

    def game(cost_G: Callable[[mg.Tensor], mg.Tensor]) -> line_game.Seen:
        return line_game.play(swapped_value.mended, cost_G, data, steps=120, head_start=300, decay=0.01)

    program = minimax_in_name_only
    return NameOnly(data, _both(seed, program, game), logits, _both(seed, program, lambda cost: _signals(cost, logits)))


def _shadowed(seed: int) -> Shadowed:
    errors = []

    def run(program: Callable[..., None]) -> list[float]:
        losses: list[float] = []
        try:
            program(nn.Linear(3, 1), mg.randn(8, 3), mg.ones(8, 1), losses)
        except TypeError as error:
            errors.append(f"TypeError: {error}")
        return losses

    return Shadowed(_both(seed, shadowed_loss, run), *errors)


def _chain(seed: int) -> Chain:
    manual_seed(seed)
    G, D = chain_rule.networks()
    z, u = mg.randn(2, dtype=mg.float64), np.array([1.0, 0.0])
    places = np.linspace(-4, 4, 81)
    values, slopes = [], []
    for t in places:
        moved = z + mg.tensor(t * u)
        values.append(D(G(moved)).item())
        slopes.append(float(chain_rule.chain(G, D, moved)[-1].product @ u))
    steps = chain_rule.chain(G, D, z)
    return Chain(
        steps,
        places,
        np.array(values),
        np.array(slopes),
        by_backward=chain_rule.weight_gradient(G, D, z),
        by_hand=np.outer(steps[-2].product, z.numpy()),
    )
