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

    stand_in(monkeypatch, op, vjp, wrong)
    if not op.joint:
        monkeypatch.setattr(op, "vjps", (*op.vjps[:position], wrong, *op.vjps[position + 1 :]))


def stand_in(monkeypatch, op, vjp, other):
    """Let the operation give ``other`` the values that it keeps for this gradient."""
    for table in vars(op).values():
        if isinstance(table, dict) and vjp in table:
            monkeypatch.setitem(table, other, table[vjp])
    if op.joint:
        monkeypatch.setattr(op, "joint", other)


def positions(op):
    """The arguments that the operation has a gradient for."""
    if op.variadic:
        return [0, 1]
    return given_by(op) if op.joint else [i for i, vjp in enumerate(op.vjps) if vjp]


def given_by(op):
    """The arguments that a joint gradient is ever of: it gives None for the others, such as statistics of x."""
    found, joint = set(), op.joint

    def watched(*args):
        gradients = list(joint(*args))
        found.update(i for i, gx in enumerate(gradients) if gx is not None)
        return gradients

    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch, op, joint, watched)
        for entry, arrays in ops_table.cases().values():
            if op in entry.ops:
                gradients(partial(entry.run, mg), ops_table.tensors(entry, arrays, mg.tensor))
    return sorted(found)


def arguments():
    """(primitive, position of an argument) for every gradient in the table of operations."""
    for op in ops_table.primitives():
        for position in positions(op):
            name = op.inputs[0] + str(position) if op.variadic else op.inputs[position]
            yield pytest.param(op, position, id=f"{op.name}-{name}")


def gradients(f, xs):
    ys = [y for y in ops_table.outputs(f(*xs)) if y.requires_grad]
    gys = [mg.as_tensor(np.cos(np.arange(y.numel())).reshape(y.shape)) for y in ys]
    wanted = [x for x in xs if x.requires_grad]
    return [None if gx is None else gx.detach().numpy() for gx in mg.grad(ys, wanted, gys, allow_unused=True)]


def telling_cases(op, position, spoil):
    """Functions and inputs from the table of which spoiling that gradient of the operation spoils the gradient."""
    for entry, arrays in ops_table.cases().values():
        if op in entry.ops:
            f, xs = partial(entry.run, mg), ops_table.tensors(entry, arrays, mg.tensor)
            right = gradients(f, xs)
            with pytest.MonkeyPatch.context() as patch:
                plant(patch, op, position, spoil)
                wrong = gradients(f, xs)
            if any(
                a is not None and not np.allclose(a, b, rtol=5e-5, atol=1e-6) for a, b in zip(right, wrong, strict=True)
            ):
                yield f, xs


def telling_case(op, position, spoil):
    case = next(telling_cases(op, position, spoil), None)
    assert case, f"no sample in tests/ops_table shows the gradient of argument {position} of {op}"
    return case


def a_little_more(gx):
    return gx * (1 + 1e-4)


def error_in(op):
    return (lambda gx: gx + 1e-4) if op.name == "sign" else a_little_more  # sign's gradient is 0


@pytest.mark.parametrize(("op", "position"), list(arguments()))
def test_a_relative_error_of_one_in_ten_thousand_is_found_in_every_gradient(monkeypatch, op, position):
    f, xs = telling_case(op, position, error_in(op))
    assert mg.gradcheck(f, xs)
    assert mg.gradcheck(f, xs, fast_mode=True)
    plant(monkeypatch, op, position, error_in(op))
    for fast_mode in (False, True):
        with pytest.raises(mg.GradcheckError, match=r"\w+: the gradient with respect to input \d+ is wrong"):
            mg.gradcheck(f, xs, fast_mode=fast_mode)


