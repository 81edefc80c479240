"""gradcheck and gradgradcheck themselves: they find small errors in every operation, and say where."""

import re
from functools import partial

import numpy as np
import ops_table
import pytest

import minigan as mg
from minigan.ops.activation import tanh_grad
from minigan.ops.random import stream
from minigan.tape import Primitive, primitive

NUMBER = r"-?\d[\d.e+-]*"


def plant(monkeypatch, op, position, spoil):
    """Let the gradient of one argument of an operation be ``spoil(right gradient)``."""
    vjp = op.joint or op.vjps[position]

    def wrong(*args):
        if op.joint:
            gradients = list(vjp(*args))
            gradients[position] = gradients[position] if gradients[position] is None else spoil(gradients[position])
            return gradients
        if isinstance(vjp, Primitive):
            return spoil(vjp(*args[: len(vjp.inputs)], **dict(zip(vjp.static, args[len(vjp.inputs) :], strict=True))))
        return spoil(vjp(*args))

    monkeypatch.setitem(op.needs, wrong, op.needs[vjp])
    if op.joint:
        monkeypatch.setattr(op, "joint", wrong)
    else:
        monkeypatch.setattr(op, "vjps", (*op.vjps[:position], wrong, *op.vjps[position + 1 :]))


def arguments():
    """(primitive, position of an argument) for every gradient in the table of operations."""
    for op in ops_table.primitives():
        inputs = ["first", "second"] if op.variadic else op.inputs
        for position, name in enumerate(inputs):
            if op.joint or op.vjps[position]:
                yield pytest.param(op, position, id=f"{op.name}-{name}")


def telling_case(op, position=0):
    """A function whose last operation is op, its inputs, and which of them the gradient of that argument is of."""
    with_gradient = [i for i in range(len(op.inputs)) if op.joint or op.vjps[i]]
    which = position if op.variadic else with_gradient.index(position)
    for entry, arrays in ops_table.cases().values():
        xs = ops_table.tensors(entry, arrays, mg.tensor)
        if op in entry.ops and len({*xs}) == len(xs) >= max(len(with_gradient), which + 1):
            y = ops_table.outputs(entry.run(mg, *xs))[0]
            if y.node.op is op and (op.name == "sign" or mg.grad(y.sum(), xs[which])[0].detach().numpy().any()):
                return partial(entry.run, mg), xs, which
    raise AssertionError(f"no sample shows the gradient of argument {position} of {op}")


@pytest.mark.parametrize(("op", "position"), list(arguments()))
def test_a_relative_error_of_one_in_ten_thousand_is_found_in_every_gradient(monkeypatch, op, position):
    f, xs, which = telling_case(op, position)
    assert mg.gradcheck(f, xs)
    spoil = (lambda gx: gx + 1e-4) if op.name == "sign" else (lambda gx: gx * (1 + 1e-4))  # sign's is 0
    plant(monkeypatch, op, position, spoil)
    with pytest.raises(mg.GradcheckError) as caught:
        mg.gradcheck(f, xs)
    message = str(caught.value)
    found = re.match(
        rf"(\w+): the gradient with respect to input (\d+) is wrong in (\d+) of (\d+) elements\. First: output 0 "
        rf"element \d+, input element \d+: analytic ({NUMBER}), numeric ({NUMBER}), error ({NUMBER})\.$",
        message,
    )
    assert found, message
    assert (found[1], int(found[2])) == (op.name, which)
    analytic, numeric, error = (float(found[i]) for i in (5, 6, 7))
    assert abs(analytic - numeric) == pytest.approx(error, rel=1e-2, abs=1e-8)
    assert error == pytest.approx(1e-4 * (abs(numeric) or 1), rel=1e-2)


@pytest.mark.parametrize("op", [op for op in ops_table.primitives() if op.name.endswith("_grad")], ids=str)
def test_an_error_in_a_gradient_kernel_alone_is_found_only_in_second_derivatives(monkeypatch, op):
    user = next(o for o in ops_table.primitives() if o.name == op.name.removesuffix("_grad").removesuffix("_weight"))
    f, xs, _ = telling_case(user)
    position = next(i for i, vjp in enumerate(op.vjps) if vjp)
    plant(monkeypatch, op, position, lambda gx: gx * (1 + 1e-4))
    assert mg.gradcheck(f, xs)
    with pytest.raises(mg.GradcheckError, match="the gradient with respect to input"):
        mg.gradgradcheck(f, xs)


def test_a_value_that_a_forward_made_a_constant_is_found():
    def normalized(x):
        centred = x - x.mean()
        return centred / centred.detach().square().mean().sqrt()  # the mistake: the deviation depends on x, too

    x = mg.tensor([0.3, -1.0, 2.0], dtype=mg.float64, requires_grad=True)
    assert not mg.gradcheck(normalized, x, raise_exception=False)


