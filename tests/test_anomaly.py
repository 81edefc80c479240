"""`mg.detect_anomaly`: the first operation that makes a NaN or an infinity is named, with layer, step and line."""

import re
import threading

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.observers.observer import observers


@pytest.fixture(autouse=True)
def no_observer_stays():
    yield
    assert observers == []


def error_of(program):
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError) as caught:
        program()
    return str(caught.value)


def leaf(*values):
    return mg.tensor(list(values), requires_grad=True)


class Log(nn.Module):
    def forward(self, x):
        return mg.log(x)


# ---- forward ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("program", "op", "what"), [
    (lambda: mg.log(mg.zeros(2)), "log", "infinity"),
    (lambda: mg.log(-mg.ones(2)), "log", "NaN"),
    (lambda: mg.ones(2) / 0, "div", "infinity"),
    (lambda: mg.zeros(2) / mg.zeros(2), "div", "NaN"),
    (lambda: mg.exp(mg.full((2,), 1000.0)), "exp", "infinity"),
    (lambda: mg.full((2,), 1e38) * 10, "mul", "infinity"),
    (lambda: mg.full((2, 2), 1e30) @ mg.full((2, 2), 1e30), "matmul", "infinity"),
    (lambda: mg.tensor([float("inf")]) - mg.tensor([float("inf")]), "sub", "NaN"),
    (lambda: mg.sqrt(mg.exp(mg.log(mg.zeros(3)))), "log", "infinity"),
])  # fmt: skip
def test_the_first_operation_is_named_and_what_it_made(program, op, what):
    assert error_of(program).startswith(f"{op} made the first {what}, of arguments of shape ")


@pytest.mark.parametrize("program", [
    lambda: mg.tensor([float("inf")]) * 2,
    lambda: mg.tensor([float("nan"), 1.0]) + 1,
    lambda: mg.where(mg.tensor([True, False]), mg.ones(2), float("-inf")),
    lambda: mg.exp(mg.where(mg.tensor([True, False]), mg.ones(2), float("-inf"))).sum(),
    lambda: mg.ones(2) * float("inf"),
    lambda: mg.clamp(mg.ones(2), max=float("inf")),
    lambda: mg.arange(3) + 1,
])  # fmt: skip
def test_what_was_given_is_no_anomaly(program):
    with mg.detect_anomaly():
        program()


def test_the_line_is_the_users_also_from_inside_the_library():
    net = nn.Sequential(nn.Linear(2, 3), Log())

    def program():
        return net(mg.full((1, 2), 1e38) * 1)

    net[0].weight.data = np.full((3, 2), 1e20)
    message = error_of(program)
    assert message.startswith("linear made the first infinity, of arguments of shape (1, 2), (3, 2), (3,), in a result")
    assert re.search(rf'File "{re.escape(__file__)}", line \d+, in program\n    return net\(mg\.full', message)


def test_the_layer_is_named_as_the_caller_calls_it_and_with_the_step():
    D = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), Log()))
    mg.set_step(12)
    D[0].bias.data = -mg.ones(3) * 9
    assert "\nLayer D.1.1, Log(). Step 12. Its forward ran in\n" in error_of(lambda: D(mg.zeros(1, 2)))


class Game:
    def __init__(self):
        self.critic = nn.Sequential(Log())

    def play(self):
        return self.critic(mg.zeros(1))

    def loop(self):
        return [net(mg.zeros(1)) for net in (self.critic,)]


def test_a_layer_that_is_an_attribute_or_has_no_name_is_named_too():
    assert "Layer critic.0, Log()." in error_of(Game().play)
    assert "Layer net.0, Log()." in error_of(Game().loop)
    assert "Layer Sequential.0, Log()." in error_of(lambda: nn.Sequential(Log())(mg.zeros(1)))


def test_an_operation_outside_any_layer_names_none():
    assert "\nStep 0. Its forward ran in\n" in error_of(lambda: mg.log(mg.zeros(1)))


