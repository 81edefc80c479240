"""Learning rates and momentum over a run: closed forms, published recipes, nothing that a resumed run could lose."""

import math
from fractions import Fraction

import numpy as np
import pytest

import minigan as mg
from minigan.gan.config import DiscriminatorConfig, GeneratorConfig
from minigan.gan.schedules import SCHEDULES, learning_rate, momentum

STEPS, PER_EPOCH = 2000, 500


def rates(steps=range(STEPS + 1), **settings):
    player = GeneratorConfig(**settings)
    return [learning_rate(player, step, STEPS, PER_EPOCH) for step in steps]


# ---- learning rates --------------------------------------------------------------------------------------


def test_a_constant_rate_is_constant():
    assert set(rates(schedule="constant", lr=0.3, lr_decay=0.5)) == {0.3}


def test_steps_fall_once_at_the_end_of_each_epoch():
    expected = [0.3 * 0.7 ** (step // PER_EPOCH) for step in range(STEPS + 1)]
    np.testing.assert_allclose(rates(schedule="step", lr=0.3, lr_decay=0.7), expected, rtol=1e-15)


def test_exponential_decay_is_smooth_and_meets_the_steps_at_the_end_of_each_epoch():
    smooth = rates(schedule="exponential", lr=0.3, lr_decay=0.7)
    np.testing.assert_allclose(np.divide(smooth[1:], smooth[:-1]), 0.7 ** (1 / PER_EPOCH), rtol=1e-14)
    np.testing.assert_allclose(
        smooth[::PER_EPOCH], rates(range(0, STEPS + 1, PER_EPOCH), schedule="step", lr=0.3, lr_decay=0.7), rtol=1e-15
    )


def test_the_linear_rate_falls_by_the_same_amount_in_each_step_and_ends_at_the_least():
    found = rates(schedule="linear", lr=0.3, lr_min=0.01)
    assert (found[0], found[-1]) == (0.3, 0.01)
    np.testing.assert_allclose(np.diff(found), -0.29 / STEPS, rtol=1e-10)


def test_the_cosine_falls_along_half_a_wave_and_ends_at_the_least():
    found = rates(schedule="cosine", lr=0.3, lr_min=0.01)
    assert (found[0], found[-1]) == (0.3, 0.01)
    expected = [0.01 + 0.29 * (1 + math.cos(math.pi * step / STEPS)) / 2 for step in range(STEPS + 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("schedule", "reference", "settings"),
    [
        ("step", "StepLR", {"step_size": PER_EPOCH, "gamma": 0.7}),
        ("exponential", "ExponentialLR", {"gamma": 0.7 ** (1 / PER_EPOCH)}),
        ("linear", "LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": STEPS}),
        ("cosine", "CosineAnnealingLR", {"T_max": STEPS, "eta_min": 0.03}),
    ],
)
def test_rates_are_those_of_pytorchs_schedules(torch, schedule, reference, settings):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    schedules = getattr(torch.optim.lr_scheduler, reference)(optimizer, **settings)
    lr_min = 0.03 if schedule in ("linear", "cosine") else 0.0
    for found in rates(schedule=schedule, lr=0.3, lr_decay=0.7, lr_min=lr_min):
        assert found == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-10)
        optimizer.step()
        schedules.step()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_rate_is_below_the_least_one_during_the_run_and_after_it(schedule):
    found = rates(range(3 * STEPS), schedule=schedule, lr=0.3, lr_decay=0.01, lr_min=0.02)
    assert min(found) >= 0.02
    assert np.diff(found).max() <= 0


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_after_the_end_of_the_run_the_rate_stays_where_it_is(schedule):
    assert set(rates(range(STEPS, 3 * STEPS), schedule=schedule, lr=0.3, lr_min=0.02)) == {0.02}


@pytest.mark.parametrize(("batches", "per_step"), [(469, 1), (500, 3), (1000, 7), (938, 5), (7, 3), (10, 10), (3, 7)])
def test_an_epoch_ends_when_its_batches_are_used_up_however_many_a_step_takes(batches, per_step):
    halving = GeneratorConfig(schedule="step", lr=1.0, lr_decay=0.5)
    for step in range(20 * batches):
        epochs = Fraction(step * per_step, batches)
        if epochs < 1000:  # of floating point numbers, there is no 2^-1075
            assert learning_rate(halving, step, 10**9, batches / per_step) == 0.5 ** math.floor(epochs)


def test_the_recipe_of_2014_divides_by_1_000004_in_each_update_down_to_a_millionth():
    """The adversarial nets of Goodfellow et al. 2014 on MNIST: 500 updates make an epoch."""
    recipe = DiscriminatorConfig(schedule="exponential", lr=0.1, lr_decay=1.000004**-500, lr_min=1e-6)
    for step in (0, 1, 499, 500, 125_000, 1_000_000):
        expected = 0.1 / math.exp(step * math.log1p(4e-6))
        assert learning_rate(recipe, step, 10**7, 500) == pytest.approx(expected, rel=1e-12)
    assert learning_rate(recipe, 5_000_000, 10**7, 500) == 1e-6


def test_a_rate_that_starts_again_in_each_epoch_never_decays_and_ours_does():
    """The mistake: the index of a loop over one epoch, which starts at 0 in the next, in place of the step."""
    wrong = [0.3 / (i // PER_EPOCH + 1) for epoch in range(4) for i in range(PER_EPOCH)]
    assert set(wrong) == {0.3}
    right = rates(range(STEPS), schedule="step", lr=0.3, lr_decay=0.5)
    assert sorted(set(right)) == pytest.approx([0.3 / 8, 0.3 / 4, 0.3 / 2, 0.3])


def test_a_schedule_that_does_not_exist_is_refused():
    with pytest.raises(mg.ConfigError, match="schedule: expected one of constant, .*, cosine, but got 'sqrt'."):
        rates(schedule="sqrt")


# ---- momentum --------------------------------------------------------------------------------------------


def test_momentum_rises_linearly_and_then_stays():
    rising = DiscriminatorConfig(optimizer="sgd", momentum=0.5, final_momentum=0.7, momentum_epochs=250)
    found = [momentum(rising, step, 500) for step in range(0, 150_001, 500)]
    np.testing.assert_allclose(found, [0.5 + 0.2 * min(epoch / 250, 1) for epoch in range(301)], rtol=1e-14)
    assert set(found[250:]) == {0.7}
    assert momentum(rising, 250, 500) == pytest.approx(0.5 + 0.2 / 500, rel=1e-14)  # within an epoch, too


def test_momentum_is_constant_if_it_takes_no_epochs_to_rise():
    constant = DiscriminatorConfig(optimizer="sgd", momentum=0.5, final_momentum=0.7, momentum_epochs=0)
    assert {momentum(constant, step, 500) for step in range(0, 10_000, 100)} == {0.5}