def test_a_gradient_that_is_a_constant_to_the_second_derivative_is_found():
    @primitive(x=lambda gy, x: gy * (x.detach() * x.detach() * 3))
    def cube(k, x):
        return k.mul(k.mul(x, x), x)

    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    assert mg.gradcheck(cube, x)
    assert not mg.gradgradcheck(cube, x, raise_exception=False)


@pytest.mark.parametrize("check", [mg.gradcheck, mg.gradgradcheck])
def test_float32_is_refused_and_the_remedy_named(check):
    inputs = mg.ones(2, dtype=mg.float64, requires_grad=True), mg.ones(2, requires_grad=True)
    with pytest.raises(mg.DTypeError, match=r"expected float64 inputs, but input 1 is float32\. .*x\.double\(\)"):
        check(mg.mul, inputs)


@pytest.mark.parametrize("check", [mg.gradcheck, mg.gradgradcheck])
def test_inputs_without_a_gradient_are_refused(check):
    with pytest.raises(mg.DTypeError, match="expected an input with requires_grad=True"):
        check(mg.tanh, mg.ones(2, dtype=mg.float64))


@pytest.mark.parametrize("check", [mg.gradcheck, mg.gradgradcheck])
def test_checks_are_deterministic_and_draw_from_no_stream(monkeypatch, check):
    plant(monkeypatch, tanh_grad, 0, lambda gx: gx * 1.01)
    plant(monkeypatch, mg.tanh, 0, lambda gx: gx * 1.01)
    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    messages = set()
    for seed in range(3):
        np.random.seed(seed)  # noqa: NPY002  (the global state that must not matter)
        mg.manual_seed(seed)
        with pytest.raises(mg.GradcheckError) as caught:
            check(mg.tanh, x)
        assert stream.site == 0
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_only_inputs_that_require_a_gradient_are_checked_and_others_pass_through():
    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    constant = mg.ones(2)  # float32 is fine for what is not checked
    assert mg.gradcheck(lambda n, x, c, word: x**n * c if word == "go" else None, (3, x, constant, "go"))


def test_one_tensor_given_twice_moves_as_one():
    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    assert mg.gradcheck(mg.mul, (x, x))
    assert mg.gradgradcheck(mg.mul, (x, x))


@pytest.mark.parametrize("layout", [lambda x: x.T, lambda x: x[::-1, ::2], np.asfortranarray])
def test_elements_of_inputs_that_are_not_contiguous_are_really_moved(layout):
    x = mg.as_tensor(layout(np.arange(12.0).reshape(3, 4) / 7 - 0.5)).requires_grad_()
    assert mg.gradcheck(mg.exp, x)
    assert mg.gradgradcheck(mg.exp, x)


def test_every_output_is_checked_and_integers_are_not(monkeypatch):
    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    assert mg.gradcheck(lambda x: (mg.exp(x), x.argmax(), mg.sin(x)), x)
    plant(monkeypatch, mg.sin, 0, lambda gx: gx * 1.01)
    with pytest.raises(mg.GradcheckError, match=r"sin: .* output 1 element 0"):
        mg.gradcheck(lambda x: (mg.exp(x), x.argmax(), mg.sin(x)), x)


def test_a_gradient_of_nan_is_wrong():
    @primitive(x=lambda gy, x: gy * x * float("nan"))
    def broken(k, x):
        return k.square(x)

    x = mg.tensor([0.3], dtype=mg.float64, requires_grad=True)
    with pytest.raises(mg.GradcheckError, match=r"broken: .*analytic nan"):
        mg.gradcheck(broken, x)


def test_a_function_that_ignores_its_input_has_gradient_zero():
    x = mg.tensor([0.3], dtype=mg.float64, requires_grad=True)
    other = mg.tensor([0.5], dtype=mg.float64, requires_grad=True)
    assert mg.gradcheck(lambda x, other: mg.exp(other), (x, other))


def test_inputs_keep_their_values_and_their_gradients():
    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    x.grad = np.array([7.0, 7.0])
    mg.gradcheck(mg.exp, x)
    mg.gradgradcheck(mg.exp, x)
    assert x.tolist() == [0.3, -1.0]
    assert x.grad.tolist() == [7.0, 7.0]


def test_gradgradcheck_takes_the_gradients_of_the_outputs():
    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    gy = mg.tensor([2.0, 0.5], dtype=mg.float64, requires_grad=True)
    assert mg.gradgradcheck(mg.exp, x, gy)
