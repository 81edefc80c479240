"""Is a gradient right? Compare it with differences of the function itself, in float64.

J[j, k] says how element j of the outputs changes with element k of an input. Its columns are slopes, which can be
measured (`minigan.slopes`); its rows are gradients, which :func:`minigan.grad` computes. Both ways to V J U must
agree: with unit matrices for V and U that is all of J, with a random row and a random column it is one number.
`gradgradcheck` does the same for the gradient function itself, and so checks second derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigan.autograd import grad
from minigan.errors import DTypeError, GradcheckError
from minigan.ops.creation import tensor
from minigan.ops.random import stream
from minigan.slopes import Place, Point, Tolerance, as_tuple, checked_inputs, flat, in_words
from minigan.tensor import Tensor


class Checked(NamedTuple):
    """What a check found: true if every gradient agreed.

    Attributes:
        points: how many elements of inputs were checked.
        moved: those that were moved because they lay on a kink, as (input, index).
        error: what is wrong, if anything.
    """

    points: int
    moved: tuple[Place, ...] = ()
    error: str = ""

    def __bool__(self) -> bool:
        return not self.error

    def __repr__(self) -> str:
        moved = f"{len(self.moved)} of {self.points} points moved off kinks: {in_words(self.moved)}"
        note = self.error or (moved if self.moved else "")
        return f"{bool(self)} ({note})" if note else str(bool(self))


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-7,
    rtol: float = 1e-5,
    raise_exception: bool = True,
    fast_mode: bool = False,
) -> Checked:
    """Whether the gradients of ``f(*inputs)`` agree with central differences, over the whole Jacobian.

    At a kink, such as relu's at 0, there is no derivative to agree with: an element of an input whose left and
    right slopes differ is moved by some thousand ``eps``, and checked there. The result says which were moved.

    Args:
        f: a function of tensors that returns a tensor or a tuple of them; equal inputs must give equal outputs.
        inputs: tensors, or one; those that require a gradient are checked and must be float64.
        eps: the step of the differences.
        atol: the allowed absolute difference; PyTorch allows 1e-5.
        rtol: the allowed difference relative to the numeric derivative; PyTorch allows 1e-3.
        raise_exception: raise on a disagreement; else return what was found, which is false.
        fast_mode: check one random direction of each input: two calls of f for each, and one backward for each
            output, whatever their sizes. The direction is always the same.

    Returns:
        A :class:`Checked`, to be used as a bool.

    Raises:
        GradcheckError: the first element that disagrees: the operation, the input's index, both values, the error;
            or more than 5% of all elements lie on kinks, f is not deterministic, or it changes its inputs.
        DTypeError: an input that requires a gradient is not float64: differences would drown in rounding.

    >>> x = mg.tensor([0.5, -1.0], dtype=mg.float64, requires_grad=True)
    >>> mg.gradcheck(mg.tanh, x)
    True
    >>> x = (mg.arange(-10, 10) / 4).double().requires_grad_()
    >>> mg.gradcheck(mg.relu, x)
    True (1 of 20 points moved off kinks: input 0 [10])
    """
    inputs = as_tuple(inputs)
    _require_float64(inputs)
    kept, draws = _memory(inputs), dict(vars(stream))
    try:
        with np.errstate(all="ignore"):  # at the edge of its domain f may be nan
            point = Point(f, inputs, eps, Tolerance(atol, rtol))
            _require_manners(point, kept)
            _Comparison(point, fast_mode).run()
    except GradcheckError as error:
        if raise_exception:
            raise
        return Checked(sum(inputs[i].numel() for i in checked_inputs(inputs)), error=str(error))
    finally:
        vars(stream).update(draws)
    return Checked(point.size, tuple(sorted(point.moved)))


def gradgradcheck(
    f: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    eps: float = 1e-6,
    atol: float = 1e-7,
    rtol: float = 1e-5,
    raise_exception: bool = True,
    fast_mode: bool = False,
) -> Checked:
    """Whether the second derivatives of ``f(*inputs)`` agree with differences of its gradients.

    The gradient function is checked as a function of the inputs and of ``grad_outputs``, which are drawn if not
    given. The other arguments are those of :func:`gradcheck`.

    >>> x = mg.tensor([0.5, -1.0], dtype=mg.float64, requires_grad=True)
    >>> mg.gradgradcheck(mg.tanh, x)
    True
    """
    inputs = as_tuple(inputs)
    checked = checked_inputs(inputs)
    gys = _drawn_like(f, inputs) if grad_outputs is None else as_tuple(grad_outputs)

    def gradients(*arguments: Any) -> tuple[Tensor, ...]:
        xs, gys = arguments[: len(inputs)], arguments[len(inputs) :]
        ys = [y for y in as_tuple(f(*xs)) if y.requires_grad]
        wanted = [xs[i] for i in checked]
        found = grad(ys, wanted, gys, create_graph=True, allow_unused=True)
        return tuple(x * 0.0 if gx is None else gx for x, gx in zip(wanted, found, strict=True))

    return gradcheck(gradients, (*inputs, *gys), eps, atol, rtol, raise_exception, fast_mode)


def _drawn_like(f: Callable[..., Any], inputs: Sequence[Any]) -> list[Tensor]:
    """Fixed normal numbers in the shapes of the outputs that have a gradient."""
    random, before = np.random.default_rng(0), dict(vars(stream))
    ys = [y for y in as_tuple(f(*inputs)) if isinstance(y, Tensor) and y.requires_grad]
    vars(stream).update(before)
    return [tensor(random.standard_normal(y.shape), dtype=y.dtype, device=y.device, requires_grad=True) for y in ys]


# ---- both ways to V J U ----------------------------------------------------------------------------------


class _Comparison:
    """V J U at a point, which leaves its kinks first: by gradients and by slopes.

    Attributes:
        rows: the rows of V for each output, each in its shape.
    """

    def __init__(self, point: Point, fast: bool) -> None:
        self.point = point
        self.fast = fast
        self.ys = point.outputs(point.inputs)
        self.rows = [_unit_or_random(y.shape, 1 if fast else None) for y in self.ys]

    def run(self) -> None:
        """Raise for the first number that differs."""
        for _ in range(5):  # what moves changes the slopes of all others
            before = self.point.inputs
            found = [self._columns(i, gxs) for i, gxs in zip(self.point.checked, self._gradients(), strict=True)]
            if self.point.inputs is before:
                return self._compare(found)
        raise GradcheckError(
            f"gradcheck: wherever it is moved, {in_words(self.point.moved)} keeps different slopes left and right. "
            "Check where f is smooth, or with a larger eps if f is noisy."
        )

    def _gradients(self) -> list[Any]:
        """V J for each input, by gradients."""
        self.ys = self.point.outputs(self.point.inputs)
        xs = [self.point.inputs[i] for i in self.point.checked]
        found = [_gradients(y, xs, row) for y, rows in zip(self.ys, self.rows, strict=True) for row in rows]
        return [np.reshape([gxs[n] for gxs in found], (len(found), x.numel())) for n, x in enumerate(xs)]

    def _columns(self, i: int, gxs: Any) -> tuple[Any, Any]:
        """V J U for input i, by gradients and by slopes; what seems to lie on a kink is moved."""
        directions = _unit_or_random(self.point.inputs[i].shape, 2 if self.fast else None)
        analytic = gxs @ directions[0].reshape(-1, 1) if self.fast else gxs
        numeric = np.zeros(analytic.shape)
        for column, direction in enumerate(directions):
            slopes = self.point.slopes(i, direction, self.point.eps)
            numeric[:, column] = self._seen(slopes.mean)
            if self._wrong(analytic[:, column], numeric[:, column]).any() or self.point.is_bent(slopes):
                self.point.leave_kinks(i, direction)
        return analytic, numeric

    def _seen(self, slope: Any) -> Any:
        """V times a slope of all outputs."""
        if not self.fast:
            return slope
        parts = np.split(slope, np.cumsum([y.numel() for y in self.ys]))
        return [rows[0].reshape(-1) @ part for rows, part in zip(self.rows, parts, strict=False)]

    def _wrong(self, analytic: Any, numeric: Any) -> Any:
        return ~(np.abs(analytic - numeric) <= self.point.tolerance(numeric))  # a nan is wrong, too

    def _compare(self, found: Sequence[tuple[Any, Any]]) -> None:
        ends = np.cumsum([len(rows) for rows in self.rows])
        for i, (analytic, numeric) in zip(self.point.checked, found, strict=True):
            for position in range(len(self.ys)):
                a, n = (np.split(matrix, ends)[position] for matrix in (analytic, numeric))
                if self._wrong(a, n).any():
                    raise GradcheckError(self._message(i, position, a, n))

    def _message(self, i: int, position: int, analytic: Any, numeric: Any) -> str:
        node, wrong = self.ys[position].node, self._wrong(analytic, numeric)
        op = node.op.name if node is not None else getattr(self.point.f, "__name__", "f")
        j, k = (int(place) for place in np.argwhere(wrong)[0])
        a, n = analytic[j, k], numeric[j, k]
        where = (
            f"wrong in {wrong.sum()} of {wrong.size} elements. First: output {position} element {j}, input element {k}"
        )
        if self.fast:
            where = f"wrong along a random direction. Output {position}"
        moved = f" Moved off kinks: {in_words(self.point.moved)}." if self.point.moved else ""
        values = f"analytic {a:.9g}, numeric {n:.9g}, error {abs(a - n):.3g}.{moved}"
        return f"{op}: the gradient with respect to input {i} is {where}: {values}"


def _gradients(y: Tensor, xs: Sequence[Tensor], row: Any) -> list[Any]:
    """This row of V times J, flat, for every x."""
    if not y.requires_grad:
        return [np.zeros(x.numel()) for x in xs]
    gxs = grad(y, xs, tensor(row, device=y.device), retain_graph=True, allow_unused=True)
    return [np.zeros(x.numel()) if gx is None else flat([gx]) for x, gx in zip(xs, gxs, strict=True)]


class _Units(Sequence[Any]):
    """The unit vectors of a space of this shape, each made when it is asked for."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __len__(self) -> int:
        return int(np.prod(self.shape))

    def __getitem__(self, k: Any) -> Any:
        return np.eye(1, len(self), range(len(self))[k]).reshape(self.shape)


