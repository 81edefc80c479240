"""Layers and losses are PyTorch's: values, gradients, second-order gradients, state, initial weights, names."""

import numpy as np
import pytest
from scipy import stats

import minigan as mg

torch_test = pytest.mark.torch


def draw(*shape, seed=0, low=-2.0, high=2.0):
    return np.random.default_rng(seed).uniform(low, high, shape)


def weights(y, salt):
    """Fixed numbers of y's shape, to make a scalar of it that treats no element like another."""
    return np.cos(np.arange(int(np.prod(y.shape))).reshape(tuple(y.shape)) * 1.7 + salt)


def derivatives(y, xs, grad, constant):
    """y, the gradients of a weighted sum of it by xs, and those of a weighted sum of these."""
    first = grad((y * constant(weights(y, 0))).sum(), xs, True)
    total = sum((gx * gx * constant(weights(gx, i))).sum() for i, gx in enumerate(first) if gx is not None)
    second = grad(total, xs, False) if total.requires_grad else [None] * len(xs)
    return [None if z is None else z.detach() for z in (y, *first, *second)]


def ours(f, arrays, parameters=()):
    def grad(y, xs, create_graph):
        return mg.grad(y, xs, create_graph=create_graph, allow_unused=True)

    xs = [mg.tensor(x, requires_grad=True) for x in arrays]
    return derivatives(f(*xs), [*xs, *parameters], grad, mg.as_tensor)


def theirs(torch, f, arrays, parameters=()):
    def grad(y, xs, create_graph):
        return torch.autograd.grad(y, xs, create_graph=create_graph, allow_unused=True)

    xs = [torch.tensor(x, requires_grad=True) for x in arrays]
    return derivatives(f(*xs), [*xs, *parameters], grad, torch.tensor)


def assert_same(found, expected):
    """Equal tensors; where nothing depends on an input, a gradient of zeros is as good as none."""
    for y, z in zip(found, expected, strict=True):
        if y is None or z is None:
            assert not any(x.numpy(**force).any() for x, force in ((y, {}), (z, {"force": True})) if x is not None)
            continue
        assert y.shape == tuple(z.shape)
        assert y.dtype == np.float64
        np.testing.assert_allclose(y.numpy(), z.numpy(force=True), rtol=1e-10, atol=1e-10)


def same_weights(torch, module, reference):
    """Give both modules the same random numbers, as float64, by way of their state dicts."""
    module.double()
    reference.double()
    for i, (name, x) in enumerate(module.state_dict().items()):
        if x.dtype == np.float64:
            low = 0.5 if name.endswith("var") else -1.0
            reference.state_dict()[name].copy_(torch.tensor(draw(*x.shape, seed=i + 1, low=low, high=1.5)))
    module.load_state_dict(reference.state_dict())
    return module, reference


def assert_same_state(module, reference):
    found, expected = module.state_dict(), reference.state_dict()
    assert list(found) == list(expected)
    for name, x in found.items():
        assert str(x.dtype) == str(expected[name].dtype).removeprefix("torch.")
        np.testing.assert_allclose(x, expected[name].numpy(), rtol=1e-12, atol=1e-12)


# ---- layers ----------------------------------------------------------------------------------------------

