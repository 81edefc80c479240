"""What the tape saved is not overwritten by the back door: through detach(), Parameter, .data or an initialisation."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn


def result():
    x = mg.tensor(np.ones(2), requires_grad=True)
    return x, mg.exp(x)


WAYS = {
    "parameter": lambda shown: nn.Parameter(shown).__iadd__(1),
    "data of a parameter": lambda shown: setattr(nn.Parameter(shown), "data", np.zeros(2)),
    "data": lambda shown: setattr(shown, "data", np.zeros(2)),
    "initialisation": nn.init.zeros_,
    "item": lambda shown: shown.__setitem__(0, 3.0),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_saved_result_cannot_be_changed(way):
    x, y = result()
    with mg.no_grad(), pytest.raises(mg.GraphError, match="memory of a result|tape follows"):
        WAYS[way](y.detach())
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.exp([1.0, 1.0]))


@pytest.mark.parametrize("way", [way for way in WAYS if way != "initialisation"])
def test_a_change_of_a_saved_leaf_is_noticed(way):
    x = mg.tensor(np.ones(2), requires_grad=True)
    y = (x * x * x).sum()
    with mg.no_grad():
        WAYS[way](x.detach())
    with pytest.raises(mg.StaleGraphError):
        y.backward()


def test_a_parameter_made_of_a_fresh_tensor_is_its_own():
    p = nn.Parameter(mg.randn(3) * 0.1)
    p.name = "weight"
    loss = (p * p).sum()
    with mg.no_grad():
        p += 1.0
    with pytest.raises(mg.StaleGraphError, match="needs weight"):
        loss.backward()


def test_an_optimizer_gives_a_parameter_memory_of_its_own():
    _, y = result()
    p = nn.Parameter(y.detach())
    mg.optim.SGD([p], lr=0.1)
    with mg.no_grad():
        p += 1.0
    assert y.tolist() == np.exp([1.0, 1.0]).tolist()
