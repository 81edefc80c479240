"""Every layer, loss and optimizer on a GPU does what it does on the CPU, and nobody waits for it."""

import inspect

import numpy as np
import pytest
from ops_table.entry import spread

import minigan as mg
from minigan import nn, optim

from .layers import LAYERS, LOSSES, OPTIMIZERS, WAITING, classes_in, make_loss
from .machine import machine

every_layer = pytest.mark.parametrize("name", LAYERS)
every_loss = pytest.mark.parametrize("name", LOSSES)
every_optimizer = pytest.mark.parametrize(("kind", "options"), OPTIMIZERS, ids=str)


def assert_same(found, expected):
    """A raw array on the GPU, and one on the CPU."""
    np.testing.assert_allclose(found.get(), expected, rtol=1e-12, atol=1e-12)


def assert_same_state(found, expected):
    assert found.keys() == expected.keys()
    for key in expected:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-12, atol=1e-12)


def pair(name, gpu):
    """The same layer twice, in float64, each with its inputs: on the CPU and on the GPU."""
    make, *arrays = LAYERS[name]
    pairs = []
    for device, tensor in (("cpu", mg.tensor), (gpu.device, gpu.tensor)):
        mg.manual_seed(3)
        xs = [tensor(array).requires_grad_(array.dtype.kind == "f") for array in arrays]
        pairs.append((make().double().to(device), xs))
    return pairs


def run(layer, xs):
    """The layer's result, after gradients of a function of it have been sent back."""
    mg.manual_seed(4)
    y = layer(*xs)
    if y.requires_grad:
        (y * y * 1.5).sum().backward()
    return y


@every_layer
def test_a_layer_gives_the_values_gradients_and_state_of_the_cpu(gpu, name):
    (layer, xs), (twin, xs_) = pair(name, gpu)
    assert_same(run(twin, xs_).data, run(layer, xs).data)
    for x, x_ in zip((*xs, *layer.parameters()), (*xs_, *twin.parameters()), strict=True):
        assert x_.device == gpu.device
        if x.requires_grad:
            assert_same(x_.grad, x.grad)
    assert_same_state(twin.state_dict(), layer.state_dict())
    assert_same(twin.eval()(*xs_).data, layer.eval()(*xs).data)


@pytest.mark.parametrize("name", sorted(LAYERS.keys() - WAITING.keys()))
def test_no_layer_makes_the_host_wait(gpu, name):
    _, (layer, xs) = pair(name, gpu)
    run(layer, xs)
    with gpu.no_sync():
        run(layer, xs)
        run(layer.eval(), xs)


@pytest.mark.parametrize("name", WAITING)
def test_an_exception_to_that_is_still_needed(gpu, device_kind, name):
    if device_kind == "real":
        pytest.skip("what a real GPU is seen to wait for is less than what it waits for")
    _, (layer, xs) = pair(name, gpu)
    before = len(machine.waits)
    run(layer, xs)
    assert len(machine.waits) > before


@every_layer
def test_a_layer_comes_back_from_the_gpu_as_it_went(gpu, name):
    (layer, xs), _ = pair(name, gpu)
    parameters, before, y = list(layer.parameters()), layer.state_dict(), layer.eval()(*xs).data
    layer.to(gpu.device).to("cpu")
    assert [id(p) for p in layer.parameters()] == [id(p) for p in parameters]
    assert_same_state(layer.state_dict(), before)
    np.testing.assert_array_equal(layer(*xs).data, y)


@every_layer
def test_a_state_goes_from_gpu_to_cpu_and_back(gpu, name):
    (layer, xs), (twin, xs_) = pair(name, gpu)
    run(twin, xs_)
    layer.load_state_dict(twin.state_dict())
    for array in twin.state_dict().values():
        assert type(array) is np.ndarray
    assert_same(twin.eval()(*xs_).data, layer.eval()(*xs).data)
    twin.load_state_dict({key: gpu.xp.asarray(array) for key, array in layer.state_dict().items()})
    assert_same(twin(*xs_).data, layer(*xs).data)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@every_loss
