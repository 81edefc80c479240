"""What both players pay: every loss of D and of G against its formula, to logits of +-100."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan.gan.losses import LOSSES, Targets, get_loss

SCORES = np.array([-100.0, -20.0, -8.0, -1.5, -0.3, 0.0, 0.7, 8.0, 100.0])
PAIRS = np.stack([s.ravel() for s in np.meshgrid(SCORES, SCORES)])  # every score of a real sample with every fake's
REAL, FAKE = PAIRS[0][:, None], PAIRS[1][:, None]

NAMES = [name for name, output in LOSSES if output == "logit"]
WITH_TARGETS = ["minimax", "non-saturating", "least-squares"]
WITHOUT_TARGETS = ["wasserstein", "hinge", "relativistic"]


def sigmoid(s):
    e = np.exp(-np.abs(s))
    return np.where(s >= 0, 1, e) / (1 + e)


def softplus(s):
    return np.logaddexp(0, s)


# By loss: what D pays for a pair of scores, and what G pays; each with the derivatives by both scores.
def cross_entropy_D(x, z):
    return softplus(-x) + softplus(z), -sigmoid(-x), sigmoid(z)


D_FORMULAS = {
    "minimax": cross_entropy_D,
    "non-saturating": cross_entropy_D,
    "least-squares": lambda x, z: ((x - 1) ** 2 / 2 + z**2 / 2, x - 1, z),
    "wasserstein": lambda x, z: (z - x, -np.ones_like(x), np.ones_like(z)),
    "hinge": lambda x, z: (np.maximum(0, 1 - x) + np.maximum(0, 1 + z), -1.0 * (x < 1), 1.0 * (z > -1)),
    "relativistic": lambda x, z: (softplus(z - x), -sigmoid(z - x), sigmoid(z - x)),
}
G_FORMULAS = {
    "minimax": lambda x, z: (-softplus(z), 0 * x, -sigmoid(z)),
    "non-saturating": lambda x, z: (softplus(-z), 0 * x, -sigmoid(-z)),
    "least-squares": lambda x, z: ((z - 1) ** 2 / 2, 0 * x, z - 1),
    "wasserstein": lambda x, z: (-z, 0 * x, -np.ones_like(z)),
    "hinge": lambda x, z: (-z, 0 * x, -np.ones_like(z)),
    "relativistic": lambda x, z: (softplus(x - z), sigmoid(x - z), -sigmoid(x - z)),
}


def discriminator(name, **targets):
    return lambda real, fake: get_loss(name).discriminator(real, fake, Targets(**targets))


def generator(name):
    return lambda real, fake: get_loss(name).generator(fake, real)


def value_and_gradients(f, real, fake):
    """f and its derivatives; 0 for a score that f does not look at."""
    real, fake = (mg.tensor(s, requires_grad=True) for s in (real, fake))
    y = f(real, fake)
    assert y.shape == ()
    y.backward()
    return y.item(), *(np.zeros(s.shape, s.dtype) if s.grad is None else s.grad for s in (real, fake))


def assert_is(found, formula, real, fake, rtol=1e-13):
    value, g_real, g_fake = formula(real, fake)
    assert found[0] == pytest.approx(value.mean(), rel=0, abs=rtol * np.abs(value).mean())  # scores may cancel
    np.testing.assert_allclose(found[1], g_real / len(real), rtol=rtol)
    np.testing.assert_allclose(found[2], g_fake / len(fake), rtol=rtol)


def test_every_loss_has_a_formula_here():
    assert set(NAMES) == set(D_FORMULAS) == set(G_FORMULAS) == {*WITH_TARGETS, *WITHOUT_TARGETS}


@pytest.mark.parametrize("name", NAMES)
def test_what_D_pays_and_its_gradient_are_those_of_the_formula(name):
    assert_is(value_and_gradients(discriminator(name), REAL, FAKE), D_FORMULAS[name], REAL, FAKE)


@pytest.mark.parametrize("name", NAMES)
def test_what_G_pays_and_its_gradient_are_those_of_the_formula(name):
    assert_is(value_and_gradients(generator(name), REAL, FAKE), G_FORMULAS[name], REAL, FAKE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("player", "formulas"), [(discriminator, D_FORMULAS), (generator, G_FORMULAS)])
def test_each_pair_of_scores_alone_keeps_its_digits(player, formulas, name):
    """In a mean of many, large numbers hide the small ones."""
    for x, z in PAIRS.T.reshape(-1, 2, 1, 1):
        assert_is(value_and_gradients(player(name), x, z), formulas[name], x, z)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("player", "formulas"), [(discriminator, D_FORMULAS), (generator, G_FORMULAS)])
def test_in_float32_nothing_overflows_and_no_digits_are_lost(player, formulas, name):
    scores = np.float32([-40, -20, -3, 0.5, 20, 40])  # e^-80 is still a normal float32, but 1 + e^-17 is 1
    for x in scores:
        for z in scores:
            real, fake = np.full((1, 1), x), np.full((1, 1), z)
            expected = [np.float64(s) for s in (real, fake)]
            assert_is(value_and_gradients(player(name), real, fake), formulas[name], *expected, rtol=5e-7)
    found = value_and_gradients(player(name), np.float32(REAL), np.float32(FAKE))
    assert all(np.isfinite(part).all() for part in found)
    assert found[1].dtype == found[2].dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives_are_right(name):
    scores = [mg.tensor([[-1.7], [0.2], [2.3]], dtype=mg.float64, requires_grad=True) for _ in range(2)]
    assert mg.gradgradcheck(discriminator(name), scores)
    assert mg.gradgradcheck(lambda real, fake: generator(name)(real, fake) + 0 * real.sum(), scores)


# ---- who wants what --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_D_raises_real_samples_and_lowers_fakes_and_G_raises_fakes(name):
    """Excluded: the value function with real and fake swapped."""
    zero = np.zeros((1, 1))
    _, on_real, on_fake = value_and_gradients(discriminator(name), zero + 0.1, zero + 0.2)
    assert on_real < 0 < on_fake
    _, on_real, on_fake = value_and_gradients(generator(name), zero + 0.1, zero + 0.2)
    assert on_fake < 0
    right, wrong = (discriminator(name)(mg.tensor(zero + s), mg.tensor(zero - s)).item() for s in (0.9, -0.9))
    assert right < wrong


@pytest.mark.parametrize("name", NAMES)
def test_only_minimax_and_wasserstein_are_zero_sum_games(name):
    """Excluded: minimising -log D(G(z)) under the name minimax. What G gains by its fakes D loses, or not."""
    *_, D_fake = value_and_gradients(discriminator(name), REAL, FAKE)
    *_, G_fake = value_and_gradients(generator(name), REAL, FAKE)
    assert np.array_equal(D_fake, -G_fake) == (name in ("minimax", "wasserstein"))


def test_the_saturating_and_the_non_saturating_signal_differ_by_the_factor_exp_of_the_logit():
    s = SCORES[:, None]
    *_, minimax = value_and_gradients(generator("minimax"), s, s)
    *_, non_saturating = value_and_gradients(generator("non-saturating"), s, s)
    np.testing.assert_allclose(minimax / non_saturating, np.exp(s), rtol=1e-12)
    at_minus_8 = (non_saturating / minimax)[s == -8].item()
    assert at_minus_8 == pytest.approx(2981, abs=0.05)


def test_where_D_cannot_tell_the_value_of_the_game_is_minus_log_4():
    half = mg.zeros(5, 1, dtype=mg.float64)
    assert get_loss("minimax").discriminator(half, half).item() == pytest.approx(math.log(4), rel=1e-15)


@pytest.mark.parametrize(
    ("mean", "value"), [(0, -1.386294), (1, -1.163451), (2, -0.712633), (4, -0.120854)], ids=lambda v: str(v)
)
def test_the_best_D_reaches_minus_log_4_plus_two_jensen_shannon_divergences(mean, value):
    """Data N(0, 1) and fakes N(mean, 1), as the middles of n equally likely pieces; D's logit is log p - log q."""
    n = 200_000
    x = stats.norm.ppf((np.arange(n) + 0.5) / n)
    on_real, on_fake = (mg.tensor(mean**2 / 2 - mean * s[:, None]) for s in (x, x + mean))
    assert -get_loss("minimax").discriminator(on_real, on_fake).item() == pytest.approx(value, abs=1e-5)


