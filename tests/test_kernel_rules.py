"""The rules of every kernel: it writes to no argument unless its name says so, and to all of `out` and no more."""

import inspect

import numpy as np
import pytest

from minigan.backend.base import Backend
from minigan.backend.numpy import NumpyBackend
from minigan.backend.window import Window

FAST = NumpyBackend()
rng = np.random.default_rng(0)


def x(*shape, low=0.1, high=0.9):
    """Numbers on which every kernel is defined, every other element of a wider array."""
    wide = np.asarray(rng.uniform(low, high, [2 * n for n in shape]))
    return wide[tuple(slice(None, None, 2) for _ in shape)]


def words(n):
    return rng.integers(0, 2**64, n, np.uint64)


PLACES, ALONG = np.array([2, 0, 2, 1]), np.array([[1, 1, 0, 3, 2, 2]])
REDUCTIONS = [(x(4, 6), dim, keep) for dim in (None, 0, -1) for keep in (False, True)]
ADAM = {"rate": 0.1, "eps": 1e-8, "shrink": 0.9, "betas": (0.5, 0.9), "weight_decay": 0.1}
RMSPROP = {"lr": 0.1, "alpha": 0.9, "eps": 1e-8, "weight_decay": 0.1, "momentum": 0.5}
SGD = {"lr": 0.1, "momentum": 0.9, "share": 0.7, "weight_decay": 0.1, "nesterov": True}
NAMES = (
    "neg abs sign square sqrt rsqrt reciprocal exp expm1 log log1p sin cos isfinite tanh sigmoid logsigmoid relu copy "
    "asarray add sub mul div pow maximum minimum eq ne lt le gt ge tanh_grad sigmoid_grad relu_grad bce bce_grad "
    "bce_with_logits bce_with_logits_grad"
)


def elementwise(name):
    """Arguments of each shape for a kernel of arrays alone."""
    kernel = inspect.signature(getattr(Backend, name)).parameters
    count = len([p for p in kernel if p not in ("self", "out", "dtype")])
    return [tuple(x(*shape) for _ in range(count)) for shape in ((4, 6), (), (0, 3))]


def kept(shape, dim):
    """The shape of what is reduced over dim."""
    return tuple(1 if d in dim else n for d, n in enumerate(shape))


