"""The CuPy backend on the strict double with two GPUs: kernels run where their arrays are, and devices do not mix."""

import copy

import numpy as np
import pytest

import minigan as mg
from minigan import backend as backends
from minigan.backend.philox import NOISE
from minigan.variable import constant

from .conftest import install_double
from .machine import machine


@pytest.fixture
def two_gpus(monkeypatch):
    install_double(monkeypatch, devices=2)
    yield lambda values, index: constant(backends.backend_of(mg.Device("cuda", index)).asarray(np.float32(values)))
    assert machine.current == 0  # whatever happened, the current device is what it was


@pytest.mark.parametrize("index", [0, 1])
def test_results_live_on_the_device_of_their_arguments(two_gpus, index):
    x = two_gpus([1.0, 2.0], index)
    y = mg.exp(x * 2.0) + x
    assert x.device == y.device == mg.Device("cuda", index)
    np.testing.assert_allclose(y.to("cpu").numpy(), np.exp([2.0, 4.0]) + np.array([1, 2]), rtol=1e-6)


def test_gradients_live_on_the_device_of_their_tensors(two_gpus):
    x = two_gpus([1.0, 2.0], 1).requires_grad_()
    (x * x).sum().backward()
    assert x.grad.device.id == 1
    assert x.grad.tolist() == [2.0, 4.0]


def test_tensors_of_two_gpus_or_of_gpu_and_cpu_do_not_mix(two_gpus):
    x = two_gpus([1.0], 0)
    with pytest.raises(mg.DeviceError, match=r'add: expected all tensors on one device, but found cuda:0 and cuda:1.*'
                       r'x.to\("cuda:0"\)'):  # fmt: skip
        x + two_gpus([1.0], 1)
    with pytest.raises(mg.DeviceError, match="found cuda:0 and cpu"):
        x + mg.ones(1)


def test_a_network_is_trained_on_the_second_gpu(two_gpus):
    net = mg.nn.Sequential(mg.nn.Linear(3, 4, bias=False), mg.nn.BatchNorm1d(4), mg.nn.Tanh(), mg.nn.Dropout(0.2))
    twin = copy.deepcopy(net)
    net.to("cuda:1")
    for network, device in ((net, "cuda:1"), (twin, "cpu")):
        mg.manual_seed(1)
        optimizer = mg.optim.Adam(network.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            (network(mg.randn(5, 3, device=device)) ** 2).sum().backward()
            optimizer.step()
    for key, value in twin.state_dict().items():
        np.testing.assert_allclose(net.state_dict()[key], value, rtol=1e-5, atol=1e-6)
    assert {str(x.device) for x in (*net.parameters(), *net.buffers())} == {"cuda:1"}


@pytest.mark.parametrize("index", [0, 1])
def test_a_tensor_moves_between_devices_and_its_gradient_moves_back(two_gpus, index):
    x = two_gpus([1.0, -2.0], index).requires_grad_()
    y = x.to(f"cuda:{1 - index}") * 3
    assert y.device == mg.Device("cuda", 1 - index)
    (y.to("cpu") * mg.tensor([1.0, 2.0])).sum().backward()
    assert x.grad.device.id == index
    assert x.grad.tolist() == [3.0, 6.0]


def test_parts_of_a_tensor_are_taken_and_set_on_its_device(two_gpus):
    x = two_gpus([1.0, 2.0, 3.0], 1)
    index = two_gpus([2, 0], 1).to(dtype=mg.int64)
    assert x[index].tolist() == [3.0, 1.0]
    x[0] = 5.0
    x[1:] = two_gpus([6.0, 7.0], 1)
    x += 1
    assert x.tolist() == [6.0, 7.0, 8.0]


def test_random_numbers_are_made_on_the_device_that_asks_for_them(two_gpus):
    backend = backends.backend_of(mg.Device("cuda", 1))
    words = backend.random_words(9, 3, NOISE, step=2**63 + 1, site=4)
    found = [backend.uniform(words, (18,), np.float32), backend.integers(words, (18,), 0, 2, np.int64)]
    assert [x.device.id for x in found] == [1, 1]


@pytest.mark.parametrize("number", [2, -3, 0.1, True, np.float32(0.1), np.float64(0.1), np.int32(7), 2**40])
@pytest.mark.parametrize("dtype", [None, np.float32, np.float64])
def test_a_number_becomes_the_array_that_it_is_on_the_cpu_and_nobody_waits(two_gpus, number, dtype):
    expected = np.asarray(number, dtype)
    with machine.allow_sync(False):
        found = backends.backend_of(mg.Device("cuda", 1)).asarray(number, dtype)
    assert (found.dtype, found.shape, found.item()) == (expected.dtype, (), expected.item())
    assert found.device.id == 1


def test_a_table_is_copied_to_the_device_once(gpu):
    backend = backends.backend_of(mg.Device("cuda", 0))
    table, truth = backend.table((1, 0), "int64"), backend.table((True, False), "bool")
    with gpu.no_sync():
        assert backend.table((1, 0), "int64") is table
        assert backend.table((True, False), "bool") is truth
    assert (table.dtype, truth.dtype) == (np.int64, np.bool_)