LAYERS = {
    "Linear": (lambda nn: nn.Linear(5, 3), [(4, 5), (2, 4, 5), (5,), (0, 5)]),
    "Linear without bias": (lambda nn: nn.Linear(5, 3, bias=False), [(4, 5), (2, 4, 5), (5,), (0, 5)]),
    "Linear to one": (lambda nn: nn.Linear(5, 1), [(4, 5), (1, 5)]),
    "ReLU": (lambda nn: nn.ReLU(), [(4, 5), ()]),
    "Tanh": (lambda nn: nn.Tanh(), [(4, 5), ()]),
    "Sigmoid": (lambda nn: nn.Sigmoid(), [(4, 5), ()]),
    **{
        f"LeakyReLU({slope})": (lambda nn, slope=slope: nn.LeakyReLU(*slope), [(4, 5), ()])
        for slope in [(), (0.2,), (0.0,), (1.0,), (1.5,), (-0.5,)]
    },
    "Flatten": (lambda nn: nn.Flatten(), [(4, 5), (2, 3, 4), (0, 1, 2, 2)]),
    "Flatten all": (lambda nn: nn.Flatten(0), [(4, 5), (3,)]),
    "Flatten some": (lambda nn: nn.Flatten(1, -2), [(2, 3, 4, 5)]),
    "Unflatten": (lambda nn: nn.Unflatten(1, (1, 2, 3)), [(4, 6), (4, 6, 2)]),
    "Unflatten -1": (lambda nn: nn.Unflatten(-1, (3, -1)), [(4, 6), (6,)]),
    "Dropout(0)": (lambda nn: nn.Dropout(0.0), [(4, 5)]),
    "Sequential": (
        lambda nn: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.LeakyReLU(0.2), nn.Linear(4, 2), nn.Tanh()),
        [(6, 5)],
    ),
    "Sequential of none": (lambda nn: nn.Sequential(), [(4, 5)]),
    "one layer twice": (lambda nn: nn.Sequential(*[nn.Linear(5, 5)] * 2), [(4, 5)]),
}
NORM_SHAPES = [(6, 3), (2, 3), (4, 3, 5), (1, 3, 2)]
for label, options in {
    "": {},
    " momentum, eps": {"momentum": 0.7, "eps": 0.1},
    " momentum 1": {"momentum": 1.0},
    " cumulative": {"momentum": None},
    " cumulative, not tracking": {"momentum": None, "track_running_stats": False},
    " not affine": {"affine": False},
    " not tracking": {"track_running_stats": False},
    " neither": {"affine": False, "track_running_stats": False},
}.items():
    LAYERS[f"BatchNorm1d{label}"] = (lambda nn, options=options: nn.BatchNorm1d(3, **options), NORM_SHAPES)


@torch_test
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(
    ("build", "shape"),
    [pytest.param(build, shape, id=f"{name}-{shape}") for name, (build, shapes) in LAYERS.items() for shape in shapes],
)
def test_a_layer_gives_pytorchs_values_gradients_and_state(torch, build, shape, training):
    module, reference = same_weights(torch, build(mg.nn).train(training), build(torch.nn).train(training))
    for call in range(3):  # running statistics move on
        x = draw(*shape, seed=call + 50)
        found = ours(module, [x], module.parameters())
        expected = theirs(torch, reference, [x], reference.parameters())
        assert_same(found, expected)
        assert_same_state(module, reference)


@torch_test
def test_backward_leaves_pytorchs_gradients_in_parameters_and_input(torch):
    build = LAYERS["Sequential"][0]
    module, reference = same_weights(torch, build(mg.nn), build(torch.nn))
    x = mg.tensor(draw(6, 5), requires_grad=True)
    z = torch.tensor(draw(6, 5), requires_grad=True)
    for _ in range(2):  # the second adds to the first
        (module(x) ** 2).sum().backward()
        (reference(z) ** 2).sum().backward()
    for found, expected in zip([x, *module.parameters()], [z, *reference.parameters()], strict=True):
        np.testing.assert_allclose(found.grad, expected.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layer", [
    lambda nn: nn.Linear(4, 2), lambda nn: nn.BatchNorm1d(4), lambda nn: nn.LeakyReLU(), lambda nn: nn.ReLU(),
    lambda nn: nn.Tanh(), lambda nn: nn.Sigmoid(), lambda nn: nn.Dropout(0.5), lambda nn: nn.Flatten(),
    lambda nn: nn.Unflatten(1, (2, 2)),
])  # fmt: skip
def test_a_layer_keeps_float32_and_takes_numpy_arrays(layer):
    module = layer(mg.nn).eval()
    x = draw(3, 4).astype(np.float32)
    y = module(x)
    assert y.dtype == np.float32
    assert np.array_equal(y.detach().numpy(), module(mg.tensor(x)).detach().numpy())


