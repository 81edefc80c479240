"""How gradients travel: each node once, nothing computed twice, nothing overwritten, and errors that name the cause."""

import sys

import numpy as np
import pytest

import minigan as mg
from minigan.tape import Node


def leaf(*values):
    return mg.tensor(values, dtype=mg.float64, requires_grad=True)


def number(value):
    return mg.tensor(value, dtype=mg.float64, requires_grad=True)


def nodes_below(y):
    """All nodes from which y was made."""
    found, stack = set(), [y.node]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(edge for edge in node.edges if isinstance(edge, Node))
    return found


# ---- the sweep -------------------------------------------------------------------------------------------


def test_a_diamond_adds_up_what_comes_along_both_sides():
    x = number(0.7)
    left, right = mg.sin(x), mg.exp(x)
    (left * right + left).backward()
    exact = np.cos(0.7) * np.exp(0.7) + np.sin(0.7) * np.exp(0.7) + np.cos(0.7)
    assert x.grad == pytest.approx(exact, rel=1e-14)


def test_a_value_used_many_times_and_at_different_depths():
    x = number(1.3)
    y = x * x
    z = y * x + y * y * x + y  # x^3 + x^5 + x^2
    z.backward()
    assert x.grad == pytest.approx(3 * 1.3**2 + 5 * 1.3**4 + 2 * 1.3, rel=1e-14)


@pytest.mark.parametrize("f", [lambda y: y + y, lambda y: y * 0.5 + y * 0.5 + y])
def test_doubling_sixty_times_visits_each_node_once(monkeypatch, f):
    visits = []
    monkeypatch.setattr(Node, "free", lambda self: visits.append(self))
    x = number(1.0)
    y = x
    for _ in range(60):
        y = f(y)
    nodes = nodes_below(y)
    y.backward()
    assert x.grad == 2.0**60
    assert len(visits) == len(set(visits)) == len(nodes)


@pytest.mark.parametrize("create_graph", [False, True])
def test_grad_visits_each_node_once_too(create_graph):
    x = number(1.0)
    y = x
    for _ in range(60):
        y = y + y
    (gx,) = mg.grad(y, x, create_graph=create_graph)
    assert gx.item() == 2.0**60


DEEP = 20_000


SHAPES_OF_CHAINS = {
    "chain": lambda y: y * 1.0,
    "ladder": lambda y: y + y * 0.0,
    "ladder with saved values": lambda y: mg.tanh(y) * 0.0 + y,
}


@pytest.mark.parametrize("f", SHAPES_OF_CHAINS.values(), ids=SHAPES_OF_CHAINS.keys())
def test_chains_far_deeper_than_pythons_stack(f):
    assert sys.getrecursionlimit() < DEEP
    x = number(1.0)
    y = x
    for _ in range(DEEP):
        y = f(y)
    y.backward()
    assert x.grad == 1.0


def test_a_deep_chain_can_be_dropped_without_a_backward():
    x = number(1.0)
    y = x
    for _ in range(DEEP):
        y = y * 1.0
    (gx,) = mg.grad(y, x, create_graph=True)
    del y, gx  # would overflow the stack if nodes were freed by recursion


