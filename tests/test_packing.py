"""What D is shown in place of single, clean samples: noise on them, and several at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan.gan.packing import in_places, instance_noise, pack

# ---- instance noise --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [mg.float32, mg.float64])
def test_instance_noise_is_normal_with_the_given_deviation_and_its_own_for_every_number(dtype):
    mg.manual_seed(0)
    x = mg.full((500, 1, 4, 4), 3.0, dtype=dtype)
    noise = (instance_noise(x, 0.2).numpy() - 3.0) / 0.2
    assert noise.dtype == dtype
    assert stats.kstest(noise.ravel(), "norm").pvalue > 0.01
    correlations = np.corrcoef(noise.reshape(500, 16), rowvar=False)[np.triu_indices(16, 1)]
    assert abs(correlations).max() < 5 / math.sqrt(500)


def test_real_samples_and_fakes_get_noise_of_their_own_and_each_step_new():
    x = mg.zeros(4, 3)
    mg.set_step(5)
    first, second = instance_noise(x, 1.0).numpy(), instance_noise(x, 1.0).numpy()
    mg.set_step(5)
    np.testing.assert_array_equal(instance_noise(x, 1.0).numpy(), first)
    mg.set_step(6)
    assert all((instance_noise(x, 1.0).numpy() != other).all() for other in (first, second))
    assert (first != second).all()


def test_gradients_pass_the_noise_unchanged():
    x = mg.zeros(4, 3, requires_grad=True)
    gy = np.float32(np.random.default_rng(0).standard_normal((4, 3)))
    instance_noise(x, 0.5).backward(gy)
    np.testing.assert_array_equal(x.grad, gy)


def test_without_deviation_the_samples_stay_and_nothing_is_drawn():
    x = mg.ones(4, 3)
    mg.set_step(0)
    assert instance_noise(x, 0.0) is x
    first = mg.rand(1).item()
    mg.set_step(0)
    assert mg.rand(1).item() == first


@pytest.mark.parametrize("std", [-0.1, math.nan])
def test_a_deviation_below_zero_is_refused(std):
    with pytest.raises(mg.ConfigError, match="instance_noise: expected a standard deviation of at least 0"):
        instance_noise(mg.zeros(1, 1), std)


# ---- packing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(5,), (3, 2, 4)], ids=["points", "images"])
def test_a_pack_is_m_samples_in_a_row_joined_along_their_first_dimension(m, shape):
    x = np.random.default_rng(0).standard_normal((12, *shape))
    packs = pack(mg.tensor(x), m).numpy()
    assert packs.shape == (12 // m, m * shape[0], *shape[1:])
    for i, found in enumerate(packs):
        np.testing.assert_array_equal(found, np.concatenate(x[i * m : (i + 1) * m], axis=0))


def test_what_makes_no_whole_pack_is_left_out_and_gets_no_gradient():
    x = mg.tensor(np.random.default_rng(0).standard_normal((7, 2)), requires_grad=True)
    packs = pack(x, 3)
    assert packs.shape == (2, 6)
    gy = np.arange(12.0).reshape(2, 6)
    packs.backward(gy)
    np.testing.assert_array_equal(x.grad, np.concatenate([gy.reshape(6, 2), np.zeros((1, 2))]))


def test_fewer_samples_than_a_pack_are_refused():
    with pytest.raises(mg.ShapeError, match="pack: expected at least 4 samples, but got 3"):
        pack(mg.zeros(3, 2), 4)
    with pytest.raises(mg.ConfigError, match="pack: expected at least 1 sample in a pack, but got 0"):
        pack(mg.zeros(3, 2), 0)
    with pytest.raises(mg.ShapeError, match="pack: expected at least 4 samples, but got 3"):
        in_places(lambda z: z, mg.zeros(3, 2), 4)


@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("shape", [(5,), (3, 2, 4)], ids=["points", "images"])
def test_batchnorm_in_G_sees_each_place_of_the_packs_on_its_own(m, shape):
    z = np.random.default_rng(0).standard_normal((13, int(np.prod(shape))))
    G = mg.nn.Sequential(mg.nn.BatchNorm1d(z.shape[1], affine=False, dtype=mg.float64), mg.nn.Unflatten(1, shape))
    packs = pack(in_places(G, mg.tensor(z), m), m).numpy()
    n = 13 // m
    for i in range(m):
        part = z[i * n : (i + 1) * n]
        expected = (part - part.mean(0)) / np.sqrt(part.var(0) + 1e-5)
        found = packs[:, i * shape[0] : (i + 1) * shape[0]]
        np.testing.assert_allclose(found, expected.reshape(n, *shape), rtol=1e-12, atol=1e-12)


def test_a_sample_at_a_time_comes_from_G_as_it_is():
    z = mg.randn(6, 2)
    assert in_places(lambda z: z, z, 1) is z