def test_batch_norm_makes_each_channel_of_mean_0_and_variance_1():
    y = mg.nn.BatchNorm1d(3, eps=0.0).double()(mg.tensor(draw(7, 3, 5))).detach().numpy()
    np.testing.assert_allclose(y.mean((0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var((0, 2)), 1, rtol=1e-12)


def test_evaluation_leaves_running_statistics_alone():
    layer = mg.nn.BatchNorm1d(3)
    layer(mg.randn(5, 3))
    before = layer.eval().state_dict()
    layer(mg.randn(5, 3))
    assert all(np.array_equal(x, before[name]) for name, x in layer.state_dict().items())
    assert before["num_batches_tracked"] == 1


# ---- losses ----------------------------------------------------------------------------------------------

WEIGHT = draw(4, 3, seed=7, low=0.1)
LOSSES = {
    "BCELoss": ({"weight": [None, WEIGHT, WEIGHT[0]]}, 0.05),
    "BCEWithLogitsLoss": ({"weight": [None, WEIGHT, WEIGHT[0]], "pos_weight": [None, WEIGHT[1]]}, -9.0),
    "MSELoss": ({}, -2.0),
    "L1Loss": ({}, -2.0),
}
LOSS_CASES = [
    (name, {"weight": weight, "pos_weight": pos_weight, "reduction": reduction}, low)
    for name, (options, low) in LOSSES.items()
    for weight in options.get("weight", [None])
    for pos_weight in options.get("pos_weight", [None])
    for reduction in ("mean", "sum", "none")
]


@torch_test
@pytest.mark.parametrize("targets_differ", [True, False])
@pytest.mark.parametrize(("name", "options", "low"), LOSS_CASES)
def test_a_loss_gives_pytorchs_values_and_gradients(torch, name, options, low, targets_differ):
    options = {key: value for key, value in options.items() if value is not None}
    x, target = draw(4, 3, low=low, high=abs(low) if low < 0 else 0.95), draw(4, 3, seed=1, low=0.0, high=1.0)
    arrays = [x, target] if targets_differ else [x]
    fixed = np.array([[0.0, 1.0, 0.9]] * 4)

    def run(lib, wrap):
        made = {k: wrap(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        loss = getattr(lib.nn, name)(**made)
        return loss if targets_differ else lambda x: loss(x, wrap(fixed))

    assert_same(ours(run(mg, mg.tensor), arrays), theirs(torch, run(torch, torch.tensor), arrays))


@torch_test
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_nothing_and_of_one_number_is_pytorchs(torch, name):
    for shape, reduction in (((0, 3), "sum"), ((0, 3), "none"), ((), "mean"), ((1,), "mean")):
        x, target = draw(*shape, low=0.0, high=1.0), draw(*shape, seed=1, low=0.0, high=1.0)
        found = getattr(mg.nn, name)(reduction=reduction)(mg.tensor(x), target)
        expected = getattr(torch.nn, name)(reduction=reduction)(torch.tensor(x), torch.tensor(target))
        assert found.shape == tuple(expected.shape)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)


@torch_test
def test_losses_are_pytorchs_where_logarithms_end(torch):
    for name, x in (
        ("BCELoss", [0.0, 1.0, 0.0, 1.0, 1e-300]),
        ("BCEWithLogitsLoss", [-800.0, 800.0, -800.0, 800.0, 0]),
    ):
        target = [0.0, 1.0, 1.0, 0.0, 0.5]
        found, expected = mg.tensor(x, dtype=mg.float64), torch.tensor(x, dtype=torch.float64)
        found.requires_grad_(), expected.requires_grad_()
        y = getattr(mg.nn, name)(reduction="none")(found, mg.tensor(target, dtype=mg.float64))
        z = getattr(torch.nn, name)(reduction="none")(expected, torch.tensor(target, dtype=torch.float64))
        y.sum().backward(), z.sum().backward()
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(found.grad, expected.grad.numpy(), rtol=1e-8)  # theirs rounds 1e-12 to float32


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_refuses_targets_of_another_shape_and_unknown_reductions(name):
    with pytest.raises(mg.ShapeError, match=r"expected a target of the input's shape \(4, 1\), but got \(4,\)"):
        getattr(mg.nn, name)()(mg.full((4, 1), 0.5), mg.ones(4))
    with pytest.raises(mg.ConfigError, match="""expected reduction "mean", "sum" or "none", but got 'avg'"""):
        getattr(mg.nn, name)(reduction="avg")(mg.full((4,), 0.5), mg.ones(4))


@torch_test
@pytest.mark.parametrize(("name", "options"), [
    ("BCELoss", []), ("BCELoss", ["weight"]), ("BCEWithLogitsLoss", []), ("BCEWithLogitsLoss", ["pos_weight"]),
    ("BCEWithLogitsLoss", ["weight", "pos_weight"]),
])  # fmt: skip
def test_factors_of_a_loss_are_buffers_as_in_pytorch(torch, name, options):
    found = getattr(mg.nn, name)(**{option: mg.tensor(WEIGHT) for option in options})
    expected = getattr(torch.nn, name)(**{option: torch.tensor(WEIGHT) for option in options})
    assert_same_state(found, expected)
    found.float(), expected.float()
    assert all(x.dtype == np.float32 for x in found.buffers())
    assert_same_state(found, expected)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_what_is_no_array_is_refused(name):
    loss, x = getattr(mg.nn, name)(), mg.full((2,), 0.5)
    with pytest.raises(mg.DTypeError, match=rf"{name}\(\) expected the target to be a tensor .* type int"):
        loss(x, 3)
    with pytest.raises(mg.DTypeError, match=rf"{name}\(\) expected the input to be a tensor .* type list"):
        loss([0.5, 0.5], x)


def test_the_loss_of_probabilities_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\], but found values from -2 to 3.*with_logits"):
        mg.nn.BCELoss()(mg.tensor([-2.0, 3.0]), mg.ones(2))


# ---- initial weights -------------------------------------------------------------------------------------


def assert_uniform(x, bound):
    assert -bound <= x.min() < -0.99 * bound
    assert 0.99 * bound < x.max() <= bound
    assert stats.kstest(x.ravel(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3


def test_linear_starts_uniform_within_one_over_the_root_of_its_inputs():
    layer = mg.nn.Linear(25, 4000)
    assert_uniform(layer.weight.detach().numpy(), 1 / 5)
    assert_uniform(layer.bias.detach().numpy(), 1 / 5)
    assert abs(np.corrcoef(layer.weight.detach().numpy()[:, 0], layer.bias.detach().numpy())[0, 1]) < 0.07


@torch_test
def test_linear_starts_with_the_same_spread_as_pytorchs(torch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = torch.nn.Linear(100, 300)
    layer = mg.nn.Linear(100, 300)
    for name in ("weight", "bias"):
        found, expected = getattr(layer, name).detach().numpy(), getattr(theirs, name).detach().numpy()
        assert stats.ks_2samp(found.ravel(), expected.ravel()).pvalue > 1e-3


def test_batch_norm_starts_as_the_identity():
    state = mg.nn.BatchNorm1d(3).state_dict()
    assert {name: x.tolist() for name, x in state.items()} == {
        "weight": [1, 1, 1], "bias": [0, 0, 0], "running_mean": [0, 0, 0], "running_var": [1, 1, 1],
        "num_batches_tracked": 0,
    }  # fmt: skip


def test_initial_weights_depend_on_the_seed_and_the_order_alone():
    def make(seed):
        mg.manual_seed(seed)
        return [layer.weight.detach().numpy() for layer in (mg.nn.Linear(3, 3), mg.nn.Linear(3, 3))]

    (a, b), (c, d), (e, _) = make(1), make(1), make(2)
    assert np.array_equal(a, c)
    assert np.array_equal(b, d)
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, e)


def test_functions_of_init_fill_with_what_their_names_say():
    init, x = mg.nn.init, mg.zeros(60, 50, 20)
    assert_uniform(init.uniform_(x, -3.0, 3.0).numpy(), 3)
    assert_uniform(init.kaiming_uniform_(x, a=1.0).numpy(), np.sqrt(3 / 1000))
    assert stats.kstest(init.normal_(x, 2.0, 0.5).numpy().ravel(), stats.norm(2, 0.5).cdf).pvalue > 1e-3
    assert (init.constant_(x, 7).numpy() == 7).all()
    assert (init.ones_(x).numpy() == 1).all()
    assert (init.zeros_(x).numpy() == 0).all()
    assert init.uniform_(x) is x
    assert init.fan_in(x) == 1000
    assert init.normal_(mg.zeros(0)).shape == (0,)
    with pytest.raises(mg.ShapeError, match=r"fan_in: expected a weight with at least 2 dimensions.*got \(3,\)"):
        init.kaiming_uniform_(mg.zeros(3))
