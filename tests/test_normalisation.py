"""Normalising layers are PyTorch's, in training and evaluation; they save their input and two statistics, no more."""

import copy
import inspect

import numpy as np
import pytest
from test_nn import assert_same, assert_same_state, draw, ours, same_weights, theirs

import minigan as mg
from minigan.backend.base import Backend
from minigan.backend.numpy import NumpyBackend
from minigan.backend.numpy_norm import NumpyNorm

torch_test = pytest.mark.torch
F = mg.nn.functional

CHANNELS = [
    {}, {"momentum": 0.7, "eps": 0.1}, {"affine": True, "track_running_stats": True}, {"affine": False},
    {"track_running_stats": False}, {"momentum": None}, {"momentum": None, "track_running_stats": True},
]  # fmt: skip
CASES = [
    *[("BatchNorm1d", (3,), options, shape) for options in CHANNELS for shape in [(6, 3), (4, 3, 5)]],
    *[("BatchNorm2d", (3,), options, shape) for options in CHANNELS for shape in [(5, 3, 2, 4), (2, 3, 1, 1)]],
    *[("InstanceNorm2d", (3,), options, shape) for options in CHANNELS for shape in [(5, 3, 2, 4), (3, 2, 4)]],
    *[
        ("LayerNorm", (normalized,), options, shape)
        for options in [{}, {"eps": 0.1}, {"elementwise_affine": False}, {"bias": False}]
        for normalized, shape in [(5, (4, 5)), ((5,), (5,)), ([2, 3], (4, 2, 3)), ((2, 3), (2, 2, 2, 3)), (3, (0, 3))]
    ],
]
every_layer = pytest.mark.parametrize(
    ("name", "args", "options", "shape"), [pytest.param(*case, id=f"{case[0]} {case[2]} {case[3]}") for case in CASES]
)


def pair(torch, name, args, options):
    return same_weights(torch, getattr(mg.nn, name)(*args, **options), getattr(torch.nn, name)(*args, **options))


@torch_test
@every_layer
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_a_layer_gives_pytorchs_values_gradients_second_order_and_statistics(
    torch, name, args, options, shape, training
):
    module, reference = pair(torch, name, args, options)
    module.train(training), reference.train(training)
    for call in range(2):
        x = draw(*shape, seed=call + 50)
        found = ours(module, [x], module.parameters())
        assert_same(found, theirs(torch, reference, [x], reference.parameters()))
        assert_same_state(module, reference)


@torch_test
@every_layer
def test_twenty_steps_of_training_are_pytorchs(torch, name, args, options, shape):
    module, reference = pair(torch, name, args, options)
    x, z = mg.tensor(draw(*shape), requires_grad=True), torch.tensor(draw(*shape), requires_grad=True)
    optimizer = mg.optim.SGD([x, *module.parameters()], lr=0.002, momentum=0.5)
    expected = torch.optim.SGD([z, *reference.parameters()], lr=0.002, momentum=0.5)
    target = draw(*shape, seed=3)
    for _ in range(20):
        optimizer.zero_grad(), expected.zero_grad()
        ((module(x) - target) ** 2).sum().backward()
        ((reference(z) - torch.tensor(target)) ** 2).sum().backward()
        optimizer.step(), expected.step()
        np.testing.assert_allclose(x.data, z.detach().numpy(), rtol=1e-9, atol=1e-9)
        assert list(module.state_dict()) == list(reference.state_dict())
        for key, value in module.state_dict().items():
            np.testing.assert_allclose(value, reference.state_dict()[key].numpy(), rtol=1e-9, atol=1e-9)


@torch_test
@every_layer
def test_states_go_to_pytorch_and_back_with_no_renaming(torch, name, args, options, shape):
    module, reference = pair(torch, name, args, options)
    module(mg.tensor(draw(*shape)))
    state = module.state_dict()
    reference.load_state_dict({key: torch.tensor(value) for key, value in state.items()})
    back = getattr(mg.nn, name)(*args, **options).double()
    back.load_state_dict(reference.state_dict())
    assert all(np.array_equal(value, back.state_dict()[key]) for key, value in state.items())


