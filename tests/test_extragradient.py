"""Extragradient: the published algorithms, number for number, and updates that are whole or are none."""

import copy
import pickle

import numpy as np
import pytest
from optimizer_twins import SHAPES, always, loss, now_and_then, options, values

import minigan as mg
from minigan.nn import Parameter
from minigan.optim import ExtraAdam, ExtraSGD

KINDS = pytest.mark.parametrize("kind", [ExtraSGD, ExtraAdam])
USES = pytest.mark.parametrize("used", [always, now_and_then])
HALVES = ("extrapolate", "step")
SGD_SETTINGS = options(lr=[0.05], momentum=[0.0, 0.9], dampening=[0.0, 0.3], weight_decay=[0, 0.1])
ADAM_SETTINGS = [
    {},
    *options(lr=[0.05], betas=[(0.5, 0.999), (0.0, 0.9), (0.9, 0.5)], weight_decay=[0, 0.1]),
    {"lr": 0.05, "eps": 0.1},
]  # no second beta near 0: m / |g| makes much of a rounding error where g is near 0
SETTINGS = [
    *[(ExtraSGD, settings) for settings in SGD_SETTINGS],
    (ExtraSGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    *[(ExtraAdam, settings) for settings in ADAM_SETTINGS],
]
every_setting = pytest.mark.parametrize(("kind", "settings"), SETTINGS)
GROUPS = [
    {"params": [0, 3], "lr": 0.2},
    {"params": [1], "weight_decay": 0.3, "betas": (0.0, 0.5)},
    {"params": [2, 4], "lr": 0.0},
]


def parameters(dtype=np.float64):
    return [Parameter(mg.tensor(x.astype(dtype))) for x in values()]


def half(optimizer, ps, k, used=always):
    """Half number k: the first and every other one extrapolates."""
    optimizer.zero_grad()
    loss(ps, k, lambda i: used(k, i)).backward()
    getattr(optimizer, HALVES[k % 2])()


def train(optimizer, ps, updates, used=always):
    for update in updates:
        for k in (2 * update, 2 * update + 1):
            half(optimizer, ps, k, used)


def gradient(i, w, k):
    """Of `loss` in half k, by its formula."""
    return 2 * w * (0.3 + i) + k % 3 - 1


class PublishedExtraAdam:
    """One parameter under algorithm 4 of Gidel et al. 2019, as printed."""

    def __init__(self, w, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.start = self.w = w
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.m, self.v, self.seen = np.zeros_like(w), np.zeros_like(w), 0

    def half(self, g, second):
        if not second:
            self.start = self.w
        if g is None:
            self.w = self.start
            return
        (beta1, beta2), g = self.betas, g + self.weight_decay * self.w
        self.seen += 1  # 2t - 1 at first, then 2t
        self.m = beta1 * self.m + (1 - beta1) * g
        self.v = beta2 * self.v + (1 - beta2) * g**2
        m, v = self.m / (1 - beta1**self.seen), self.v / (1 - beta2**self.seen)
        self.w = self.start - self.lr * m / (np.sqrt(v) + self.eps)


class PublishedExtraSGD:
    """One parameter under algorithm 2 of Gidel et al. 2019, without its average."""

    def __init__(self, w, lr, weight_decay=0.0):
        self.start = self.w = w
        self.lr, self.weight_decay = lr, weight_decay

    def half(self, g, second):
        self.start = self.start if second else self.w
        self.w = self.start if g is None else self.start - self.lr * (g + self.weight_decay * self.w)


def check_published(published, optimizer, ps, used, updates=20):
    for k in range(2 * updates):
        half(optimizer, ps, k, used)
        for i, (p, twin) in enumerate(zip(ps, published, strict=True)):
            twin.half(gradient(i, twin.w, k) if used(k, i) else None, second=k % 2 == 1)
            np.testing.assert_allclose(p.data, twin.w, rtol=1e-12, atol=1e-12)


# ---- the published algorithms ----------------------------------------------------------------------------


@USES
@pytest.mark.parametrize("settings", ADAM_SETTINGS)
def test_extra_adam_is_the_published_algorithm(settings, used):
    ps, published = parameters(), [PublishedExtraAdam(w, **settings) for w in values()]
    check_published(published, ExtraAdam(ps, **settings), ps, used)


@USES
@pytest.mark.parametrize("settings", options(lr=[0.05], weight_decay=[0, 0.1]))
def test_extra_sgd_is_the_published_algorithm(settings, used):
    ps, published = parameters(), [PublishedExtraSGD(w, **settings) for w in values()]
    check_published(published, ExtraSGD(ps, **settings), ps, used)


def test_groups_have_settings_of_their_own():
    ps, published, common = parameters(), [None] * len(SHAPES), {"lr": 0.05, "weight_decay": 0.01}
    optimizer = ExtraAdam([{**group, "params": [ps[i] for i in group["params"]]} for group in GROUPS], **common)
    for group in GROUPS:
        settings = {**common, **{name: value for name, value in group.items() if name != "params"}}
        for i in group["params"]:
            published[i] = PublishedExtraAdam(values()[i], **settings)
    check_published(published, optimizer, ps, now_and_then)


@pytest.mark.torch
@USES
@every_setting
def test_both_halves_are_pytorchs_steps_from_where_the_first_began(torch, kind, settings, used):
    ours, theirs = parameters(), [torch.nn.Parameter(torch.tensor(x)) for x in values()]
    optimizer = kind(ours, **settings)
    plain = {name: value for name, value in settings.items() if name != "weight_decay"}
    reference = getattr(torch.optim, kind.__name__.removeprefix("Extra"))(theirs, **plain)
    for k in range(40):
        half(optimizer, ours, k, used)
        reference.zero_grad()
        loss(theirs, k, lambda i, k=k: used(k, i)).backward()
        with torch.no_grad():
            if k % 2 == 0:
                starts = [p.clone() for p in theirs]
            for p, start in zip(theirs, starts, strict=True):
                if p.grad is not None:
                    p.grad += settings.get("weight_decay", 0) * p
                p.copy_(start)
        reference.step()
        for found, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(found.data, expected.numpy(force=True), rtol=1e-12, atol=1e-12)


@KINDS
def test_weight_decay_is_a_term_of_the_loss_also_at_the_extrapolated_point(kind):
    (p, q), c = (Parameter(mg.tensor(values()[4])) for _ in range(2)), 0.3
    decayed, plain = kind([p], lr=0.1, weight_decay=c), kind([q], lr=0.1)
    for k in range(10):
        half(decayed, [p], k)
        plain.zero_grad()
        (loss([q], k, lambda i: True) + (q * q).sum() * (c / 2)).backward()
        getattr(plain, HALVES[k % 2])()
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12)


@KINDS
def test_a_parameter_whose_gradient_is_gone_in_the_second_half_goes_back(kind):
    ps = parameters()
    optimizer = kind(ps, lr=0.1)
    half(optimizer, ps, 0)
    assert not np.array_equal(ps[0].data, values()[0])
    half(optimizer, ps, 1, used=lambda k, i: i == 1)
    assert np.array_equal(ps[0].data, values()[0])
    assert not np.array_equal(ps[1].data, values()[1])


@KINDS
def test_the_rate_of_each_half_is_that_of_the_moment(kind):
    ps = parameters()
    optimizer = kind(ps, lr=0.1)
    half(optimizer, ps, 0)
    optimizer.param_groups[0]["lr"] = 0.0
    half(optimizer, ps, 1)
    assert all(np.array_equal(p.data, x) for p, x in zip(ps, values(), strict=True))


# ---- types -----------------------------------------------------------------------------------------------


@KINDS
def test_float32_stays_float32_and_near_float64(kind):
    single, double = parameters(np.float32), parameters()
    for ps in (single, double):
        train(kind(ps, lr=0.05, weight_decay=0.1), ps, range(10))
    for p, q in zip(single, double, strict=True):
        assert p.dtype == np.float32
        np.testing.assert_allclose(p.data, q.data, rtol=1e-4, atol=1e-5)


@KINDS
@pytest.mark.parametrize("moment", [0, 1, 2])
def test_a_network_that_moves_between_halves_or_updates_goes_on_from_where_it_stood(kind, moment):
    moved, expected = mg.nn.Linear(3, 2), mg.nn.Linear(3, 2).double()
    expected.load_state_dict(moved.state_dict())
    nets = (moved, expected)
    optimizers = [kind(net.parameters(), lr=0.1) for net in nets]
    for k in range(6):
        for net, optimizer in zip(nets, optimizers, strict=True):
            half(optimizer, list(net.parameters()), k)
            if k == moment:
                net.double()
    for p, q in zip(*(net.parameters() for net in nets), strict=True):
        assert p.dtype == np.float64
        np.testing.assert_allclose(p.data, q.data, rtol=1e-5, atol=1e-6)


# ---- updates are whole -----------------------------------------------------------------------------------


@KINDS
def test_step_without_extrapolate_is_refused(kind):
    ps = parameters()
    optimizer = kind(ps)
    with pytest.raises(mg.GraphError, match=rf"^{kind.__name__}: expected extrapolate\(\) before step\(\).*"):
        half(optimizer, ps, 1)
    assert all(np.array_equal(p.data, x) for p, x in zip(ps, values(), strict=True))
    train(optimizer, ps, range(1))
    with pytest.raises(mg.GraphError, match=r"before step\(\), but it was not called. Call extrapolate\(\), take"):
        optimizer.step()


@KINDS
def test_extrapolate_twice_is_refused_and_changes_nothing(kind):
    ps = parameters()
    optimizer = kind(ps)
    half(optimizer, ps, 0)
    before = [p.data.copy() for p in ps]
    with pytest.raises(mg.GraphError, match=rf"^{kind.__name__}: expected step\(\) after extrapolate\(\), but got .*"):
        optimizer.extrapolate()
    assert all(np.array_equal(p.data, x) for p, x in zip(ps, before, strict=True))
    half(optimizer, ps, 1)


@KINDS
@pytest.mark.parametrize("save", [lambda o: o.state_dict(), pickle.dumps, copy.deepcopy])
def test_saving_half_an_update_is_refused(kind, save):
    ps = parameters()
    optimizer = kind(ps)
    half(optimizer, ps, 0)
    with pytest.raises(mg.StateError, match=rf"^{kind.__name__}: .* between extrapolate\(\) and step\(\), where .*"):
        save(optimizer)
    half(optimizer, ps, 1)
    save(optimizer)


@KINDS
def test_loading_forgets_half_an_update(kind):
    ps = parameters()
    optimizer = kind(ps, lr=0.1)
    train(optimizer, ps, range(2))
    state, kept = optimizer.state_dict(), [p.data.copy() for p in ps]
    train(optimizer, ps, range(2, 4))
    expected = [p.data.copy() for p in ps]
    half(optimizer, ps, 8)
    optimizer.load_state_dict(state)
    for p, x in zip(ps, kept, strict=True):
        p.data = x
    train(optimizer, ps, range(2, 4))
    assert all(np.array_equal(p.data, x) for p, x in zip(ps, expected, strict=True))


@KINDS
def test_each_half_makes_the_graph_of_the_forward_pass_before_it_stale(kind):
    layer = mg.nn.Linear(2, 1)
    optimizer = kind(layer.parameters())
    for move in HALVES:
        x = mg.ones(1, 2, requires_grad=True)
        y = layer(x)
        optimizer.zero_grad()
        layer(x).sum().backward()
        getattr(optimizer, move)()
        with pytest.raises(mg.StaleGraphError, match="weight"):
            y.backward()


def test_going_back_without_a_gradient_makes_it_stale_too():
    layer = mg.nn.Linear(2, 1)
    optimizer = ExtraSGD(layer.parameters(), lr=0.1)
    layer(mg.ones(1, 2)).sum().backward()
    optimizer.extrapolate()
    y = layer(mg.ones(1, 2, requires_grad=True))
    optimizer.zero_grad()
    optimizer.step()
    with pytest.raises(mg.StaleGraphError, match="weight"):
        y.backward()


# ---- state -----------------------------------------------------------------------------------------------


@every_setting
def test_a_state_dict_brings_back_the_very_same_updates(tmp_path, kind, settings):
    ours = parameters()
    optimizer = kind([{"params": ours[:2], "lr": 0.01}, {"params": ours[2:]}], **settings)
    train(optimizer, ours, range(5), now_and_then)
    mg.save(optimizer.state_dict(), tmp_path / "state.safetensors")
    copies = [Parameter(mg.tensor(p.data)) for p in ours]
    train(optimizer, ours, range(5, 9), now_and_then)
    other = kind([{"params": copies[:2]}, {"params": copies[2:]}])
    other.load_state_dict(mg.load(tmp_path / "state.safetensors"))
    train(other, copies, range(5, 9), now_and_then)
    assert all(np.array_equal(p.data, q.data) for p, q in zip(ours, copies, strict=True))


def test_a_state_is_that_of_the_optimizer_it_extends_with_two_steps_for_each_update():
    ps = parameters()
    optimizer = ExtraAdam(ps)
    train(optimizer, ps, range(3))
    state = optimizer.state_dict()["state"][0]
    assert sorted(state) == ["exp_avg", "exp_avg_sq", "step"]
    assert state["step"] == 6
    plain = ExtraSGD(ps)
    train(plain, ps, range(3))
    assert plain.state_dict()["state"] == {}
