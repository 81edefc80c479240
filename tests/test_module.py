"""Modules: parts by name, modes, freezing, and messages that name the layer."""

import contextlib
import copy

import numpy as np
import pytest

import minigan as mg
from minigan import nn

torch_test = pytest.mark.torch


def network(nn):
    body = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.LeakyReLU(0.2), nn.Dropout(0.3))
    return nn.Sequential(nn.Flatten(), body, nn.Linear(3, 6, bias=False), nn.Tanh(), nn.Unflatten(1, (2, 3)))


def names(module):
    return [name for name, _ in module.named_parameters()]


class Pair(nn.Module):
    """A module of its own, with a parameter, a buffer, sub-modules and an ordinary attribute."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(mg.ones(2))
        self.register_buffer("count", mg.tensor(0))
        self.left = nn.Linear(2, 2)
        self.right = nn.Linear(2, 1)
        self.note = "plain"

    def forward(self, x):
        return self.right(self.left(x * self.scale))


# ---- parts by name ---------------------------------------------------------------------------------------


@torch_test
def test_names_and_their_order_are_pytorchs(torch):
    module, reference = network(nn), network(torch.nn)
    for found, expected in (
        (module.named_parameters(), reference.named_parameters()),
        (module.named_buffers(), reference.named_buffers()),
        (module.named_modules(), reference.named_modules()),
    ):
        assert [name for name, _ in found] == [name for name, _ in expected]
    assert list(module.state_dict()) == list(reference.state_dict())
    assert [type(m).__name__ for m in module.children()] == [type(m).__name__ for m in reference.children()]
    assert module.num_parameters() == sum(p.numel() for p in reference.parameters())


@torch_test
@pytest.mark.parametrize("options", [{}, {"affine": False}, {"track_running_stats": False}])
def test_optional_parts_have_pytorchs_keys(torch, options):
    assert list(nn.BatchNorm1d(2, **options).state_dict()) == list(torch.nn.BatchNorm1d(2, **options).state_dict())


@torch_test
def test_the_text_of_a_network_is_pytorchs(torch):
    assert repr(network(nn)) == repr(network(torch.nn)).replace(", inplace=False", "").replace(
        "affine=True, bias=True", "affine=True"
    )
    for build in (lambda nn: nn.Sequential(), lambda nn: nn.Linear(2, 1), lambda nn: nn.Unflatten(1, (2, 3))):
        assert repr(build(nn)) == repr(build(torch.nn))


def test_parts_are_found_under_the_names_of_their_attributes():
    module = Pair()
    assert names(module) == ["scale", "left.weight", "left.bias", "right.weight", "right.bias"]
    assert [name for name, _ in module.named_buffers()] == ["count"]
    assert module.note == "plain"
    assert module.left.weight.name == "left.weight"
    with pytest.raises(AttributeError, match="Pair has no attribute 'middle'"):
        _ = module.middle


def test_parameters_carry_their_full_name_for_messages():
    assert [p.name for p in network(nn).parameters()] == names(network(nn))


@torch_test
def test_a_shared_module_counts_once_but_is_saved_under_each_name(torch):
    def build(nn):
        layer = nn.Linear(2, 2)
        return nn.Sequential(layer, nn.Sequential(layer))

    module, reference = build(nn), build(torch.nn)
    assert names(module) == [name for name, _ in reference.named_parameters()] == ["0.weight", "0.bias"]
    assert list(module.state_dict()) == list(reference.state_dict())
    assert module.num_parameters() == 6
    assert len(list(module.parameters())) == 2
    module.load_state_dict(module.state_dict())


def test_a_shared_parameter_gathers_the_gradients_of_all_its_uses():
    layer = nn.Linear(1, 1, bias=False)
    mg.nn.init.constant_(layer.weight, 3.0)
    nn.Sequential(layer, layer)(mg.ones(1, 1)).backward()
    assert layer.weight.grad.tolist() == [[6.0]]  # d(w^2)/dw


def test_an_attribute_that_is_assigned_anew_takes_the_place_of_the_old():
    module = Pair()
    module.left = nn.Linear(2, 2, bias=False)
    module.scale = nn.Parameter(mg.zeros(2))
    assert names(module) == ["scale", "left.weight", "right.weight", "right.bias"]
    module.right = lambda x: x
    assert names(module) == ["scale", "left.weight"]
    module.count = mg.tensor(5)
    assert module.state_dict()["count"] == 5
    module.note = nn.Linear(1, 1)
    assert "note.weight" in names(module)
    module.scale = None
    assert module.scale is None
    assert "scale" not in names(module)


def test_a_part_can_be_deleted():
    module = Pair()
    del module.scale, module.left, module.count, module.note
    assert names(module) == ["right.weight", "right.bias"]
    assert list(module.state_dict()) == ["right.weight", "right.bias"]
    for name in ("scale", "left", "note"):
        assert not hasattr(module, name)
        with pytest.raises(AttributeError, match=name):
            delattr(module, name)


def test_a_parameter_cannot_be_lost_by_assigning_a_plain_tensor():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"Linear\.weight is a parameter.*mg\.nn\.Parameter.*\.data"):
        layer.weight = mg.zeros(2, 2)
    assert names(layer) == ["weight", "bias"]


def test_a_forgotten_super_init_is_named():
    class Wrong(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"Wrong.*super\(\).__init__\(\)"):
        Wrong()


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Module defines no forward"):
        nn.Module()(1)


def test_a_sequential_is_indexed_sliced_counted_and_iterated():
    module = network(nn)
    assert len(module) == 5
    assert module[-1] is list(module)[4]
    assert [type(m).__name__ for m in module[2:4]] == ["Linear", "Tanh"]
    assert module[2:3][0] is module[2]


def test_a_deep_copy_shares_nothing():
    module = network(nn)
    module(mg.randn(5, 4)).sum().backward()
    copied = copy.deepcopy(module)
    assert names(copied) == names(module)
    for tensor, other in zip([*module.parameters(), *module.buffers()], [*copied.parameters(), *copied.buffers()],
                             strict=True):  # fmt: skip
        assert type(tensor) is type(other)
        assert np.array_equal(tensor.data, other.data)
        assert not np.shares_memory(tensor.data, other.data)
    assert all(p.grad is None for p in copied.parameters())


# ---- modes -----------------------------------------------------------------------------------------------


def test_train_and_eval_reach_every_module_and_return_it():
    module = network(nn)
    assert module.eval() is module
    assert not any(m.training for m in module.modules())
    assert module.train() is module
    assert all(m.training for m in module.modules())
    assert module.train(False)[1].training is False


def test_zero_grad_forgets_all_gradients():
    module = network(nn)
    module(mg.randn(5, 4)).sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    module.zero_grad()
    assert all(p.grad is None for p in module.parameters())


def test_requires_grad_switches_all_parameters():
    module = network(nn).requires_grad_(False)
    assert not module(mg.randn(5, 4)).requires_grad
    assert all(p.requires_grad for p in module.requires_grad_().parameters())


def required(module):
    return [p.requires_grad for p in module.parameters()]


@pytest.mark.parametrize("error", [None, ZeroDivisionError, KeyboardInterrupt])
def test_freezing_nests_and_restores_what_was_also_after_an_error(error):
    module = Pair()
    module.left.bias.requires_grad_(False)
    before = required(module)
    with contextlib.suppress(error or ()), module.frozen() as same, module.left.frozen(), module.frozen():
        assert same is module
        assert not any(required(module))
        if error:
            raise error
    assert required(module) == before
    with module.left.frozen():
        with module.frozen():
            assert not any(required(module))
        assert required(module) == [True, False, False, True, True]
    assert required(module) == before


def test_gradients_pass_through_frozen_modules_and_leave_none_in_them():
    module, x = Pair(), mg.ones(3, 2, requires_grad=True)
    with module.frozen():
        module(x).sum().backward()
    assert all(p.grad is None for p in module.parameters())
    expected = module.scale.data * (module.right.weight.data @ module.left.weight.data)
    np.testing.assert_allclose(x.grad, np.repeat(expected, 3, 0), rtol=1e-6)


def test_to_another_type_keeps_the_parameters_and_leaves_integers_alone():
    module = network(nn)
    parameters = list(module.parameters())
    assert module.double() is module
    assert all(p is q for p, q in zip(module.parameters(), parameters, strict=True))
    assert {str(t.dtype) for t in (*module.parameters(), *module.buffers())} == {"float64", "int64"}
    assert all(p.requires_grad for p in module.parameters())
    assert module(mg.randn(5, 4, dtype=mg.float64)).dtype == np.float64
    module.to("cpu", mg.float32)
    assert {str(t.dtype) for t in (*module.parameters(), *module.buffers())} == {"float32", "int64"}
    with pytest.raises(mg.DTypeError, match=r"Sequential\.to: expected a floating point type, but got int64"):
        module.to(mg.int64)


# ---- messages --------------------------------------------------------------------------------------------

WRONG_INPUTS = {
    "Linear": (nn.Linear(4, 3), mg.ones(2, 5), mg.ShapeError,
               ["Linear(in_features=4, out_features=3, bias=True)", "(..., 4)", "(2, 5)", "Change"]),
    "Linear 0-d": (nn.Linear(4, 3), mg.tensor(1.0), mg.ShapeError, ["Linear(", "(..., 4)", "got ()"]),
    "Linear dtype": (nn.Linear(4, 3), mg.ones(2, 4, dtype=mg.float64), mg.DTypeError,
                     ["Linear(", "float32 values", "float64 input", "x.to(mg.float32)"]),
    "BatchNorm1d": (nn.BatchNorm1d(4), mg.ones(2, 5), mg.ShapeError,
                    ["BatchNorm1d(4, ", "(N, 4)", "(N, 4, L)", "(2, 5)", "num_features"]),
    "BatchNorm1d 1-d": (nn.BatchNorm1d(4), mg.ones(4), mg.ShapeError, ["BatchNorm1d(4, ", "got (4,)"]),
    "BatchNorm1d dtype": (nn.BatchNorm1d(4), mg.ones(2, 4, dtype=mg.float64), mg.DTypeError,
                          ["BatchNorm1d(4, ", "float32", "float64", "x.to(mg.float32)"]),
    "BatchNorm1d one value": (nn.BatchNorm1d(4), mg.ones(1, 4), mg.ShapeError, ["2 values", "(1, 4)", "larger batch"]),
    "BatchNorm1d one value, eval without running statistics": (
        nn.BatchNorm1d(4, track_running_stats=False).eval(), mg.ones(1, 4), mg.ShapeError, ["2 values", "(1, 4)"]),
    "Unflatten": (nn.Unflatten(1, (2, 3)), mg.ones(4, 5), mg.ShapeError,
                  ["Unflatten(dim=1, unflattened_size=(2, 3))", "(2, 3)", "(4, 5)"]),
    "Flatten": (nn.Flatten(3), mg.ones(4, 5), mg.ShapeError, ["flatten", "from -2 to 1", "got 3"]),
    **{f"{type(layer).__name__} list": (layer, [[1.0, 2.0]], mg.DTypeError, [
        f"{layer!r} expected the input to be a tensor or an array", "type list. Convert it with mg.tensor(x)."])
       for layer in (nn.Linear(2, 3), nn.BatchNorm1d(2), nn.Flatten(), nn.Unflatten(1, (1, 2)), nn.Dropout())},
    "Dropout int": (nn.Dropout(), mg.tensor([1]), mg.DTypeError, ["Dropout(p=0.5)", "floating point", "int64"]),
    "Sequential": (nn.Sequential(nn.Tanh(), nn.Linear(4, 3)), mg.ones(2, 5), mg.ShapeError, ["Layer 1: Linear("]),
}  # fmt: skip


@pytest.mark.parametrize(("layer", "x", "kind", "parts"), WRONG_INPUTS.values(), ids=WRONG_INPUTS.keys())
def test_an_input_that_does_not_fit_is_refused_by_the_name_of_the_layer(layer, x, kind, parts):
    before = layer.state_dict()
    with pytest.raises(kind) as error:
        layer(x)
    assert [part for part in parts if part not in str(error.value)] == []
    assert "\n" not in str(error.value)
    assert all(np.array_equal(value, before[name]) for name, value in layer.state_dict().items())


WRONG_PARTS = {
    "negative size": (
        lambda: nn.Linear(-1, 2),
        mg.ShapeError,
        "in_features of at least 0, but got -1",
    ),
    "broken size": (lambda: nn.Linear(2, 2.5), mg.DTypeError, "out_features to be a whole number, but got 2.5"),
    "negative channels": (lambda: nn.BatchNorm1d(-1), mg.ShapeError, "num_features of at least 0, but got -1"),
    "number in Sequential": (
        lambda: nn.Sequential(3),
        mg.DTypeError,
        "Sequential: .* argument 0 is of type int",
    ),
    "list in Sequential": (lambda: nn.Sequential([nn.ReLU()]), mg.DTypeError, r"type list. .* Sequential\(\*modules\)"),
    "parameter of a list": (
        lambda: nn.Parameter([1.0]),
        mg.DTypeError,
        r"builtins.list. Convert .* mg.tensor\(x\)",
    ),
    "parameter of integers": (lambda: nn.Parameter(mg.tensor([1])), mg.DTypeError, "floating point"),
    "buffer of a number": (lambda: nn.Module().register_buffer("mean", 3), mg.DTypeError, "buffer mean to be a tensor"),
    "slope in words": (lambda: nn.LeakyReLU("x"), mg.ConfigError, "negative_slope to be a number, but got 'x'"),
    "probability in words": (lambda: nn.Dropout("x"), mg.ConfigError, "p from 0 to 1, but got 'x'"),
    "one length": (lambda: nn.Unflatten(1, 3), mg.ConfigError, "expected a tuple of lengths, but got 3"),
}


@pytest.mark.parametrize(("make", "kind", "message"), WRONG_PARTS.values(), ids=WRONG_PARTS.keys())
def test_a_layer_that_cannot_be_made_says_why(make, kind, message):
    with pytest.raises(kind, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_dropout_probability_outside_0_to_1_is_refused(p):
    with pytest.raises(mg.ConfigError, match=f"Dropout: expected a probability p from 0 to 1, but got {p}"):
        nn.Dropout(p)
