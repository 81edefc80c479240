"""Every gradient of a step beside a slope that was measured, in float64.

The calls of a step are run once more with copies of their arguments in float64. Then one value after the other is
moved a little along a random direction u, what was computed from it is computed again, and the slope of the loss is
measured: it must be <gradient, u>, with the gradient that the step itself computed, as far as its own precision
reaches. The second run has a tape and gradients of its own, which must agree with the slope more closely. What the
tape does not follow (data, masks, what ``detach`` has cut off, weights that are frozen) stays as it was.

Where the loss has no slope there is nothing to compare with: at a kink, or where it is not finite. Such a value is not
checked, whatever its gradient; a gradient is wrong only where a slope was measured that it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigan.autograd import grad
from minigan.backend import get_backend
from minigan.lab.experiments.step_record import Call, changed, edge_at, host
from minigan.ops.creation import tensor
from minigan.slopes import Slopes
from minigan.tape import Primitive
from minigan.tensor import Tensor
from minigan.variable import Variable

FACTOR = 10
STEPS = tuple(1e-4 / FACTOR**i for i in range(5))  # of the value's size
AGREE = 1e-7
SMOOTH = 1e-6
TRIES = 5
SEEN = 1e-4  # smaller changes of the loss, as a share of it, drown in rounding

NOT_FINITE = "the result is not a finite number, and has no slope"
NOT_FINITE_NEARBY = "the result is not a finite number a little to one side"
KINK = "there is a kink, a jump, or a bend too sharp for these steps: the slopes on both sides differ"
CHANGED = "a value was changed after it was used, behind the tape's back, so that its numbers do not belong together"
"""Why a gradient was not checked."""


@dataclass(frozen=True, kw_only=True)
class Slope:
    """How fast the loss changes as one value moves along a random direction u of length 1.

    Attributes:
        predicted: <gradient, u>, by the gradient of the step itself.
        repeated: the same by the gradient that was computed once more in float64.
        measured: (loss(value + h u) - loss(value - h u)) / 2h; NaN where there is no slope.
        tries: how many directions were tried until u, because of a kink nearby.
        precision: the lowest that the gradient of the step itself depends on: its own dtype, or that of a result on
            the tape, as behind a cast.
        usual: how large such a slope is on the average over all u: the length of the gradient, divided by the root of
            how many numbers it has. A slope much smaller than this is so by chance. Of a gradient that is 0 but for
            rounding, the least that could be measured.
        rounding: how far the gradient of the step itself, in its own precision, is from that in float64: the length
            of the difference as a share of the gradient's.
        not_checked: why there is no slope to compare with; empty if there is one.
    """

    predicted: float
    repeated: float
    measured: float
    tries: int
    precision: str
    usual: float
    rounding: float
    not_checked: str = ""

    @property
    def error(self) -> float:
        """How far the prediction is from the slope, as a share of the larger of the slope and the usual size."""
        return self._share(self.predicted)

    @property
    def error_repeated(self) -> float:
        """The same of the prediction in float64."""
        return self._share(self.repeated)

    def _share(self, predicted: float) -> float:
        return abs(self.measured - predicted) / (max(abs(self.measured), self.usual) or 1.0)


NORMALIZE = "normalize"
Key = Call | Variable
"""What a value belongs to: the call that made it, or the leaf."""


def slopes(calls: Sequence[Call], gradients: dict[Key, NDArray[Any]], seed: int) -> dict[Key, Slope]:
    """The slope at every value that has a gradient.

    Args:
        calls: of a step, the loss last.
        gradients: of the step itself.
        seed: of the directions.
    """
    twin = _Twin(calls)
    random = np.random.default_rng(seed)
    return {key: twin.slope(key, gradient, random) for key, gradient in gradients.items()}


class _Twin:
    """The calls of a step that are on the tape, in float64."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.ops: dict[Call, Primitive] = {call: call.node.op for call in calls if call.node is not None}
        self.changed = bool(changed(calls))
        self._lowest = min((call.y.dtype for call in self.ops), key=_bits)
        self._params = {call: {name: _double_type(value) for name, value in call.params.items()} for call in self.ops}
        self.values: dict[Key, NDArray[Any]] = {}
        self.last = calls[-1]
        self._constants = {call: [_double(x) for x in call.arrays] for call in self.ops}
        self.gradients = self._gradients()
        self.loss = float(self.values[self.last].item())
        self.finite = bool(np.isfinite([self.loss, float(host(self.last.y).item())]).all())

    def _gradients(self) -> dict[Key, NDArray[Any]]:
        tensors: dict[Key, Tensor] = {}
        for call, op in self.ops.items():
            for key, x in zip(_keys(call), self._constants[call], strict=True):
                if isinstance(key, Variable) and key not in tensors:
                    tensors[key] = tensor(x, requires_grad=True)
            tensors[call] = op(*self._arguments(call, tensors), **self._params[call])
        self.values = {key: host(x.data) for key, x in tensors.items()}
        found = grad(tensors[self.last], list(tensors.values()), allow_unused=True)
        return {key: host(gx.data) for key, gx in zip(tensors, found, strict=True) if gx is not None}

    def _arguments(self, call: Call, given: Any) -> list[Any]:
        constants = self._constants[call]
        arguments = [x if key is None else given[key] for key, x in zip(_keys(call), constants, strict=True)]
        return _with_statistics(call, arguments) if call.name == NORMALIZE else arguments

    def slope(self, key: Key, gradient: NDArray[Any], random: np.random.Generator) -> Slope:
        value, exact = self.values[key], self.gradients[key]
        length, size = float(np.linalg.norm(exact)), max(float(np.linalg.norm(value)), 1.0)
        least = SEEN * abs(self.loss) / size
        usual = max(length / value.size**0.5, least) if np.isfinite(length) else least
        tries, apart = 0, np.inf
        while apart > SMOOTH and tries < TRIES:  # else a kink is so near in a direction that no step is short enough
            tries += 1
            u = random.standard_normal(value.shape)
            u /= np.linalg.norm(u)
            measured, apart = self._measured(key, u, size, usual)
        why_not = self._why_not(measured, apart)
        rounding = float(np.linalg.norm(gradient - exact)) / (usual * value.size**0.5 or 1.0)
        shown, repeated = (float((g.astype(np.float64) * u).sum()) for g in (gradient, exact))
        return Slope(
            predicted=shown,
            repeated=repeated,
            measured=np.nan if why_not else measured,
            tries=tries,
            precision=str(min(gradient.dtype, self._lowest, key=_bits)),
            usual=usual,
            rounding=rounding,
            not_checked=why_not,
        )

    def _why_not(self, measured: float, apart: float) -> str:
        """Why no slope could be measured, in a clause."""
        if self.changed:
            return CHANGED
        if not self.finite:
            return NOT_FINITE
        if not np.isfinite(measured):
            return NOT_FINITE_NEARBY
        return KINK if apart > SMOOTH else ""

    def _measured(self, key: Key, u: NDArray[Any], size: float, usual: float) -> tuple[float, float]:
        """The slope with that step which a ten times shorter one agrees with best, and how far they are apart.

        Long steps suffer from curvature and from kinks, as of a ReLU at 0, within them; short ones from rounding. At a
        kink the mean of the slopes on both sides may be the same with each step, but their difference does not fade.
        """
        longer = self._slopes(key, u, STEPS[0] * size)
        best, least = longer.mean, np.inf
        for step in STEPS[1:]:
            shorter = self._slopes(key, u, step * size)
            apart = abs(longer.mean - shorter.mean) + abs(longer.bend / FACTOR - shorter.bend)
            apart /= max(abs(shorter.mean), usual) or 1.0
            if apart < least:
                best, least = longer.mean, apart
            if least <= AGREE:
                break
            longer = shorter
        return best, least

    def _slopes(self, key: Key, u: NDArray[Any], h: float) -> Slopes:
        value = self.values[key]
        high, low = (self._loss(key, value + step * u) for step in (h, -h))
        return Slopes((high - low) / (2 * h), (high - 2 * self.loss + low) / h)

    def _loss(self, key: Key, value: NDArray[Any]) -> float:
        """With this value in place of the one at ``key``: only what depends on it is computed again."""
        changed: dict[Key, NDArray[Any]] = {key: np.asarray(value)}
        for call, op in self.ops.items():
            if any(source in changed for source in _keys(call) if source is not None):
                arrays = self._arguments(call, {**self.values, **changed})
                changed[call] = op.run(get_backend(changed[key]), arrays, self._params[call])
        return float(changed[self.last].item())