NORMS = [((4, 6), (0,)), ((5, 3, 2, 2), (0, 2, 3)), ((2, 3, 2, 2), (2, 3)), ((4, 6), (1,))]
GRIDS = [
    (Window((2, 3), (1, 1), (0, 0), (1, 1), (5, 6), (4, 4)), 1, None),
    (Window((2, 3), (2, 2), (1, 1), (2, 1), (5, 6), (3, 3)), 2, x(4)),
]
DROPOUTS = [(None, 0.2, 0, 1.0), (words(6), 0.2, 40_000, 1.7)]
CALLS = {
    **{name: elementwise(name) for name in NAMES.split()},
    "softplus": [(x(4, 6, low=-1), 2.0, 0.5)],
    "softplus_grad": [(x(4, 6), x(4, 6, low=-1), 2.0, 0.5)],
    "leaky_relu": [(x(4, 6, low=-1), slope) for slope in (0.2, 1.5)],
    "leaky_relu_grad": [(x(4, 6), x(4, 6, low=-1), slope) for slope in (0.2, 1.5)],
    "bias_leaky_relu_dropout": [(x(4, 6, low=-1), bias, *dropout) for bias in (None, x(6)) for dropout in DROPOUTS],
    "bias_leaky_relu_dropout_grad": [(x(4, 6), x(4, 6, low=-1), *dropout) for dropout in DROPOUTS],
    "where": [(x(4, 6) > 0.5, x(4, 6), x(6))],
    **dict.fromkeys(["sum", "mean", "amax", "amin", "argmax", "argmin"], REDUCTIONS),
    "var": [(x(4, 6), (0,), 3.0, False), (x(4, 6), (0, 1), 24.0, True)],
    "norm2": REDUCTIONS,
    "norm": [(x(4, 6), dim, keep, 3.0) for dim, keep in ((None, True), (0, False))],
    "logsumexp": [(x(4, 6), (1,), False), (x(4, 6), (0, 1), True)],
    **{name: [(x(4, 6), (1,)), (x(4, 6), (0,)), (x(0, 6), (0,))] for name in ("softmax", "log_softmax")},
    "reshape": [(x(4, 6), (3, 8))],
    "permute": [(x(2, 3, 4), (2, 0, 1))],
    "expand": [(x(1, 6), (4, 6))],
    "cat": [([x(2, 3), x(0, 3), x(1, 3)], 0)],
    "getitem": [(x(4, 6), index) for index in (1, PLACES, (Ellipsis, None))],
    "getitem_grad": [(x(6), (4, 6), 1), (x(4, 6), (4, 6), PLACES), (x(4, 6), (4, 6), slice(None))],
    "flip": [(x(4, 6), (0, 1)), (x(4, 6), ())],
    "gather": [(x(4, 6), ALONG, 0), (x(4, 6), ALONG[:, :2], 1)],
    "gather_grad": [(x(1, 6), ALONG, (4, 6), 0)],
    "pad": [(x(4, 6), ((1, 0), (0, 2)), 0.5)],
    "matmul": [(x(4, 6), x(6, 3)), (x(2, 4, 6), x(6, 3)), (x(0, 6), x(6, 3))],
    "matmul_grad1": [(x(4, 3), x(6, 3)), (x(2, 4, 3), x(6, 3))],
    "matmul_grad2": [(x(4, 3), x(4, 6)), (x(2, 4, 3), x(2, 4, 6))],
    "sum_to": [(x(2, 4, 6), shape) for shape in ((4, 6), (1, 6), (), (2, 1, 6))],
    "linear": [(x(*rows, 6), x(3, 6), bias) for rows in ((4,), (2, 4)) for bias in (None, x(3))],
    "linear_weight_grad": [(x(*rows, 3), x(*rows, 6)) for rows in ((4,), (2, 4), (0,))],
    "moments": [(x(*shape), dim) for shape, dim in NORMS],
    "normalize": [
        (x(*shape), *[x(*kept(shape, dim))] * 2, *affine)
        for shape, dim in NORMS
        for affine in ((None, None), (x(*kept(shape, dim)),) * 2)
    ],
    "norm_sums": [(x(*shape), x(*shape), *[x(*kept(shape, dim))] * 2, dim) for shape, dim in NORMS],
    "norm_grad": [
        (x(*shape), x(*shape), *[x(*kept(shape, dim))] * 2, x(2, *kept(shape, dim)), weight)
        for shape, dim in NORMS
        for weight in (None, x(*kept(shape, dim)))
    ],
    "embedding": [(x(4, 6), PLACES), (x(4, 6), ALONG)],
    "gather_pixels": [(rng.integers(0, 256, (8, 12), np.uint8)[::2, ::2], PLACES), (np.float32(x(4, 6)), PLACES)],
    "embedding_grad": [(x(4, 3), PLACES, 5), (x(1, 6, 3), ALONG, 4)],
    "conv2d": [(x(2, 4, 5, 6), x(4, 4 // g, 2, 3), bias, grid, g) for grid, g, bias in GRIDS],
    "conv2d_input_grad": [(x(2, 4, *grid.outputs), x(4, 4 // g, 2, 3), bias, grid, g) for grid, g, bias in GRIDS],
    "conv2d_weight_grad": [(x(2, 4, *grid.outputs), x(2, 4, 5, 6), grid, g) for grid, g, _ in GRIDS],
    "window_sum": [(x(2, 4, 5, 6), grid) for grid, *_ in GRIDS],
    "window_sum_grad": [(x(2, 4, *grid.outputs), grid) for grid, *_ in GRIDS],
    "max_pool2d_indices": [(x(2, 4, 5, 6), grid) for grid, *_ in GRIDS],
    "max_pool2d": [(x(2, 2, 2, 2), np.array([[[[0, 3]]] * 2] * 2))],
    "max_pool2d_grad": [(x(2, 4, *grid.outputs), np.full((2, 4, *grid.outputs), 3), grid) for grid, *_ in GRIDS],
    "pick": [(x(4, 6), (0, 0, 2), 1)],
    "pick_grad": [(x(4, 3), (0, 0, 2), 5, 1)],
    "cast": [(x(4, 6), np.float32), (x(4, 6), np.float64)],
    "random_words": [(5, 1, 2, 3, 4)],
    "dropout_mask": [(words(6), (4, 6), 40_000, 1.7, np.float32)],
    "integers": [(words(3), (2, 3), -5, 7, np.int32)],
    "uniform": [(words(5), (5,), dtype) for dtype in (np.float32, np.float64)],
    "normal": [(words(6), (5,), dtype) for dtype in (np.float32, np.float64)],
    "full": [((2, 3), 1.5, np.float32)],
    "table": [((1, 0, 2), "int64"), (((1, 2), (3, 4)), np.float32)],
    "arange": [(0, 5, 1, np.int64)],
    "eye": [(2, 3, np.float32)],
    "adam_": [(x(9), x(9), x(9), x(9))],
    "sgd_": [(x(9), x(9), x(9)), (x(9), x(9), None)],
    "rmsprop_": [(x(9), x(9), x(9), x(9), None), (x(9), x(9), x(9), None, None)],
    "norm_of": [([x(4, 6), x(3)], p) for p in (1.0, 2.0, 3.0, np.inf)],
    "shrink_": [(x(4, 6), np.array(3.0), 0.01)],
    "clip_": [(x(4, 6), 0.3)],
    "lerp_": [(x(4, 6), x(4, 6), 0.1)],
    "copy_": [(x(4, 6), x(6))],
    "setitem_": [(x(4, 6), 1, x(6)), (x(4, 6), PLACES, 0.5), (x(4, 6), (slice(None), 2), x(4))],
}
SETTINGS = {"adam_": ADAM, "sgd_": SGD, "rmsprop_": RMSPROP}
CHANGED = {
    "adam_": {0, 2, 3}, "sgd_": {0, 2}, "rmsprop_": {0, 2, 3, 4}, "shrink_": {0}, "clip_": {0}, "lerp_": {0},
    "copy_": {0}, "setitem_": {0},
}  # fmt: skip
CASES = [pytest.param(name, args, id=f"{name}-{i}") for name, calls in CALLS.items() for i, args in enumerate(calls)]


def taking_out(case):
    return "out" in inspect.signature(getattr(Backend, case.values[0])).parameters


def run(name, args, **out):
    return getattr(FAST, name)(*args, **SETTINGS.get(name, {}), **out)


def flat(args):
    return [part for a in args for part in (a if isinstance(a, list) else [a])]


def test_every_kernel_of_the_specification_is_tried_here():
    public = {name for name, _ in inspect.getmembers(Backend, inspect.isfunction) if not name.startswith("_")}
    assert public == set(CALLS) | {"of", "siblings", "to_host", "empty", "flat_buffer"}
    assert {name for name in public if name.endswith("_")} == set(CHANGED)


@pytest.mark.parametrize(("name", "args"), CASES)
def test_only_kernels_named_so_write_to_their_arguments(name, args):
    args = [a if not isinstance(a, np.ndarray) else x(*a.shape) if a.dtype == np.float64 else a for a in args]
    before = [np.array(a) if isinstance(a, np.ndarray) else a for a in flat(args)]
    run(name, args)
    changed = {
        i for i, (a, kept) in enumerate(zip(flat(args), before, strict=True))
        if isinstance(kept, np.ndarray) and not np.array_equal(a, kept)
    }  # fmt: skip
    expected = {i for i in CHANGED.get(name, set()) if args[i] is not None}
    assert changed == expected


@pytest.mark.parametrize(("name", "args"), [case for case in CASES if taking_out(case)])
def test_out_is_filled_and_returned_and_nothing_beside_it_is_touched(name, args):
    expected = np.asarray(run(name, args))
    around = np.full(expected.size + 8, np.nan)
    out = around[4 : 4 + expected.size].reshape(expected.shape)
    before = [np.array(a) for a in args if isinstance(a, np.ndarray)]
    assert run(name, args, out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert np.isnan(around[:4]).all()
    assert np.isnan(around[4 + expected.size :]).all()
    for a, kept in zip([a for a in args if isinstance(a, np.ndarray)], before, strict=True):
        np.testing.assert_array_equal(a, kept)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_numbers_are_below_1_and_normals_finite_for_every_word(dtype):
    extreme = np.array([0, 2**64 - 1, 2**32 - 1, 2**63, 1, 2**64 - 2], np.uint64)
    u = FAST.uniform(extreme, (6,), dtype)
    assert u.min() == 0
    assert 1 - 1e-7 < u.max() < 1
    assert np.isfinite(FAST.normal(extreme, (6,), dtype)).all()
