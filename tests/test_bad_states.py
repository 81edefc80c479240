"""State dicts that do not fit are refused by name, and change nothing: of modules, optimizers and schedules."""

import numpy as np
import pytest

import minigan as mg

schedules = mg.optim.lr_scheduler


def network():
    return mg.nn.Sequential(mg.nn.Linear(3, 2), mg.nn.BatchNorm1d(2))


def adam():
    w = mg.nn.Parameter(mg.ones(2))
    w.grad = np.ones(2)
    optimizer = mg.optim.Adam([w], lr=0.1)
    optimizer.step()
    return optimizer


def cosine():
    return schedules.CosineAnnealingLR(adam(), T_max=3)


def step():
    return schedules.StepLR(adam(), step_size=3)


def with_lr(lr):
    optimizer = adam()
    optimizer.param_groups[0]["lr"] = lr
    optimizer.step()


def changed(owner, **changes):
    """Load the owner's own state with these entries changed; None takes an entry away."""
    state = {**owner.state_dict(), **changes}
    owner.load_state_dict({key: value for key, value in state.items() if value is not None})


def changed_group(**changes):
    optimizer = adam()
    changed(optimizer, param_groups=[{**optimizer.state_dict()["param_groups"][0], **changes}])


def changed_moments(**changes):
    optimizer = adam()
    changed(optimizer, state={0: {**optimizer.state_dict()["state"][0], **changes}})


MODULES = {
    "missing": (lambda: changed(network(), **{"0.bias": None}), r"The state dict for Sequential misses 0.bias.*strict"),
    "extra": (lambda: changed(network(), **{"2.bias": np.ones(2)}), r"The .* Sequential has unexpected 2.bias.*strict"),
    "misshapen": (
        lambda: changed(network(), **{"0.weight": np.ones((2, 4))}),
        r"Sequential: expected 0.weight of shape \(2, 3\), but the state dict has \(2, 4\).*same layer sizes",
    ),
    "text": (
        lambda: changed(network(), **{"0.bias": "zeros"}),
        r"Sequential: expected 0.bias to be numbers .*has type str.*Convert",
    ),
    "complex": (lambda: changed(network(), **{"0.bias": np.ones(2, complex)}), r"Sequential: .* has type complex128"),
    "no state": (lambda: network().load_state_dict(["0.bias"]), r"Sequential: expected a state dict, .*type list"),
}

OPTIMIZERS = {
    "missing": (lambda: changed(adam(), state=None), r"Adam: expected a state dict with 'state' and 'param_groups'"),
    "no state": (lambda: adam().load_state_dict(3), r"Adam: expected a state dict with 'state' .* has int"),
    "state": (lambda: changed(adam(), state=[]), r"Adam: expected a 'state' with a dictionary for each .*got \[\]"),
    "moments": (lambda: changed(adam(), state={0: 1.0}), r"Adam: expected a 'state' with a dict.* got \{0: 1.0\}"),
    "missing moment": (lambda: changed_moments(exp_avg=None), r"Adam: expected exp_avg of parameter 0 to be numbers"),
    "misshapen": (
        lambda: changed_moments(exp_avg=np.ones(3)),
        r"Adam: expected exp_avg of parameter 0 of shape \(2,\), but the state dict has \(3,\)",
    ),
    "step": (lambda: changed_moments(step=-1), r"Adam: expected step of parameter 0 to be a whole number"),
    "extra": (lambda: changed(adam(), state={7: {"exp_avg": 0}}), r"Adam: .* a state of parameter 7"),
    "groups": (
        lambda: changed(adam(), param_groups=[]),
        r"Adam: expected parameter groups of sizes \[1\], .* has \[\]",
    ),
    "group": (lambda: changed(adam(), param_groups=["lr"]), r"Adam: expected parameter groups of sizes \[1\]"),
    "lr": (
        lambda: changed_group(lr="0.1"),
        r"The state dict has a bad setting. Adam: expected lr of at least 0, .*'0.1'",
    ),
    "several": (lambda: changed_group(lr=np.ones(2)), r"The state dict has a bad setting. Adam: expected lr .*1., 1."),
    "betas": (
        lambda: changed_group(betas=(0.9, 1)),
        r"The .* Adam: expected two betas from 0 to below 1, .*\(0.9, 1\)",
    ),
}

SCHEDULES = {
    "missing": (lambda: changed(step(), gamma=None), r"StepLR: expected a state dict with .* but it has no 'gamma'"),
    "setting": (
        lambda: changed(step(), step_size=0),
        r"The state dict has a bad setting. StepLR: expected step_size to be a whole number of at least 1, but got 0",
    ),
    "place": (lambda: changed(step(), last_epoch="3"), r"The .* StepLR: expected last_epoch .* of at least 0, .*'3'"),
    "rate": (lambda: changed(step(), base_lrs=["a"]), r"The .* StepLR: expected base_lrs to be a number .*got 'a'"),
    "groups": (
        lambda: changed(step(), base_lrs=[1, 2]),
        r"StepLR: expected base_lrs for 1 parameter groups, .*\[1, 2\]",
    ),
    "period": (lambda: changed(cosine(), T_max="3"), r"The .* CosineAnnealingLR: expected T_max to be a whole .*'3'"),
}


@pytest.mark.parametrize(("load", "words"), [*MODULES.values(), *OPTIMIZERS.values(), *SCHEDULES.values()])
def test_a_state_that_does_not_fit_is_refused_by_name(load, words):
    with pytest.raises(mg.StateError, match=f"^{words}") as error:
        load()
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("lr", [None, "0.1", [0.1]])
def test_a_rate_that_was_spoilt_by_hand_is_named_at_the_next_step(lr):
    with pytest.raises(mg.ConfigError, match="^Adam: expected lr of at least 0, but got .*"):
        with_lr(lr)


def test_a_schedule_that_refuses_a_state_goes_on_as_before():
    schedule = step()
    before = schedule.state_dict()
    with pytest.raises(mg.StateError):
        changed(schedule, last_epoch=2, gamma="x")
    assert schedule.state_dict() == before