def test_a_shift_of_all_scores_changes_nothing_for_the_relativistic_loss():
    loss, shifted = get_loss("relativistic"), [mg.tensor(s + 3.0) for s in (REAL[1:9], FAKE[1:9])]
    real, fake = mg.tensor(REAL[1:9]), mg.tensor(FAKE[1:9])
    assert loss.discriminator(real, fake).item() == pytest.approx(loss.discriminator(*shifted).item(), rel=1e-12)
    assert loss.generator(fake, real).item() == pytest.approx(loss.generator(*shifted[::-1]).item(), rel=1e-12)


def test_the_relativistic_loss_makes_pairs_and_not_all_combinations():
    real, fake = (mg.tensor([[a], [b]], dtype=mg.float64) for a, b in ((0.0, 5.0), (1.0, -2.0)))
    expected = (softplus(1.0) + softplus(-7.0)) / 2
    assert get_loss("relativistic").discriminator(real, fake).item() == pytest.approx(expected, rel=1e-14)


def test_the_relativistic_loss_says_what_it_lacks():
    loss = get_loss("relativistic")
    with pytest.raises(mg.ShapeError, match=r"as many real samples as fakes.*\(3, 1\) and \(1, 1\)"):
        loss.discriminator(mg.zeros(3, 1), mg.zeros(1, 1))
    with pytest.raises(mg.ArgumentError, match="pass D's outputs on both"):
        loss.generator(mg.zeros(3, 1))


