"""Nothing is computed that nobody asked for: shown by counting the kernels that run, and what they run on."""

import inspect
from typing import NamedTuple

import numpy as np
import pytest

import minigan as mg
from minigan import backend as backends
from minigan.backend.base import Backend
from minigan.backend.numpy import NumpyBackend
from minigan.gan import build_game, load_preset
from minigan.gan.networks import mlp_discriminator, mlp_generator


class Call(NamedTuple):
    kernel: str
    result: tuple


class CountingBackend(NumpyBackend):
    """Runs every kernel as NumpyBackend does, and writes down its name and the shape of its result."""

    def __init__(self):
        self.calls = []

    def shapes(self, kernel):
        return [call.result for call in self.calls if call.kernel == kernel]


def counted(name):
    def kernel(self, *args, **kwargs):
        y = getattr(super(CountingBackend, self), name)(*args, **kwargs)
        self.calls.append(Call(name, np.shape(y)))
        return y

    return kernel


for name, _ in inspect.getmembers(Backend, inspect.isfunction):
    if not name.startswith("_"):
        setattr(CountingBackend, name, counted(name))


@pytest.fixture
def counter(monkeypatch):
    backend = CountingBackend()
    monkeypatch.setitem(backends._backends, np.ndarray, backend)
    return backend


N, Z, PIXELS = 6, 5, 12  # and no two widths alike, so that a shape tells where it belongs
G_WIDTHS, D_WIDTHS = [7, 11], [13, 17]


@pytest.fixture
def G():
    return mlp_generator(Z, G_WIDTHS, (2, 3, 2), norm="batch")


@pytest.fixture
def D():
    return mlp_discriminator((2, 3, 2), D_WIDTHS, dropout=0.3)


def weight_shapes(net):
    return sorted(p.shape for p in net.parameters() if p.ndim == 2)


def bias_shapes(net):
    return sorted(p.shape for p in net.parameters() if p.ndim == 1)


loss = mg.nn.BCEWithLogitsLoss()


def test_in_gs_turn_no_gradient_of_ds_weights_is_computed(G, D, counter):
    fake = G(mg.randn(N, Z))
    counter.calls.clear()
    with D.frozen():
        loss(D(fake), mg.ones(N, 1)).backward()
    assert sorted(counter.shapes("linear_weight_grad")) == weight_shapes(G)
    summed = counter.shapes("sum")
    assert not {(width,) for width in (*D_WIDTHS, 1)} & set(summed)
    assert {(width,) for width in G_WIDTHS} <= set(summed)  # as they are seen for G
    assert all(p.grad is None for p in D.parameters())
    assert all(p.grad is not None for p in G.parameters())
    back_through_D = [(N, 17), (N, 13), (N, PIXELS)]
    assert counter.shapes("matmul")[:3] == back_through_D


def test_without_freezing_they_would_be_seen(G, D, counter):
    loss(D(G(mg.randn(N, Z))), mg.ones(N, 1)).backward()
    assert sorted(counter.shapes("linear_weight_grad")) == sorted(weight_shapes(G) + weight_shapes(D))
    assert {(width,) for width in (*D_WIDTHS, 1)} <= set(counter.shapes("sum"))


def test_in_gs_turn_the_gradient_of_z_is_not_computed(G, D, counter):
    with D.frozen():
        loss(D(G(mg.randn(N, Z))), mg.ones(N, 1)).backward()
    assert (N, Z) not in counter.shapes("matmul")
    assert len(counter.shapes("matmul")) == 3 + 2  # through D's layers, and through G's but the first


def test_in_ds_turn_no_gradient_of_the_images_is_computed_and_none_of_g(G, D, counter):
    real, fake = mg.randn(N, 2, 3, 2), G(mg.randn(N, Z))
    counter.calls.clear()
    (loss(D(real), mg.ones(N, 1)) + loss(D(fake.detach()), mg.zeros(N, 1))).backward()
    assert sorted(counter.shapes("linear_weight_grad")) == sorted(weight_shapes(D) * 2)
    assert sorted(counter.shapes("matmul")) == sorted([(N, 17), (N, 13)] * 2)
    assert all(p.grad is None for p in G.parameters())


@pytest.mark.parametrize("create_graph", [False, True])
def test_the_gradient_of_the_images_alone_computes_none_of_the_weights(D, counter, create_graph):
    x = mg.randn(N, 2, 3, 2, requires_grad=True)
    y = D(x).sum()
    counter.calls.clear()
    mg.grad(y, x, create_graph=create_graph)
    assert counter.shapes("linear_weight_grad") == []
    assert counter.shapes("sum") == []
    assert counter.shapes("matmul") == [(N, 17), (N, 13), (N, PIXELS)]


