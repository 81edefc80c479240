"""Draws depend on seed, step and site alone; they follow their distributions; dropout keeps what it promises."""

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan.backend import philox
from minigan.gan.noise import Noise
from minigan.nn.functional import dropout, dropout2d
from minigan.ops.random import stream

N = 200_000
both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])
DRAWS = {
    "rand": lambda n: mg.rand(n).numpy(),
    "randn": lambda n: mg.randn(n).numpy(),
    "randint": lambda n: mg.randint(1000, (n,)).numpy(),
    "randn_like": lambda n: mg.randn_like(mg.zeros(n)).numpy(),
    "rand_like": lambda n: mg.rand_like(mg.zeros(n)).numpy(),
    "dropout2d": lambda n: dropout2d(mg.ones(n, 1, 1)).numpy().ravel(),
    "rand float64": lambda n: mg.rand(n, dtype=mg.float64).numpy(),
    "dropout": lambda n: dropout(mg.ones(n)).numpy(),
    "init": lambda n: mg.nn.init.uniform_(mg.zeros(n)).numpy(),
}
every_draw = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())


def at(draw, seed=0, step=0, site=0, n=1000):
    mg.manual_seed(seed)
    mg.set_step(step)
    for _ in range(site):
        mg.rand(1)
    return draw(n)


def correlated(x, y):
    return abs(np.corrcoef(x.astype(float), y.astype(float))[0, 1]) > 4 / np.sqrt(len(x))


# ---- what a draw depends on ------------------------------------------------------------------------------


@every_draw
def test_the_same_seed_step_and_site_give_the_same_bits(draw):
    assert at(draw, 3, 5, 2).tobytes() == at(draw, 3, 5, 2).tobytes()


@every_draw
@pytest.mark.parametrize("other", [{"seed": 4}, {"step": 6}, {"site": 3}, {"seed": 2**64 - 1}, {"step": 2**63}])
def test_another_seed_step_or_site_gives_unrelated_numbers(draw, other):
    place = {"seed": 3, "step": 5, "site": 2}
    x, y = at(draw, **place), at(draw, **{**place, **other})
    assert not np.array_equal(x, y)
    assert not correlated(x, y)


@every_draw
def test_two_draws_in_a_row_are_unrelated(draw):
    x, y = draw(1000), draw(1000)
    assert not np.array_equal(x, y)
    assert not correlated(x, y)


@every_draw
def test_what_was_drawn_in_earlier_steps_does_not_matter(draw):
    mg.manual_seed(1)
    mg.set_step(9)
    expected = draw(10)
    mg.manual_seed(1)
    for step in range(9):
        mg.set_step(step)
        for _ in range(step):
            draw(step)
    mg.set_step(9)
    assert np.array_equal(draw(10), expected)


def test_a_seed_starts_anew_at_step_0():
    mg.manual_seed(7)
    first = mg.rand(4)
    mg.set_step(3)
    mg.rand(4)
    mg.manual_seed(7)
    assert (mg.rand(4) == first).numpy().all()
    assert (stream.seed, stream.step, stream.site) == (7, 0, 1)


def test_purposes_draw_unrelated_numbers_at_the_same_place():
    x, y = at(DRAWS["rand"], n=N), at(DRAWS["init"], n=N)
    assert not np.array_equal(x, y)
    assert not correlated(x, y)
    assert not correlated(x, at(DRAWS["dropout"], n=N))


def test_drawing_samples_to_look_at_does_not_disturb_training():
    def train(look):
        mg.manual_seed(5)
        drawn = []
        for step in range(3):
            mg.set_step(step)
            drawn.append(mg.randn(4).numpy())
            if look:
                Noise(100).fixed(64, seed=5, device=mg.device("cpu"))
                philox.permutation(10, seed=5, epoch=step)
            drawn.append(dropout(mg.ones(4)).numpy())
        return drawn

    assert np.array_equal(train(look=True), train(look=False))


def test_samples_to_look_at_depend_on_their_seed_alone():
    def z(seed):
        return Noise(5).fixed(8, seed=seed, device=mg.device("cpu")).numpy()

    before = z(1)
    mg.manual_seed(9)
    mg.set_step(4)
    assert np.array_equal(z(1), before)
    assert not np.array_equal(z(2), before)
    assert np.array_equal(Noise(5).fixed(3, seed=1, device=mg.device("cpu")).numpy(), before[:3])


def test_numpys_global_generator_is_neither_used_nor_disturbed():
    before = repr(np.random.get_state())  # noqa: NPY002  (this is the one in question)
    first = [at(draw) for draw in DRAWS.values()]
    assert repr(np.random.get_state()) == before  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert all(np.array_equal(x, at(draw)) for x, draw in zip(first, DRAWS.values(), strict=True))


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, "0", None])
def test_a_seed_that_is_none_is_refused_and_changes_nothing(seed):
    mg.manual_seed(3)
    with pytest.raises(mg.ConfigError, match=r"seed must be an integer from 0 to 2\*\*64 - 1, but is"):
        mg.manual_seed(seed)
    assert stream.seed == 3