@pytest.mark.parametrize(("op", "position"), [a for a in arguments() if a.values[0].name != "sign"])
def test_an_error_in_any_gradient_is_found_in_second_derivatives_too(monkeypatch, op, position):
    f, xs = telling_case(op, position, a_little_more)
    near = [y.detach() - 0.01 for y in ops_table.outputs(f(*xs))]

    def squared(*xs):  # of J^T (y - near) the derivative is J^T J and little else: of the gradient of f, taken twice
        pairs = zip(ops_table.outputs(f(*xs)), near, strict=True)
        return tuple((y - at) * (y - at) for y, at in pairs if y.requires_grad)

    assert mg.gradgradcheck(squared, xs)
    assert mg.gradgradcheck(squared, xs, fast_mode=True)
    plant(monkeypatch, op, position, a_little_more)
    for fast_mode in (False, True):
        assert not mg.gradgradcheck(squared, xs, raise_exception=False, fast_mode=fast_mode)


def users(op):
    """The operations of which this one is the gradient, or part of it."""
    for user in ops_table.primitives():
        names = [vjp.__code__.co_names for vjp in user.needs if not isinstance(vjp, Primitive)]
        if op in user.needs or any(op.__name__ in found for found in names):
            yield user


@pytest.mark.parametrize("op", [op for op in ops_table.primitives() if op.name.endswith("_grad")], ids=str)
def test_an_error_in_a_gradient_kernel_alone_is_found_only_in_second_derivatives(op):
    cases = [
        case for user in users(op) for p in positions(user) for case in list(telling_cases(user, p, a_little_more))[:2]
    ]
    assert any(only_second_derivatives_show(op, position, *case) for position in positions(op) for case in cases)


def only_second_derivatives_show(op, position, f, xs):
    with pytest.MonkeyPatch.context() as patch:
        plant(patch, op, position, a_little_more)
        first = mg.gradcheck(f, xs, raise_exception=False)
        return first and not mg.gradgradcheck(f, xs, raise_exception=False)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_the_message_names_the_operation_the_element_and_both_values(monkeypatch, fast_mode):
    plant(monkeypatch, mg.tanh, 0, a_little_more)
    x = mg.tensor([[0.0, 0.5, -1.0]], dtype=mg.float64, requires_grad=True)
    where = "in 3 of 9 elements. First: output 0 element 0, input element 0"
    if fast_mode:
        where = "along a random direction. Output 0"
    values = rf"analytic ({NUMBER}), numeric ({NUMBER}), error ({NUMBER})\.$"
    pattern = f"tanh: the gradient with respect to input 1 is wrong {re.escape(where)}: {values}"
    with pytest.raises(mg.GradcheckError) as caught:
        mg.gradcheck(lambda c, x: mg.tanh(x), (1, x), fast_mode=fast_mode)
    found = re.match(pattern, str(caught.value))
    assert found, str(caught.value)
    analytic, numeric, error = map(float, found.groups())
    assert analytic == pytest.approx(numeric * (1 + 1e-4), rel=1e-7)
    assert error == pytest.approx(abs(numeric) * 1e-4, rel=1e-2)


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


# ---- one random direction --------------------------------------------------------------------------------


def test_fast_mode_calls_f_twice_for_each_input_whatever_its_size():
    def calls(n):
        counted = []

        def f(x, w):
            counted.append(1)
            return mg.tanh(x * w)

        xs = [mg.as_tensor(np.linspace(0.1, 0.9, n)).requires_grad_() for _ in range(2)]
        assert mg.gradcheck(f, xs, fast_mode=True)
        return len(counted)

    assert calls(10) == calls(10_000) == 4 + 2 * 2  # two to see that f repeats itself, two before the rows


def test_fast_mode_checks_layers_too_large_for_a_whole_jacobian():
    mg.manual_seed(0)
    x, w, b = (mg.randn(*shape, dtype=mg.float64, requires_grad=True) for shape in [(64, 300), (200, 300), (200,)])
    assert mg.gradcheck(mg.nn.functional.linear, (x, w, b), fast_mode=True)


