"""Sweeps that stop half-way, that go to some leaves only, and that run in several threads."""

import enum
import threading

import numpy as np
import pytest

import minigan as mg


def test_a_backward_may_go_on_where_a_grad_stopped():
    x = mg.tensor([0.5], dtype=mg.float64, requires_grad=True)
    h = mg.tanh(x)
    (gh,) = mg.grad((h * h).sum(), h)
    h.backward(gh)
    np.testing.assert_allclose(x.grad, 2 * np.tanh(0.5) * (1 - np.tanh(0.5) ** 2), rtol=1e-14)


def test_backward_into_inputs_refuses_results_and_nothing():
    x = mg.ones(2, requires_grad=True)
    h = x * 2
    for inputs in (h, []):
        with pytest.raises(mg.GraphError, match="backward: expected inputs to be leaves that require a gradient"):
            (h * h).sum().backward(inputs=inputs)


def test_a_retained_gradient_is_a_copy():
    h = mg.ones(2, requires_grad=True) * 2
    h.retain_grad()
    seed = mg.ones(2)
    h.backward(seed)
    h.grad[:] = 5
    assert seed.tolist() == [1.0, 1.0]


def test_each_thread_records_for_itself():
    entered, leave = threading.Event(), threading.Event()

    def other():
        with mg.no_grad():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait(10)
    assert (mg.ones(1, requires_grad=True) * 2).requires_grad
    leave.set()
    thread.join()
    assert (mg.ones(1, requires_grad=True) * 2).requires_grad


def test_numbers_of_a_subclass_are_numbers():
    class Two(enum.IntEnum):
        TWO = 2

    assert (mg.ones(1) * Two.TWO).tolist() == [2.0]
    with pytest.raises(mg.DTypeError, match="got builtins.NoneType"):
        mg.ones(1) + None
