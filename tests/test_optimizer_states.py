"""State dicts of optimizers carry over: to a later run, through a file, to and from PyTorch."""

import copy
import pickle

import numpy as np
import pytest
from optimizer_twins import Twins, each_kind, every_setting, loss, now_and_then, train, values

import minigan as mg
from minigan.nn import Parameter
from minigan.optim import SGD, Adam

torch_test = pytest.mark.torch

# ---- to and from PyTorch ---------------------------------------------------------------------------------


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
def test_the_state_of_pytorchs_optimizer_is_taken_over(torch, name, settings):
    twins = Twins(torch, name, settings)
    twins.run(range(6), now_and_then)
    fresh = [Parameter(mg.tensor(p.numpy(force=True))) for p in twins.theirs]
    optimizer = getattr(mg.optim, name)(fresh, lr=0.7)
    optimizer.load_state_dict(twins.reference.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.05
    twins.ours, twins.optimizer = fresh, optimizer
    twins.run(range(6, 20), now_and_then)


def in_pytorchs_hands(torch, state):
    """The state dict as PyTorch reads it: with tensors in place of arrays."""
    moments = {
        i: {name: torch.tensor(value) for name, value in moments.items()} for i, moments in state["state"].items()
    }
    return {"state": moments, "param_groups": state["param_groups"]}


@torch_test
@every_setting
def test_pytorchs_optimizer_takes_over_ours(torch, name, settings):
    twins = Twins(torch, name, settings)
    twins.run(range(4), now_and_then)
    theirs = [torch.nn.Parameter(torch.tensor(p.data)) for p in twins.ours]
    reference = getattr(torch.optim, name)(theirs, lr=0.7)
    reference.load_state_dict(in_pytorchs_hands(torch, twins.optimizer.state_dict()))
    twins.theirs, twins.reference = theirs, reference
    twins.run(range(4, 9), now_and_then)


@torch_test
@every_setting
def test_states_have_the_names_of_pytorchs(torch, name, settings):
    twins = Twins(torch, name, settings)
    twins.run(range(3), now_and_then)
    found, expected = twins.optimizer.state_dict(), twins.reference.state_dict()
    for i, state in expected["state"].items():
        assert set(found["state"].get(i, {})) - {"step"} == {k for k, v in state.items() if v is not None} - {"step"}
    for ours, theirs in zip(found["param_groups"], expected["param_groups"], strict=True):
        assert ours == {key: theirs[key] for key in ours}


@torch_test
@pytest.mark.parametrize(
    ("ours", "theirs", "settings", "setting"),
    [
        ("Adam", "Adam", {"amsgrad": True}, "amsgrad"),
        ("AdamW", "AdamW", {"amsgrad": True}, "amsgrad"),
        ("Adam", "Adam", {"maximize": True}, "maximize"),
        ("SGD", "SGD", {"maximize": True}, "maximize"),
        ("RMSprop", "RMSprop", {"maximize": True}, "maximize"),
        ("Adam", "AdamW", {}, "decoupled_weight_decay"),
    ],
)
def test_a_state_of_a_variant_that_is_not_here_is_refused(torch, ours, theirs, settings, setting):
    reference = getattr(torch.optim, theirs)([torch.nn.Parameter(torch.ones(2))], **settings)
    optimizer = getattr(mg.optim, ours)([Parameter(mg.ones(2))])
    with pytest.raises(mg.StateError, match=f"{ours}: expected a state dict without {setting}, .* but it is True"):
        optimizer.load_state_dict(reference.state_dict())


def test_what_a_schedule_and_the_user_added_to_a_group_comes_back():
    w = Parameter(mg.ones(2))
    optimizer = Adam([{"params": [w], "lr": 0.5, "player": "D"}])
    mg.optim.lr_scheduler.StepLR(optimizer, 3)
    optimizer.param_groups[0]["lr"] = 0.1
    state = optimizer.state_dict()
    assert state["param_groups"][0]["initial_lr"] == 0.5
    other = Adam([{"params": [Parameter(mg.ones(2))], "player": "G"}])
    other.load_state_dict(state)
    group = other.param_groups[0]
    assert (group["initial_lr"], group["lr"], group["player"]) == (0.5, 0.1, "D")
    assert len(group["params"]) == 1


@pytest.mark.parametrize(("lacks", "setting"), [("momentum_buffer", "momentum"), ("grad_avg", "centered")])
def test_rmsprop_needs_the_moments_of_its_settings(lacks, setting):
    w = Parameter(mg.ones(2))
    optimizer = mg.optim.RMSprop([w], **{setting: True})
    train([w], optimizer, range(2))
    state = optimizer.state_dict()
    assert sorted(state["state"][0]) == sorted(["square_avg", "step", lacks])
    state["state"][0].pop(lacks)
    with pytest.raises(mg.StateError, match=f"RMSprop: expected {lacks} of parameter 0 to be numbers"):
        optimizer.load_state_dict(state)


def test_buffers_that_are_not_used_are_never_made():
    w = Parameter(mg.ones(2))
    for optimizer in (SGD([w], lr=0.1), mg.optim.RMSprop([w])):
        train([w], optimizer, range(2))
        assert set(optimizer._flats[0][0].moments) <= {"square_avg"}


# ---- state -----------------------------------------------------------------------------------------------


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
