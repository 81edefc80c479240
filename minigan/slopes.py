"""How steep a function of tensors is, measured, and where it has kinks: what `minigan.jacobian` compares with.

With y(h) = f(x + h u), a function that is smooth along u has

    mean of the slopes on both sides     (y(h) - y(-h)) / 2h          =  y' + O(h^2)
    right slope less left slope          (y(h) - 2 y(0) + y(-h)) / h  =  y'' h + O(h^3)

At h and at 2h the first must be the same, and the second twice as large. A kink (relu at 0, the larger of two equal
numbers, a bound of clamp) does not fade with h: it keeps the slopes apart, or, where it lies between x and x + h,
changes the mean. No kink is missed by both: one of size J shows by at least J / 8, wherever within h it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigan.errors import DTypeError, GradcheckError
from minigan.ops.creation import tensor
from minigan.tensor import Tensor

Place = tuple[int, tuple[int, ...]]  # an element: which input, and its index there


class Slopes(NamedTuple):
    """Of every element of the outputs: the mean of the slopes on both sides, and the right less the left one."""

    mean: Any
    bend: Any


class Tolerance(NamedTuple):
    """How far a slope may be from what it should be."""

    atol: float
    rtol: float

    def __call__(self, slope: Any) -> Any:
        """The allowed difference from this slope."""
        return self.atol + self.rtol * np.abs(slope)


class Point:
    """A function of tensors and the place where it is looked at, which moves off kinks.

    Attributes:
        inputs: the arguments of f, of which those at ``checked`` may be moved, one tensor given twice as one.
        here: the outputs for them, flat.
        size: the number of elements that may be moved.
        moved: those that were.
    """

    def __init__(self, f: Callable[..., Any], inputs: Sequence[Any], eps: float, tolerance: Tolerance) -> None:
        self.f = f
        self.inputs = list(inputs)
        self.checked = checked_inputs(inputs)
        self.eps = eps
        self.tolerance = tolerance
        self.size = sum(inputs[i].numel() for i in self.checked)
        self.moved: list[Place] = []
        self.here = flat(self.outputs(self.inputs))

    def outputs(self, inputs: Sequence[Any]) -> list[Tensor]:
        """The floating point outputs of f, which are float64."""
        ys = as_tuple(self.f(*inputs))
        kinds = [str(y.dtype) if isinstance(y, Tensor) else type(y).__name__ for y in ys]
        for kind in kinds:
            if not kind.startswith(("float64", "int", "uint", "bool")):
                raise DTypeError(f"gradcheck: expected f to return float64 tensors, but got {kind}.")
        return [y for y, kind in zip(ys, kinds, strict=True) if kind == "float64"]

    def slopes(self, i: int, direction: Any, step: float) -> Slopes:
        """How the outputs, one after another, change when input i moves along this direction."""
        high, low = (flat(self.outputs(self._with(i, self.inputs[i], direction * h))) for h in (step, -step))
        return Slopes((high - low) / (2 * step), (high - 2 * self.here + low) / step)

    def is_bent(self, slopes: Slopes) -> bool:
        """Whether the slopes on both sides are so far apart that their mean may be wrong."""
        return bool((np.abs(slopes.bend) / 2 > self.tolerance(slopes.mean)).any())

    def is_smooth(self, i: int, direction: Any) -> bool:
        """Whether no kink near this point can spoil a slope along this direction."""
        near, far = (self.slopes(i, direction, step) for step in (self.eps, 2 * self.eps))
        apart = np.maximum(np.abs(near.mean - far.mean), np.abs(near.bend - far.bend / 2))
        return bool((apart <= self.tolerance(near.mean) / 2 + self._noise(i, near.mean)).all())

    def _noise(self, i: int, slope: Any) -> Any:
        """How far rounding x and y to float64, a few times over, can put slopes apart."""
        x = np.abs(self.inputs[i].detach().to("cpu").numpy()).max(initial=0)
        return 16 * np.finfo(np.float64).eps * (np.abs(self.here) + np.abs(slope) * x) / self.eps

    def leave_kinks(self, i: int, direction: Any) -> bool:
        """Move elements of input i until f is smooth along this direction; whether any had to move.

        Which ones, is found by halving; of a group that breaks only together, it is the first.
        """
        if self.is_smooth(i, direction):
            return False
        elements = np.flatnonzero(direction)
        halves = np.array_split(elements, 2) if len(elements) > 1 else []
        left = [self.leave_kinks(i, _only(direction, half)) for half in halves]
        if not any(left):
            self._leave(i, int(elements[0]))
        return True

    def _leave(self, i: int, k: int) -> None:
        """Move element k by some thousand eps, up or down: not all by the same, lest equal numbers stay equal."""
        self._note(i, k)
        start, alone = self.inputs[i], _only(np.ones(self.inputs[i].shape), [k])
        for attempt in range(6):
            step = 1000 * self.eps * (1 + 0.618 * k % 1) * (-2) ** attempt
            self.inputs = self._with(i, start, alone * step)
            self.here = flat(self.outputs(self.inputs))
            if self.is_smooth(i, alone):
                return

    def _note(self, i: int, k: int) -> None:
        place = (i, tuple(int(n) for n in np.unravel_index(k, self.inputs[i].shape)))
        self.moved += [place] if place not in self.moved else []
        if 20 * len(self.moved) > self.size:
            raise GradcheckError(
                f"gradcheck: the slopes left and right differ at more than 5% of the {self.size} points: "
                f"{in_words(self.moved)}. Check where f is smooth, or with a larger eps if f is noisy."
            )

    def _with(self, i: int, start: Tensor, step: Any) -> list[Any]:
        """The inputs with start + step for input i, wherever it is given."""
        before = self.inputs[i]
        x = tensor(start.detach().to("cpu").numpy() + step, device=before.device, requires_grad=True)
        return [x if given is before else given for given in self.inputs]


def in_words(places: Sequence[Place]) -> str:
    """Which elements, ten of them by name.

    >>> from minigan.slopes import in_words
    >>> in_words([(0, (2, 1)), (1, ())])
    'input 0 [2, 1], input 1 []'
    """
    names = [f"input {i} {list(index)}" for i, index in places]
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def checked_inputs(inputs: Sequence[Any]) -> list[int]:
    """The positions of those that require a gradient; a tensor given twice counts once."""
    tracked = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    return [i for i in tracked if not any(inputs[i] is x for x in inputs[:i])]


def flat(ys: Sequence[Tensor]) -> Any:
    """The elements of all, one after another, as one array."""
    return np.concatenate([np.zeros(0), *[y.detach().to("cpu").numpy().reshape(-1) for y in ys]])


def as_tuple(x: Any) -> tuple[Any, ...]:
    """What a function takes or returns, as a tuple also if it is one thing."""
    return tuple(x) if isinstance(x, tuple | list) else (x,)


def _only(direction: Any, elements: Any) -> Any:
    """The direction in these elements, and 0 in all others."""
    kept = np.zeros(direction.shape)
    kept.flat[elements] = direction.flat[elements]
    return kept
