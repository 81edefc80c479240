"""Memory: no reference cycles, so training needs no garbage collector; and nothing is kept longer than it is needed."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import minigan as mg
from minigan.tape import Node
from minigan.variable import Variable

nn = mg.nn


class Play:
    """A small GAN with all that training uses: dropout, BatchNorm, R1 by a double backward, Adam, an average."""

    def __init__(self):
        self.G = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Linear(8, 6), nn.Tanh(), nn.Unflatten(1, (2, 3))
        )
        self.D = nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(8, 1))
        self.to_G = mg.optim.Adam(self.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
        self.to_D = mg.optim.SGD(self.D.parameters(), lr=2e-4, momentum=0.5)
        self.loss = nn.BCEWithLogitsLoss()
        self.one, self.zero = mg.ones(16, 1), mg.zeros(16, 1)
        self.steps = 0

    def step(self):
        mg.set_step(self.steps)
        real = mg.randn(16, 2, 3, requires_grad=True)
        fake = self.G(mg.randn(16, 4))
        on_real = self.D(real)
        (gx,) = mg.grad(on_real.sum(), real, create_graph=True)
        penalty = (gx * gx).sum() * 0.1
        loss_D = self.loss(on_real, self.one) + self.loss(self.D(fake.detach()), self.zero) + penalty
        self.to_D.zero_grad()
        loss_D.backward()
        self.to_D.step()
        with self.D.frozen():
            loss_G = self.loss(self.D(fake), self.one)
            self.to_G.zero_grad()
            loss_G.backward()
        self.to_G.step()
        self.steps += 1
        return loss_D.item() + loss_G.item()


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def living(*kinds):
    return sum(issubclass(type(thing), kinds) for thing in gc.get_objects())  # isinstance would ask the things


def test_two_hundred_steps_without_the_collector_leave_nothing_behind(no_collector):
    play = Play()
    for _ in range(5):  # plans and caches are made
        play.step()
    gc.collect()
    objects, ours = len(gc.get_objects()), living(Node, Variable)
    tracemalloc.start()
    play.step()
    gc.collect()  # empties Python's own stores of free tuples, which count as memory
    memory = tracemalloc.get_traced_memory()[0]
    for _ in range(200):
        play.step()
    assert living(Node, Variable) == ours
    assert len(gc.get_objects()) - objects <= 2  # and not one per step
    assert gc.collect() == 0
    grown = tracemalloc.get_traced_memory()[0] - memory
    tracemalloc.stop()
    assert grown < 5_000


def test_a_graph_that_no_backward_went_through_is_freed_at_once(no_collector):
    play = Play()
    play.step()
    gc.collect()
    ours = living(Node, Variable)
    for _ in range(3):
        y = play.D(play.G(mg.randn(16, 4))).sum()
        mg.grad(y, list(play.D.parameters()), create_graph=True)
        del y
    assert living(Node, Variable) == ours
    assert gc.collect() == 0


def test_an_error_in_the_middle_of_a_sweep_leaves_nothing_behind(no_collector):
    x = mg.ones(3, requires_grad=True)
    gc.collect()
    ours = living(Node, Variable)

    def fail():
        y = mg.tanh(x).sum()
        y.backward()
        try:
            y.backward()
        except mg.GraphError:
            pass
        else:
            raise AssertionError

    fail()
    assert living(Node, Variable) == ours


def test_higher_orders_make_no_cycles(no_collector):
    x = mg.ones(3, requires_grad=True)
    gc.collect()
    ours = living(Node, Variable)
    y = mg.tanh(x).sum()
    for _ in range(4):
        (gx,) = mg.grad(y, x, create_graph=True)
        y = (gx * gx).sum()
    y.backward()
    del y, gx
    assert living(Node, Variable) == ours
    assert gc.collect() == 0


def test_a_gradient_that_its_leaf_keeps_holds_no_graph(no_collector):
    x = mg.ones(3, requires_grad=True)
    y = mg.exp(x)
    node = y.node
    gc.collect()
    ours = living(Node)
    y.sum().backward()
    assert living(Node) == ours
    assert node.saved is None


# ---- what is kept, and for how long ----------------------------------------------------------------------


def test_a_value_that_nobody_needs_dies_in_the_forward_pass():
    x = mg.ones(1000, requires_grad=True)
    y = x + 1  # a sum needs neither of its terms
    memory = weakref.ref(y.data)
    z = y + 1
    del y
    assert memory() is None
    z.sum().backward()


def test_saved_values_are_freed_as_the_sweep_passes():
    n, length = 50_000, 20
    x = mg.ones(n, requires_grad=True)
    tracemalloc.start()
    y = x
    for _ in range(length):
        y = mg.tanh(y)
    kept = tracemalloc.get_traced_memory()[0]
    total = y.sum()
    del y
    tracemalloc.reset_peak()
    total.backward()
    peak, left = tracemalloc.get_traced_memory()[1], tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    bytes_each = 4 * n
    assert kept == pytest.approx(length * bytes_each, rel=0.05)
    assert peak - kept < 3.5 * bytes_each  # a gradient, the next one and a temporary, however long the chain
    assert left < 1.5 * bytes_each  # the gradient of x


def test_a_retained_graph_keeps_its_values():
    x = mg.ones(3, requires_grad=True)
    y = mg.tanh(x)
    y.sum().backward(retain_graph=True)
    assert y.node.saved is not None
    y.sum().backward()
    assert y.node.saved is None


def arrays_in(saved):
    """The arrays that a node keeps."""
    for value in saved:
        if isinstance(value, tuple):
            value = value[0]
        for part in value if isinstance(value, list) else [value]:
            if hasattr(part, "dtype"):
                yield part


def kept_by(y):
    return list(arrays_in(y.node.saved))


@pytest.mark.parametrize("f", [
    mg.tanh, mg.sigmoid, mg.relu, lambda x: nn.functional.leaky_relu(x, 0.2), mg.exp, mg.sqrt, mg.rsqrt, mg.reciprocal,
])  # fmt: skip
def test_operations_whose_gradient_needs_only_the_output_keep_only_that(f):
    y = f(mg.rand(3, requires_grad=True) + 1)
    assert [array is y.data for array in kept_by(y)] == [True]


@pytest.mark.parametrize("f", [
    lambda x: x + x, lambda x: x - 1, lambda x: -x, lambda x: x.sum(), lambda x: x.mean(), lambda x: x.reshape(3, 1),
    lambda x: x.T, lambda x: x[1:], lambda x: mg.cat([x, x]), lambda x: x.expand(2, 3), lambda x: x.double(),
])  # fmt: skip
def test_operations_whose_gradient_needs_no_values_keep_none(f):
    assert kept_by(f(mg.rand(3, requires_grad=True) * 1)) == []


def test_a_product_keeps_only_what_its_gradients_need():
    x, w, c = mg.rand(3, requires_grad=True), mg.rand(3, requires_grad=True), mg.rand(3)
    assert {id(array) for array in kept_by(x * w)} == {id(x.data), id(w.data)}
    assert [array is c.data for array in kept_by(x * c)] == [True]


def test_a_linear_layer_keeps_its_input_only_for_the_gradient_of_its_weight():
    layer, x = nn.Linear(3, 2), mg.rand(4, 3, requires_grad=True) * 1

    def kept(y):
        return {id(array) for array in kept_by(y)}

    weight = id(layer.weight.data)
    assert kept(layer(x)) == {id(x.data), weight}
    with layer.frozen():
        assert kept(layer(x)) == {weight}
    constant = mg.rand(4, 3)
    assert kept(layer(constant)) == {id(constant.data)}


def test_a_frozen_network_keeps_what_gradients_pass_through_and_no_more():
    D = nn.Sequential(nn.Linear(3, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1))
    weights = {id(p.data) for p in D.parameters()}

    def kept(y):
        stack, found = [y.node], []
        while stack:
            node = stack.pop()
            found += [a for a in arrays_in(node.saved) if id(a) not in weights]
            stack.extend(edge for edge in node.edges if isinstance(edge, Node))
        return sum(array.size for array in found)

    x = mg.rand(4, 3, requires_grad=True)
    hidden = 4 * 5  # the output of LeakyReLU is the input of the second layer: one array
    assert kept(D(x)) >= hidden + 4 * 3
    with D.frozen():
        assert kept(D(x)) == hidden


def test_dropout_keeps_its_mask_and_not_its_input():
    x = mg.rand(1000, requires_grad=True) * 1
    y = nn.functional.dropout(x, 0.5)
    assert [set(np.unique(array)) for array in kept_by(y)] == [{0.0, 2.0}]


def test_under_no_grad_nothing_is_kept():
    net = nn.Sequential(nn.Linear(3, 5), nn.LeakyReLU(0.2), nn.Linear(5, 1))
    before = living(Node)
    with mg.no_grad():
        y = net(mg.rand(4, 3))
    assert y.node is None
    assert living(Node) == before


def test_the_first_gradient_is_written_into_the_optimizers_buffer_without_a_copy():
    layer = nn.Linear(300, 200)
    optimizer = mg.optim.Adam(layer.parameters())
    x = mg.rand(4, 300)
    for _ in range(2):
        optimizer.zero_grad()
        y = layer(x).sum()
        tracemalloc.start()
        y.backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert layer.weight.grad is layer.weight._grad_buffer
        assert peak < 0.5 * layer.weight.data.nbytes