@pytest.mark.parametrize("step", [-1, 2**64, 0.5])
def test_a_step_that_is_none_is_refused_and_changes_nothing(step):
    mg.set_step(3)
    with pytest.raises(mg.ConfigError, match="step must be an integer"):
        mg.set_step(step)
    assert stream.step == 3


# ---- distributions ---------------------------------------------------------------------------------------


@both_types
@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_rand_is_uniform_from_0_to_below_1(dtype, seed):
    mg.manual_seed(seed)
    x = mg.rand(N, dtype=dtype).numpy()
    assert x.dtype == dtype
    assert x.min() >= 0
    assert x.max() < 1
    assert stats.kstest(x, "uniform").pvalue > 1e-3
    assert not correlated(x[:-1], x[1:])


@both_types
@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_randn_is_normal(dtype, seed):
    mg.manual_seed(seed)
    x = mg.randn(N, dtype=dtype).numpy()
    assert x.dtype == dtype
    assert stats.kstest(x, "norm").pvalue > 1e-3
    assert abs(stats.skew(x)) < 4 * np.sqrt(6 / N)
    assert abs(stats.kurtosis(x)) < 4 * np.sqrt(24 / N)
    assert not correlated(x[:-1], x[1:])  # the two of a Box-Muller pair, and neighbours of two pairs
    assert not correlated(x[:-1] ** 2, x[1:] ** 2)


@both_types
def test_rand_uses_all_the_digits_of_its_type(dtype):
    x = mg.rand(N, dtype=dtype).numpy()
    bits = 24 if dtype == "float32" else 53
    scaled = x.astype(np.float64) * 2.0**bits
    assert np.array_equal(scaled, np.floor(scaled))
    assert (scaled % 2 == 1).mean() == pytest.approx(0.5, abs=0.01)


@both_types
@pytest.mark.parametrize("draw", [mg.rand, mg.randn])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3,), (2, 0, 3), (3, 5)])
def test_shapes_are_as_asked_for_and_odd_sizes_begin_like_even_ones(draw, shape, dtype):
    x = draw(shape, dtype=dtype, requires_grad=True)
    assert (x.shape, x.dtype, x.requires_grad, x.is_leaf) == (shape, np.dtype(dtype), True, True)
    mg.manual_seed(0)
    longer = draw(x.numel() + 3, dtype=dtype).numpy()
    assert np.array_equal(x.detach().numpy().ravel(), longer[: x.numel()])


# ---- dropout ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.001, 0.1, 0.25, 0.3, 0.5, 0.9, 0.999])
def test_dropout_drops_with_probability_p_and_scales_what_it_keeps(p):
    y = dropout(mg.ones(N, dtype=mg.float64), p).numpy()
    kept = y != 0
    assert abs(kept.mean() - (1 - p)) < 4 * np.sqrt(p * (1 - p) / N)
    assert (y[kept] == 1 / (1 - p)).all()
    assert not correlated(kept[:-1], kept[1:])