def _unit_or_random(shape: tuple[int, ...], seed: int | None) -> Sequence[Any]:
    """All unit vectors, or for a seed one vector, always the same, of both signs and with no small element."""
    if seed is None:
        return _Units(shape)
    random = np.random.default_rng(seed)
    return [random.choice([-1.0, 1.0], shape) * random.uniform(0.5, 1.5, shape)]


# ---- what may be checked at all --------------------------------------------------------------------------


def _require_float64(inputs: Sequence[Any]) -> None:
    checked = checked_inputs(inputs)
    if not checked:
        raise DTypeError("gradcheck: expected an input with requires_grad=True, but there is none.")
    for i in checked:
        if inputs[i].dtype != np.float64:
            raise DTypeError(
                f"gradcheck: expected float64 inputs, but input {i} is {inputs[i].dtype}. Convert it with x.double()."
            )


def _require_manners(point: Point, kept: Sequence[bytes]) -> None:
    """f gives the same twice; neither f nor its backward changes an input; gradients are like what they are of."""
    inputs = point.inputs
    _require_unchanged("f", inputs, kept)
    ys = point.outputs(inputs)
    if not np.array_equal(flat(ys), point.here, equal_nan=True):
        raise GradcheckError(
            "gradcheck: f is not deterministic, two calls with the same inputs gave different outputs. If f draws "
            "random numbers, call mg.set_step(0) in it first; if it updates a module's buffers, use .eval()."
        )
    xs = [inputs[i] for i in point.checked]
    ys = [y for y in ys if y.requires_grad]
    gxs = grad(ys, xs, [y.detach() for y in ys], allow_unused=True)
    _require_unchanged("the backward of f", inputs, kept)
    for i, x, gx in zip(point.checked, xs, gxs, strict=True):
        if gx is not None and (gx.shape, gx.dtype) != (x.shape, x.dtype):
            raise GradcheckError(
                f"gradcheck: input {i} is {x.dtype} of shape {x.shape}, its gradient {gx.dtype} of shape {gx.shape}."
            )


def _memory(inputs: Sequence[Any]) -> list[bytes]:
    """What the tensors hold, bit for bit."""
    return [x.detach().to("cpu").numpy().tobytes() for x in inputs if isinstance(x, Tensor)]


def _require_unchanged(who: str, inputs: Sequence[Any], kept: Sequence[bytes]) -> None:
    numbers = [i for i, x in enumerate(inputs) if isinstance(x, Tensor)]
    for i, before, now in zip(numbers, kept, _memory(inputs), strict=True):
        if before != now:
            raise GradcheckError(f"gradcheck: {who} changed input {i}. Let it compute a new tensor instead.")