def test_a_gradient_of_a_deep_chain_has_a_graph_as_deep():
    x = number(1.5)
    y = x
    for _ in range(DEEP // 10):
        y = y + mg.sin(y) * 0.0
    (gx,) = mg.grad(y, x, create_graph=True)
    (ggx,) = mg.grad(gx, x)
    assert (gx.item(), ggx.item()) == (1.0, 0.0)


# ---- leaves ----------------------------------------------------------------------------------------------


def test_a_leafs_gradient_is_none_then_adds_up_over_backward_calls():
    x = leaf(1.0, 2.0)
    assert x.grad is None
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_only_leaves_that_require_a_gradient_get_one():
    x, constant = leaf(1.0), mg.tensor([2.0], dtype=mg.float64)
    y = x * constant
    y.backward()
    assert constant.grad is None
    assert y.grad is None


def test_a_result_keeps_its_gradient_if_asked_and_adds_it_up():
    x = leaf(1.5)
    y = x * 2
    y.retain_grad()
    z = (y * y).sum()
    z.backward(retain_graph=True)
    assert y.grad.tolist() == [6.0]
    z.backward()
    assert y.grad.tolist() == [12.0]
    y.grad = None
    assert y.grad is None


def test_the_gradient_of_an_output_may_be_given():
    x = leaf(1.0, 2.0)
    (x * x).backward(np.array([10.0, 100.0]))
    assert x.grad.tolist() == [20.0, 400.0]
    x.grad = None
    (x * x).backward(mg.tensor([1.0, 0.5]))  # float32: cast to the output's type
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [2.0, 2.0]
    with pytest.raises(mg.ShapeError, match=r"\(2,\).*\(3,\)"):
        (x * x).backward(np.ones(3))
    with pytest.raises(mg.DTypeError, match="int64"):
        (x * x).backward(mg.tensor([1, 2]))


def test_an_output_of_several_elements_needs_a_gradient():
    with pytest.raises(mg.GraphError, match=r"shape \(2,\).*\.sum\(\)"):
        (leaf(1.0, 2.0) * 2).backward()


def test_backward_of_a_leaf_itself_gives_one():
    x = number(3.0)
    x.backward()
    assert x.grad == 1.0


@pytest.mark.parametrize("output", [mg.ones(()), mg.ones(()) * 2, number(1.0).detach() * 2])
def test_backward_from_what_requires_no_gradient_says_so(output):
    with pytest.raises(mg.GraphError, match="requires_grad"):
        output.backward()


# ---- aliases: no gradient may be overwritten by another --------------------------------------------------


def with_buffers(*tensors):
    """As an optimizer leaves its parameters: each gradient has a place that it is written to."""
    mg.optim.SGD(tensors, lr=0.0)
    return tensors


@pytest.mark.parametrize("prepare", [lambda *tensors: tensors, with_buffers], ids=["own gradients", "flat buffers"])
class TestAliases:
    def test_one_gradient_array_that_goes_to_two_leaves(self, prepare):
        x, w = prepare(leaf(1.0, 2.0), leaf(3.0, 4.0))
        y = x + w  # the very same gradient array is sent to both
        (y * y).sum().backward()
        (x * 100).sum().backward()  # adds to x's gradient in place
        assert x.grad.tolist() == [108.0, 112.0]
        assert w.grad.tolist() == [8.0, 12.0]

    def test_one_gradient_array_that_waits_at_two_nodes(self, prepare):
        x, w = prepare(leaf(1.0, 2.0), leaf(3.0, 4.0))
        a, b = x * 2, w * 3
        y = a + b  # the gradient waits at a and at b
        z = (y.sum() * 5) + (a * 7).sum() + (a * 11).sum()  # what else comes to a is added in place
        z.backward()
        assert x.grad.tolist() == [46.0, 46.0]
        assert w.grad.tolist() == [15.0, 15.0]

    def test_a_gradient_that_the_caller_gave(self, prepare):
        (x,) = prepare(leaf(1.0, 2.0))
        given = np.array([1.0, 10.0])
        y = x + 0
        (y + y).backward(given)
        y = x + 0
        y.backward(given)
        assert given.tolist() == [1.0, 10.0]
        assert x.grad.tolist() == [3.0, 30.0]
        x.grad[...] = 0
        assert given.tolist() == [1.0, 10.0]

    def test_a_retained_gradient(self, prepare):
        x, w = prepare(leaf(1.0, 2.0), leaf(3.0, 4.0))
        a = x * 1
        a.retain_grad()
        y = a + w
        y.retain_grad()
        (y.sum() + (a * 2).sum() + (a * 3).sum()).backward()
        assert a.grad.tolist() == [6.0, 6.0]
        assert y.grad.tolist() == w.grad.tolist() == [1.0, 1.0]

    def test_one_leaf_in_both_places_of_an_operation(self, prepare):
        (w,) = prepare(mg.tensor(np.arange(9.0).reshape(3, 3), requires_grad=True))
        c = np.cos(np.arange(9.0)).reshape(3, 3)
        (mg.nn.functional.linear(w, w) * c).sum().backward()
        np.testing.assert_allclose(w.grad, (c + c.T) @ w.data)  # d/dw of sum(c * w w^T)

    def test_one_weight_in_two_layers(self, prepare):
        (w,) = prepare(mg.tensor(np.arange(9.0).reshape(3, 3) / 9, requires_grad=True))
        x = np.ones((2, 3))
        linear = mg.nn.functional.linear
        linear(linear(x, w), w).sum().backward()
        expected = x.T @ (np.ones((2, 3)) @ w.data), (x @ w.data.T).T @ np.ones((2, 3))
        np.testing.assert_allclose(w.grad, expected[0].T + expected[1].T)

    def test_broadcast_gradients(self, prepare):
        x, b = prepare(mg.tensor(np.ones((2, 3)), requires_grad=True), leaf(1.0, 2.0, 3.0))
        y = x.sum()  # its gradient is one number shown at six places
        (y + (x + b).sum()).backward()
        (x * 2).sum().backward()
        assert x.grad.tolist() == [[4.0] * 3] * 2
        assert b.grad.tolist() == [2.0] * 3


def test_gradients_given_out_by_grad_survive_later_sweeps():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x + w
    gx, gw = mg.grad((y * y).sum(), [x, w])
    (x * x + w * w).sum().backward()
    (x * x + w * w).sum().backward()
    assert gx.tolist() == gw.tolist() == [8.0, 12.0]


# ---- grad ------------------------------------------------------------------------------------------------


def test_grad_touches_no_grad_attribute():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    w.grad = np.array([7.0, 7.0])
    mg.grad((x * w).sum(), x)
    mg.grad((x * w).sum(), [x, w], create_graph=True)
    assert x.grad is None
    assert w.grad.tolist() == [7.0, 7.0]


def test_grad_with_respect_to_results_and_leaves_at_once():
    x = leaf(0.5, 1.5)
    y = mg.exp(x)
    z = (y * y).sum()
    gz, gy, gx = mg.grad(z, [z, y, x])
    assert gz.item() == 1.0
    np.testing.assert_allclose(gy.numpy(), 2 * np.exp([0.5, 1.5]))
    np.testing.assert_allclose(gx.numpy(), 2 * np.exp([1.0, 3.0]))


def test_grad_of_several_outputs_is_that_of_their_weighted_sum():
    x = leaf(0.5, 1.5)
    (gx,) = mg.grad([x * 2, mg.sin(x).sum()], x, [np.array([1.0, 10.0]), None])
    np.testing.assert_allclose(gx.numpy(), np.array([2.0, 20.0]) + np.cos([0.5, 1.5]))
    (twice,) = mg.grad([x.sum(), x.sum()], x)
    assert twice.tolist() == [2.0, 2.0]
    same = mg.grad(x.sum(), [x, x])
    assert [gx.tolist() for gx in same] == [[1.0, 1.0]] * 2


def test_an_input_that_was_not_used_raises_or_gives_none():
    x, unused, detached = leaf(1.0), leaf(1.0), leaf(1.0)
    y = (x * detached.detach()).sum()
    with pytest.raises(mg.GraphError, match=r"do not depend on input 1, 2\..*allow_unused=True"):
        mg.grad(y, [x, unused, detached], retain_graph=True)
    gx, *others = mg.grad(y, [x, unused, detached], allow_unused=True)
    assert gx.item() == 1.0
    assert others == [None, None]


def test_grad_refuses_what_requires_no_gradient():
    with pytest.raises(mg.GraphError, match="input 1"):
        mg.grad(leaf(1.0).sum(), [leaf(1.0), mg.ones(1)])
    with pytest.raises(mg.GraphError, match="requires_grad"):
        mg.grad(mg.ones(()), leaf(1.0))
    with pytest.raises(mg.GraphError, match="expected 1 grad_outputs.* got 2"):
        mg.grad(leaf(1.0) * 2, leaf(1.0), [None, None])


def test_without_create_graph_a_gradient_is_a_plain_tensor():
    x = leaf(1.0)
    (gx,) = mg.grad((x * x).sum(), x)
    assert not gx.requires_grad
    assert gx.is_leaf


# ---- freeing ---------------------------------------------------------------------------------------------


def test_a_second_backward_raises_and_names_the_operation_and_the_remedy():
    x = leaf(0.5)
    y = mg.tanh(x).sum()
    y.backward()
    with pytest.raises(mg.GraphError, match=r"through tanh a second time.*retain_graph=True"):
        y.backward()
    z = mg.tanh(x).sum()
    mg.grad(z, x)
    with pytest.raises(mg.GraphError, match="retain_graph=True"):
        mg.grad(z, x)


@pytest.mark.parametrize("options", [{"retain_graph": True}, {"create_graph": True}])
def test_a_retained_graph_gives_the_same_gradient_again(options):
    x = leaf(0.5)
    y = mg.tanh(x).sum()
    first, second = (mg.grad(y, x, **options)[0].item() for _ in range(2))
    assert first == second == 1 - np.tanh(0.5) ** 2
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 2 * first


def test_create_graph_may_still_free_its_graph():
    x = leaf(0.5)
    y = mg.exp(x).sum()
    (gx,) = mg.grad(y, x, retain_graph=False, create_graph=True)
    assert gx.item() == np.exp(0.5)
    with pytest.raises(mg.GraphError):
        y.backward()


# ---- higher order ----------------------------------------------------------------------------------------


def test_derivatives_of_high_order_are_exact():
    x = number(0.7)
    y = mg.sin(x) * mg.exp(x)
    for order in range(1, 7):
        (y,) = mg.grad(y, x, create_graph=True)
        exact = 2 ** (order / 2) * np.exp(0.7) * np.sin(0.7 + order * np.pi / 4)
        assert y.item() == pytest.approx(exact, rel=1e-13), order


@pytest.mark.parametrize("f", [mg.tanh, mg.sigmoid, mg.nn.functional.softplus, lambda x: x**5, lambda x: 1 / (x * x)])
def test_the_third_order_agrees_with_differences_of_the_second(f):
    x = leaf(0.4, 1.7)

    def second(x):
        (gx,) = mg.grad(f(x).sum(), x, create_graph=True)
        return mg.grad(gx.sum(), x, create_graph=True)[0]

    assert mg.gradcheck(second, x)
    assert mg.gradgradcheck(second, x)


def test_a_gradient_penalty_trains_through_second_derivatives():
    x, w = leaf(0.3, -0.2), leaf(1.5, 0.5)
    (gx,) = mg.grad(mg.tanh((x * w).sum()), x, create_graph=True)
    (gx * gx).sum().backward()
    s, ww = 0.3 * 1.5 - 0.2 * 0.5, 1.5**2 + 0.5**2
    d, dd = 1 - np.tanh(s) ** 2, -2 * np.tanh(s) * (1 - np.tanh(s) ** 2)
    expected = 2 * d * dd * ww * np.array([0.3, -0.2]) + 2 * d**2 * np.array([1.5, 0.5])
    np.testing.assert_allclose(w.grad, expected, rtol=1e-13)


def test_grad_attributes_are_plain_arrays_also_after_a_differentiable_sweep():
    x = leaf(1.0)
    (gx,) = mg.grad((x * x * x).sum(), x, create_graph=True)
    gx.backward()
    assert type(x.grad) is np.ndarray
    assert x.grad.tolist() == [6.0]