def test_fast_mode_finds_an_error_in_one_of_several_outputs_and_inputs(monkeypatch):
    plant(monkeypatch, mg.sin, 0, a_little_more)
    xs = [mg.as_tensor(np.linspace(0.1, 0.9, n)).requires_grad_() for n in (500, 3)]
    with pytest.raises(mg.GradcheckError, match=r"^sin: the gradient with respect to input 1 .* Output 1: "):
        mg.gradcheck(lambda x, y: (x * 1e3, mg.sin(y)), xs, fast_mode=True)


# ---- what f may not do -----------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [mg.gradcheck, mg.gradgradcheck])
def test_a_function_that_draws_anew_is_refused_and_the_remedy_works(check):
    x = mg.as_tensor(np.linspace(0.1, 0.9, 20)).requires_grad_()
    mg.rand(3)
    before = dict(vars(stream))
    with pytest.raises(mg.GradcheckError, match=r"f is not deterministic.* call mg\.set_step\(0\) in it first"):
        check(mg.nn.functional.dropout, x)
    assert check(lambda x: (mg.set_step(0), mg.nn.functional.dropout(x))[1], x)
    assert vars(stream) == before


def test_a_function_that_writes_to_its_inputs_is_refused():
    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    constant = mg.ones(2, dtype=mg.float64)

    def careless(x, c):
        c.data[0] += 1
        return x * 2

    with pytest.raises(mg.GradcheckError, match="f changed input 1"):
        mg.gradcheck(careless, (x, constant))


def test_a_backward_that_writes_to_its_inputs_is_refused():
    def careless(gy, x):
        x.data[:] += 1
        return gy

    @primitive(x=careless)
    def broken(k, x):
        return k.mul(x, 1.0)

    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    with pytest.raises(mg.GradcheckError, match="the backward of f changed input 0"):
        mg.gradcheck(broken, x)


@pytest.mark.parametrize(("f", "found"), [(lambda x: None, "NoneType"), (lambda x: x.float(), "float32")])
def test_outputs_must_be_float64_tensors(f, found):
    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    with pytest.raises(mg.DTypeError, match=f"expected f to return float64 tensors, but got {found}"):
        mg.gradcheck(f, x)


def test_a_result_that_is_no_success_says_why_when_it_does_not_raise(monkeypatch):
    x = mg.tensor([0.3, -1.0], dtype=mg.float64, requires_grad=True)
    assert repr(mg.gradcheck(mg.tanh, x)) == "True"
    plant(monkeypatch, mg.tanh, 0, a_little_more)
    found = mg.gradcheck(mg.tanh, x, raise_exception=False)
    assert not found
    assert repr(found).startswith("False (tanh: the gradient with respect to input 0 is wrong")


# ---- inputs and outputs of every kind --------------------------------------------------------------------


@pytest.mark.parametrize("f", [lambda x: x, lambda x: (x, x[::2], x.T), lambda x: x.reshape(-1)])
def test_outputs_may_show_the_memory_of_inputs(f):
    x = mg.as_tensor(np.arange(6.0).reshape(2, 3)).requires_grad_()
    assert mg.gradcheck(f, x)
    assert mg.gradcheck(f, x, fast_mode=True)


def test_integers_pass_through():
    x = mg.as_tensor(np.arange(6.0).reshape(2, 3)).requires_grad_()
    assert mg.gradcheck(lambda i, x: (x[i] ** 2, i * 2), (mg.tensor([1, 0, 1]), x))


@pytest.mark.parametrize("fast_mode", [False, True])
def test_inputs_that_are_expanded_empty_or_results_are_checked(fast_mode):
    expanded = mg.as_tensor(np.broadcast_to(0.3, (2, 3))).requires_grad_()
    empty = mg.zeros(0, 3, dtype=mg.float64, requires_grad=True)
    made = (mg.ones(3, 2, dtype=mg.float64, requires_grad=True) * 0.7).T
    for xs in (expanded, empty, made, (expanded, made)):
        assert mg.gradcheck(lambda *xs: tuple(mg.exp(x) for x in xs), xs, fast_mode=fast_mode)
        assert mg.gradgradcheck(lambda *xs: tuple(mg.exp(x) for x in xs), xs, fast_mode=fast_mode)
