"""One operation of both libraries on all of op_db's samples."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np

import minigan as mg
from minigan.errors import MiniganError

from .calls import arguments_for_minigan, describe, lacks, with_known_keywords, without_defaults
from .operations import BACKWARD_RAISES, NOT_IMPLEMENTED, OPERATIONS, find, is_tensor
from .samples import Copies, arguments, database, errors, host, mapped, samples

FLOAT32 = 2e-6  # rtol and atol of float32 results: those of integers
QUIET = ("Using padding='same' with even kernel", "dropout2d: Received a 3D input")  # PyTorch, of its samples
LARGEST = 20_000  # elements; of larger samples the values are compared, not the derivatives


@dataclass
class Outcome:
    """What the samples of one operation came to.

    Attributes:
        met: how many there were, by kind: "samples", "reference" and "errors".
        passed: how many agree in "values", "first" and "second" order, and how many "errors" raise.
        unsupported: how many minigan has no way to express, by what it lacks.
        apart: how many differ on purpose, by the reason.
        failures: every other one, with what went wrong.
    """

    met: Counter = field(default_factory=Counter)
    passed: Counter = field(default_factory=Counter)
    unsupported: Counter = field(default_factory=Counter)
    apart: Counter = field(default_factory=Counter)
    failures: list = field(default_factory=list)


@cache
def outcome(name):
    """Run the operation of this name in op_db on all of its samples and error inputs."""
    result = Outcome()
    for kind, sample in samples(database()[name]):
        result.met[kind] += 1
        _run(name, arguments(sample), result, partial(_compare, name, result))
    for error in errors(database()[name]):
        result.met["errors"] += 1
        check = partial(_refuse, name, error.error_regex, result)
        _run(name, arguments(error.sample_input), result, check)
    return result


def _run(name, call, result, check):
    lacking = lacks(name, call)
    try:
        if lacking:
            _cannot(name, call, lacking)
            result.unsupported[lacking] += 1
        else:
            check(without_defaults(name, call))
    except Exception as error:
        result.failures.append(f"{describe(name, call)}\n    {type(error).__name__}: {str(error).strip()[:600]}")


def _cannot(name, call, lacking):
    """What minigan lacks must raise, or else it is there. Of an unknown keyword Python itself tells."""
    expected: tuple = (MiniganError, TypeError, ValueError)
    if lacking in OPERATIONS[name].refuses:
        call, expected = with_known_keywords(name, call), (MiniganError,)
    try:
        _ours(name, call, Copies())
    except expected:
        return
    raise AssertionError("listed as unsupported, but it runs")


def _refuse(name, message, result, call):
    reason = OPERATIONS[name].accepts.get(message)
    if reason is not None:
        result.apart[reason] += 1
        return
    try:
        _ours(name, call, Copies())
    except MiniganError:
        result.passed["errors"] += 1
        return
    raise AssertionError(f"it runs, but PyTorch says: {message!r}")


# ---- calls that must agree -------------------------------------------------------------------------------


def _ours(name, call, copies):
    args, kwargs = arguments_for_minigan(name, mapped(call, copies.for_minigan))
    with np.errstate(all="ignore"):  # PyTorch makes infinities in silence
        return _outputs(find(OPERATIONS[name].path)(*args, **kwargs))


def _theirs(name, call, copies):
    args, kwargs = mapped(call, copies.for_torch)
    with warnings.catch_warnings():
        for message in QUIET:
            warnings.filterwarnings("ignore", message, UserWarning)
        return _outputs(database()[name](*args, **kwargs))


def _outputs(y):
    return list(y) if isinstance(y, tuple | list) else [y]


def _compare(name, result, call):
    copies, random = Copies(), OPERATIONS[name].random(*call)
    expected = _theirs(name, call, copies)
    if expected == [NotImplemented]:
        result.apart[NOT_IMPLEMENTED] += 1
        return
    found = _ours(name, call, copies)
    assert len(found) == len(expected), f"{len(found)} results, expected {len(expected)}"
    for i, (y, expected_y) in enumerate(zip(found, expected, strict=True)):
        _agree(f"result {i}", y, expected_y, None if random else OPERATIONS[name].rtol)
        assert not is_tensor(expected_y) or y.requires_grad == expected_y.requires_grad, "requires_grad differs"
    for i, (x, expected_x) in enumerate(zip(copies.ours, copies.theirs, strict=True)):
        _agree(f"argument {i} after the call", x, expected_x, OPERATIONS[name].rtol)
    result.passed["values"] += 1
    if _differentiable(copies, expected) and not random:
        _compare_gradients(name, call, copies, (found, expected), result)


def _differentiable(copies, expected):
    tensors = [y for y in expected if is_tensor(y)]
    sizes = [y.numel() for y in (*copies.theirs, *tensors)]
    return any(y.requires_grad for y in tensors) and max(sizes) <= LARGEST


def _compare_gradients(name, call, copies, results, result):
    import torch

    operation = OPERATIONS[name]
    ours = _Derivatives(mg.grad, copies.ours, results[0], mg.tensor)
    theirs = _Derivatives(torch.autograd.grad, copies.theirs, results[1], torch.tensor)
    with np.errstate(all="ignore"):
        try:
            expected = theirs.first()
        except RuntimeError:
            result.apart[BACKWARD_RAISES] += 1
            return
        _agree_all("gradient", ours.first(), expected, operation.rtol)
        result.passed["first"] += 1
        if not database()[name].supports_gradgrad:
            return
        for reason, applies in operation.second_apart.items():
            if applies(*call):
                result.apart[reason] += 1
                return
        _agree_all("second-order gradient", ours.second(), theirs.second(), operation.rtol)
        result.passed["second"] += 1


class _Derivatives:
    """First and second order gradients of the results, along random directions that are the same for both."""

    def __init__(self, grad, xs, ys, tensor):
        self.grad, self.tensor = grad, tensor
        self.xs = [x for x in xs if x.requires_grad]
        self.ys = [y for y in ys if hasattr(y, "requires_grad") and y.requires_grad]
        self.gys = [self._direction(y, i).requires_grad_() for i, y in enumerate(self.ys)]

    def _direction(self, y, salt):
        values = np.random.default_rng(salt).standard_normal(tuple(y.shape))
        return self.tensor(np.asarray(values, host(y).dtype))

    def first(self):
        self.gxs = self.grad(self.ys, self.xs, self.gys, create_graph=True, allow_unused=True)
        return self.gxs

    def second(self):
        """Of the gradients, with respect to the arguments and to the gradients that came in."""
        inputs = [*self.xs, *self.gys]
        directions = [None if gx is None else self._direction(gx, 100 + i) for i, gx in enumerate(self.gxs)]
        pairs = [(gx, v) for gx, v in zip(self.gxs, directions, strict=True) if gx is not None and gx.requires_grad]
        if not pairs:
            return [None] * len(inputs)
        gxs, directions = zip(*pairs, strict=True)
        return self.grad(gxs, inputs, directions, create_graph=True, allow_unused=True)


def _agree_all(what, found, expected, rtol):
    for i, (gx, expected_gx) in enumerate(zip(found, expected, strict=True)):
        if gx is None or expected_gx is None:  # None is zero
            rest = gx if expected_gx is None else expected_gx
            assert rest is None or not np.any(host(rest)), f"{what} {i}: {host(rest)} where the other has none"
        else:
            _agree(f"{what} {i}", gx, expected_gx, rtol)


def _agree(what, y, expected, rtol):
    if not is_tensor(expected):
        assert type(y) is type(expected), f"{what}: {type(y).__name__}, expected {type(expected).__name__}"
        np.testing.assert_array_equal(y, expected, what)
        return
    assert isinstance(y, mg.Tensor), f"{what}: {type(y).__name__}, expected a tensor"
    y, expected = host(y), host(expected)
    assert y.shape == expected.shape, f"{what}: shape {y.shape}, expected {expected.shape}"
    assert y.dtype == expected.dtype, f"{what}: {y.dtype}, expected {expected.dtype}"
    if rtol is not None:
        rtol, atol = (FLOAT32, FLOAT32) if y.dtype == np.float32 else (rtol, 1e-10)
        np.testing.assert_allclose(y, expected, rtol, atol, err_msg=what)
