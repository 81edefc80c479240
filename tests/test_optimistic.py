"""Optimistic steps: the published algorithms, number for number, and the direction before in the state."""

import copy
import pickle

import numpy as np
import pytest
from optimizer_twins import SHAPES, always, loss, now_and_then, options, train, values

import minigan as mg
from minigan.nn import Parameter
from minigan.optim import Adam, OptimisticAdam, OptimisticSGD

KINDS = pytest.mark.parametrize("kind", [OptimisticSGD, OptimisticAdam])
USES = pytest.mark.parametrize("used", [always, now_and_then])
SGD_SETTINGS = options(lr=[0.05], momentum=[0.0, 0.9], dampening=[0.0, 0.3], weight_decay=[0, 0.1])
ADAM_SETTINGS = [
    {},
    *options(lr=[0.05], betas=[(0.5, 0.999), (0.0, 0.9), (0.9, 0.5)], weight_decay=[0, 0.1]),
    {"lr": 0.05, "eps": 0.1},
]  # no second beta near 0: m / |g| makes much of a rounding error where g is near 0
SETTINGS = [
    *[(OptimisticSGD, settings) for settings in SGD_SETTINGS],
    (OptimisticSGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    *[(OptimisticAdam, settings) for settings in ADAM_SETTINGS],
]
every_setting = pytest.mark.parametrize(("kind", "settings"), SETTINGS)
GROUPS = [
    {"params": [0, 3], "lr": 0.2},
    {"params": [1], "weight_decay": 0.3, "betas": (0.0, 0.5)},
    {"params": [2, 4], "lr": 0.0},
]


def parameters(dtype=np.float64):
    return [Parameter(mg.tensor(x.astype(dtype))) for x in values()]


class PublishedOptimisticAdam:
    """One parameter under algorithm 1 of Daskalakis et al. 2018, as printed: of the moments now and before."""

    def __init__(self, w, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        self.w, self.lr, self.betas, self.eps, self.weight_decay = w, lr, betas, eps, weight_decay
        self.m, self.v, self.t = np.zeros_like(w), np.zeros_like(w), 0

    def step(self, g):
        (beta1, beta2), g = self.betas, g + self.weight_decay * self.w
        before = self.ratio() if self.t else 0.0
        self.t += 1
        self.m = beta1 * self.m + (1 - beta1) * g
        self.v = beta2 * self.v + (1 - beta2) * g**2
        self.w = self.w - 2 * self.lr * self.ratio() + self.lr * before

    def ratio(self):
        m, v = self.m / (1 - self.betas[0] ** self.t), self.v / (1 - self.betas[1] ** self.t)
        return m / (np.sqrt(v) + self.eps)


class PublishedOptimisticSGD:
    """One parameter under optimistic mirror descent (Daskalakis et al. 2018)."""

    def __init__(self, w, lr, weight_decay=0.0):
        self.w, self.lr, self.weight_decay, self.before = w, lr, weight_decay, 0.0

    def step(self, g):
        g = g + self.weight_decay * self.w
        self.w = self.w - 2 * self.lr * g + self.lr * self.before
        self.before = g


def check_published(published, optimizer, ps, used, steps=20):
    for step in range(steps):
        train(ps, optimizer, [step], used)
        for i, (p, twin) in enumerate(zip(ps, published, strict=True)):
            if used(step, i):
                twin.step(2 * twin.w * (0.3 + i) + step % 3 - 1)  # the gradient of `loss`
            np.testing.assert_allclose(p.data, twin.w, rtol=1e-12, atol=1e-12)


# ---- the published algorithms ----------------------------------------------------------------------------


@USES
@pytest.mark.parametrize("settings", ADAM_SETTINGS)
def test_optimistic_adam_is_the_published_algorithm(settings, used):
    ps, published = parameters(), [PublishedOptimisticAdam(w, **settings) for w in values()]
    check_published(published, OptimisticAdam(ps, **settings), ps, used)


@USES
@pytest.mark.parametrize("settings", options(lr=[0.05], weight_decay=[0, 0.1]))
def test_optimistic_sgd_is_the_published_algorithm(settings, used):
    ps, published = parameters(), [PublishedOptimisticSGD(w, **settings) for w in values()]
    check_published(published, OptimisticSGD(ps, **settings), ps, used)


def test_groups_have_settings_of_their_own():
    ps, published, common = parameters(), [None] * len(SHAPES), {"lr": 0.05, "weight_decay": 0.01}
    optimizer = OptimisticAdam([{**group, "params": [ps[i] for i in group["params"]]} for group in GROUPS], **common)
    for group in GROUPS:
        settings = {**common, **{name: value for name, value in group.items() if name != "params"}}
        for i in group["params"]:
            published[i] = PublishedOptimisticAdam(values()[i], **settings)
    check_published(published, optimizer, ps, now_and_then)


@pytest.mark.torch
@USES
@every_setting
def test_the_direction_is_that_of_pytorchs_optimizer(torch, kind, settings, used):
    """PyTorch's step from 0 with lr 1 ends at minus its direction."""
    ours, theirs = parameters(), [torch.tensor(x) for x in values()]
    settings = dict(settings)
    optimizer = kind(ours, **settings)
    lr, decay = settings.pop("lr", 1e-3), settings.pop("weight_decay", 0)
    steps = [torch.nn.Parameter(torch.zeros_like(w)) for w in theirs]
    reference = getattr(torch.optim, kind.__name__.removeprefix("Optimistic"))(steps, lr=1.0, **settings)
    before = [torch.zeros_like(w) for w in theirs]
    for k in range(20):
        train(ours, optimizer, [k], used)
        leaves = [w.clone().requires_grad_() for w in theirs]
        loss(leaves, k, lambda i, k=k: used(k, i)).backward()
        for step, leaf in zip(steps, leaves, strict=True):
            step.data.zero_()
            step.grad = None if leaf.grad is None else leaf.grad + decay * leaf.detach()
        reference.step()
        for i, step in enumerate(steps):
            if step.grad is not None:
                theirs[i] = theirs[i] + 2 * lr * step.detach() - lr * before[i]
                before[i] = step.detach().clone()
        for found, expected in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(found.data, expected.numpy(), rtol=1e-12, atol=1e-12)


@KINDS
def test_weight_decay_is_a_term_of_the_loss(kind):
    (p, q), c = (Parameter(mg.tensor(values()[4])) for _ in range(2)), 0.3
    decayed, plain = kind([p], lr=0.1, weight_decay=c), kind([q], lr=0.1)
    for k in range(10):
        train([p], decayed, [k])
        plain.zero_grad()
        (loss([q], k, lambda i: True) + (q * q).sum() * (c / 2)).backward()
        plain.step()
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12)


def test_a_new_learning_rate_counts_for_both_directions():
    w = Parameter(mg.tensor([1.0], dtype=mg.float64))
    optimizer, expected, before = OptimisticSGD([w]), 1.0, 0.0
    for lr, g in ((0.5, 3.0), (0.125, -1.0), (0.25, 2.0)):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        (w * g).sum().backward()
        optimizer.step()
        expected, before = expected - 2 * lr * g + lr * before, g
        assert w.tolist() == [expected]


@KINDS
def test_a_constant_gradient_makes_a_double_step_and_then_single_ones(kind):
    w = Parameter(mg.tensor([0.0], dtype=mg.float64))
    optimizer = kind([w], lr=0.5)
    for expected in (-1.0, -1.5, -2.0):
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()
        assert w.item() == pytest.approx(expected, rel=1e-7)  # Adam's eps


@KINDS
def test_float32_stays_float32_and_near_float64(kind):
    single, double = parameters(np.float32), parameters()
    for ps in (single, double):
        train(ps, kind(ps, lr=0.02, weight_decay=0.1), range(10))
    for p, q in zip(single, double, strict=True):
        assert p.dtype == np.float32
        np.testing.assert_allclose(p.data, q.data, rtol=1e-4, atol=1e-5)


# ---- state -----------------------------------------------------------------------------------------------


@every_setting
def test_a_state_dict_brings_back_the_very_same_steps(tmp_path, kind, settings):
    ours = parameters()
    optimizer = kind([{"params": ours[:2], "lr": 0.01}, {"params": ours[2:]}], **settings)
    train(ours, optimizer, range(5), now_and_then)
    mg.save(optimizer.state_dict(), tmp_path / "state.safetensors")
    copies = [Parameter(mg.tensor(p.data)) for p in ours]
    train(ours, optimizer, range(5, 9), now_and_then)
    other = kind([{"params": copies[:2]}, {"params": copies[2:]}])
    other.load_state_dict(mg.load(tmp_path / "state.safetensors"))
    train(copies, other, range(5, 9), now_and_then)
    assert all(np.array_equal(p.data, q.data) for p, q in zip(ours, copies, strict=True))


@pytest.mark.parametrize("duplicate", [lambda pair: pickle.loads(pickle.dumps(pair)), copy.deepcopy])
@KINDS
def test_a_copy_of_network_and_optimizer_trains_as_the_original(kind, duplicate):
    net = mg.nn.Linear(3, 2)
    optimizer = kind(net.parameters(), lr=0.1)
    train(list(net.parameters()), optimizer, range(3))
    other, copied = duplicate((net, optimizer))
    for network, mover in ((net, optimizer), (other, copied)):
        train(list(network.parameters()), mover, range(3, 6))
    assert all(np.array_equal(value, other.state_dict()[name]) for name, value in net.state_dict().items())


def test_the_state_has_the_direction_beside_what_the_optimizer_it_extends_has():
    ps = [Parameter(mg.tensor([2.0])), Parameter(mg.ones(3))]
    for optimizer, names in (
        (OptimisticSGD(ps), ["previous_direction", "step"]),
        (OptimisticSGD(ps, momentum=0.5), ["momentum_buffer", "previous_direction", "step"]),
        (OptimisticAdam(ps), ["exp_avg", "exp_avg_sq", "previous_direction", "step"]),
    ):
        optimizer.zero_grad()
        (ps[0] * 3.0).sum().backward()
        optimizer.step()
        state = optimizer.state_dict()["state"]
        assert list(state) == [0]
        assert sorted(state[0]) == names
        direction = 1.0 if isinstance(optimizer, OptimisticAdam) else 3.0
        np.testing.assert_allclose(state[0]["previous_direction"], [direction], rtol=1e-6)


def test_a_state_without_the_direction_is_refused():
    ps = [Parameter(mg.ones(2))]
    plain = Adam(ps)
    train(ps, plain, range(2))
    with pytest.raises(mg.StateError, match="OptimisticAdam: expected previous_direction of parameter 0 to be numbers"):
        OptimisticAdam(ps).load_state_dict(plain.state_dict())


@KINDS
@pytest.mark.parametrize(("name", "value"), [("lr", "fast"), ("lr", None), ("weight_decay", "much")])
def test_a_setting_that_was_spoilt_by_hand_is_named_at_the_next_step(kind, name, value):
    ps = [Parameter(mg.ones(2))]
    optimizer = kind(ps)
    optimizer.param_groups[0][name] = value
    with pytest.raises(mg.ConfigError, match=f"^{kind.__name__}: expected {name} of at least 0, but got {value!r}"):
        train(ps, optimizer, [0])
    assert ps[0].tolist() == [1.0, 1.0]
