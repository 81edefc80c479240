"""Learning rate schedules are PyTorch's over their settings, alone, chained, resumed, and with several groups."""

import json
import pickle

import numpy as np
import pytest
from optimizer_twins import Twins, now_and_then, options

import minigan as mg
from minigan.nn import Parameter
from minigan.optim import SGD, Adam, lr_scheduler
from minigan.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    StepLR,
)

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler")  # PyTorch's, where none is trained
torch_test = pytest.mark.torch


def halved(epoch):
    return 0.5**epoch


def shrinking(epoch):
    return 1 / (1 + epoch)


SCHEDULES = [
    *[("StepLR", s) for s in options(step_size=[1, 3, 7], gamma=[0.1, 0.5, 1.5])],
    ("StepLR", {"step_size": 2}),
    *[("MultiStepLR", s) for s in options(milestones=[[2, 5], [7, 3, 3], [], [0, 1]], gamma=[0.1, 2.0])],
    ("MultiStepLR", {"milestones": (4,)}),
    *[("ExponentialLR", {"gamma": gamma}) for gamma in (0.9, 1.0, 1.1, 0.0)],
    ("LinearLR", {}),
    *[("LinearLR", s) for s in options(start_factor=[1.0, 0.2], end_factor=[0.0, 0.5, 1.0], total_iters=[1, 6, 30])],
    *[("CosineAnnealingLR", s) for s in options(T_max=[1, 2, 6, 40], eta_min=[0.0, 0.01])],
    ("LambdaLR", {"lr_lambda": halved}),
    ("LambdaLR", {"lr_lambda": [halved, shrinking]}),
]
every_schedule = pytest.mark.parametrize(("name", "settings"), SCHEDULES)
GROUPS = [{"params": [0, 3]}, {"params": [1, 2, 4], "lr": 0.2}]


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def pair(torch, name="SGD", settings=None):
    twins = Twins(torch, name, settings or {"lr": 0.05}, GROUPS)
    return twins, (twins.optimizer, twins.reference)


def schedules(torch, optimizers, name, settings):
    libraries = (lr_scheduler, torch.optim.lr_scheduler)
    return [getattr(lib, name)(o, **settings) for lib, o in zip(libraries, optimizers, strict=True)]


def assert_same(ours, theirs):
    assert ours.last_epoch == theirs.last_epoch
    np.testing.assert_allclose(rates(ours.optimizer), rates(theirs.optimizer), rtol=1e-12, atol=1e-15)
    assert ours.get_last_lr() == rates(ours.optimizer)
    assert all(type(lr) is float for lr in ours.get_last_lr())


@torch_test
@every_schedule
def test_rates_are_pytorchs(torch, name, settings):
    _, optimizers = pair(torch)
    ours, theirs = schedules(torch, optimizers, name, settings)
    assert_same(ours, theirs)
    for _ in range(25):
        ours.step(), theirs.step()
        assert_same(ours, theirs)


@torch_test
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "RMSprop"])
@pytest.mark.parametrize(
    ("name", "settings"), [("StepLR", {"step_size": 3}), ("CosineAnnealingLR", {"T_max": 8}), ("LinearLR", {})]
)
def test_training_under_a_schedule_is_pytorchs(torch, optimizer, name, settings):
    twins, optimizers = pair(torch, optimizer)
    ours, theirs = schedules(torch, optimizers, name, settings)
    for step in range(20):
        twins.run([step], now_and_then)
        ours.step(), theirs.step()


@torch_test
@pytest.mark.parametrize("second", ["StepLR", "CosineAnnealingLR", "MultiStepLR", "ExponentialLR", "LinearLR"])
@pytest.mark.parametrize("first", ["StepLR", "CosineAnnealingLR", "ExponentialLR", "LinearLR"])
def test_several_schedules_on_one_optimizer_chain_as_in_pytorch(torch, first, second):
    settings = dict(SCHEDULES[::-1])
    _, optimizers = pair(torch)
    pairs = [schedules(torch, optimizers, name, settings[name]) for name in (first, second)]
    for _ in range(20):
        for ours, theirs in pairs:
            ours.step(), theirs.step()
            assert_same(ours, theirs)


