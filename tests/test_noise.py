"""z: the distribution that it has, and what its numbers depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan.gan import Noise

CPU = mg.device("cpu")
DISTRIBUTIONS = {"normal": stats.norm(0, 1), "uniform": stats.uniform(-1, 2)}
every_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS)


def drawn(noise, n):
    return noise.draw(n).numpy()


def fixed(noise, n):
    return noise.fixed(n, seed=0, device=CPU).numpy()


# ---- the distribution ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [drawn, fixed])
@pytest.mark.parametrize("scale", [1.0, math.sqrt(3), 0.25])
@every_distribution
def test_z_has_its_distribution_times_the_scale(distribution, scale, how):
    z = how(Noise(20, distribution, scale), 2000)
    assert z.shape == (2000, 20)
    assert z.dtype == np.float32
    assert stats.kstest(z.ravel() / scale, DISTRIBUTIONS[distribution].cdf).pvalue > 0.01


@pytest.mark.parametrize("how", [drawn, fixed])
def test_uniform_z_fills_its_range_and_never_leaves_it(how):
    z = how(Noise(20, "uniform", 0.5), 5000)
    assert -0.5 <= z.min() < -0.4999
    assert 0.4999 < z.max() < 0.5


@pytest.mark.parametrize("how", [drawn, fixed])
def test_the_scale_of_the_square_root_of_three_gives_uniform_z_the_variance_one(how):
    z = how(Noise(20, "uniform", math.sqrt(3)), 20_000).astype(np.float64)
    n, fourth_moment = z.size, 9 / 5  # E z^4 = 3^2 / 5
    assert abs(np.mean(z**2) - 1) < 4 * math.sqrt((fourth_moment - 1) / n)
    assert abs(np.mean(z)) < 4 / math.sqrt(n)


@pytest.mark.parametrize("how", [drawn, fixed])
@every_distribution
def test_the_numbers_of_a_z_are_independent(distribution, how):
    z = how(Noise(8, distribution), 4000)
    correlations = np.corrcoef(z, rowvar=False)[np.triu_indices(8, 1)]
    assert abs(correlations).max() < 4.5 / math.sqrt(4000)


def test_another_distribution_is_refused():
    with pytest.raises(mg.ConfigError, match='Noise: expected the distribution "normal" or "uniform", but got \'gauss'):
        Noise(100, "gaussian")


# ---- z for training --------------------------------------------------------------------------------------


@every_distribution
def test_a_step_draws_the_same_z_again_and_another_step_or_seed_others(distribution):
    noise = Noise(5, distribution)

    def at(seed, step):
        mg.manual_seed(seed)
        mg.set_step(step)
        return drawn(noise, 3)

    np.testing.assert_array_equal(at(1, 7), at(1, 7))
    assert (at(1, 7) != at(1, 8)).all()
    assert (at(1, 7) != at(2, 7)).all()


@every_distribution
def test_two_draws_of_one_step_are_unlike(distribution):
    noise = Noise(5, distribution)
    assert (drawn(noise, 3) != drawn(noise, 3)).all()


@every_distribution
def test_z_comes_in_the_type_asked_for_with_all_of_its_digits(distribution):
    z = Noise(50, distribution).draw(20, dtype=mg.float64).numpy()
    assert z.dtype == np.float64
    assert (z != z.astype(np.float32)).mean() > 0.99


@pytest.mark.parametrize("device", [None, "cpu", CPU])
def test_z_is_made_on_the_device(device):
    assert Noise(5).draw(2, device=device).device == CPU


# ---- z to look at ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("z_dim", [1, 4, 7])
@every_distribution
def test_more_z_begin_with_the_same_as_fewer(distribution, z_dim):
    noise = Noise(z_dim, distribution, 2.0)
    all_of_them = fixed(noise, 11)
    for n in range(1, 11):
        np.testing.assert_array_equal(fixed(noise, n), all_of_them[:n])


@every_distribution
def test_z_to_look_at_depend_on_seed_and_site_alone(distribution):
    noise = Noise(6, distribution)
    first = noise.fixed(4, seed=3, device=CPU).numpy()
    mg.manual_seed(9)
    mg.set_step(5)
    mg.rand(3)
    np.testing.assert_array_equal(noise.fixed(4, seed=3, device=CPU).numpy(), first)
    for others in (noise.fixed(4, seed=4, device=CPU), noise.fixed(4, seed=3, device=CPU, site=1)):
        assert (others.numpy() != first).all()


@every_distribution
def test_z_to_look_at_are_not_those_of_training_and_leave_it_alone(distribution):
    noise = Noise(6, distribution)
    mg.manual_seed(3)
    first, second = drawn(noise, 4), drawn(noise, 4)
    mg.manual_seed(3)
    np.testing.assert_array_equal(drawn(noise, 4), first)
    shown = noise.fixed(4, seed=3, device=CPU).numpy()
    np.testing.assert_array_equal(drawn(noise, 4), second)  # nothing was taken from training's stream
    assert not np.isin(shown, np.concatenate([first, second])).any()


def test_no_z_at_all_is_an_array_without_rows():
    assert fixed(Noise(6), 0).shape == drawn(Noise(6), 0).shape == (0, 6)