@torch_test
def test_functions_give_pytorchs_values_with_statistics_that_are_given(torch):
    x, mean, var, weight, bias = draw(4, 3, 2, 2), *(draw(3, seed=i, low=0.5) for i in range(4))
    for name in ("batch_norm", "instance_norm"):
        for flag in (True, False):
            found = [mg.tensor(a) for a in (x, mean, var, weight, bias)]
            expected = [torch.tensor(a) for a in (x, mean, var, weight, bias)]
            y = getattr(F, name)(*found, flag, 0.3, 0.01)
            z = getattr(torch.nn.functional, name)(*expected, flag, 0.3, 0.01)
            np.testing.assert_allclose(y.numpy(), z.numpy(), rtol=1e-12)
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


# ---- conditional BatchNorm -------------------------------------------------------------------------------


@torch_test
@pytest.mark.parametrize("training", [True, False])
def test_conditional_batch_norm_is_batch_norm_with_rows_of_two_tables(torch, training):
    layer = mg.nn.ConditionalBatchNorm2d(3, 4).double().train(training)
    for i, p in enumerate(layer.parameters()):
        p.data = draw(4, 3, seed=i)
    reference = torch.nn.BatchNorm2d(3, affine=False).double().train(training)
    tables = [torch.tensor(draw(4, 3, seed=i), requires_grad=True) for i in range(2)]
    labels = [2, 0, 2, 3, 2]

    def expected(x):
        scale, shift = (table[labels][:, :, None, None] for table in tables)
        return reference(x) * scale + shift

    x = draw(5, 3, 2, 2)
    found = ours(lambda x: layer(x, mg.tensor(labels)), [x], list(layer.parameters()))
    assert_same(found, theirs(torch, expected, [x], tables))
    np.testing.assert_allclose(layer.running_var.numpy(), reference.running_var.numpy(), rtol=1e-12)


def test_conditional_batch_norm_starts_as_batch_norm_for_every_label():
    x, labels = mg.randn(6, 3, 2, 2), mg.tensor([0, 1, 2, 3, 4, 0])
    y = mg.nn.ConditionalBatchNorm2d(3, 5)(x, labels)
    np.testing.assert_array_equal(y.detach().numpy(), mg.nn.BatchNorm2d(3)(x).detach().numpy())
    assert list(mg.nn.ConditionalBatchNorm2d(3, 5).state_dict()) == [
        "running_mean", "running_var", "num_batches_tracked", "scale.weight", "shift.weight",
    ]  # fmt: skip


# ---- numbers and memory ----------------------------------------------------------------------------------

FLOAT32 = {
    "BatchNorm1d": (mg.nn.BatchNorm1d(3), (8, 3)),
    "BatchNorm2d": (mg.nn.BatchNorm2d(3), (8, 3, 4, 4)),
    "InstanceNorm2d": (mg.nn.InstanceNorm2d(3, affine=True), (8, 3, 4, 4)),
    "LayerNorm": (mg.nn.LayerNorm((3, 4)), (8, 3, 4)),
}


@pytest.mark.parametrize("name", FLOAT32)
def test_float32_stays_float32_and_is_near_float64(name):
    layer, shape = copy.deepcopy(FLOAT32[name])
    x = (draw(*shape) + 100).astype(np.float32)  # a mean far from 0: E[x^2] - E[x]^2 would be noise
    y, gx, *gp = ours32 = found(layer, x)
    assert {z.dtype for z in (*ours32, *layer.state_dict().values())} <= {np.dtype("float32"), np.dtype("int64")}
    for a, b in zip(found(layer.double(), x.astype(np.float64)), (y, gx, *gp), strict=True):
        np.testing.assert_allclose(b, a, rtol=3e-4, atol=3e-4)


def found(layer, x):
    x = mg.tensor(x, requires_grad=True)
    y = layer.train()(x)
    y = y * mg.as_tensor(np.cos(np.arange(y.numel())).reshape(y.shape).astype(x.dtype))
    return [y.detach().numpy(), *(g.numpy() for g in mg.grad((y * y).sum(), [x, *layer.parameters()]))]


