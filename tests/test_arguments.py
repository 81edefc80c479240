"""How operations may be called: by position, by their own names, and by PyTorch's; and what is told of other calls."""

import numpy as np
import pytest

import minigan as mg

x, y = mg.tensor([1.0, 2.0]), mg.tensor([3.0, 5.0])


@pytest.mark.torch
@pytest.mark.parametrize("call", [
    lambda lib, x, y: lib.add(x, other=y),
    lambda lib, x, y: lib.sub(input=x, other=y),
    lambda lib, x, y: lib.mul(other=y, input=x),
    lambda lib, x, y: lib.maximum(x, other=y),
    lambda lib, x, y: lib.exp(input=x),
    lambda lib, x, y: lib.tanh(input=x),
    lambda lib, x, y: x.add(other=y),
    lambda lib, x, y: x.mul(other=2),
    lambda lib, x, y: lib.add(input=x, other=1.5),
])  # fmt: skip
def test_pytorchs_keywords_give_what_pytorch_gives(torch, call):
    arrays = [np.array([1.0, 2.0]), np.array([3.0, 5.0])]
    expected = call(torch, *map(torch.tensor, arrays))
    np.testing.assert_allclose(call(mg, *map(mg.tensor, arrays)).data, expected.numpy(), rtol=1e-15)


def test_an_operations_own_names_are_keywords_too():
    assert mg.sub(x2=y, x1=x).tolist() == [-2.0, -3.0]
    assert mg.sub(x, x2=y).tolist() == [-2.0, -3.0]
    assert mg.exp(x=mg.zeros(1)).tolist() == [1.0]


def test_gradients_pass_through_a_call_by_keyword():
    a = mg.ones(2, requires_grad=True)
    mg.mul(input=a, other=y).sum().backward()
    assert a.grad.tolist() == [3.0, 5.0]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: mg.exp(inplace=True), "exp: expected x, but got an argument 'inplace'"),
    (lambda: mg.exp(x, other=y), "exp: expected x, but got an argument 'other'"),
    (lambda: mg.add(x, input=y), "add: expected x1, x2, but got an argument 'input'"),
    (lambda: mg.add(x, y, alpha=2), "add: expected x1, x2, but got an argument 'alpha'"),
    (lambda: mg.add(x), "add: expected x1, x2, but the number of arguments is 1"),
    (lambda: mg.add(other=x), "add: expected x1, x2, but the number of arguments is 1"),
    (lambda: mg.add(x, y, x), "add: expected x1, x2, but the number of arguments is 3"),
    (lambda: mg.exp(), "exp: expected x, but the number of arguments is 0"),
])  # fmt: skip
def test_a_call_that_does_not_fit_says_what_does(call, message):
    with pytest.raises(mg.ArgumentError, match=message):
        call()
    with pytest.raises(TypeError):
        call()


def test_what_is_no_tensor_is_told_as_before():
    with pytest.raises(mg.DTypeError, match="add: expected a tensor, an array or a number, but got builtins.str"):
        mg.add(x, "y")


@pytest.mark.parametrize("what", ["foo", 3, "gpu", object])
def test_moving_to_what_is_neither_device_nor_type_is_refused(what):
    for movable in (x, mg.nn.Linear(2, 1)):
        with pytest.raises(mg.DTypeError, match='expected a device such as "cpu" or "cuda:0", or a data type'):
            movable.to(what) if what is not object else movable.to(dtype="nothing")


def test_a_type_may_be_given_by_any_of_its_names():
    for name in ("float64", np.float64, mg.float64, float):
        assert x.to(name).dtype == mg.Tensor.to(x, dtype=name).dtype == np.float64