@pytest.mark.parametrize("key", LOSSES, ids=" on a ".join)
def test_a_loss_says_of_itself_what_it_uses(key):
    loss, (real, fake) = LOSSES[key], (mg.tensor([[p], [q]]) for p, q in ((0.3, 0.6), (0.2, 0.7)))
    moved = loss.generator(fake, real + 0.1).item() != loss.generator(fake, real).item()
    assert moved == loss.uses_real
    assert loss.uses_real == (key[0] == "relativistic")
    assert loss.uses_targets == (key[0] in WITH_TARGETS)
    assert (loss.probability is not None) == (key[0] in ("minimax", "non-saturating"))


def test_probabilities_are_those_of_D():
    s = mg.tensor(SCORES[:, None])
    np.testing.assert_allclose(get_loss("minimax").probability(s).numpy(), sigmoid(s.numpy()), rtol=1e-14)
    p = mg.tensor([[0.25]])
    assert get_loss("minimax", "probability").probability(p).item() == 0.25


@pytest.mark.parametrize("name", ["non-saturating", "minimax"])
def test_logits_and_probabilities_say_the_same(name):
    s = SCORES[2:-1, None]
    on_logits, on_probabilities = get_loss(name, "logit"), get_loss(name, "probability")
    x, p = mg.tensor(s), mg.tensor(sigmoid(s))
    assert on_logits.generator(x).item() == pytest.approx(on_probabilities.generator(p).item(), rel=1e-12)
    for targets in (Targets(), Targets(smoothing=0.1, fake_smoothing=0.2)):
        ours, theirs = (loss.discriminator(t, t, targets) for loss, t in ((on_logits, x), (on_probabilities, p)))
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)


# ---- targets ---------------------------------------------------------------------------------------------


def cross_entropy(s, target):
    return target * softplus(-s) + (1 - target) * softplus(s), (1 - target) * sigmoid(s) - target * sigmoid(-s)


def half_square(s, target):
    return (s - target) ** 2 / 2, s - target


COSTS = {"minimax": cross_entropy, "non-saturating": cross_entropy, "least-squares": half_square}


