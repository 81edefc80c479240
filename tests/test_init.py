"""Initial weights have PyTorch's distributions, for its arguments and their defaults."""

import inspect

import numpy as np
import pytest
from scipy import stats

import minigan as mg
from minigan.nn import init

torch_test = pytest.mark.torch
NAMES = [
    "uniform_", "normal_", "constant_", "zeros_", "ones_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_",
    "kaiming_normal_", "orthogonal_", "calculate_gain",
]  # fmt: skip
SHAPES = [(60, 50), (16, 8, 4, 4), (8, 16, 5, 3)]
SCALED = [
    ("xavier_uniform_", {}), ("xavier_uniform_", {"gain": 1.7}), ("xavier_normal_", {"gain": 0.5}),
    *[
        (name, {"a": a, "mode": mode, "nonlinearity": nonlinearity})
        for name in ("kaiming_uniform_", "kaiming_normal_")
        for a, nonlinearity in ((0.0, "leaky_relu"), (0.2, "leaky_relu"), (0.0, "relu"), (0.0, "tanh"))
        for mode in ("fan_in", "fan_out")
    ],
]  # fmt: skip


@torch_test
@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_are_pytorchs(torch, name):
    ours, theirs = (inspect.signature(getattr(lib.nn.init, name)).parameters for lib in (mg, torch))
    assert list(ours) == [p for p in theirs if p != "generator"]
    assert {p: ours[p].default for p in ours} == {p: theirs[p].default for p in ours}


@torch_test
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "options"), SCALED)
def test_weights_are_drawn_from_pytorchs_distribution(torch, name, options, shape):
    """The scale is read off PyTorch's draws, which are uniform or normal numbers times it."""
    found = getattr(init, name)(mg.zeros(shape), **options).numpy().ravel()
    theirs = getattr(torch.nn.init, name)(torch.zeros(shape), **options).numpy()
    if "uniform" in name:
        bound = abs(found).max()
        assert bound == pytest.approx(abs(theirs).max(), rel=0.01)
        assert stats.kstest(found, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3
    else:
        assert found.std() == pytest.approx(theirs.std(), rel=0.15)
        assert stats.kstest(found / found.std(), stats.norm.cdf).pvalue > 1e-3


def test_the_scales_are_those_of_the_papers():
    fans = {"fan_in": 8 * 16, "fan_out": 16 * 16}
    w = mg.zeros(16, 8, 4, 4)
    for mode, fan in fans.items():
        bound = abs(init.kaiming_uniform_(w, a=0.2, mode=mode).numpy()).max()
        assert bound == pytest.approx(np.sqrt(6 / (1.04 * fan)), rel=0.01)
    bound = abs(init.xavier_uniform_(w, gain=2.0).numpy()).max()
    assert bound == pytest.approx(2 * np.sqrt(6 / sum(fans.values())), rel=0.01)


@torch_test
@pytest.mark.parametrize("shape", [*SHAPES, (3, 0), (0, 4)])
def test_fans_are_pytorchs(torch, shape):
    found = init._calculate_fan_in_and_fan_out(mg.zeros(shape))
    assert found == torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(shape))
    assert init.fan_in(mg.zeros(shape)) == found[0]


@torch_test
@pytest.mark.parametrize("name", [*init._GAINS, "leaky_relu"])
@pytest.mark.parametrize("param", [None, 0, 0.2])
def test_gains_are_pytorchs(torch, name, param):
    assert init.calculate_gain(name, param) == pytest.approx(torch.nn.init.calculate_gain(name, param), rel=1e-15)


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (4, 2, 3, 3), (1, 4)])
@pytest.mark.parametrize("gain", [1.0, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_or_columns_are_orthogonal(shape, gain, dtype):
    w = mg.zeros(shape, dtype=np.dtype(dtype))
    assert init.orthogonal_(w, gain) is w
    matrix = w.numpy().reshape(shape[0], -1) / gain
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-6)
    assert w.dtype == dtype


def test_orthogonal_matrices_have_no_preferred_sign():
    signs = np.array([init.orthogonal_(mg.zeros(3, 3)).numpy() for _ in range(200)]) > 0
    assert (abs(signs.mean(0) - 0.5) < 0.15).all()
    assert init.orthogonal_(mg.zeros(0, 3)).shape == (0, 3)


@pytest.mark.parametrize("name", ["uniform_", "normal_", "xavier_normal_", "kaiming_uniform_", "orthogonal_"])
def test_draws_repeat_with_the_seed_are_the_same_in_both_types_and_count_as_a_change(name):
    fill, found = getattr(init, name), []
    for dtype in (mg.float32, mg.float64):
        mg.manual_seed(5)
        w = mg.zeros(4, 6, dtype=dtype)
        version = w.version
        assert fill(w) is w
        assert w.version > version
        found.append(w.numpy())
    np.testing.assert_allclose(*found, rtol=1e-6)
    assert not np.array_equal(fill(mg.zeros(4, 6)).numpy(), found[0])


BAD = {
    "vector": (lambda: init.xavier_uniform_(mg.zeros(3)), mg.ShapeError,
               r"fan_in: expected a weight with at least 2 dimensions \(out, in, ...\), but got \(3,\). Fill a bias"),
    "orthogonal vector": (lambda: init.orthogonal_(mg.zeros(3)), mg.ShapeError, "orthogonal_: expected a weight with"),
    "mode": (lambda: init.kaiming_normal_(mg.zeros(2, 2), mode="in"), mg.ConfigError,
             'expected mode "fan_in" or "fan_out", but got \'in\''),
    "nonlinearity": (lambda: init.calculate_gain("swish"), mg.ConfigError,
                     "calculate_gain: expected one of leaky_relu, linear, .*selu, but got 'swish'"),
    "slope": (lambda: init.calculate_gain("leaky_relu", "x"), mg.ConfigError, "slope of leaky_relu .* but got 'x'"),
    "bounds": (lambda: init.uniform_(mg.zeros(2), 1.0, 0.0), mg.ConfigError,
               "uniform_: expected a of at most b, but got a=1.0 and b=0.0"),
    "std": (lambda: init.normal_(mg.zeros(2), std=-1), mg.ConfigError, "expected std of at least 0, but got -1"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), BAD.values(), ids=BAD.keys())
def test_what_makes_no_sense_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