def test_masks_of_neighbouring_layers_and_steps_are_unrelated():
    x = mg.ones(N)
    masks = [dropout(x).numpy(), dropout(x).numpy()]
    mg.set_step(1)
    masks.append(dropout(x).numpy())
    assert not any(correlated(masks[i], masks[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 1001])
def test_the_mask_is_the_same_for_float32_and_float64(n):
    masks = []
    for dtype in (mg.float32, mg.float64):
        mg.set_step(2)
        masks.append(dropout(mg.ones(n, dtype=dtype), 0.3).numpy())
    assert [str(mask.dtype) for mask in masks] == ["float32", "float64"]
    assert np.array_equal(masks[0] != 0, masks[1] != 0)


def test_dropout_of_probability_0_is_the_identity_and_of_1_is_nothing():
    x = mg.randn(50, requires_grad=True)
    assert np.array_equal(dropout(x, 0.0).detach().numpy(), x.detach().numpy())
    y = dropout(x, 1.0)
    y.sum().backward()
    assert not y.detach().numpy().any()
    assert not x.grad.any()


def test_the_gradient_passes_where_the_value_passed():
    x = mg.randn(1000, requires_grad=True)
    y = dropout(x, 0.4)
    y.sum().backward()
    np.testing.assert_allclose(x.grad * x.detach().numpy(), y.detach().numpy(), rtol=1e-6)
    assert set(np.unique(x.grad)) == {np.float32(0), np.float32(1 / 0.6)}


def test_evaluation_is_the_identity_and_draws_nothing():
    layer, x = mg.nn.Dropout(0.5).eval(), mg.randn(50)
    site = stream.site
    assert np.array_equal(layer(x).numpy(), x.numpy())
    assert stream.site == site
    assert (layer.train()(x).numpy() == 0).any()


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_a_probability_outside_0_to_1_is_refused(p):
    with pytest.raises(mg.ConfigError, match=f"dropout: expected a probability p from 0 to 1, but got {p}"):
        dropout(mg.ones(1), p)


# ---- dropout of channels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 50, 3, 2), (2000, 3, 2)])
def test_dropout2d_drops_whole_channels_each_by_itself(shape):
    y = dropout2d(mg.ones(shape, dtype=mg.float64), 0.3).numpy().reshape(2000, -1)
    assert (y == y[:, :1]).all()
    kept = y[:, 0] != 0
    assert (y[kept] == 1 / 0.7).all()
    assert abs(kept.mean() - 0.7) < 4 * np.sqrt(0.21 / 2000)
    assert not correlated(kept[:-1], kept[1:])


def test_the_gradient_of_dropout2d_passes_where_the_value_passed():
    x = mg.randn(30, 20, 2, 2, requires_grad=True)
    y = mg.nn.Dropout2d(0.4)(x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad * x.detach().numpy(), y.detach().numpy(), rtol=1e-6)
    assert set(np.unique(x.grad)) == {np.float32(0), np.float32(1 / 0.6)}
    assert y.dtype == np.float32


def test_evaluation_of_dropout2d_is_the_identity_and_draws_nothing():
    layer, x, site = mg.nn.Dropout2d().eval(), mg.randn(3, 2, 2), stream.site
    assert layer(x) is x
    assert stream.site == site


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: mg.nn.Dropout2d(1.5), mg.ConfigError, "Dropout2d: expected a probability p from 0 to 1, but got 1.5"),
    (lambda: mg.nn.Dropout2d()(mg.ones(2, 2)), mg.ShapeError, r"dropout2d: expected .*\(C, H, W\), but got \(2, 2\)"),
    (lambda: mg.nn.Dropout2d()(mg.zeros(1, 1, 1, dtype=mg.int64)), mg.DTypeError, "floating point values.*int64"),
    (lambda: dropout2d(mg.ones(1, 1, 1), -1), mg.ConfigError, "dropout2d: expected a probability .* got -1"),
    (lambda: dropout2d(mg.ones(2)), mg.ShapeError, r"dropout2d: expected an input \(N, C, H, W\).*got \(2,\)"),
])  # fmt: skip
def test_what_dropout2d_cannot_take_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- like another tensor, and whole numbers --------------------------------------------------------------


@both_types
@pytest.mark.parametrize(("like", "plain"), [(mg.rand_like, mg.rand), (mg.randn_like, mg.randn)])
def test_numbers_like_a_tensor_have_its_shape_and_type(like, plain, dtype):
    x = mg.zeros(3, 2, dtype=dtype)
    mg.set_step(1)
    y = like(x, requires_grad=True)
    mg.set_step(1)
    assert np.array_equal(y.detach().numpy(), plain(3, 2, dtype=dtype).numpy())
    assert (y.dtype, y.requires_grad, y.is_leaf) == (np.dtype(dtype), True, True)
    assert like(mg.arange(3), dtype=dtype).dtype == dtype
    with pytest.raises(mg.DTypeError, match=f"{like.__name__}: expected a floating point type, but got int64"):
        like(mg.arange(3))


@pytest.mark.parametrize(("low", "high"), [(0, 10), (-3, 4), (5, 6), (-(2**31), 2**31), (2**40, 2**40 + 2**32)])
def test_randint_is_uniform_from_low_to_below_high(low, high):
    x = mg.randint(low, high, (N,)).numpy()
    assert x.dtype == np.int64
    assert low <= x.min()
    assert x.max() < high
    bins = min(high - low, 64)
    counts = np.bincount((x - low) * bins // (high - low), minlength=bins)
    assert bins == 1 or stats.chisquare(counts).pvalue > 1e-3


def test_randint_takes_high_alone_a_shape_and_a_type():
    assert mg.randint(7, (2, 3)).shape == (2, 3)
    assert mg.randint(7, size=(5,)).shape == (5,)
    assert mg.randint(1, 7, (3,), dtype=mg.uint8).dtype == np.uint8
    assert mg.randint(7, ()).shape == ()
    assert mg.randint(7, (0, 2)).shape == (0, 2)


@pytest.mark.parametrize(("args", "error", "message"), [
    ((3, 3, (2,)), mg.ConfigError, "low < high <= .* but got low=3 and high=3"),
    ((0, 2**32 + 1, (2,)), mg.ConfigError, r"high <= low \+ 2\*\*32"),
    ((0.5, 2, (2,)), mg.ConfigError, "whole numbers and a size.*low=0.5"),
    ((5,), mg.ConfigError, "a size"),
    ((0, 300, (2,), mg.uint8), mg.DTypeError, "uint8 cannot hold whole numbers from 0 to 299"),
    ((0, 3, (2,), mg.float32), mg.DTypeError, "float32 cannot hold"),
    ((0, 3, (-2,)), mg.ShapeError, "at least 0"),
])  # fmt: skip
def test_what_randint_cannot_draw_is_named(args, error, message):
    with pytest.raises(error, match=message):
        mg.randint(*args)
