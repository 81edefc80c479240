"""State dicts: both ways with PyTorch, loaded whole or not at all."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn

torch_test = pytest.mark.torch


def network(nn):
    body = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.LeakyReLU(0.2), nn.Dropout(0.3))
    return nn.Sequential(nn.Flatten(), body, nn.Linear(3, 6, bias=False), nn.Tanh(), nn.Unflatten(1, (2, 3)))


@torch_test
def test_states_go_both_ways_between_minigan_and_pytorch(torch):
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    module, reference = network(nn), network(torch.nn)
    module(mg.tensor(x))  # moves the running statistics
    reference.load_state_dict({name: torch.as_tensor(value) for name, value in module.state_dict().items()})
    y = module.eval()(mg.tensor(x)).detach().numpy()
    np.testing.assert_allclose(y, reference.eval()(torch.tensor(x)).numpy(force=True), rtol=1e-5, atol=1e-6)
    other = network(nn).eval()
    other.load_state_dict(reference.state_dict())
    assert np.array_equal(other(mg.tensor(x)).detach().numpy(), y)
    assert other.state_dict()["1.1.num_batches_tracked"].dtype == np.int64


def test_a_state_dict_is_a_copy():
    module = nn.Linear(2, 1)
    state = module.state_dict()
    before = module.weight.data.copy()
    state["weight"][...] = 9
    assert np.array_equal(module.weight.data, before)
    module.load_state_dict(state)
    state["weight"][...] = 7
    assert (module.weight.data == 9).all()


def test_loading_casts_to_the_types_of_the_module_and_keeps_its_parameters():
    module = nn.Linear(2, 1)
    parameters = list(module.parameters())
    module.load_state_dict({"weight": mg.full((1, 2), 0.5, dtype=mg.float64), "bias": [0.25]})
    assert all(p is q for p, q in zip(module.parameters(), parameters, strict=True))
    assert module.weight.dtype == np.float32
    assert module.weight.data.tolist() == [[0.5, 0.5]]
    assert module.bias.requires_grad


def test_loading_into_a_saved_graph_makes_it_stale():
    module = nn.Linear(2, 1)
    y = module(mg.ones(1, 2, requires_grad=True))
    module.load_state_dict(module.state_dict())
    with pytest.raises(mg.StaleGraphError, match="weight"):
        y.backward()


WRONG_STATES = {
    "missing": ({"bias": np.zeros(1)}, "The state dict for Linear misses weight. Load it into a network of the same "
                "layers, or pass strict=False."),
    "unexpected": ({"weight": np.zeros((1, 2)), "bias": np.zeros(1), "w": 0}, "has unexpected w"),
    "both": ({"a": 0, "weight": np.zeros((1, 2))}, "misses bias and has unexpected a"),
    "shape": ({"weight": np.zeros((1, 2)), "bias": np.zeros(3)}, "Linear: expected bias of shape (1,), but the state "
              "dict has (3,). Load it into a network of the same layer sizes."),
    "text": ({"weight": np.zeros((1, 2)), "bias": np.array(["a"])}, "Linear: expected bias to be numbers of one of "
             "NumPy's types, but the state dict has type <U1. Convert it, for example to float32."),
    "nothing": ({"weight": np.zeros((1, 2)), "bias": None}, "has type NoneType"),
    "ragged": ({"weight": [[1.0], [1.0, 2.0]], "bias": np.zeros(1)}, "expected weight to be numbers"),
    "no dictionary": ([np.zeros((1, 2))], "Linear: expected a state dict, but got an object of type list."),
}  # fmt: skip


@pytest.mark.parametrize(("state", "message"), WRONG_STATES.values(), ids=WRONG_STATES.keys())
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(state, message):
    module = nn.Linear(2, 1)
    before = module.state_dict()
    with pytest.raises(mg.StateError) as error:
        module.load_state_dict(state)
    assert message in str(error.value)
    assert all(np.array_equal(value, before[name]) for name, value in module.state_dict().items())


@torch_test
def test_a_state_in_bfloat16_is_refused_in_a_sentence(torch):
    state = torch.nn.Linear(2, 1).bfloat16().state_dict()
    with pytest.raises(mg.StateError, match=r"weight .* has type torch.bfloat16. Convert it, .* float32"):
        nn.Linear(2, 1).load_state_dict(state)


def test_loading_without_strict_takes_what_fits():
    module = nn.Linear(2, 1)
    bias = module.bias.data.copy()
    module.load_state_dict({"weight": np.ones((1, 2)), "other": np.ones(3)}, strict=False)
    assert module.weight.data.tolist() == [[1.0, 1.0]]
    assert np.array_equal(module.bias.data, bias)
