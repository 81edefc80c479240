"""The memory of a result is never written to, under whatever name it is reached."""

import numpy as np
import pytest

import minigan as mg


@pytest.mark.parametrize("alias", [lambda y: y.detach(), lambda y: y[:1], lambda y: y.detach().reshape(1, 2)])
def test_the_memory_of_a_result_cannot_be_changed_under_another_name(alias):
    x = mg.tensor([0.5, 1.0], requires_grad=True)
    y = mg.exp(x)
    with mg.no_grad():
        shown = alias(y)
        with pytest.raises(mg.GraphError, match="the tape follows"):
            shown += 10
        with pytest.raises(mg.GraphError, match="the tape follows"):
            shown[0] = 10.0
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.exp([0.5, 1.0]), rtol=1e-6)


def test_a_copy_of_a_result_can_be_changed():
    y = mg.tensor([1.0], requires_grad=True) * 2
    copied = mg.tensor(y.detach())
    copied += 1
    assert copied.item() == 3.0
    assert y.item() == 2.0


@pytest.mark.parametrize("change", [lambda t, w: t.__iadd__(w * 3), lambda t, w: t.__setitem__(0, w[0] * 2)])
def test_what_requires_a_gradient_cannot_be_written_into_a_constant(change):
    t, w = mg.zeros(2), mg.ones(2, requires_grad=True)
    with pytest.raises(mg.GraphError, match="the tape follows"):
        change(t, w)
    with mg.no_grad():
        change(t, w)


def test_an_index_is_remembered_as_it_was():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    index = np.array([0, 1])
    y = x[index]
    index[0] = 2
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]


def test_a_change_of_memory_that_another_library_made_is_noticed():
    x = mg.as_tensor(np.frombuffer(bytearray(np.ones(4, np.float32)), np.float32)).requires_grad_()
    y = (x.reshape(2, 2) ** 2).sum()
    with mg.no_grad():
        x -= 1
    with pytest.raises(mg.StaleGraphError):
        y.backward()


def test_whole_numbers_cannot_take_in_fractions():
    x = mg.tensor([1, 2])
    with pytest.raises(mg.DTypeError, match=r"x \+= y: the result is float32, which an x of int64 cannot hold"):
        x += 0.5
    with pytest.raises(mg.RangeError, match="integers have no integer power -1"):
        x**-1