def test_a_functional_call_in_a_users_module_shows_the_line_of_its_forward():
    assert re.search(r"in forward\n    return mg\.log\(x\)", error_of(lambda: Log()(mg.zeros(1))))


# ---- backward --------------------------------------------------------------------------------------------


def test_backward_names_the_operation_the_argument_and_the_line_of_its_forward():
    def forward(x):
        root = mg.sqrt(x)
        return root.sum()

    message = error_of(lambda: forward(leaf(1.0, 0.0)).backward())
    assert message.startswith("Backward through sqrt made the first infinity, in the gradient of x, of shape (2,)")
    assert re.search(r"in forward\n    root = mg\.sqrt\(x\)", message)


def test_backward_names_the_layer_of_the_forward():
    class Root(nn.Module):
        def forward(self, x):
            return mg.sqrt(x)

    G = nn.Sequential(nn.ReLU(), Root())
    assert "Layer G.1, Root(). Step 0." in error_of(lambda: G(leaf(-1.0)).sum().backward())


def test_grad_is_watched_as_backward_is():
    x = leaf(0.0)
    assert "through pow_number" in error_of(lambda: mg.grad((x**0.5).sum(), x, create_graph=True))


def test_a_graph_made_before_has_no_line_to_show():
    y = mg.sqrt(leaf(0.0)).sum()
    assert "Its forward ran outside detect_anomaly" in error_of(y.backward)


def test_a_gradient_that_is_infinite_because_a_value_was_given_so_is_no_anomaly():
    x = leaf(1.0)
    with mg.detect_anomaly():
        (x * mg.tensor([float("inf")])).sum().backward()
    assert np.isinf(x.grad).all()


def test_what_a_vjp_masks_is_no_anomaly():
    x = leaf(0.0, 2.0)
    with mg.detect_anomaly():
        (x ** x.detach()).sum().backward()
        mg.grad((x ** mg.tensor([0.0, 3.0])).sum(), x, create_graph=True)


def test_a_second_derivative_shows_the_line_that_took_the_first():
    x = leaf(0.0)

    def program():
        (gx,) = mg.grad(((x + 0) ** 1.5).sum(), x, create_graph=True)
        gx.sum().backward()

    assert re.search(r"in program\n    \(gx,\) = mg\.grad", error_of(program))


# ---- on and off ------------------------------------------------------------------------------------------


def test_it_is_over_after_the_block_also_after_an_error():
    error_of(lambda: mg.log(mg.zeros(1)))
    with np.errstate(divide="ignore"):
        assert np.isinf(mg.log(mg.zeros(1)).data).all()
    assert mg.exp(leaf(1.0)).node.notes is None


def test_it_is_a_decorator_too_and_nests():
    @mg.detect_anomaly()
    def program():
        with mg.detect_anomaly():
            pass
        return mg.log(mg.zeros(1))

    for _ in range(2):
        with pytest.raises(mg.AnomalyError):
            program()
    assert np.geterr()["divide"] == "warn"


def test_it_watches_its_own_thread_alone():
    seen = []

    def elsewhere():
        with np.errstate(all="ignore"):
            seen.append(mg.log(mg.zeros(1)).item())

    with mg.detect_anomaly():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert seen == [-np.inf]


def test_the_error_is_the_builtin_one_would_expect():
    with mg.detect_anomaly(), pytest.raises(FloatingPointError):
        mg.log(mg.zeros(1))


def test_results_are_the_same_inside():
    def gradients():
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        mg.manual_seed(3)
        for p in net.parameters():
            p.data = mg.randn(*p.shape)
        net(mg.randn(5, 3)).sum().backward()
        return [p.grad for p in net.parameters()]

    plain = gradients()
    with mg.detect_anomaly():
        watched = gradients()
    assert all((a == b).all() for a, b in zip(plain, watched, strict=True))
