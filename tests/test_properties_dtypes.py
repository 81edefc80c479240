"""Any two operands in any order: the result has PyTorch's type, and each gradient its input's shape and type."""

import operator

import numpy as np
import pytest
from drawn_arrays import examples
from hypothesis import given
from hypothesis import strategies as st

import minigan as mg

pytestmark = pytest.mark.torch

TYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"]
SCALARS = [True, 2, 2.0, np.float64(2), np.float32(2), np.int64(2), np.int32(2), np.uint8(2), np.True_]
OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "==": operator.eq,
    "<": operator.lt,
    ">=": operator.ge,
}
METHODS = ["add", "sub", "mul", "div", "pow", "maximum", "minimum", "eq", "ne", "lt", "le", "gt", "ge"]


@st.composite
def operands(draw):
    """Two operands, of which at least one is a tensor: (array, in which form) each."""
    found = []
    for _ in range(2):
        if draw(st.booleans()) or not found:
            shape = draw(st.sampled_from([(), (2,), (1, 2)]))
            found.append(np.full(shape, 2, draw(st.sampled_from(TYPES))))
        else:
            found.append(draw(st.sampled_from(SCALARS)))
    return found if draw(st.booleans()) else found[::-1]


def ours(x):
    if not isinstance(x, np.ndarray):
        return x
    return mg.tensor(x, requires_grad=x.dtype.kind == "f")


def theirs(torch, x):
    if isinstance(x, np.ndarray):
        return torch.tensor(x, requires_grad=x.dtype.kind == "f")
    return x.item() if isinstance(x, np.generic) else x  # what PyTorch takes a NumPy scalar for, on its right side


def compare(torch, f, given, lib_f=None):
    """Both libraries' results, where PyTorch has one: what it refuses, minigan may know how to do."""
    try:
        expected = (lib_f or f)(*[theirs(torch, x) for x in given])
    except (RuntimeError, TypeError):
        return  # PyTorch has no difference of truth values, no maximum of a number, and the like
    xs = [ours(x) for x in given]
    found = f(*xs)
    assert (str(found.dtype), found.shape) == (str(expected.dtype).removeprefix("torch."), tuple(expected.shape))
    tracked = [x for x in xs if isinstance(x, mg.Tensor) and x.requires_grad]
    assert found.requires_grad == expected.requires_grad
    if not found.requires_grad:
        return
    found.sum().backward(retain_graph=True)
    gxs = mg.grad(found.sum(), tracked, create_graph=True)
    total = sum((gx * gx).sum() for gx in gxs)
    second = mg.grad(total, tracked, allow_unused=True) if total.requires_grad else [None] * len(tracked)
    for x, gx, ggx in zip(tracked, gxs, second, strict=True):
        assert (gx.shape, gx.dtype) == (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)
        assert ggx is None or (ggx.shape, ggx.dtype) == (x.shape, x.dtype)


@pytest.mark.parametrize("sign", OPERATORS)
@given(operands())
@examples(80)
def test_operators(torch, sign, given):
    compare(torch, OPERATORS[sign], given)


@pytest.mark.parametrize("name", METHODS)
@given(operands())
@examples(50)
def test_functions(torch, name, given):
    compare(torch, getattr(mg, name), given, getattr(torch, name))


@given(operands(), st.sampled_from([(), (2,)]))
@examples(80)
def test_where(torch, given, shape):
    condition = np.ones(shape, bool)
    compare(
        torch, lambda x, y: mg.where(condition, x, y), given,
        lambda x, y: torch.where(torch.tensor(condition), x, y),
    )  # fmt: skip


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "**"])
@given(st.sampled_from([s for s in SCALARS if not isinstance(s, bool)]), st.sampled_from(["float32", "float64"]))
@examples(30)
def test_a_chain_of_numpy_scalars_on_the_left_keeps_the_type(torch, sign, scalar, dtype):
    x = mg.full((2, 3), 1.5, dtype=dtype, requires_grad=True)
    y = OPERATORS[sign](scalar, OPERATORS[sign](x, scalar))
    y.sum().backward()
    assert (y.dtype, x.grad.dtype) == (np.dtype(dtype), np.dtype(dtype))