@torch_test
@every_schedule
@pytest.mark.parametrize("source", ["ours", "pytorchs"])
def test_a_schedule_goes_on_from_the_middle(torch, name, settings, source):
    _, optimizers = pair(torch)
    ours, theirs = schedules(torch, optimizers, name, settings)
    for _ in range(4):
        ours.step(), theirs.step()
    state, trained = (ours.state_dict(), optimizers[0]) if source == "ours" else (theirs.state_dict(), optimizers[1])
    fresh = SGD([{"params": [Parameter(mg.ones(1))]} for _ in GROUPS], lr=0.9)
    for group, before in zip(fresh.param_groups, trained.param_groups, strict=True):
        group["lr"], group["initial_lr"] = before["lr"], before["initial_lr"]
    at_start = [group["lr"] for group in fresh.param_groups]
    resumed = getattr(lr_scheduler, name)(fresh, **settings)
    resumed.load_state_dict(state)
    for group, lr in zip(fresh.param_groups, at_start, strict=True):
        group["lr"] = lr  # as the optimizer's state dict would
    assert resumed.get_last_lr() == pytest.approx(rates(trained))
    for _ in range(10):
        resumed.step(), theirs.step()
        assert_same(resumed, theirs)


@torch_test
@every_schedule
def test_last_epoch_resumes_as_in_pytorch(torch, name, settings):
    _, optimizers = pair(torch)
    for optimizer in optimizers:
        for group, lr in zip(optimizer.param_groups, (0.03, 0.15), strict=True):
            group["initial_lr"], group["lr"] = group["lr"], lr
    ours, theirs = schedules(torch, optimizers, name, {**settings, "last_epoch": 4})
    for _ in range(10):
        assert_same(ours, theirs)
        ours.step(), theirs.step()


@every_schedule
def test_optimizer_and_schedule_resume_to_the_same_bits(name, settings):
    def make():
        groups = [{"params": [Parameter(mg.ones(3))]}, {"params": [Parameter(mg.ones(2))], "lr": 0.2}]
        optimizer = Adam(groups, lr=0.05)
        return optimizer, getattr(lr_scheduler, name)(optimizer, **settings)

    optimizer, schedule = make()
    for _ in range(5):
        schedule.step()
    saved = json.loads(json.dumps([optimizer.state_dict(), schedule.state_dict()]))
    expected = []
    for _ in range(5):
        schedule.step()
        expected.append(schedule.get_last_lr())
    other, resumed = make()
    other.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    for rates_then in expected:
        resumed.step()
        assert resumed.get_last_lr() == rates_then == rates(other)


def test_a_state_dict_is_a_copy_of_plain_values():
    schedule = MultiStepLR(one(), [3, 1])
    state = schedule.state_dict()
    assert state == {"last_epoch": 0, "base_lrs": [0.5], "_last_lr": [0.5], "milestones": [1, 3], "gamma": 0.1}
    state["milestones"].append(2)
    assert schedule.milestones == [1, 3]
    assert "lr_lambdas" not in LambdaLR(one(), halved).state_dict()


def test_a_schedule_survives_pickle_with_its_optimizer():
    optimizer = one()
    schedule = StepLR(optimizer, 2)
    schedule.step()
    other, copied = pickle.loads(pickle.dumps((optimizer, schedule)))
    assert copied.optimizer is other
    copied.step()
    assert rates(other) == pytest.approx([0.05])
    assert rates(optimizer) == [0.5]


def test_numbers_of_numpy_are_settings_too_and_rates_are_plain():
    schedule = StepLR(one(), np.int64(1), gamma=np.float64(0.5))
    schedule.step()
    assert [type(lr) for lr in schedule.get_last_lr()] == [float]
    schedule = LambdaLR(one(), lambda epoch: np.float64(0.5))
    assert [type(lr) for lr in schedule.get_last_lr()] == [float]


