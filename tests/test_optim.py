"""Optimizers are PyTorch's, step by step, whatever is done to the parameters in between."""

import inspect

import numpy as np
import pytest
from optimizer_twins import Twins, always, each_kind, every_setting, loss, now_and_then, train, values

import minigan as mg
from minigan.nn import Parameter
from minigan.optim import SGD, Adam, AdamW, RMSprop

torch_test = pytest.mark.torch

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
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_settings_have_pytorchs_names_order_and_defaults(torch, name):
    ours, theirs = (inspect.signature(getattr(lib.optim, name)).parameters for lib in (mg, torch))
    assert [p for p in theirs if p in ours and theirs[p].kind == theirs[p].POSITIONAL_OR_KEYWORD] == [
        p for p in ours if theirs[p].kind == theirs[p].POSITIONAL_OR_KEYWORD
    ]
    assert {p: ours[p].default for p in ours} == {p: theirs[p].default for p in ours}


@torch_test
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_may_get_momentum_after_a_state_was_made(torch, centered):
    """PyTorch knows no momentum that comes later: there it is there from the start."""
    twins = Twins(torch, "RMSprop", {"lr": 0.05, "centered": centered})
    twins.reference.param_groups[0]["momentum"] = 1e-300
    twins.run(range(4), now_and_then)
    for optimizer in (twins.optimizer, twins.reference):
        optimizer.param_groups[0]["momentum"] = 1e-12
    twins.run(range(4, 6), now_and_then)
    assert "momentum_buffer" in twins.optimizer.state_dict()["state"][0]


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
    "alpha": (lambda w: RMSprop([w], alpha=1.5), "RMSprop: expected alpha from 0 to 1, but got 1.5"),
    "alpha nan": (lambda w: RMSprop([w], alpha=NAN), "RMSprop: expected alpha from 0 to 1, but got nan"),
    "RMSprop lr": (lambda w: RMSprop([w], lr=-1), "RMSprop: expected lr of at least 0, but got -1"),
    "AdamW decay": (lambda w: AdamW([w], weight_decay=-1), "AdamW: expected weight_decay of at least 0, but got -1"),
    "nesterov in a group": (lambda w: SGD([{"params": [w], "nesterov": True}]), "but got momentum 0.0 and dampening 0"),
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
