"""The average of a network: its parameters by the formula, its statistics and vectors as they are, and exact resume."""

import copy

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.backend.intercept import intercepted
from minigan.gan.ema import EMA

DECAYS = pytest.mark.parametrize("decay", [0.0, 0.5, 0.99, 0.9999])


def network():
    """Every kind of state that a network has: weights, statistics and a count, and the vectors of spectral norm."""
    return nn.Sequential(
        nn.utils.spectral_norm(nn.Linear(3, 4)), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)
    ).double()  # fmt: skip


def train(net, optimizer, steps, ema=None):
    for step in steps:
        optimizer.zero_grad()
        (net(mg.randn(8, 3, dtype=mg.float64)) * (step + 1.0)).square().mean().backward()
        optimizer.step()
        if ema is not None:
            ema.update()


def buffers(net):
    return {name: buffer.numpy().copy() for name, buffer in net.named_buffers()}


def parameters(net):
    return {name: parameter.data.copy() for name, parameter in net.named_parameters()}


@DECAYS
def test_parameters_follow_the_formula_and_the_decay_rises_from_a_tenth(decay):
    net = network()
    optimizer, ema, expected = mg.optim.Adam(net.parameters(), lr=0.05), EMA(net, decay), parameters(net)
    for n in range(30):
        train(net, optimizer, [n], ema)
        d = min(decay, (1 + n) / (10 + n))
        expected = {name: d * expected[name] + (1 - d) * x for name, x in parameters(net).items()}
        for name, found in parameters(ema.network).items():
            np.testing.assert_allclose(found, expected[name], rtol=1e-13, atol=1e-15)


def test_the_average_of_what_stays_the_same_approaches_it_by_the_decay():
    w = nn.Linear(1, 1, bias=False).double()
    ema = EMA(w, 0.9)
    ema.updates = 10**6  # long after the start
    w.weight.data = w.weight.data + 1.0
    for n in range(1, 20):
        ema.update()
        assert (w.weight - ema.network.weight).item() == pytest.approx(0.9**n, rel=1e-12)


def test_statistics_of_batch_norm_and_vectors_of_spectral_norm_are_carried_over_as_they_are():
    net = network()
    optimizer, ema = mg.optim.Adam(net.parameters(), lr=0.05), EMA(net, 0.99)
    start = buffers(net)
    assert sorted(start) == [
        "0.weight_u", "0.weight_v", "1.num_batches_tracked", "1.running_mean", "1.running_var"
    ]  # fmt: skip
    train(net, optimizer, range(5), ema)
    for name, found in buffers(ema.network).items():
        assert not np.array_equal(found, start[name])
        assert np.array_equal(found, buffers(net)[name])
        assert found.dtype == start[name].dtype
    assert ema.network[1].num_batches_tracked.item() == 5


def test_what_is_carried_over_is_a_copy():
    net = network()
    optimizer, ema = mg.optim.Adam(net.parameters(), lr=0.05), EMA(net, 0.9)
    train(net, optimizer, range(2), ema)
    kept = ema.network.state_dict()
    train(net, optimizer, range(2))
    assert all(np.array_equal(value, kept[name]) for name, value in ema.network.state_dict().items())


def test_the_averaged_network_computes_with_its_own_weights_and_changes_nothing_by_it():
    net = network()
    optimizer, ema = mg.optim.Adam(net.parameters(), lr=0.05), EMA(net, 0.9)
    train(net, optimizer, range(5), ema)
    state, x = ema.network.state_dict(), np.linspace(-1, 1, 24).reshape(8, 3)
    sigma = state["0.weight_u"] @ state["0.weight_orig"] @ state["0.weight_v"]
    y = x @ state["0.weight_orig"].T / sigma + state["0.bias"]
    y = (y - state["1.running_mean"]) / np.sqrt(state["1.running_var"] + 1e-5) * state["1.weight"] + state["1.bias"]
    y = np.tanh(y) @ state["3.weight"].T + state["3.bias"]
    np.testing.assert_allclose(ema.network(mg.tensor(x)).numpy(), y, rtol=1e-12)
    assert all(np.array_equal(value, state[name]) for name, value in ema.network.state_dict().items())


