"""SGD and Adam are PyTorch's, step by step, whatever is done to the parameters in between."""

import copy
import itertools
import pickle

import numpy as np
import pytest

import minigan as mg
from minigan.nn import Parameter
from minigan.optim import SGD, Adam

torch_test = pytest.mark.torch
SHAPES = [(3, 4), (), (0, 2), (5,), (17,)]


def values(shapes=SHAPES, seed=0):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape)) for shape in shapes]


def loss(parameters, step, used):
    """A function with another curvature in each step; parameters that are not used get no gradient."""
    return sum(((p * p).sum() * (0.3 + i) + p.sum() * (step % 3 - 1.0)) for i, p in enumerate(parameters) if used(i))


def always(step, i):
    return True


def now_and_then(step, i):
    """The first always, the second from step 5 on, the third never, others every so often."""
    return (True, step >= 5, False, step % 2 == 0, step % 3 == 0)[i]


class Twins:
    """The same parameters here and in PyTorch, under optimizers of the same settings."""

    def __init__(self, torch, name, settings, groups=None):
        self.torch = torch
        self.ours = [Parameter(mg.tensor(x)) for x in values()]
        self.theirs = [torch.nn.Parameter(torch.tensor(x)) for x in values()]
        groups = groups or [{"params": range(len(SHAPES))}]
        self.optimizer = getattr(mg.optim, name)(self.pick(groups, self.ours), **settings)
        self.reference = getattr(torch.optim, name)(self.pick(groups, self.theirs), **settings)

    def pick(self, groups, parameters):
        return [{**group, "params": [parameters[i] for i in group["params"]]} for group in groups]

    def step(self, step, used=always):
        for parameters, optimizer in ((self.ours, self.optimizer), (self.theirs, self.reference)):
            optimizer.zero_grad()
            loss(parameters, step, lambda i: used(step, i)).backward()
            optimizer.step()

    def check(self):
        for found, expected in zip(self.ours, self.theirs, strict=True):
            assert found.dtype == np.float64
            np.testing.assert_allclose(found.data, expected.numpy(force=True), rtol=1e-9, atol=1e-9)

    def run(self, steps, used=always):
        for step in steps:
            self.step(step, used)
            self.check()


def options(**choices):
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