# ---- bad input -------------------------------------------------------------------------------------------


def one(lr=0.5):
    return SGD([Parameter(mg.ones(1))], lr=lr)


NAN = float("nan")
BAD = {
    "no optimizer": (lambda o: StepLR(3, 1), "StepLR: expected an optimizer of mg.optim, but got int"),
    "lambda on none": (lambda o: LambdaLR(3, [halved]), "LambdaLR: expected one function for each of 0"),
    "step_size 0": (lambda o: StepLR(o, 0), "StepLR: expected step_size to be a whole number of at least 1, but got 0"),
    "half a step": (lambda o: StepLR(o, 1.5), "expected step_size to be a whole number of at least 1, but got 1.5"),
    "gamma": (lambda o: StepLR(o, 1, gamma=-1), "StepLR: expected gamma to be a number at least 0, but got -1"),
    "gamma nan": (lambda o: ExponentialLR(o, NAN), "ExponentialLR: expected gamma .* but got nan"),
    "gamma in words": (lambda o: ExponentialLR(o, "x"), "expected gamma to be a number at least 0, but got 'x'"),
    "milestones": (lambda o: MultiStepLR(o, 3), "MultiStepLR: expected milestones to be a list of numbers, but got 3"),
    "a milestone": (lambda o: MultiStepLR(o, [1, 2.5]), "each of the milestones to be a whole number .* but got 2.5"),
    "before the start": (lambda o: MultiStepLR(o, [-1]), "each of the milestones .* of at least 0, but got -1"),
    "start_factor 0": (lambda o: LinearLR(o, 0), "LinearLR: expected start_factor above 0, but got 0"),
    "start_factor": (lambda o: LinearLR(o, 2), "expected start_factor to be a number from 0 to 1, but got 2"),
    "end_factor": (lambda o: LinearLR(o, end_factor=-1), "expected end_factor to be a number from 0 to 1, but got -1"),
    "total_iters": (lambda o: LinearLR(o, total_iters=-1), "expected total_iters to be a whole number of at least 0"),
    "T_max": (lambda o: CosineAnnealingLR(o, 0), "expected T_max to be a whole number of at least 1, but got 0"),
    "eta_min": (lambda o: CosineAnnealingLR(o, 1, -1), "expected eta_min to be a number at least 0, but got -1"),
    "last_epoch": (lambda o: StepLR(o, 1, last_epoch=-2), "expected last_epoch to be a whole number of at least -1"),
    "no function": (lambda o: LambdaLR(o, 3), "one function for each of 1 parameter groups, or one for all, but got 3"),
    "two functions": (lambda o: LambdaLR(o, [halved] * 2), "one function for each of 1 parameter groups"),
    "no initial_lr": (lambda o: StepLR(o, 1, last_epoch=3), '"initial_lr" in parameter group 0 to go on from'),
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD.keys())
def test_a_schedule_that_makes_no_sense_is_refused_in_one_sentence(make, message):
    optimizer = one()
    with pytest.raises(mg.ConfigError, match=message) as error:
        make(optimizer)
    assert "\n" not in str(error.value)
    assert rates(optimizer) == [0.5]


UNFIT = {
    "of another kind": ({"last_epoch": 1}, "state dict with .* no 'base_lrs', '_last_lr', 'step_size'"),
    "nothing": (None, "StepLR: expected a state dict with 'last_epoch', .* Pass what a StepLR's state_dict"),
    "two groups": ({"base_lrs": [1.0, 2.0]}, r"expected base_lrs for 1 parameter groups, .* has \[1.0, 2.0\]"),
    "no list": ({"_last_lr": 1.0}, "expected _last_lr for 1 parameter groups, but the state dict has 1.0"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, message):
    schedule = StepLR(one(), 2)
    before = schedule.state_dict()
    whole = change is not None and "last_epoch" not in change
    with pytest.raises(mg.StateError, match=message):
        schedule.load_state_dict({**before, **change} if whole else change)
    assert schedule.state_dict() == before
