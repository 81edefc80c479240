"""Random programs on inputs of any layout: PyTorch's derivatives, nothing written to, float32 as exact as it can be."""

import numpy as np
import ops_table
import pytest
import test_engine_against_hips as hips
from drawn_arrays import arrays, assert_as_in_torch, examples, memory
from hypothesis import given
from hypothesis import strategies as st
from test_random_programs import ONE, SHAPE, TWO, run

import minigan as mg


@st.composite
def programs(draw, count):
    """Steps over a growing list of values that begins with this many inputs; any earlier value may be taken again."""
    steps = []
    for n in range(count, count + draw(st.integers(1, 9))):
        f = draw(st.sampled_from(ONE) if draw(st.booleans()) else st.sampled_from(TWO))
        steps.append((f, [draw(st.integers(0, n - 1)) for _ in range(1 if f in ONE else 2)]))
    return steps


@pytest.mark.torch
@given(data=st.data())
@examples(150)
def test_a_program_with_several_outputs_has_pytorchs_derivatives_of_both_orders(torch, data):
    xs = [data.draw(arrays(SHAPE)) for _ in range(data.draw(st.integers(1, 3)))]
    steps = data.draw(programs(len(xs)))
    chosen = data.draw(st.lists(st.integers(0, len(steps) - 1), min_size=1, max_size=3))

    def f(lib, *leaves):
        values = run(lib, steps, leaves)[len(leaves) :]
        return tuple(lib.tanh(values[i]) for i in chosen)  # a value chosen twice is two outputs

    assert_as_in_torch(torch, f, xs, [data.draw(arrays(SHAPE)) for _ in chosen])


# ---- without a reference: programs of any shapes ---------------------------------------------------------


def drawn(data):
    shapes, program = data.draw(hips.programs(data.draw(st.sampled_from(sorted(hips.OPERATIONS)))))
    return program, [data.draw(arrays(shape, -1.2, 1.2)) for shape in shapes]


@given(data=st.data())
@examples(60)
def test_no_input_is_written_to_forward_backward_or_twice_backward(data):
    program, inputs = drawn(data)
    before = memory(inputs)
    xs = [mg.as_tensor(x).requires_grad_() for x in inputs]
    hips.scalar_ours(program, xs).backward()
    for _ in range(2):
        loss = hips.scalar_ours(program, [xs[0], *xs[1:]])
        gxs = mg.grad(loss, xs, create_graph=True, allow_unused=True)
        sum((gx * gx).sum() for gx in gxs if gx is not None).backward()
    assert memory(inputs) == before
    assert all(x.data is array for x, array in zip(xs, inputs, strict=True))


@given(data=st.data())
@examples(60)
def test_a_gradient_that_the_user_passes_is_not_written_to_by_two_sweeps(data):
    program, inputs = drawn(data)
    xs = [mg.as_tensor(x).requires_grad_() for x in inputs]
    y = hips.run(program, xs, hips.OURS)[-1]
    gy = data.draw(arrays(y.shape))
    before, passed = memory([gy, *inputs]), mg.as_tensor(gy)
    y.backward(passed, retain_graph=True)
    first = [None if x.grad is None else x.grad.copy() for x in xs]
    y.backward(passed)
    assert memory([gy, *inputs]) == before
    assert passed.data is gy
    for x, gx in zip(xs, first, strict=True):
        assert (gx is None) == (x.grad is None)
        if gx is not None:
            np.testing.assert_allclose(x.grad, 2 * gx, rtol=1e-12, atol=1e-12)


@given(data=st.data())
@examples(60)
def test_no_value_on_the_way_is_written_to_by_backward(data):
    program, inputs = drawn(data)
    values = hips.run(program, [mg.as_tensor(x).requires_grad_() for x in inputs], hips.OURS)
    before = memory([y.data for y in values])
    total = sum((y * mg.as_tensor(hips.fixed(y.shape, i))).sum() for i, y in enumerate(values))
    total.backward(retain_graph=True)
    total.backward()
    assert memory([y.data for y in values]) == before


@given(data=st.data())
@examples(60)
def test_gradients_have_the_shape_and_type_of_their_inputs_and_float32_is_as_exact_as_it_can_be(data):
    program, inputs = drawn(data)
    inputs = [x.astype(np.float32) for x in inputs]
    found = {}
    for dtype in (np.float32, np.float64):
        xs = [mg.tensor(x.astype(dtype), requires_grad=True) for x in inputs]
        values = hips.run(program, xs, hips.OURS)
        loss = sum((y + 0.1 * y * y).sum() for y in values)
        gxs = mg.grad(loss, xs, create_graph=True)
        second = mg.grad(sum((gx * gx).sum() for gx in gxs), xs, allow_unused=True)
        for gx, x in zip([*gxs, *second], xs * 2, strict=True):
            assert gx is None or (gx.shape, gx.dtype) == (x.shape, dtype)
        assert {y.dtype for y in values} == {np.dtype(dtype)}
        found[dtype] = [np.zeros(0) if y is None else y.detach().numpy() for y in (*values, *gxs, *second)]
    for narrow, wide in zip(found[np.float32], found[np.float64], strict=True):
        scale = 1 + np.abs(wide).max(initial=0)
        np.testing.assert_allclose(narrow / scale, wide / scale, rtol=0, atol=2e-5)


# ---- every operation in float32 ---------------------------------------------------------------------------

CASES = {  # numbers far from 0 lose digits in float32, in PyTorch as here
    name: (entry, inputs)
    for name, (entry, inputs) in ops_table.cases().items()
    if all(np.abs(x).max(initial=0) < 100 for x in inputs)
}


def of_type(lib, dtype, entry, inputs):
    """Values, gradients and second-order gradients, all computed by this library in this type."""
    grad = mg.grad if lib is mg else lib.autograd.grad
    run = entry.run if lib is mg else entry.torch or entry.run
    types = {"dtype": getattr(lib, dtype)}
    xs = ops_table.tensors(entry, inputs, lambda x: lib.tensor(x.copy(), **types if x.dtype.kind == "f" else {}))
    ys = ops_table.outputs(run(lib, *xs))
    wanted = [x for x in xs if x.requires_grad]
    gxs = grad(sum((y * y).sum() for y in ys), wanted, create_graph=True, allow_unused=True)
    total = sum((gx * gx).sum() for gx in gxs if gx is not None)
    second = grad(total, wanted, allow_unused=True) if total.requires_grad else [None] * len(wanted)
    found = [*ys, *gxs, *second]
    return [np.zeros((), dtype) if y is None else y.detach().numpy() for y in found]


def errors(lib, entry, inputs):
    """(the error in float32, what is right) for each result."""
    narrow, wide = (of_type(lib, dtype, entry, inputs) for dtype in ("float32", "float64"))
    return [(np.abs(a - b), np.abs(b)) for a, b in zip(narrow, wide, strict=True)]


@pytest.mark.torch
@pytest.mark.parametrize(("entry", "inputs"), CASES.values(), ids=CASES.keys())
def test_an_operation_in_float32_is_as_exact_as_pytorchs(torch, entry, inputs):
    rounded = {id(x): x.astype(np.float32).astype(x.dtype) for x in inputs}
    inputs = [rounded[id(x)] for x in inputs]
    eps = np.finfo(np.float32).eps
    for (error, right), (theirs, _) in zip(errors(mg, entry, inputs), errors(torch, entry, inputs), strict=True):
        allowed = 16 * eps * right + 8 * theirs.max(initial=0) + 4 * eps
        assert (error <= allowed).all(), (error / allowed).max()
