"""The update rules on NumPy, in blocks, are those of the specification."""

import itertools

import numpy as np
import pytest

from minigan.backend import numpy_optim
from minigan.backend.base import Backend
from minigan.backend.numpy import NumpyBackend


class Specification(Backend):
    """The base class on NumPy."""

    xp = np


SPECIFICATION, FAST = Specification(), NumpyBackend()
TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
LENGTHS = pytest.mark.parametrize("n", [0, 1, 7, 64, 100])


def options(**choices):
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


ADAM = options(rate=[0.01], eps=[1e-8], shrink=[None, 0.9], betas=[(0.5, 0.9)], weight_decay=[0.0, 0.1])
SGD = options(
    lr=[0.01], momentum=[0.5], share=[None, 0.8], weight_decay=[0.0, 0.1], nesterov=[False, True],
)  # fmt: skip
RMSPROP = options(lr=[0.01], alpha=[0.9], eps=[1e-3], weight_decay=[0.0, 0.1], momentum=[0.5])
CASES = [
    *[("adam_", "mv", settings) for settings in ADAM],
    *[("sgd_", buffers, settings) for buffers in ("m", "-") for settings in SGD],
    *[("rmsprop_", buffers, settings) for buffers in ("v--", "vm-", "v-c", "vmc") for settings in RMSPROP],
]
every_rule = pytest.mark.parametrize(("name", "buffers", "settings"), CASES)


def arrays(n, buffers, dtype):
    """Parameter, gradient and buffers, each a part of a larger array; "v" is positive, "c" small, "-" is none."""
    rng = np.random.default_rng(0)
    made = [np.asarray(rng.uniform(-2, 2, 3 * n), dtype)[n : 2 * n] for _ in range(2 + len(buffers))]
    for kind, x in zip(buffers, made[2:], strict=True):
        if kind == "v":
            np.abs(x, out=x)
            x += 1
        if kind == "c":
            x *= 0.1
    return [*made[:2], *[None if kind == "-" else x for kind, x in zip(buffers, made[2:], strict=True)]]


def changed(backend, name, buffers, settings, n, dtype):
    p, g, *rest = arrays(n, buffers, dtype)
    gradient = g.copy()
    getattr(backend, name)(p, g, *rest, **settings)
    np.testing.assert_array_equal(g, gradient)
    return [p, *[x for x in rest if x is not None]]


@LENGTHS
@every_rule
@TYPES
def test_an_update_is_the_specified_one_whatever_the_length_of_its_blocks(
    monkeypatch, name, buffers, settings, n, dtype
):
    monkeypatch.setattr(numpy_optim, "BLOCK", 16)
    expected = changed(SPECIFICATION, name, buffers, settings, n, dtype)
    found = changed(FAST, name, buffers, settings, n, dtype)
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == dtype
        np.testing.assert_allclose(x, y, rtol=20 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps)


@every_rule
@TYPES
def test_numbers_in_memory_give_the_same_bits_as_python_numbers(name, buffers, settings, dtype):
    in_memory = {
        key: np.asarray(value, dtype)
        if key in ("rate", "eps", "shrink", "lr", "share") and value is not None
        else value
        for key, value in settings.items()
    }
    for backend in (SPECIFICATION, FAST):
        expected = changed(backend, name, buffers, settings, 100, dtype)
        for x, y in zip(changed(backend, name, buffers, in_memory, 100, dtype), expected, strict=True):
            np.testing.assert_array_equal(x, y)


def test_more_than_one_block_of_the_real_length():
    n = numpy_optim.BLOCK + 5
    for name, buffers, settings in CASES[::7]:
        found, expected = (changed(backend, name, buffers, settings, n, "float32") for backend in (FAST, SPECIFICATION))
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


LAYOUTS = {
    "contiguous": lambda make: make(4, 6),
    "transposed": lambda make: make(6, 4).T,
    "strided": lambda make: make(8, 12)[::2, ::2],
    "backwards": lambda make: make(4, 6)[::-1, ::-1],
    "vector": lambda make: make(17),
    "0-d": lambda make: make(),
    "empty": lambda make: make(0, 3),
}


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("layout", LAYOUTS)
@TYPES
def test_lerp_moves_in_place_in_every_layout(monkeypatch, weight, layout, dtype):
    monkeypatch.setattr(numpy_optim, "BLOCK", 5)
    rng = np.random.default_rng(0)
    x, end = (LAYOUTS[layout](lambda *shape: np.asarray(rng.standard_normal(shape), dtype)) for _ in range(2))
    expected = x + weight * (end - x)
    for backend in (SPECIFICATION, FAST):
        moved = LAYOUTS[layout](lambda *shape: np.zeros(shape, dtype))
        moved[...] = x
        backend.lerp_(moved, end, weight)
        np.testing.assert_allclose(moved, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, np.inf])
@TYPES
def test_the_norm_is_that_of_one_long_vector(p, dtype):
    parts = [np.asarray(x, dtype) for x in ([[3.0, -4.0]], [1.0], -2.0)]
    found = np.asarray(FAST.norm_of(parts, p))
    assert found.dtype == dtype
    assert found.shape == ()
    expected = np.linalg.norm([3.0, -4.0, 1.0, -2.0], p)
    np.testing.assert_allclose(found, expected, rtol=10 * np.finfo(dtype).eps)
