"""What cannot be captured raises at the recording: it names the line of the function, and says what to do."""

import collections
import copy
import random
import re

import numpy as np
import pytest
from captured_pairs import programs

import minigan as mg
from minigan import nn

F = nn.functional
W = nn.Parameter(mg.ones(2))
TABLE = nn.Parameter(mg.ones(3, 2))


def branch(x):
    return x * 2 if x.sum() > 0 else x


def loop(x):
    while x.sum() < 100:
        x = x * 2
    return x


def compare(x):
    return x * max(x.sum(), x.mean())


def read_gradient(x):
    (W * x).sum().backward()
    return x * W.grad.sum()


def cumulative(x):
    norm = nn.BatchNorm1d(2, momentum=None)
    return norm(mg.stack([x, x * 2]))


def mask(x):
    return x[x > 0]


def set_by_mask(x):
    y = x * 1
    y[x > 0] = 0.0
    return y


def diverged(x):
    (W * x).sum().backward()
    return nn.utils.clip_grad_norm_([W], 1.0, error_if_nonfinite=True)


def profiled(x):
    with mg.profile():
        return x * 2


def checked(x):
    with mg.detect_anomaly():
        return x * 2


def new_optimizer(x):
    mg.optim.SGD([nn.Parameter(mg.ones(2))])
    return x


def change_the_argument(x):
    x += 1
    return x


def write_to_the_argument(x):
    x[0] = 1.0
    return x


def copy_into_the_argument(x):
    x.data = x * 2
    return x


def leave_a_gradient(x):
    x.requires_grad_()
    (x * x).sum().backward()
    return x


TOTAL = mg.zeros(2)


def bind_a_name_of_the_module(x):
    global TOTAL
    TOTAL = TOTAL + x
    return TOTAL


def bind_a_name_of_the_function_around():
    total = mg.zeros(2)

    def function(x):
        nonlocal total
        total = total + x
        return total

    return function


class Sum:
    def __init__(self):
        self.total, self.last = mg.zeros(2), mg.zeros(2)

    def add(self, x):
        self.total = self.total + x
        return self.total

    def keep(self, x):
        self.last = x * 2
        return self.last


def generator(x):
    return x * mg.tensor(np.random.default_rng(0).standard_normal(2))


REFUSED = {
    "item": (lambda x: x * x.sum().item(), "the value of a tensor.*look at it outside"),
    "float": (lambda x: x * float(x.sum()), "the value of a tensor.*look at it outside"),
    "int": (lambda x: x * int(x.sum()), "the value of a tensor.*look at it outside"),
    "bool": (lambda x: x * bool(x.sum()), "the value of a tensor.*look at it outside"),
    "index": (lambda x: x[mg.tensor([1])[0].__index__()], "the value of a tensor.*look at it outside"),
    "range": (lambda x: [x for _ in range(mg.tensor(2))], "the value of a tensor.*look at it outside"),
    "if": (branch, "the value of a tensor.*look at it outside"),
    "while": (loop, "the value of a tensor.*look at it outside"),
    "max": (compare, "the value of a tensor.*look at it outside"),
    "tolist": (lambda x: x * x.tolist()[0], "the values of a tensor.*look at it outside"),
    "numpy": (lambda x: x * x.numpy()[0], "the array of a tensor.*look at it outside"),
    "np.asarray": (lambda x: x * np.asarray(x)[0], "the array of a tensor.*look at it outside"),
    "a function of NumPy's": (lambda x: x * np.exp(np.array(x))[0], "the array of a tensor.*look at it outside"),
    "data": (lambda x: x * x.data[0], r"\.data of a tensor.*Compute with tensors"),
    "the data of a parameter": (lambda x: x * W.data[0], r"\.data of a tensor.*Compute with tensors"),
    "grad": (read_gradient, r"\.grad of a tensor.*mg\.grad"),
    "print": (lambda x: print(x) or x, "a tensor that is printed.*outside"),
    "format": (lambda x: f"{x}" and x, "a tensor that is printed.*outside"),
    "DLPack": (lambda x: np.from_dlpack(x) is None or x, "another library.*outside"),
    "a list of tensors": (lambda x: mg.tensor([x[0], x[1]]), r"list of tensors.*mg\.stack"),
    "a nested list of tensors": (lambda x: mg.tensor([[x[0]], [x[1]]]), "tensor.*outside"),
    "full": (lambda x: mg.full((2,), x[0]), "the value of a tensor.*look at it outside"),
    "a state dict": (lambda x: x * W.numel() * len(nn.Linear(1, 1).state_dict()), "values to the host.*outside"),
    "orthogonal": (lambda x: nn.init.orthogonal_(mg.zeros(2, 2)) @ x, "values to the host.*outside"),
    "one_hot": (lambda x: F.one_hot(mg.argmax(x)), "shape depends.*num_classes"),
    "mask": (mask, "mask.*mg.where"),
    "set by mask": (set_by_mask, "mask.*mg.where"),
    "np.random": (lambda x: x * np.random.randn(), r"global generator.*mg\.randn"),  # noqa: NPY002
    "np.random.shuffle": (lambda x: np.random.shuffle([1, 2, 3]) or x, r"global generator.*mg\.randn"),  # noqa: NPY002
    "random": (lambda x: x * random.random(), r"global generator.*mg\.randn"),
    "a generator of its own": (generator, "NumPy array.*argument"),
    "an array as an operand": (lambda x: x * np.ones(2, np.float32), "NumPy array.*argument"),
    "an array as a tensor": (lambda x: x * mg.as_tensor(np.ones(2, np.float32)), "NumPy array.*argument"),
    "an array as a gradient": (lambda x: mg.grad(W * x, W, np.ones(2, np.float32)), "NumPy array.*argument"),
    "an array as data": (lambda x: setattr(W, "data", np.ones(2, np.float32)) or x, "NumPy array.*argument"),
    "cumulative average": (cumulative, "the value of a tensor.*look at it outside"),
    "error_if_nonfinite": (diverged, "the value of a tensor.*look at it outside"),
    "profile": (profiled, "observer.*around the call"),
    "detect_anomaly": (checked, "observer.*around the call"),
    "a new optimizer": (new_optimizer, "optimizer.*outside"),
    "a name of the module": (bind_a_name_of_the_module, r"name TOTAL.*TOTAL\[\.\.\.\] = new"),
    "a name of a function": (bind_a_name_of_the_function_around(), "name total.*then replaced by another"),
    "an attribute": (Sum().add, r"name self\.total.*then replaced by another"),
    "argument += 1": (change_the_argument, "argument that is changed in place.*Change a copy"),
    "argument[0] = 1": (write_to_the_argument, "argument that is changed in place.*Change a copy"),
    "argument.data = y": (copy_into_the_argument, "argument that is changed in place.*Change a copy"),
    "gradient of an argument": (leave_a_gradient, r"gradient.*argument.*x\.detach\(\)"),
}