def test_a_loss_and_its_gradients_are_those_of_the_cpu(gpu, name, reduction):
    loss, inputs = make_loss(name, reduction)
    twin = make_loss(name, reduction)[0].to(gpu.device)
    x = mg.tensor(inputs[0], requires_grad=True)
    x_ = gpu.tensor(inputs[0]).requires_grad_()
    target_ = gpu.tensor(inputs[1])
    y = loss(x, mg.tensor(inputs[1]))
    y.sum().backward()
    with gpu.no_sync():
        y_ = twin(x_, target_)
        y_.sum().backward()
    assert_same(y_.data, y.data)
    assert_same(x_.grad, x.grad)


# ---- optimizers ------------------------------------------------------------------------------------------


def network_and_optimizer(kind, options, device):
    mg.manual_seed(5)
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double().to(device)
    frozen, *trained = network.parameters()
    frozen.requires_grad_(False)
    groups = [{"params": trained[:1]}, {"params": [*trained[1:], frozen], "lr": 0.02}]
    return network, getattr(optim, kind)(groups, **options)


def train(network, optimizer, x, steps):
    halves = ["extrapolate", "step"] if hasattr(optimizer, "extrapolate") else ["step"]
    for move in halves * steps:
        optimizer.zero_grad()
        network(x).square().mean().backward()
        getattr(optimizer, move)()


@every_optimizer
def test_20_steps_are_those_of_the_cpu(gpu, kind, options):
    network, optimizer = network_and_optimizer(kind, options, "cpu")
    twin, twins = network_and_optimizer(kind, options, gpu.device)
    train(network, optimizer, mg.tensor(spread(5, 4)), 20)
    x = gpu.tensor(spread(5, 4))
    train(twin, twins, x, 1)
    with gpu.no_sync():
        train(twin, twins, x, 19)
    assert_same_state(twin.state_dict(), network.state_dict())


@every_optimizer
def test_an_optimizer_goes_on_on_the_gpu_where_it_stopped_on_the_cpu(gpu, kind, options):
    network, optimizer = network_and_optimizer(kind, options, "cpu")
    x = spread(5, 4)
    train(network, optimizer, mg.tensor(x), 3)
    twin, twins = network_and_optimizer(kind, options, gpu.device)
    twin.load_state_dict(network.state_dict())
    twins.load_state_dict(optimizer.state_dict())
    train(network, optimizer, mg.tensor(x), 3)
    train(twin, twins, gpu.tensor(x), 3)
    assert_same_state(twin.state_dict(), network.state_dict())
    network.to(gpu.device)  # and the optimizer's buffers follow
    train(network, optimizer, gpu.tensor(x), 2)
    train(twin, twins, gpu.tensor(x), 2)
    assert_same_state(twin.state_dict(), network.state_dict())


CLIPS = {
    "norm 2": lambda ps: nn.utils.clip_grad_norm_(ps, 0.01),
    "norm 1": lambda ps: nn.utils.clip_grad_norm_(ps, 0.01, 1),
    "largest": lambda ps: nn.utils.clip_grad_norm_(ps, 0.01, "inf"),
    "values": lambda ps: nn.utils.clip_grad_value_(ps, 0.002),
}


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("clip", CLIPS.values(), ids=CLIPS.keys())
def test_clipped_gradients_are_those_of_the_cpu(gpu, clip, flat):
    found = []
    for device, tensor in (("cpu", mg.tensor), (gpu.device, gpu.tensor)):
        mg.manual_seed(6)
        network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double().to(device)
        optimizer = optim.SGD(network.parameters(), lr=0.1) if flat else None
        network(tensor(spread(5, 4))).square().mean().backward()
        with gpu.no_sync():
            clip(network.parameters())
        found.append([p.grad for p in network.parameters()])
        del optimizer
    for gx, gx_ in zip(*found, strict=True):
        assert_same(gx_, gx)


# ---- are the samples whole? ------------------------------------------------------------------------------


def test_every_layer_loss_and_optimizer_has_a_sample():
    public = {value for name, value in vars(nn).items() if inspect.isclass(value) and name in nn.__all__}
    layers = {kind for kind in public if issubclass(kind, nn.Module)} - {nn.Module, nn.ModuleList}  # no forward
    missing = {kind.__name__ for kind in layers - classes_in(LAYERS) - {type(make_loss(n, "sum")[0]) for n in LOSSES}}
    assert not missing, f"add samples to tests/gpu/layers.py for {sorted(missing)}"
    assert {kind for kind, _ in OPTIMIZERS} == set(optim.__all__) - {"Optimizer", "lr_scheduler"}
