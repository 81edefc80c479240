"""What D pays for its slope, against closed forms and PyTorch's double backward; and the clipping of its weights."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan import nn
from minigan.gan.losses import get_loss
from minigan.gan.penalties import DRAGAN, R1, R2, GradientPenalty, Penalty, clip_weights_, slope

ALL = [R1, R2, GradientPenalty, DRAGAN]
FLAT, UNIT = [R1, R2], [GradientPenalty, DRAGAN]  # what they want the slope to be: 0, or of length 1

rng = np.random.default_rng(0)
REAL, FAKE = rng.standard_normal((5, 1, 2, 3)), rng.uniform(-1, 1, (5, 1, 2, 3))


def asking(x):
    return mg.tensor(x, requires_grad=True)


def points_of(penalty, real=REAL, fake=FAKE):
    """Where this penalty takes the slope, as the game arranges it."""
    if penalty.at == "new":
        return penalty.points(mg.tensor(real), mg.tensor(fake))
    return asking(real if penalty.at == "real" else fake)


def cost_of(penalty, D, x):
    return penalty.cost(slope(D(x), x))


def linear_critic(weight):
    D = nn.Sequential(nn.Flatten(), nn.Linear(len(weight), 1)).double()
    D[1].weight.data = np.asarray(weight)[None]
    return D


def smooth_critic(seed=0):
    mg.manual_seed(seed)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 5), nn.Sigmoid(), nn.Linear(5, 1)
    ).double()


# ---- closed forms ----------------------------------------------------------------------------------------


def test_the_slope_of_each_sample_is_that_of_its_own_output():
    x = asking(rng.standard_normal((4, 3)))
    gx = slope((x**3).sum(1, keepdim=True), x)
    np.testing.assert_allclose(gx.detach().numpy(), 3 * x.data**2, rtol=1e-14)
    assert gx.requires_grad
    assert x.grad is None


@pytest.mark.parametrize("kind", FLAT)
def test_of_a_linear_critic_r1_and_r2_are_half_gamma_times_its_squared_weights(kind):
    D = linear_critic([0.3, -0.2, 0.1, 0.7, 0.0, -0.4])
    penalty = kind(gamma=0.3, every=4)
    cost = cost_of(penalty, D, points_of(penalty))
    w = D[1].weight
    assert cost.item() == pytest.approx(4 * 0.3 / 2 * (w.data**2).sum(), rel=1e-14)
    cost.backward(inputs=[w])
    np.testing.assert_allclose(w.grad, 4 * 0.3 * w.data, rtol=1e-14)


@pytest.mark.parametrize("kind", UNIT)
def test_of_a_linear_critic_a_unit_slope_penalty_is_its_weight_times_the_squared_excess_of_its_length(kind):
    D = linear_critic([0.3, -0.2, 0.1, 0.7, 0.0, -0.4])
    penalty = kind(weight=10.0, every=2)
    cost = cost_of(penalty, D, points_of(penalty))
    w = D[1].weight
    length = math.sqrt((w.data**2).sum())
    assert cost.item() == pytest.approx(2 * 10 * (length - 1) ** 2, rel=1e-14)
    cost.backward(inputs=[w])
    np.testing.assert_allclose(w.grad, 2 * 10 * 2 * (length - 1) * w.data / length, rtol=1e-13)


@pytest.mark.parametrize("kind", ALL)
def test_of_a_quadratic_critic_the_slope_is_the_point_itself(kind):
    """D(x) = a |x|^2 / 2. The norm is that of each sample: not of the batch, and not of each pixel."""
    penalty, a = kind(0.7), mg.tensor(1.3, dtype=mg.float64, requires_grad=True)
    x = points_of(penalty)
    cost = cost_of(penalty, lambda x: a * (x * x).sum((1, 2, 3)).unsqueeze(1) / 2, x)
    cost.backward(inputs=[a])
    squares = x.data**2
    lengths = np.sqrt(squares.sum((1, 2, 3)))
    if kind in FLAT:
        value, derivative = 0.7 / 2 * (1.3 * lengths) ** 2, 0.7 * 1.3 * lengths**2
        elsewhere = [0.7 / 2 * 1.3**2 * total for total in (squares.sum(), squares.mean())]
    else:
        value, derivative = 0.7 * (1.3 * lengths - 1) ** 2, 0.7 * 2 * (1.3 * lengths - 1) * lengths
        elsewhere = [0.7 * (1.3 * np.sqrt(squares.sum()) - 1) ** 2, 0.7 * ((1.3 * np.sqrt(squares) - 1) ** 2).mean()]
    assert cost.item() == pytest.approx(value.mean(), rel=1e-14)
    np.testing.assert_allclose(a.grad, derivative.mean(), rtol=1e-13)
    assert all(abs(cost.item() / wrong - 1) > 0.1 for wrong in elsewhere)


@pytest.mark.parametrize("kind", ALL)
def test_points_and_images_of_any_shape_are_samples(kind):
    gx = rng.standard_normal((6, 8))
    costs = {kind(2.0).cost(mg.tensor(gx.reshape(6, *shape))).item() for shape in ((8,), (2, 4), (2, 2, 2))}
    assert len(costs) == 1
    lone = gx[:, 0]  # samples of a single number
    expected = (lone**2).mean() if kind in FLAT else 2 * ((np.abs(lone) - 1) ** 2).mean()
    assert kind(2.0).cost(mg.tensor(lone)).item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("kind", ALL)
def test_the_gradient_with_respect_to_the_parameters_of_D_agrees_with_differences(kind):
    D, penalty = smooth_critic(), kind(1.5)
    x = points_of(penalty)
    parameters = list(D.parameters())

    def cost(*values):
        w1, b1, w2, b2, w3, b3 = values
        hidden = mg.tanh(x.reshape(5, 6) @ w1.t() + b1)
        return cost_of(penalty, lambda _: mg.sigmoid(hidden @ w2.t() + b2) @ w3.t() + b3, x)

    assert cost(*parameters).item() == pytest.approx(cost_of(penalty, D, x).item(), rel=1e-14)
    assert mg.gradcheck(cost, parameters)
    assert mg.gradgradcheck(cost, parameters, fast_mode=True)


@pytest.mark.torch
@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("activation", ["Tanh", "LeakyReLU", "Softplus"])
def test_value_and_gradient_are_those_of_pytorchs_double_backward(kind, activation):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    layers = [(6, 9), (9, 8), (8, 1)]
    mg.manual_seed(1)
    ours, theirs = (
        build.Sequential(
            build.Flatten(), build.Linear(*layers[0]), getattr(build, activation)(), build.Linear(*layers[1]),
            getattr(build, activation)(), build.Linear(*layers[2]),
        ).double()
        for build in (nn, torch.nn)
    )  # fmt: skip
    theirs.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in ours.state_dict().items()})
    penalty = kind(0.9, every=3)
    x = points_of(penalty)
    cost_of(penalty, ours, x).backward(inputs=list(ours.parameters())[:-1])  # the last bias has no part in a slope
    x_torch = torch.from_numpy(x.data.copy()).requires_grad_()
    (gx,) = torch.autograd.grad(theirs(x_torch).sum(), x_torch, create_graph=True)
    gx = gx.flatten(1)
    each = gx.square().sum(1) / 2 if kind in FLAT else (gx.norm(dim=1) - 1).square()
    expected = 3 * 0.9 * each.mean()
    expected.backward()
    assert cost_of(penalty, ours, x).item() == pytest.approx(expected.item(), rel=1e-13)
    for name, parameter in theirs.named_parameters():
        if parameter.grad is None:
            assert name == "5.bias"
            continue
        found = dict(ours.named_parameters())[name].grad
        found = np.zeros(parameter.shape) if found is None else found  # of biases of piecewise linear layers
        np.testing.assert_allclose(found, parameter.grad.numpy(), rtol=0, atol=1e-12, err_msg=name)


# ---- where the slope is zero -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("size", [0.0, 1e-30])
def test_a_slope_of_zero_gives_neither_nan_nor_infinity(kind, dtype, size):
    w = mg.full((6, 1), size, dtype=dtype).requires_grad_()
    x = mg.tensor(REAL.reshape(5, 6), dtype=dtype, requires_grad=True)
    cost = cost_of(kind(10.0), lambda x: x @ w, x)
    assert cost.item() == pytest.approx(0.0 if kind in FLAT else 10.0, abs=1e-12)
    (gw,) = mg.grad(cost, w, create_graph=True)
    assert np.isfinite(gw.detach().numpy()).all()
    (ggw,) = mg.grad((gw * gw).sum(), w)
    assert np.isfinite(ggw.detach().numpy()).all()
    if not size:
        assert not gw.detach().numpy().any()


@pytest.mark.parametrize("kind", UNIT)
def test_a_sample_of_slope_zero_does_not_disturb_the_others(kind):
    gx = mg.tensor([[0.0, 0.0], [3.0, 4.0]], dtype=mg.float64, requires_grad=True)
    cost = kind(10.0).cost(gx)
    assert cost.item() == pytest.approx(10 * (1 + 16) / 2, rel=1e-15)
    cost.backward()
    np.testing.assert_allclose(gx.grad, [[0, 0], [10 * 4 * 0.6, 10 * 4 * 0.8]], rtol=1e-15)


# ---- WGAN-GP: where, and what it leads to ----------------------------------------------------------------


def test_the_points_of_wgan_gp_lie_between_each_real_sample_and_its_fake_at_a_uniform_place():
    n = 5000
    mg.manual_seed(0)
    real, fake = mg.zeros(n, 3, 2, 2, dtype=mg.float64), mg.full((n, 3, 2, 2), 1.0, dtype=mg.float64)
    places = GradientPenalty(1.0).points(real, fake).data.reshape(n, 12)
    assert np.ptp(places, axis=1).max() == 0  # one weight for all numbers of a sample
    assert len(np.unique(places)) == n  # and another for each sample
    assert stats.kstest(1 - places[:, 0], "uniform").pvalue > 0.01
    assert 0 < places.min() < 0.002
    assert 0.998 < places.max() <= 1


def test_wgan_gp_goes_from_one_sample_to_the_fake_beside_it():
    mg.set_step(0)
    x = GradientPenalty(1.0).points(mg.tensor(REAL), mg.tensor(FAKE)).data
    eps = ((x - FAKE) / (REAL - FAKE)).reshape(5, 6)
    np.testing.assert_allclose(eps, np.broadcast_to(eps[:, :1], (5, 6)), rtol=1e-10)
    assert ((eps >= 0) & (eps < 1)).all()


def test_every_step_looks_at_new_points():
    for penalty in (GradientPenalty(1.0), DRAGAN(1.0)):
        assert (points_of(penalty).data != points_of(penalty).data).any()


@pytest.mark.parametrize("kind", UNIT)
@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_only_the_critic_pays(kind, dtype):
    G = nn.Sequential(nn.Linear(2, 6), nn.Unflatten(1, (1, 2, 3))).to(dtype=dtype)
    D = smooth_critic().to(dtype=dtype)
    real, fake = mg.tensor(REAL, dtype=dtype, requires_grad=True), G(mg.randn(5, 2, dtype=dtype))
    penalty = kind(10.0)
    x = penalty.points(real, fake)
    assert x.dtype == dtype
    assert x.node is None
    assert x.requires_grad
    cost_of(penalty, D, x).backward()
    assert all(parameter.grad is not None for name, parameter in D.named_parameters() if name != "5.bias")
    assert all(parameter.grad is None for parameter in G.parameters())
    assert real.grad is None


def test_wgan_gp_needs_a_fake_for_each_real_sample():
    with pytest.raises(mg.ShapeError, match=r"a fake of the same shape for each real sample.*\(3, 2\) and \(1, 2\)"):
        GradientPenalty(1.0).points(mg.zeros(3, 2), mg.zeros(1, 2))


@pytest.mark.parametrize("weight", [0.5, 10.0])
def test_a_linear_wgan_gp_critic_ends_at_slope_1_plus_w_over_2_lambda(weight):
    """For W1 = mu between data and fakes it gains w mu - lambda (|w| - 1)^2; the half would give mu / lambda."""
    mu = 1.7
    real, fake = mg.tensor(REAL.reshape(5, 6)), mg.tensor(REAL.reshape(5, 6)[::-1].copy())
    direction = np.array([2.0, -1.0, 2.0, 0.0, 0.0, 0.0]) / 3
    real = real + mg.tensor(mu * direction)
    D = linear_critic(np.full(6, 0.1))
    loss, penalty = get_loss("wasserstein"), GradientPenalty(weight)
    optimizer = mg.optim.SGD(D.parameters(), lr=0.5 / weight)
    for _ in range(400):
        x = penalty.points(real, fake)
        optimizer.zero_grad()
        (loss.discriminator(D(real), D(fake)) + cost_of(penalty, D, x)).backward()
        optimizer.step()
    best = 1 + mu / (2 * weight)
    np.testing.assert_allclose(D[1].weight.data[0], best * direction, atol=1e-9)
    assert -loss.discriminator(D(real), D(fake)).item() == pytest.approx(mu * best, rel=1e-9)


# ---- DRAGAN ----------------------------------------------------------------------------------------------


def test_dragan_moves_every_number_up_by_at_most_half_the_standard_deviation_of_the_batch():
    mg.manual_seed(0)
    real = rng.normal(3.0, 2.0, (400, 1, 5, 5))
    shares = (DRAGAN(10.0).points(mg.tensor(real), mg.tensor(FAKE)).data - real) / (0.5 * real.std())
    assert stats.kstest(shares.ravel(), "uniform").pvalue > 0.01
    assert shares.max() > 0.999
    pixels = shares.reshape(400, 25)
    correlations = np.corrcoef(pixels, rowvar=False)[np.triu_indices(25, 1)]  # each pixel has a number of its own
    assert abs(correlations).max() < 5 / math.sqrt(400)
    assert abs(np.corrcoef(pixels[:-1, 0], pixels[1:, 0])[0, 1]) < 5 / math.sqrt(400)


def test_dragan_takes_the_deviation_of_the_batch_as_it_is_without_bessels_correction():
    pair = mg.tensor([[-1.0], [1.0]])  # 1; as an estimate for more than these two, the root of 2
    moved = np.concatenate([DRAGAN(1.0).points(pair, pair).data - pair.data for _ in range(200)])
    assert 0.49 < moved.max() < 0.5


def test_dragan_looks_at_real_samples_only():
    mg.set_step(0)
    first = DRAGAN(1.0).points(mg.tensor(REAL), mg.tensor(FAKE)).data
    mg.set_step(0)
    np.testing.assert_array_equal(first, DRAGAN(1.0).points(mg.tensor(REAL), mg.tensor(FAKE + 100)).data)


# ---- when, and how much ----------------------------------------------------------------------------------


def test_where_each_penalty_looks_is_said():
    assert [kind.at for kind in ALL] == ["real", "fake", "new", "new"]


@pytest.mark.parametrize("kind", ALL)
def test_a_penalty_is_due_on_every_kth_step_from_the_first(kind):
    assert [step for step in range(10) if kind(1.0, every=4).due(step)] == [0, 4, 8]
    assert not any(kind(0.0).due(step) for step in range(10))


@pytest.mark.parametrize("kind", ALL)
def test_a_lazy_penalty_costs_the_same_over_k_steps(kind):
    gx, lazy, eager = mg.tensor(REAL), kind(0.3, every=4), kind(0.3)
    totals = [sum(p.cost(gx).item() for step in range(8) if p.due(step)) for p in (lazy, eager)]
    assert totals[0] == pytest.approx(totals[1], rel=1e-14)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("weight", "every"), [(-1.0, 1), (math.nan, 1), (math.inf, 1), (1.0, 0)])
def test_settings_that_make_no_sense_are_refused(kind, weight, every):
    with pytest.raises(mg.ConfigError, match=f"{kind.__name__}: expected a weight of at least 0 and every >= 1"):
        kind(weight, every)


def test_a_penalty_of_ones_own_is_a_few_lines():
    class Kink(Penalty):
        at: ClassVar = "real"

        def _each(self, gx):
            return gx.abs().sum(1)

    assert Kink(2.0, every=3).cost(mg.tensor([[1.0, -2.0], [0.0, 3.0]])).item() == 3 * 2 * (3 + 3) / 2


# ---- clipping weights ------------------------------------------------------------------------------------


def test_clipping_puts_every_number_beyond_the_limit_at_the_limit():
    D = smooth_critic()
    before = {name: value.copy() for name, value in D.state_dict().items()}
    clip_weights_(D.parameters(), 0.1)
    for name, value in D.state_dict().items():
        np.testing.assert_array_equal(value, np.minimum(np.maximum(before[name], -0.1), 0.1))
    assert max(abs(value).max() for value in D.state_dict().values()) == 0.1


def test_clipping_happens_in_the_buffer_of_the_optimizer():
    D = smooth_critic()
    optimizer = mg.optim.SGD(D.parameters(), lr=1.0)
    arrays = [parameter.data for parameter in D.parameters()]
    clip_weights_(D.parameters(), 0.01)
    assert all(p.data is array for p, array in zip(D.parameters(), arrays, strict=True))
    D(mg.tensor(REAL)).sum().backward()
    before, step = D[5].bias.data.copy(), D[5].bias.grad.copy()
    optimizer.step()
    np.testing.assert_array_equal(D[5].bias.data, before - step)


def test_clipping_counts_as_a_change_of_the_weights():
    D = smooth_critic()
    y = D(asking(REAL)).sum()
    clip_weights_(D.parameters(), 0.01)
    with pytest.raises(mg.StaleGraphError):
        y.backward()


def test_clipping_weights_is_not_clipping_gradients():
    D = smooth_critic()
    D(mg.tensor(REAL)).sum().backward()
    gradients = [parameter.grad.copy() for parameter in D.parameters()]
    clip_weights_(D.parameters(), 1e-3)
    for parameter, g in zip(D.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(parameter.grad, g)
    weights = [parameter.data.copy() for parameter in D.parameters()]
    nn.utils.clip_grad_norm_(D.parameters(), 1e-3)
    for parameter, w in zip(D.parameters(), weights, strict=True):
        np.testing.assert_array_equal(parameter.data, w)


@pytest.mark.parametrize("limit", [0.0, -0.01, math.nan])
def test_a_limit_that_is_not_above_zero_is_refused(limit):
    D = smooth_critic()
    before = D[1].weight.data.copy()
    with pytest.raises(mg.ConfigError, match="clip_weights_: expected a limit above 0"):
        clip_weights_(D.parameters(), limit)
    np.testing.assert_array_equal(D[1].weight.data, before)


def test_clipping_refuses_results():
    with pytest.raises(mg.GraphError, match="expected parameters, but one is a result"):
        clip_weights_([mg.ones(2, requires_grad=True) * 2], 0.1)