def test_the_gradient_of_one_weight_stops_at_its_layer(D, counter):
    y = D(mg.randn(N, 2, 3, 2, requires_grad=True)).sum()
    last = list(D.parameters())[-2]
    counter.calls.clear()
    mg.grad(y, last)
    assert counter.shapes("linear_weight_grad") == [(1, 17)]
    assert counter.shapes("matmul") == counter.shapes("sum") == counter.shapes("leaky_relu_grad") == []


def test_under_no_grad_nothing_but_the_forward_pass_runs(G, counter):
    with mg.no_grad():
        G(mg.randn(N, Z))
    assert not [call for call in counter.calls if call.kernel.endswith("_grad")]
    assert len(counter.shapes("linear")) == 3


def test_backward_computes_what_its_inputs_need_and_no_more(D, counter):
    x = mg.randn(N, 2, 3, 2, requires_grad=True)
    y = D(x).sum()
    counter.calls.clear()
    y.backward(inputs=D.parameters())
    assert x.grad is None
    assert (N, PIXELS) not in counter.shapes("matmul")
    assert sorted(counter.shapes("linear_weight_grad")) == weight_shapes(D)


# ---- optimizers: one kernel for a whole network ----------------------------------------------------------


@pytest.mark.parametrize(("make", "kernel"), [(mg.optim.Adam, "adam_"), (mg.optim.SGD, "sgd_")])
def test_a_step_of_an_optimizer_is_one_kernel(D, counter, make, kernel):
    optimizer = make(D.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        D(mg.randn(N, 2, 3, 2)).sum().backward()
        counter.calls.clear()
        optimizer.step()
        assert [call.kernel for call in counter.calls] == [kernel]


def test_a_step_without_some_gradients_is_one_kernel_for_each_run_of_neighbours(D, counter):
    optimizer = mg.optim.SGD(D.parameters(), lr=0.1)
    D(mg.randn(N, 2, 3, 2)).sum().backward()
    list(D.parameters())[2].grad = None
    counter.calls.clear()
    optimizer.step()
    assert [call.kernel for call in counter.calls] == ["sgd_", "sgd_"]


def test_the_first_gradient_of_a_weight_is_written_where_the_optimizer_wants_it(D, counter):
    optimizer = mg.optim.SGD(D.parameters(), lr=0.1)
    x = mg.randn(N, 2, 3, 2)
    optimizer.zero_grad()
    y = D(x).sum()
    counter.calls.clear()
    y.backward()
    assert not set(weight_shapes(D)) & set(counter.shapes("copy_") + counter.shapes("copy") + counter.shapes("add"))


# ---- the game of the preset ------------------------------------------------------------------------------


def test_a_whole_step_of_the_reference_game(counter):
    game = build_game(load_preset("reference"), (1, 28, 28), mg.device("cpu"))
    real = mg.randn(128, 1, 28, 28)
    counter.calls.clear()
    game.step(real)
    G, D = game.generator.network, game.discriminator.network
    assert sorted(counter.shapes("linear_weight_grad")) == sorted(weight_shapes(G) + weight_shapes(D))
    images = [shape for shape in counter.shapes("matmul") if shape[-1] == 784]
    assert images == [(128, 784)]  # what flows from D to G; none in D's turn
    assert (128, 100) not in counter.shapes("matmul")
    assert counter.shapes("linear") == [
        (128, 256), (128, 512), (128, 1024), (128, 784),  # the fakes are made once
        (256, 1024), (256, 512), (256, 256), (256, 1),  # D sees real and fake in one pass
        (128, 1024), (128, 512), (128, 256), (128, 1),
    ]  # fmt: skip
    assert len(counter.shapes("adam_")) == 2
    biases = [shape for shape in counter.shapes("sum") if len(shape) == 1]
    assert sorted(biases) == sorted(bias_shapes(G) + bias_shapes(D))


@pytest.mark.parametrize("step", [0, 1])
def test_a_step_of_the_default_game_with_its_penalty_and_without(counter, step):
    game = build_game(load_preset("default"), (1, 28, 28), mg.device("cpu"))
    game.steps = step
    real = mg.randn(64, 1, 28, 28)
    counter.calls.clear()
    game.step(real)
    images = [shape for shape in counter.shapes("matmul") if shape == (64, 784)]
    assert images == [(64, 784)] * (2 if step == 0 else 1)  # the slope that R1 weighs; what flows from D to G
    assert real.grad is None
