"""`Module.summary`: layers, shapes, parameters and FLOPs; and nothing is changed by looking."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.observers.observer import observers
from minigan.ops.random import stream


def network():
    body = nn.Sequential(nn.Linear(784, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.2), nn.Dropout(0.3))
    return nn.Sequential(nn.Flatten(), body, nn.Linear(16, 1))


def rows(summary):
    return {row.name: row for row in summary.layers}


def test_each_layer_has_its_type_output_parameters_and_flops():
    found = rows(network().summary((8, 1, 28, 28)))
    assert [(row.name, row.type, row.output) for row in found.values()] == [
        ("", "Sequential", "(8, 1)"),
        ("0", "Flatten", "(8, 784)"),
        ("1", "Sequential", "(8, 16)"),
        ("1.0", "Linear", "(8, 16)"),
        ("1.1", "BatchNorm1d", "(8, 16)"),
        ("1.2", "LeakyReLU", "(8, 16)"),
        ("1.3", "Dropout", "(8, 16)"),
        ("2", "Linear", "(8, 1)"),
    ]
    assert found["1.0"].parameters == 784 * 16 + 16
    assert found["1.0"].flops == 2 * 8 * 784 * 16
    assert found["2"].flops == 2 * 8 * 16
    assert found["0"].flops == 0
    assert found["1"].flops == sum(found[f"1.{i}"].flops for i in range(4))


def test_the_totals_count_shared_parameters_once_and_frozen_ones_apart():
    layer = nn.Linear(4, 4)
    net = nn.Sequential(layer, layer, nn.Linear(4, 1))
    net[2].weight.requires_grad_(False)
    found = net.summary((2, 4))
    assert (found.parameters, found.trained) == (20 + 5, 20 + 1)
    assert found.flops == 2 * (2 * 2 * 4 * 4) + 2 * 2 * 4
    assert rows(found)["0"].flops == 2 * (2 * 2 * 4 * 4)  # of both calls


def test_it_prints_a_table():
    text = str(network().summary((8, 784)))
    head, *body, total = text.splitlines()
    assert head.split() == ["layer", "type", "output", "parameters", "FLOPs"]
    assert total == f"12,609 parameters, 12,609 of them trained; {network().summary((8, 784)).flops:,} FLOPs"
    assert len({len(line) for line in [head, *body]}) == 1
    assert repr(network().summary((8, 784))) == text


def test_looking_changes_no_state_no_mode_and_no_random_stream():
    net = network()
    net[1][3].eval()
    before = {name: array.copy() for name, array in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    mg.randn(3)
    place = (stream.seed, stream.step, stream.site)
    net.summary((8, 784))
    assert (stream.seed, stream.step, stream.site) == place
    assert [module.training for module in net.modules()] == modes
    assert all((net.state_dict()[name] == array).all() for name, array in before.items())
    assert all(p.grad is None for p in net.parameters())
    assert observers == []


def test_modes_are_restored_also_after_an_error():
    net = network()
    with pytest.raises(mg.ShapeError):
        net.summary((8, 3))
    assert all(module.training for module in net.modules())
    assert observers == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_are_of_the_networks_type(dtype):
    class Seen(nn.Module):
        def forward(self, x):
            self.seen = x.dtype
            return x

    net = nn.Sequential(nn.Linear(2, 2), Seen()).to(dtype)
    net.summary((1, 2))
    assert net[1].seen == dtype


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(3, 3)
        self.inner = nn.Linear(2, 2)

    def forward(self, x, labels):
        assert labels.dtype == np.int64
        return self.inner(x), {"labels": labels}


def test_several_inputs_examples_and_other_outputs():
    found = rows(Two().summary([1, 2], mg.tensor([0, 1])))
    assert found[""].output == "(1, 2), dict"
    assert found["inner"].output == "(1, 2)"
    assert (found["unused"].output, found["unused"].flops, found["unused"].parameters) == ("-", 0, 12)


@pytest.mark.parametrize(("inputs", "message"), [
    ((), r"Sequential.summary: expected the shape of each input, but got none"),
    ((784,), r"expected shapes, such as \(1, 784\), or example tensors, but got 784"),
    (("8x784",), r"but got '8x784'"),
])  # fmt: skip
def test_what_is_no_input_is_refused(inputs, message):
    with pytest.raises(mg.ArgumentError, match=message):
        network().summary(*inputs)


def test_hooks_run_as_in_any_forward():
    net, seen = network(), []
    net[1].register_forward_hook(lambda m, args, y: seen.append(y.shape))
    net.summary((8, 784))
    assert seen == [(8, 16)]


@pytest.mark.torch
def test_flops_of_products_are_those_that_pytorch_counts(torch):
    from torch.utils.flop_counter import FlopCounterMode

    net = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 2, bias=False))
    reference = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 2, bias=False))
    with FlopCounterMode(display=False) as counter:
        reference(torch.zeros(3, 6))
    assert net.summary((3, 6)).flops == counter.get_total_flops()