@pytest.mark.parametrize(("function", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_captured_raises_at_the_second_call(function, words, capsys):
    step = mg.capture(function)
    W.grad = None
    step(mg.ones(2))
    with pytest.raises(mg.CaptureError, match=f"(?s){words}") as raised:
        step(mg.ones(2))
    assert str(raised.value).startswith("capture: found ")
    assert re.search(r"in line \d+ of .*test_capture_errors\.py \(.+\)\. ", str(raised.value))
    assert programs(step) == 0


@pytest.mark.parametrize(("function", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_it_raises_again_and_leaves_minigan_usable(function, words):
    step = mg.capture(function)
    W.grad = None
    step(mg.ones(2))
    for _ in range(3):
        with pytest.raises(mg.CaptureError):
            step(mg.ones(2))
    x = mg.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert x.data.tolist() == x.detach().numpy().tolist() == [1.0, 1.0]
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    other = mg.capture(lambda x: x * 2)
    assert [other(mg.ones(1)).item() for _ in range(3)] == [2.0] * 3


def test_the_line_is_that_of_the_function():
    def step(x):
        y = x * 2
        return y * y.sum().item()

    captured = mg.capture(step)
    captured(mg.ones(2))
    line = step.__code__.co_firstlineno + 2
    with pytest.raises(mg.CaptureError, match=rf"in line {line} of .*\(return y \* y\.sum\(\)\.item\(\)\)"):
        captured(mg.ones(2))


class Scale(nn.Module):
    def forward(self, x):
        return x * x.mean().item()


def test_the_line_may_be_in_a_module_of_the_user():
    net = nn.Sequential(nn.Linear(2, 2), Scale())
    step = mg.capture(lambda x: net(x))
    step(mg.ones(1, 2))
    with pytest.raises(mg.CaptureError, match=r"\(return x \* x\.mean\(\)\.item\(\)\)"):
        step(mg.ones(1, 2))


RETURNED = {
    "a number": (lambda x: 1.5, "1.5, a float.*Return the tensor itself"),
    "a truth": (lambda x: {"done": True}, "True, a bool.*Return the tensor itself"),
    "text": (lambda x: ["loss", x], "'loss', a str.*Return the tensor itself"),
    "an array": (lambda x: np.ones(2), "an array.*Return the tensor"),
    "a number among tensors": (lambda x: (x, [x, {"a": 3}]), "3, a int.*Return the tensor itself"),
    "a generator": (lambda x: (y for y in [x]), "a generator.*Return the tensor itself"),
}


@pytest.mark.parametrize(("function", "words"), RETURNED.values(), ids=RETURNED.keys())
def test_what_is_no_tensor_is_no_result_from_the_first_call_on(function, words):
    step = mg.capture(function)
    for _ in range(3):
        with pytest.raises(mg.CaptureError, match=f"expected the function to return tensors, but got {words}"):
            step(mg.ones(2))


def test_a_name_that_is_only_bound_shows_what_the_last_call_gave():
    keeper = Sum()
    step = mg.capture(keeper.keep)
    for i in range(5):
        step(mg.full((2,), i))
        assert keeper.last.tolist() == [2.0 * i, 2.0 * i]


def test_a_moment_that_an_optimizer_would_make_in_the_second_call():
    w = nn.Parameter(mg.ones(2))
    optimizer = mg.optim.SGD([w], lr=0.1)

    def function(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return x

    step = mg.capture(function)
    step(mg.ones(2))
    optimizer.param_groups[0]["momentum"] = 0.9
    with pytest.raises(mg.CaptureError, match="moment that an optimizer makes anew.*before the first"):
        step(mg.ones(2))


def test_an_argument_that_cannot_be_compared():
    step = mg.capture(lambda x, names: x)
    for _ in range(2):
        with pytest.raises(mg.CaptureError, match=r"but got a set\. Pass a tuple"):
            step(mg.ones(2), {"a"})


def test_an_argument_on_the_tape():
    w = nn.Parameter(mg.ones(2))
    step = mg.capture(lambda x: (x * x).sum())
    with pytest.raises(mg.CaptureError, match=r"off the tape.*\(2,\).*Pass x\.detach\(\)"):
        step(w * 2)
    with mg.no_grad():
        assert step(w * 2).item() == 8.0


def test_an_index_out_of_range_is_found_by_a_replay_too():
    table = nn.Embedding(4, 3)
    functions = {
        "embedding": lambda x, i: table(i),
        "gather": lambda x, i: mg.gather(x, 1, i.reshape(3, 1)),
        "cross entropy": lambda x, i: F.cross_entropy(x, i),
        "one_hot": lambda x, i: F.one_hot(i, 4),
    }
    for name, function in functions.items():
        step = mg.capture(function)
        x, good = mg.ones(3, 4), mg.tensor([0, 3, 1])
        for _ in range(3):
            step(x, good)
        for bad in (4, -1, -5):
            with pytest.raises(mg.IndexRangeError, match=f"{bad}"):
                step(x, mg.tensor([0, bad, 1]))
        assert step(x, good).shape[0:1] == function(x, good).shape[0:1], name


def test_an_index_made_by_the_function_is_looked_at_in_a_replay_too():
    table = nn.Embedding(4, 3)
    step = mg.capture(lambda x: table((x * 2).to(dtype=mg.int64)))
    for _ in range(3):
        step(mg.tensor([0.0, 1.0]))
    with pytest.raises(mg.IndexRangeError, match="from 0 to 3, but got 10"):
        step(mg.tensor([0.0, 5.0]))


def test_a_probability_out_of_range_is_found_by_a_replay_too():
    step = mg.capture(lambda x, y: F.binary_cross_entropy(x * 1.0, y))
    for _ in range(3):
        step(mg.tensor([0.5, 0.25]), mg.tensor([0.0, 1.0]))
    with pytest.raises(mg.RangeError, match=r"probabilities in \[0, 1\], but found values from 0.5 to 1.5"):
        step(mg.tensor([0.5, 1.5]), mg.tensor([0.0, 1.0]))


def test_a_replay_that_raises_leaves_the_function_usable():
    table = nn.Embedding(4, 3)
    step = mg.capture(lambda i: table(i).sum(1))
    good = mg.tensor([0, 3])
    expected = [step(good).tolist() for _ in range(3)][-1]
    with pytest.raises(mg.IndexRangeError):
        step(mg.tensor([0, 9]))
    assert step(good).tolist() == expected


def test_a_copy_of_a_module_inside_of_the_function_is_a_copy_each_time():
    net = nn.Linear(2, 2)
    step = mg.capture(lambda x: copy.deepcopy(net)(x))
    for i in range(5):
        with mg.no_grad():
            net.weight.data = mg.full((2, 2), float(i))
        x = mg.ones(1, 2)
        assert step(x).tolist() == net(x).tolist()


@pytest.mark.parametrize("what", [3, None, "step"])
def test_what_is_no_function(what):
    with pytest.raises(mg.CaptureError, match="expected a function, but got a "):
        mg.capture(what)


def test_a_method_that_is_captured_in_its_class():
    class Model:
        @mg.capture
        def step(self, x):
            return x

    with pytest.raises(mg.CaptureError, match=r"step, a method of Model.*self\.step = mg\.capture\(self\.step\)"):
        Model().step(mg.ones(1))
    assert Model.step.program is None


def test_a_dictionary_stays_of_its_kind():
    step = mg.capture(lambda parts: collections.defaultdict(list, y=parts["x"] * 2))
    given = collections.defaultdict(list, x=mg.ones(1))
    for _ in range(3):
        found = step(given)
        assert (type(found), found["y"].tolist(), found["z"]) == (collections.defaultdict, [2.0], [])


def test_a_result_of_a_class_of_ones_own():
    class Pair:
        def __init__(self, x):
            self.x = x

    step = mg.capture(Pair)
    with pytest.raises(mg.CaptureError, match="expected the function to return tensors, but got a Pair: "):
        step(mg.ones(1))