def _with_statistics(call: Call, arguments: list[Any]) -> list[Any]:
    """A normalisation's mean and 1 / std are of its input: the tape has no edge for them, as its VJP knows."""
    x, mean, rstd, *others = arguments
    x_now = host(x.data) if isinstance(x, Tensor) else x
    dim = call.params["dim"]
    mean_now = x_now.mean(dim, keepdims=True).reshape(mean.shape)
    rstd_now = 1 / np.sqrt(x_now.var(dim, keepdims=True) + call.params["eps"]).reshape(rstd.shape)
    return [x, mean_now, rstd_now, *others]


def _keys(call: Call) -> list[Key | None]:
    """What each argument belongs to; None where the tape does not follow it."""
    return [_key(call, i) for i in range(len(call.arrays))]


def _key(call: Call, i: int) -> Key | None:
    edge = edge_at(call, i)
    return edge if edge is None or isinstance(edge, Variable) else call.sources[i]


def _double(x: Any) -> Any:
    return x.astype(np.float64) if getattr(getattr(x, "dtype", None), "kind", "") == "f" else x


def _double_type(setting: Any) -> Any:
    """A cast to any floating point type is one to float64 here."""
    return np.dtype(np.float64) if isinstance(setting, np.dtype) and setting.kind == "f" else setting


def _bits(dtype: np.dtype[Any]) -> int:
    return dtype.itemsize