@pytest.mark.parametrize("name", FLOAT32)
def test_the_tape_keeps_the_input_and_statistics_and_nothing_else_of_their_size(name):
    layer, shape = copy.deepcopy(FLOAT32[name])
    x = mg.randn(shape, requires_grad=True)
    kept, nodes, seen = [], [layer(x).node], set()
    while nodes:
        node = nodes.pop()
        if id(node) not in seen:
            seen.add(id(node))
            kept += [v[0] if isinstance(v, tuple) else v for v in node.saved or ()]
            nodes += [edge for edge in node.edges if hasattr(edge, "edges")]
    large = [a for a in kept if getattr(a, "size", 0) >= x.numel()]
    assert len(large) == 1
    assert large[0] is x.data


def test_a_mean_far_from_zero_costs_few_digits():
    x = (np.random.default_rng(0).normal(0, 1, (64, 4, 5, 5)) + 1000).astype(np.float32)
    y = mg.nn.BatchNorm2d(4, affine=False, eps=0.0)(mg.tensor(x)).numpy()
    z = x.astype(np.float64)
    expected = (z - z.mean((0, 2, 3), keepdims=True)) / z.std((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(y, expected, atol=1e-3)


# ---- NumPy's overrides give what the specification gives -------------------------------------------------

LAYOUTS = {
    "rows": lambda make: make(9, 4),
    "images": lambda make: make(9, 4, 3, 2),
    "channels last": lambda make: make(9, 3, 2, 4).transpose(0, 3, 1, 2),
    "few samples": lambda make: make(2, 4, 3, 2),
    "strided": lambda make: make(18, 4, 3, 4)[::2, :, :, ::2],
    "empty": lambda make: make(0, 4, 2, 2),
    "larger than a block": lambda make: make(70, 4, 25, 25),
}


class Specification(Backend):
    xp = np


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("of_x", "of_gy"), [*zip(LAYOUTS, LAYOUTS, strict=True), ("images", "channels last"),
                                             ("channels last", "images")])  # fmt: skip
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:Mean of empty:RuntimeWarning")
def test_overrides_give_the_specified_results_in_every_layout(of_x, of_gy, affine, dtype):
    random = np.random.default_rng(0)
    x, gy = (LAYOUTS[of](lambda *shape: random.normal(2, 1, shape).astype(dtype)) for of in (of_x, of_gy))
    dim, tolerance = tuple(d for d in range(x.ndim) if d != 1), 200 * np.finfo(dtype).eps
    shape = (1, 4, *[1] * (x.ndim - 2))
    mean, rstd, weight, bias = (random.uniform(0.5, 1.5, shape).astype(dtype) for _ in range(4))
    weight, bias = (weight, bias) if affine else (None, None)
    sums = random.uniform(0.5, 1.5, (2, *shape)).astype(dtype)
    for name, arguments in {
        "moments": (x, dim),
        "normalize": (x, mean, rstd, weight, bias),
        "norm_sums": (gy, x, mean, rstd, dim),
        "norm_grad": (gy, x, mean, rstd, sums, weight),
    }.items():
        before = [np.array(a) for a in arguments if isinstance(a, np.ndarray)]
        found, expected = (getattr(backend(), name)(*arguments) for backend in (NumpyBackend, Specification))
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        scale = np.abs(expected).max(initial=1)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)
        after = [a for a in arguments if isinstance(a, np.ndarray)]
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_overrides_keep_the_signatures():
    names = [name for name in vars(NumpyNorm) if not name.startswith("_")]
    assert names == ["moments", "normalize", "norm_sums", "norm_grad"]
    for name in names:
        assert inspect.signature(getattr(NumpyNorm, name)) == inspect.signature(getattr(Backend, name))


def test_results_lie_in_memory_as_inputs_do():
    x = mg.tensor(draw(4, 2, 2, 3)).transpose(1, 3)
    x.requires_grad_()
    y = mg.nn.BatchNorm2d(3).double()(x)
    assert y.data.strides == x.data.strides


# ---- bad input -------------------------------------------------------------------------------------------