def test_an_average_put_back_goes_on_with_the_same_bits():
    net = network()
    optimizer, ema = mg.optim.Adam(net.parameters(), lr=0.05), EMA(net, 0.99)
    train(net, optimizer, range(3), ema)
    saved, other = ema.state_dict(), EMA(net, 0.99)
    other.load_state_dict(saved)
    for step in range(3, 8):
        train(net, optimizer, [step])
        ema.update()
        other.update()
    found, expected = other.state_dict(), ema.state_dict()
    assert found["updates"] == expected["updates"] == 8
    assert all(np.array_equal(value, expected["network"][name]) for name, value in found["network"].items())


def test_the_average_of_float32_is_float32():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    ema = EMA(net, 0.999)
    net(mg.randn(8, 3))
    ema.update()
    dtypes = {name: str(value.dtype) for name, value in ema.network.state_dict().items()}
    assert dtypes == {name: str(value.dtype) for name, value in net.state_dict().items()}
    assert dtypes["0.weight"] == "float32"


def test_an_update_makes_graphs_of_the_average_stale():
    net = nn.Linear(2, 1)
    ema = EMA(net, 0.9)
    y = ema.network(mg.ones(1, 2, requires_grad=True))
    ema.update()
    with pytest.raises(mg.StaleGraphError, match="weight"):
        y.backward()


# ---- one kernel for all parameters -------------------------------------------------------------------------


def kernels(update):
    """The names of the kernels that an update runs."""
    seen = []

    def see(name, backend, kernel, *args, **params):
        seen.append(name)
        return kernel(*args, **params)

    with intercepted(see):
        update()
    return seen


def plain():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def moved(net, ema):
    """One step of training and of the average, and what the average should be now."""
    before, share = parameters(ema.network), ema._share()[0]
    with mg.no_grad():
        for parameter in net.parameters():
            parameter += 1.0
    ema.update()
    expected = [(1 - share) * before[name] + share * x for name, x in parameters(net).items()]
    for found, value in zip(parameters(ema.network).values(), expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-6)


def test_the_average_of_a_network_with_an_optimizer_is_one_kernel():
    net = plain()
    ema = EMA(net, 0.9)
    assert kernels(ema.update).count("lerp_") == 4
    optimizer = mg.optim.Adam(net.parameters())
    ema.update()
    assert kernels(ema.update) == ["lerp_"]
    moved(net, ema)
    assert optimizer is not None


@pytest.mark.parametrize("elsewhere", ["the network", "the average", "another optimizer", "loaded", "copied"])
def test_the_average_follows_whoever_moves_elsewhere(elsewhere):
    net = plain()
    ema, optimizers = EMA(net, 0.9), [mg.optim.Adam(net.parameters())]
    moved(net, ema)
    if elsewhere == "the network":
        net.double().float()
    elif elsewhere == "the average":
        ema.network.double().float()
    elif elsewhere == "another optimizer":
        optimizers += [mg.optim.SGD(net[0].parameters(), lr=0.1), mg.optim.SGD(net[2].parameters(), lr=0.1)]
    elif elsewhere == "loaded":
        ema.load_state_dict(EMA(plain(), 0.9).state_dict())
    else:
        ema = copy.deepcopy(ema)
        net = ema.source
    moved(net, ema)
    moved(net, ema)


def test_an_optimizer_of_more_than_the_network_leaves_its_average_apart():
    net, other = plain(), nn.Linear(2, 2)
    ema, optimizer = EMA(net, 0.9), mg.optim.Adam([*other.parameters(), *net.parameters()])
    assert kernels(ema.update).count("lerp_") == 4
    moved(net, ema)
    assert optimizer is not None