@pytest.mark.parametrize("name", WITH_TARGETS)
@pytest.mark.parametrize(
    ("targets", "real_target", "fake_target"),
    [
        ({"smoothing": 0.1}, 0.9, 0.0),
        ({"fake_smoothing": 0.2}, 1.0, 0.2),
        ({"smoothing": 0.1, "fake_smoothing": 0.2}, 0.9, 0.2),
        ({"noise": 1.0}, 0.0, 1.0),
        ({"smoothing": 0.1, "noise": 1.0}, 0.0, 0.9),
        ({"smoothing": 0.1, "fake_smoothing": 0.2, "noise": 1.0}, 0.2, 0.9),
    ],
    ids=["real side", "fake side", "both sides", "flipped", "one side, flipped", "both sides, flipped"],
)
def test_smoothed_and_flipped_targets_are_those_of_the_formula(name, targets, real_target, fake_target):
    def formula(x, z):
        (cost_x, slope_x), (cost_z, slope_z) = COSTS[name](x, real_target), COSTS[name](z, fake_target)
        return cost_x + cost_z, slope_x, slope_z

    found = value_and_gradients(discriminator(name, **targets), REAL, FAKE)
    np.testing.assert_allclose(found[0], formula(REAL, FAKE)[0].mean(), rtol=1e-13)
    for g, expected in zip(found[1:], formula(REAL, FAKE)[1:], strict=True):
        np.testing.assert_allclose(g, expected / len(REAL), rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_a_smoothed_D_stops_at_its_target(output):
    """D(x) = .9 is best where the target is .9: the gradient changes its sign there."""
    for p, sign in ((0.85, -1), (0.95, 1)):
        s = mg.tensor([[p if output == "probability" else math.log(p / (1 - p))]], requires_grad=True)
        get_loss("non-saturating", output).discriminator(s, s.detach(), Targets(smoothing=0.1)).backward()
        assert np.sign(s.grad.item()) == sign


def test_labels_are_flipped_one_by_one_with_the_given_probability():
    n, p = 40_000, 0.3
    mg.manual_seed(0)
    targets, outputs = Targets(smoothing=0.1, fake_smoothing=0.05, noise=p), mg.zeros(n, 1)
    real, fake = targets.real(outputs).numpy(), targets.fake(outputs).numpy()
    assert real.dtype == np.float32
    assert set(np.unique(real)) == set(np.unique(fake)) == {np.float32(0.9), np.float32(0.05)}
    flips = np.stack([real < 0.5, fake > 0.5]).reshape(2, n)
    np.testing.assert_allclose(flips.mean(1), p, atol=5 * math.sqrt(p * (1 - p) / n))
    both = flips.all(0).mean()  # those of real samples and of fakes are independent
    assert both == pytest.approx(p * p, abs=5 * math.sqrt(p * p * (1 - p * p) / n))


def test_every_move_of_D_draws_its_own_flips_and_the_same_step_the_same():
    targets, outputs = Targets(noise=0.5), mg.zeros(64, 1)
    mg.set_step(3)
    first, second = targets.real(outputs).numpy(), targets.real(outputs).numpy()
    mg.set_step(3)
    again = targets.real(outputs).numpy()
    assert (first != second).any()
    np.testing.assert_array_equal(first, again)


def test_targets_without_noise_draw_nothing():
    def next_number(work):
        mg.set_step(0)
        work()
        return mg.rand(1).item()

    def play():
        for key, loss in LOSSES.items():
            half = mg.full((4, 1), 0.5)
            loss.discriminator(half, half, Targets(smoothing=0.1) if key[0] in WITH_TARGETS else Targets())
            loss.generator(half, half)

    assert next_number(play) == next_number(lambda: None)


@pytest.mark.parametrize("name", WITHOUT_TARGETS)
def test_a_loss_without_targets_refuses_to_smooth_them(name):
    with pytest.raises(mg.ConfigError, match=f"The loss '{name}' has no targets.*Leave label smoothing and noise at 0"):
        discriminator(name, smoothing=0.1)(mg.zeros(1, 1), mg.zeros(1, 1))


@pytest.mark.parametrize("setting", ["smoothing", "fake_smoothing", "noise"])
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_targets_outside_their_range_are_refused(setting, value):
    with pytest.raises(mg.ConfigError, match="expected smoothing, fake_smoothing and noise from 0 to 1"):
        Targets(**{setting: value})


@pytest.mark.parametrize("settings", [{"smoothing": 1.0}, {"smoothing": 0.5, "fake_smoothing": 0.5}])
def test_targets_that_no_longer_tell_real_from_fake_are_refused(settings):
    with pytest.raises(mg.ConfigError, match="expected fakes below real samples"):
        Targets(**settings)


# ---- names -----------------------------------------------------------------------------------------------


def test_an_unknown_loss_suggests_the_nearest():
    with pytest.raises(mg.ConfigError, match="No loss 'minmax'.*Did you mean minimax"):
        get_loss("minmax")
    with pytest.raises(mg.ConfigError, match="No output 'logits' of D.*Did you mean logit"):
        get_loss("minimax", "logits")


@pytest.mark.parametrize("name", ["least-squares", *WITHOUT_TARGETS])
def test_a_loss_of_scores_refuses_a_D_that_ends_in_a_sigmoid(name):
    with pytest.raises(mg.ConfigError, match=f"The loss '{name}' is made for a D that gives any number"):
        get_loss(name, "probability")