SETTINGS = [
    ("SGD", {}),
    *[("SGD", s) for s in options(lr=[0.05], momentum=[0.0, 0.9], dampening=[0.0, 0.3], weight_decay=[0, 0.1])],
    *[("SGD", s) for s in options(lr=[0.05], momentum=[0.8], weight_decay=[0, 0.1], nesterov=[True])],
    ("Adam", {}),
    *[("Adam", s) for s in options(lr=[0.05], betas=[(0.5, 0.999), (0.0, 0.9), (0.9, 0.0)], weight_decay=[0, 0.1])],
    *[("Adam", s) for s in options(lr=[0.05, 0], eps=[0.1, 1e-8])],
]
every_setting = pytest.mark.parametrize(("name", "settings"), SETTINGS)
each_kind = pytest.mark.parametrize(
    ("name", "settings"), [("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.2}), ("Adam", {"lr": 0.05})]
)


# ---- PyTorch, number for number --------------------------------------------------------------------------


@torch_test
@pytest.mark.parametrize("used", [always, now_and_then])
@every_setting
def test_twenty_steps_are_pytorchs(torch, name, settings, used):
    Twins(torch, name, settings).run(range(20), used)


@torch_test
@each_kind
def test_groups_have_settings_of_their_own(torch, name, settings):
    groups = [{"params": [0, 3], "lr": 0.2}, {"params": [1], "weight_decay": 0.3}, {"params": [2, 4], "lr": 0}]
    twins = Twins(torch, name, settings, groups)
    assert [group["lr"] for group in twins.optimizer.param_groups] == [0.2, 0.05, 0]
    twins.run(range(20), now_and_then)


@torch_test
@each_kind
def test_settings_may_change_between_steps(torch, name, settings):
    twins = Twins(torch, name, settings)
    for step in range(20):
        for optimizer in (twins.optimizer, twins.reference):
            optimizer.param_groups[0]["lr"] = 0.05 / (step + 1)
            optimizer.param_groups[0]["weight_decay"] = 0.1 * (step % 2)
        twins.run([step])


@torch_test
def test_momentum_may_be_switched_on_later(torch):
    twins = Twins(torch, "SGD", {"lr": 0.05})
    twins.run(range(3), now_and_then)
    for optimizer in (twins.optimizer, twins.reference):
        optimizer.param_groups[0]["momentum"] = 0.9
    twins.run(range(3, 8), now_and_then)


@torch_test
@pytest.mark.parametrize("before", [0.0, 0.9])
def test_momentum_begins_with_a_whole_gradient_however_late_it_is_switched_on(torch, before):
    twins = Twins(torch, "SGD", {"lr": 0.05, "momentum": before, "dampening": 0.5})
    for step in range(12):
        for optimizer in (twins.optimizer, twins.reference):
            optimizer.param_groups[0]["momentum"] = before if step < 3 else 0.0 if 6 <= step < 8 else 0.9
        twins.step(step, now_and_then)
        for found, expected in zip(twins.ours, twins.theirs, strict=True):
            np.testing.assert_allclose(found.data, expected.numpy(force=True), rtol=1e-12, atol=1e-12)


@torch_test
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_has_the_state_of_pytorchs(torch, momentum):
    twins = Twins(torch, "SGD", {"lr": 0.05, "momentum": momentum})
    twins.run(range(3), now_and_then)
    found, expected = twins.optimizer.state_dict()["state"], twins.reference.state_dict()["state"]
    assert found.keys() == expected.keys()
    for i, state in expected.items():
        np.testing.assert_allclose(found[i]["momentum_buffer"], state["momentum_buffer"].numpy(), rtol=1e-12)


@torch_test
@each_kind
def test_gradients_may_add_up_over_several_backwards(torch, name, settings):
    twins = Twins(torch, name, settings)
    for step in range(5):
        for parameters, optimizer in ((twins.ours, twins.optimizer), (twins.theirs, twins.reference)):
            if step % 2:
                optimizer.zero_grad()
            for part in range(2):
                loss(parameters, step + part, lambda i: True).backward()
            optimizer.step()
        twins.check()


@torch_test
@each_kind
def test_the_state_of_pytorchs_optimizer_is_taken_over(torch, name, settings):
    twins = Twins(torch, name, settings)
    twins.run(range(6), now_and_then)
    fresh = [Parameter(mg.tensor(p.numpy(force=True))) for p in twins.theirs]
    optimizer = getattr(mg.optim, name)(fresh, lr=0.7)
    optimizer.load_state_dict(twins.reference.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.05
    twins.ours, twins.optimizer = fresh, optimizer
    twins.run(range(6, 20), now_and_then)


# ---- state -----------------------------------------------------------------------------------------------


def train(parameters, optimizer, steps, used=always):
    for step in steps:
        optimizer.zero_grad()
        loss(parameters, step, lambda i, step=step: used(step, i)).backward()
        optimizer.step()


@every_setting
def test_a_state_dict_brings_back_the_very_same_steps(name, settings):
    ours = [Parameter(mg.tensor(x)) for x in values()]
    groups = [{"params": ours[:2], "lr": 0.01}, {"params": ours[2:]}]
    optimizer = getattr(mg.optim, name)(groups, **settings)
    train(ours, optimizer, range(5), now_and_then)
    state = optimizer.state_dict()
    copies = [Parameter(mg.tensor(p.data)) for p in ours]
    other = getattr(mg.optim, name)([{"params": copies[:2]}, {"params": copies[2:]}])
    other.load_state_dict(state)
    train(ours, optimizer, range(5, 9), now_and_then)  # must not reach into the state
    train(copies, other, range(5, 9), now_and_then)
    assert all(np.array_equal(a.data, b.data) for a, b in zip(ours, copies, strict=True))


def test_a_state_dict_has_pytorchs_layout_and_holds_copies():
    w, unused = Parameter(mg.ones(2)), Parameter(mg.ones(3))
    optimizer = Adam([w, unused], lr=0.5)
    train([w], optimizer, range(2))
    state = optimizer.state_dict()
    assert sorted(state) == ["param_groups", "state"]
    assert list(state["state"]) == [0]
    assert sorted(state["state"][0]) == ["exp_avg", "exp_avg_sq", "step"]
    assert state["state"][0]["step"] == 2
    assert state["param_groups"] == [
        {"lr": 0.5, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "params": [0, 1]}
    ]
    before = state["state"][0]["exp_avg"].copy()
    train([w], optimizer, range(1))
    assert np.array_equal(state["state"][0]["exp_avg"], before)


def test_a_state_dict_survives_a_file(tmp_path):
    ours = [Parameter(mg.tensor(x)) for x in values()]
    optimizer = Adam(ours)
    train(ours, optimizer, range(3))
    mg.save(optimizer.state_dict(), tmp_path / "state.safetensors")
    other = Adam([Parameter(mg.tensor(p.data)) for p in ours], lr=1.0)
    other.load_state_dict(mg.load(tmp_path / "state.safetensors"))
    for i, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            assert np.array_equal(other.state_dict()["state"][i][key], value)
    assert other.param_groups[0]["betas"] == (0.9, 0.999)


def pickled(pair):
    return pickle.loads(pickle.dumps(pair))


@each_kind
@pytest.mark.parametrize("duplicate", [pickled, copy.deepcopy])
@pytest.mark.parametrize("moved", [False, True], ids=["", "moved"])
def test_a_copy_of_network_and_optimizer_trains_as_the_original_and_apart_from_it(name, settings, duplicate, moved):
    net = mg.nn.Sequential(mg.nn.Linear(3, 2), mg.nn.Linear(2, 1))
    optimizer = getattr(mg.optim, name)(net.parameters(), **settings)

    def step(net, optimizer, i):
        optimizer.zero_grad()
        loss(list(net.parameters()), i, lambda _: True).backward()
        optimizer.step()

    for i in range(3):
        step(net, optimizer, i)
    if moved:
        net[1].double()  # the optimizer follows at its next step
    other, copied = duplicate((net, optimizer))
    before = other.state_dict()
    for i in range(3, 6):
        step(net, optimizer, i)
    assert all(np.array_equal(value, before[name]) for name, value in other.state_dict().items())
    for i in range(3, 6):
        step(other, copied, i)
    for name, value in net.state_dict().items():
        assert not np.array_equal(value, before[name])
        assert np.array_equal(other.state_dict()[name], value)
        assert other.state_dict()[name].dtype == value.dtype


def test_gradients_survive_pickle():
    net = mg.nn.Linear(2, 1)
    optimizer = SGD(net.parameters(), lr=0.1)
    net(mg.ones(1, 2)).sum().backward()
    other, copied = pickled((net, optimizer))
    copied.step()
    optimizer.step()
    assert np.array_equal(other.weight.data, net.weight.data)


LAYER_STATE = mg.nn.Linear(1, 1).state_dict()
UNFIT = {
    "two parameters": (lambda: trained([(2,), (2,)]), r"Adam: expected parameter groups of sizes \[1\].* has \[2\]"),
    "another shape": (lambda: trained([(3,)]), r"exp_avg of parameter 0 of shape \(2,\), .* has \(3,\)"),
    "a network's": (lambda: LAYER_STATE, "Adam: expected a state dict with 'state' and 'param_groups', .*'weight'"),
    "a number too high": (lambda: {**trained([(2,)]), "state": {1: {}}}, "Adam: .* has a state of parameter 1"),
    "no dictionary": (lambda: 3, "Adam: expected a state dict with 'state' and 'param_groups', .* has int"),
    "groups that are none": (lambda: {"state": {}, "param_groups": 3}, r"parameter groups of sizes \[1\].* has \[3\]"),
    "a step in words": (lambda: changed(step="x"), "Adam: expected step of parameter 0 to be numbers"),
    "half a step": (lambda: changed(step=1.5), "step of parameter 0 to be a whole number of at least 1, but got 1.5"),
    "endless steps": (lambda: changed(step=float("inf")), "whole number of at least 1, but got inf"),
    "a moment in words": (lambda: changed(exp_avg="xy"), "expected exp_avg of parameter 0 to be numbers"),
    "one moment of two": (lambda: changed(exp_avg_sq=None), "expected exp_avg_sq of parameter 0 to be numbers"),
    "lr": (lambda: set_to(lr=-1), "Adam: expected lr of at least 0, but got -1"),
    "lr in words": (lambda: set_to(lr="fast"), "Adam: expected lr of at least 0, but got 'fast'"),
    "betas": (lambda: set_to(betas="ab"), "Adam: expected two betas from 0 to below 1, but got 'ab'"),
}


def trained(shapes):
    parameters = [Parameter(mg.ones(shape)) for shape in shapes]
    optimizer = Adam(parameters, lr=0.5)
    train(parameters, optimizer, range(2))
    return optimizer.state_dict()


def changed(**values):
    state = trained([(2,)])
    state["state"][0].update(values)
    return state


def set_to(**values):
    state = trained([(2,)])
    state["param_groups"][0].update(values)
    return state


@torch_test
def test_a_state_in_bfloat16_is_refused_in_a_sentence(torch):
    theirs = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
    reference = torch.optim.Adam([theirs])
    theirs.grad = torch.ones_like(theirs)
    reference.step()
    with pytest.raises(mg.StateError, match=r"exp_avg of parameter 0 .* type torch.bfloat16. Convert it, .* float32"):
        Adam([Parameter(mg.ones(2))]).load_state_dict(reference.state_dict())


@torch_test
def test_a_learning_rate_that_is_a_tensor_is_loaded_as_its_number(torch):
    reference = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))], lr=torch.tensor(0.25))
    optimizer = Adam([Parameter(mg.ones(2))])
    optimizer.load_state_dict(reference.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize(("state", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(state, message):
    optimizer = Adam([Parameter(mg.ones(2))])
    optimizer.load_state_dict(trained([(2,)]))
    before = repr(optimizer.state_dict())
    with pytest.raises(mg.StateError, match=message) as error:
        optimizer.load_state_dict(state())
    assert "\n" not in str(error.value)
    assert repr(optimizer.state_dict()) == before


# ---- parameters that move --------------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("moment", ["between steps", "after backward"])
def test_another_type_keeps_parameters_moments_and_steps(name, settings, moment):
    """float32 numbers that are exact in both types take the same path as float64 ones from the start."""
    exact, moved = mg.nn.Linear(3, 2).double(), mg.nn.Linear(3, 2)
    moved.load_state_dict(exact.state_dict())
    optimizers = [getattr(mg.optim, name)(net.parameters(), **settings) for net in (exact, moved)]
    parameters = list(moved.parameters())
    for step in range(10):
        for net, optimizer in zip((exact, moved), optimizers, strict=True):
            optimizer.zero_grad()
            if step == 4 and moment == "between steps":
                net.double()
            loss(list(net.parameters()), step, lambda i: True).backward()
            if step == 4 and moment == "after backward":
                net.double()
            optimizer.step()
    assert all(p is q for p, q in zip(moved.parameters(), parameters, strict=True))
    for found, expected in zip(moved.parameters(), exact.parameters(), strict=True):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found.data, expected.data, rtol=1e-5, atol=1e-6)
        assert found.grad is not None


def test_a_state_loaded_after_a_change_of_type_keeps_its_precision():
    ours = [Parameter(mg.tensor(values()[0]))]
    source = Adam(ours)
    train(ours, source, range(3))
    layer = mg.nn.Linear(4, 3, bias=False)
    optimizer = Adam(layer.parameters())
    layer.double()
    optimizer.load_state_dict(source.state_dict())
    train(list(layer.parameters()), optimizer, range(0))
    assert np.array_equal(optimizer.state_dict()["state"][0]["exp_avg"], source.state_dict()["state"][0]["exp_avg"])


@torch_test
def test_two_optimizers_may_train_the_same_parameters(torch):
    twins = Twins(torch, "Adam", {"lr": 0.05})
    second = SGD(twins.ours[:4], lr=0.1, momentum=0.9)
    reference = torch.optim.SGD(twins.theirs[:4], lr=0.1, momentum=0.9)
    for step in range(8):
        twins.step(step)
        twins.check()
        second.step()  # with the same gradients
        reference.step()
        twins.check()


def test_parameters_of_two_types_may_share_a_group():
    pair = [Parameter(mg.ones(2)), Parameter(mg.ones(2, dtype=mg.float64)), Parameter(mg.ones(3))]
    optimizer = Adam(pair, lr=0.1)
    (pair[0].sum() + pair[2].sum()).backward()
    (pair[1] * 2.0).sum().backward()
    optimizer.step()
    for p in pair:
        np.testing.assert_allclose(p.data, 0.9, rtol=1e-6)
    assert [str(p.dtype) for p in pair] == ["float32", "float64", "float32"]


def test_a_step_makes_the_graph_of_the_forward_pass_stale():
    layer = mg.nn.Linear(2, 1)
    optimizer = SGD(layer.parameters(), lr=0.1)
    x = mg.ones(1, 2, requires_grad=True)
    y = layer(x)
    layer(x).sum().backward()
    optimizer.step()
    with pytest.raises(mg.StaleGraphError, match="weight"):
        y.backward()


# ---- bad settings ----------------------------------------------------------------------------------------

NAN = float("nan")
BAD = {
    "no parameters": (lambda w: SGD([]), "SGD: expected at least one parameter, but got none"),
    "spent iterator": (lambda w: Adam(iter([])), "Adam: expected at least one parameter, but got none"),
    "an array": (lambda w: SGD([np.ones(2)]), "SGD: expected leaf tensors as parameters, but got array"),
    "a result": (lambda w: SGD([w * 2.0]), r"expected leaf tensors.*Pass network.parameters\(\)"),
    "a tensor alone": (lambda w: SGD(w), "expected leaf tensors"),
    "a module": (lambda w: SGD(mg.nn.Linear(1, 1)), r"type Linear. Pass network.parameters\(\)"),
    "a group without params": (lambda w: SGD([{"lr": 1.0}]), 'each parameter group to be a dictionary with "params"'),
    "twice": (lambda w: SGD([w, w]), "expected each parameter once, but one is listed twice"),
    "twice in groups": (lambda w: SGD([{"params": [w]}, {"params": [w]}]), "expected each parameter once"),
    **{
        f"{name} {value}": (lambda w, name=name, value=value: Adam([w], **{name: value}),
                            f"expected {name} of at least 0, but got {value!r}")
        for name in ("lr", "eps", "weight_decay") for value in (-1.0, NAN, "fast")
    },
    "group lr": (lambda w: Adam([{"params": [w], "lr": -1}]), "Adam: expected lr of at least 0, but got -1"),
    "momentum": (lambda w: SGD([w], momentum=-0.1), "SGD: expected momentum of at least 0, but got -0.1"),
    **{
        f"betas {betas}": (lambda w, betas=betas: Adam([w], betas=betas), "Adam: expected two betas from 0 to below 1")
        for betas in [(1.0, 0.9), (0.5, -0.1), (0.5, NAN), (0.5,), 0.5, "ab"]
    },
    "dampening": (lambda w: SGD([w], dampening="a"), "SGD: expected dampening to be a number, but got 'a'"),
    "nesterov alone": (lambda w: SGD([w], nesterov=True), "nesterov expects a momentum above 0 and no dampening"),
    "nesterov damped": (lambda w: SGD([w], momentum=0.9, dampening=0.1, nesterov=True), "no dampening"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD.keys())
def test_a_setting_that_makes_no_sense_is_refused_in_one_sentence(make, message):
    with pytest.raises(mg.ConfigError, match=message) as error:
        make(Parameter(mg.ones(2)))
    assert "\n" not in str(error.value)


def test_parameters_that_are_integers_are_refused():
    with pytest.raises(mg.DTypeError, match="Adam: expected parameters of a floating point type, but got int64"):
        Adam([mg.tensor([1])])