nn = mg.nn
BAD = {
    "BatchNorm2d of rows": (lambda: nn.BatchNorm2d(3)(mg.ones(4, 3)), mg.ShapeError,
        ["BatchNorm2d(3, ", "(N, 3, H, W)", "got (4, 3)", "num_features"]),
    "BatchNorm2d channels": (lambda: nn.BatchNorm2d(3)(mg.ones(4, 2, 5, 5)), mg.ShapeError, ["got (4, 2, 5, 5)"]),
    "BatchNorm2d one value": (lambda: nn.BatchNorm2d(3)(mg.ones(1, 3, 1, 1)), mg.ShapeError,
        ["2 values", "larger batch"]),
    "BatchNorm2d dtype": (lambda: nn.BatchNorm2d(3)(mg.ones(2, 3, 1, 1, dtype=mg.float64)), mg.DTypeError,
        ["float32", "float64", "x.to(mg.float32)"]),
    "BatchNorm2d int": (lambda: nn.BatchNorm2d(3, affine=False, track_running_stats=False)(
        mg.zeros(2, 3, 1, 1, dtype=mg.int64)), mg.DTypeError, ["floating point", "int64", "x.float()"]),
    "BatchNorm2d list": (lambda: nn.BatchNorm2d(3)([1.0]), mg.DTypeError, ["type list", "mg.tensor"]),
    "negative": (lambda: nn.BatchNorm2d(-3), mg.ShapeError, ["BatchNorm2d", "num_features", "at least 0", "-3"]),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(3)(mg.ones(2, 4, 2, 2)), mg.ShapeError,
        ["InstanceNorm2d(3, ", "(N, 3, H, W) or (3, H, W)", "got (2, 4, 2, 2)"]),
    "InstanceNorm2d one value": (lambda: nn.InstanceNorm2d(3)(mg.ones(2, 3, 1, 1)), mg.ShapeError,
        ["2 values", "larger images"]),
    "instance_norm without statistics": (lambda: F.instance_norm(mg.ones(2, 3, 2), use_input_stats=False),
        mg.ShapeError, ["running_mean"]),
    "LayerNorm": (lambda: nn.LayerNorm((2, 3))(mg.ones(3, 2)), mg.ShapeError,
        ["LayerNorm((2, 3), ", "ends in (2, 3)", "got (3, 2)", "normalized_shape"]),
    "LayerNorm dtype": (lambda: nn.LayerNorm(2)(mg.ones(2, dtype=mg.float64)), mg.DTypeError, ["float32", "float64"]),
    "LayerNorm of nothing": (lambda: nn.LayerNorm(()), mg.ShapeError, ["at least one length"]),
    "LayerNorm negative": (lambda: nn.LayerNorm((2, -1)), mg.ShapeError, ["LayerNorm", "normalized_shape", "-1"]),
    "LayerNorm float": (lambda: nn.LayerNorm(2.0), mg.DTypeError, ["normalized_shape", "2.0"]),
    "layer_norm weight": (lambda: F.layer_norm(mg.ones(4, 3), (3,), mg.ones(4)), mg.ShapeError,
        ["weight of shape (3,)", "got (4,)"]),
    "batch_norm weight": (lambda: F.batch_norm(mg.ones(4, 3), None, None, mg.ones(2), training=True), mg.ShapeError,
        ["shape (3,)", "got (2,)"]),
    "labels": (lambda: nn.ConditionalBatchNorm2d(3, 4)(mg.ones(2, 3, 2, 2), mg.tensor([1])), mg.ShapeError,
        ["one label for each image", "(1,)", "(2, 3, 2, 2)"]),
    "label out of range": (lambda: nn.ConditionalBatchNorm2d(3, 4)(mg.ones(2, 3, 2, 2), mg.tensor([1, 4])),
        mg.errors.IndexRangeError, ["from 0 to 3", "got 4"]),
    "labels of floats": (lambda: nn.ConditionalBatchNorm2d(3, 4)(mg.ones(2, 3, 2, 2), mg.ones(2)), mg.DTypeError,
        ["whole numbers", "float32"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_with_what_was_expected(name):
    call, error, words = BAD[name]
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_bad_labels_leave_the_running_statistics_alone():
    layer = nn.ConditionalBatchNorm2d(3, 4)
    with pytest.raises(mg.MiniganError):
        layer(mg.randn(2, 3, 2, 2), mg.tensor([1, 4]))
    assert layer.num_batches_tracked.item() == 0


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "LayerNorm"])
def test_layers_are_made_of_the_type_asked_for(name):
    layer = getattr(nn, name)(3, dtype=mg.float64)
    assert {p.dtype for p in layer.parameters()} == {np.dtype("float64")}
