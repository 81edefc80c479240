"""What is recorded and what may change: no_grad, detach, freezing, in-place changes, and graphs gone stale."""

import numpy as np
import pytest

import minigan as mg
from minigan.recording import recording


def leaf(*values):
    return mg.tensor(values, dtype=mg.float64, requires_grad=True)


# ---- no_grad ---------------------------------------------------------------------------------------------


def test_under_no_grad_nothing_is_recorded():
    x = leaf(1.0)
    with mg.no_grad():
        y = x * 2
        created = mg.ones(1, requires_grad=True)
    assert not y.requires_grad
    assert y.is_leaf
    assert created.requires_grad


def test_no_grad_restores_what_was_before_also_nested_and_after_exceptions():
    assert recording()
    with mg.no_grad():
        with mg.no_grad():
            assert not recording()
        assert not recording()
        with pytest.raises(ZeroDivisionError), mg.no_grad():
            1 / 0  # noqa: B018
        assert not recording()
    assert recording()


def test_one_no_grad_object_may_be_entered_again_inside_itself():
    off = mg.no_grad()
    with off:
        with off:
            pass
        assert not recording()
    assert recording()


def test_no_grad_decorates_functions_also_recursive_ones():
    @mg.no_grad()
    def halve(x, times):
        assert not recording()
        return halve(x, times - 1) * 0.5 if times else x * 1

    assert not halve(leaf(1.0), 3).requires_grad
    assert recording()


def test_backward_under_no_grad_works_and_leaves_it_on():
    x = leaf(2.0)
    y = (x * x).sum()
    with mg.no_grad():
        y.backward(retain_graph=True)
        (gx,) = mg.grad(y, x, create_graph=True)
        assert not recording()
    assert recording()
    assert x.grad.item() == gx.item() == 4.0
    assert gx.requires_grad


def test_an_exception_in_backward_leaves_recording_as_it_was():
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    for sweep in (y.backward, lambda: mg.grad(y, x)):
        with pytest.raises(mg.GraphError):
            sweep()
        assert recording()


# ---- detach ----------------------------------------------------------------------------------------------


def test_detach_cuts_the_tape_and_shares_the_memory():
    x = leaf(2.0)
    y = x * x
    d = y.detach()
    assert d.data is y.data
    assert not d.requires_grad
    (y * d).sum().backward()
    assert x.grad.item() == 2 * 2.0 * 4.0


def test_a_detached_tensor_may_become_a_leaf_of_its_own():
    x = leaf(2.0)
    d = (x * x).detach().requires_grad_()
    e = x.detach().requires_grad_()
    (d * d * e * e).sum().backward()
    assert x.grad is None
    assert (d.grad.item(), e.grad.item()) == (2 * 4.0 * 4.0, 2 * 16.0 * 2.0)
    (ge,) = mg.grad((e**3).sum(), e, create_graph=True)
    (gge,) = mg.grad(ge, e)
    assert gge.item() == 6 * 2.0


def test_requires_grad_is_only_changed_on_leaves():
    y = leaf(1.0) * 2
    with pytest.raises(mg.GraphError, match="detach"):
        y.requires_grad_(False)
    with pytest.raises(mg.GraphError, match="detach"):
        y.requires_grad = False
    x = mg.ones(1)
    x.requires_grad = True
    assert x.requires_grad


# ---- in place --------------------------------------------------------------------------------------------

IN_PLACE = {
    "+=": lambda x: x.__iadd__(1),
    "-=": lambda x: x.__isub__(1),
    "*=": lambda x: x.__imul__(2),
    "/=": lambda x: x.__itruediv__(2),
    "x[i] =": lambda x: x.__setitem__(0, 5.0),
}
every_change = pytest.mark.parametrize("change", IN_PLACE.values(), ids=IN_PLACE.keys())


@every_change
def test_changing_what_the_tape_follows_raises(change):
    x = leaf(1.0, 2.0)
    for followed in (x, x * 2, x[:1], x.T):
        with pytest.raises(mg.GraphError, match="the tape follows"):
            change(followed)
    result = x * 2
    with mg.no_grad(), pytest.raises(mg.GraphError, match="the tape follows"):
        change(result)
    assert x.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("sign", "expected"), [("+=", [2.0, 3.0]), ("-=", [0.0, 1.0]), ("*=", [2.0, 4.0]),
                                                ("/=", [0.5, 1.0]), ("x[i] =", [5.0, 2.0])])  # fmt: skip
def test_constants_and_leaves_under_no_grad_change_in_place(sign, expected):
    constant, x = mg.tensor([1.0, 2.0]), leaf(1.0, 2.0)
    memory = constant.data
    IN_PLACE[sign](constant)
    with mg.no_grad():
        IN_PLACE[sign](x)
    assert constant.data is memory
    assert constant.tolist() == x.tolist() == expected
    assert x.requires_grad


def test_a_change_in_place_keeps_type_and_shape():
    x = mg.tensor([1.0, 2.0])
    x += np.float64(0.5)
    x *= mg.tensor([2.0, 2.0], dtype=mg.float64)
    assert x.dtype == np.float32
    assert x.tolist() == [3.0, 5.0]
    with pytest.raises(mg.ShapeError):
        x += mg.ones(3, 2)


def test_data_is_assigned_by_copying_and_checked():
    x = leaf(1.0, 2.0)
    memory, given = x.data, np.array([3, 4])
    x.data = given
    given[0] = 99
    assert x.data is memory
    assert x.tolist() == [3.0, 4.0]
    x.data = mg.tensor([5.0, 6.0])
    assert x.data.dtype == np.float64
    with pytest.raises(mg.ShapeError, match=r"\(2,\).*\(3,\)"):
        x.data = np.zeros(3)
    with pytest.raises(mg.ShapeError):
        x.data = 0.0  # PyTorch would change the shape, or broadcast
    with pytest.raises(mg.GraphError, match="result"):
        (x * 2).data = np.zeros(2)


def test_grad_is_assigned_by_copying_and_checked():
    x, given = leaf(1.0, 2.0), np.array([3, 4])
    x.grad = given
    given[0] = 99
    assert x.grad.tolist() == [3.0, 4.0]
    assert x.grad.dtype == np.float64
    with pytest.raises(mg.ShapeError, match="grad"):
        x.grad = np.zeros(3)


# ---- stale graphs ----------------------------------------------------------------------------------------


class Weighted(mg.nn.Module):
    """Uses its weight in a way that backward needs it."""

    def __init__(self, use):
        super().__init__()
        self.weight = mg.nn.Parameter(mg.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=mg.float64))
        self.use = use

    def forward(self, x):
        return self.use(x, self.weight)


USES = {
    "linear": lambda x, w: mg.nn.functional.linear(x, w),
    "product": lambda x, w: x @ w,
    "product with the transposed": lambda x, w: x @ w.T,
    "part": lambda x, w: x * w[0],
    "reshaped": lambda x, w: x * w.reshape(4)[:2],
    "expanded": lambda x, w: x.unsqueeze(0) * w.unsqueeze(1).expand(2, 3, 2),
    "detached": lambda x, w: x * w.detach()[0] + 0 * w.sum(),
    "detached view": lambda x, w: x * w.T.detach()[0] + 0 * w.sum(),
    "unsaved": lambda x, w: x + w[0],
}


def step(net):
    net.weight.grad = np.ones((2, 2))
    mg.optim.SGD(net.parameters(), lr=0.1).step()


def adam_step(net):
    optimizer = mg.optim.Adam(net.parameters(), lr=0.1)
    net.weight.grad = np.ones((2, 2))
    optimizer.step()


def assign(net):
    net.weight.data = np.ones((2, 2))


def load(net):
    net.load_state_dict({"weight": np.ones((2, 2))})


def in_place(net):
    with mg.no_grad():
        net.weight += 1


def in_place_of_a_view(net):
    with mg.no_grad():
        row = net.weight[0]
        row *= 2


def item_of_a_view(net):
    net.weight.detach().T[0, 1] = 7.0


def initialise(net):
    mg.nn.init.ones_(net.weight)


def to_another_type(net):
    net.float()


CHANGES = [step, adam_step, assign, load, in_place, in_place_of_a_view, item_of_a_view, initialise, to_another_type]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("use", [name for name in USES if name != "unsaved"])
def test_backward_through_a_value_that_was_changed_raises_and_names_the_parameter(use, change):
    outer = mg.nn.Sequential(mg.nn.Flatten(), Weighted(USES[use]))
    x = mg.ones(3, 2, dtype=mg.float64, requires_grad=True)
    y = outer(x).sum()
    change(outer[1])
    with pytest.raises(mg.StaleGraphError, match=r"needs 1\.weight as it was.*Run the forward pass again"):
        y.backward()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_that_backward_does_not_depend_on_is_allowed(change):
    net = Weighted(USES["unsaved"])
    x = mg.ones(3, 2, dtype=mg.float64, requires_grad=True)
    y = net(x).sum()
    change(net)
    y.backward()
    assert x.grad.tolist() == [[1.0, 1.0]] * 3


def test_a_leaf_that_shared_memory_before_its_optimizer_was_made_is_watched_on_its_own():
    x = leaf(2.0)
    w = x.detach().requires_grad_()
    optimizer = mg.optim.SGD([w], lr=0.5)
    (w * 1).backward()
    y = w * w
    optimizer.step()
    with pytest.raises(mg.StaleGraphError):
        y.backward()
    assert x.item() == 2.0


def test_a_graph_made_after_the_change_is_fresh():
    net = Weighted(USES["product with the transposed"])
    x = mg.ones(3, 2, dtype=mg.float64, requires_grad=True)
    for change in CHANGES[:-1]:
        change(net)
        net(x).sum().backward()


def test_a_change_between_a_gradient_and_its_gradient_is_noticed():
    w = leaf(2.0)
    (gw,) = mg.grad((w**3).sum(), w, create_graph=True)
    w.data = [5.0]
    with pytest.raises(mg.StaleGraphError):
        mg.grad(gw, w)


def test_constants_are_watched_too():
    x, w = mg.tensor([1.0, 2.0], dtype=mg.float64), leaf(1.0, 1.0)
    y = (x * w).sum()
    x += 1
    with pytest.raises(mg.StaleGraphError, match=r"shape \(2,\)"):
        y.backward()


def test_running_statistics_that_evaluation_used_are_watched():
    layer = mg.nn.BatchNorm1d(2)
    x = mg.randn(4, 2, requires_grad=True)
    y = (layer.eval()(x) * 3).sum()
    layer.train()(mg.randn(4, 2))  # moves the statistics
    with pytest.raises(mg.StaleGraphError, match="running_mean"):
        y.backward()


def test_the_well_known_mistake_of_reusing_the_graph_from_before_ds_step():
    G, D = mg.nn.Linear(2, 3), mg.nn.Sequential(mg.nn.Linear(3, 4), mg.nn.LeakyReLU(0.2), mg.nn.Linear(4, 1))
    optimizer = mg.optim.Adam(D.parameters())
    verdict = D(G(mg.randn(5, 2)))
    verdict.sum().backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(mg.StaleGraphError, match=r"0\.weight|2\.weight"):
        (-verdict).sum().backward()


def test_making_an_optimizer_or_freezing_makes_no_graph_stale():
    net = mg.nn.Linear(2, 3)
    x = mg.ones(1, 2, requires_grad=True)
    y = net(x).sum()
    mg.optim.Adam(net.parameters())
    with net.frozen():
        pass
    net.to("cpu")
    net.to(mg.float32)
    net.zero_grad()
    y.backward()
    np.testing.assert_allclose(x.grad, net.weight.data.sum(0, keepdims=True), rtol=1e-6)
    assert net.bias.grad.tolist() == [1.0] * 3


# ---- frozen ----------------------------------------------------------------------------------------------


def test_frozen_parameters_take_no_gradient_but_let_gradients_pass():
    net = mg.nn.Sequential(mg.nn.Linear(2, 3), mg.nn.Tanh(), mg.nn.Linear(3, 1))
    x = mg.ones(1, 2, requires_grad=True)
    with net.frozen() as inside:
        assert inside is net
        net(x).sum().backward()
    assert x.grad.any()
    assert all(p.grad is None for p in net.parameters())
    net(x).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_freezing_nests_restores_what_was_and_survives_exceptions():
    net = mg.nn.Linear(2, 3)
    net.bias.requires_grad_(False)

    def required():
        return net.weight.requires_grad, net.bias.requires_grad

    with net.frozen():
        with net.frozen():
            assert required() == (False, False)
        assert required() == (False, False)
        with pytest.raises(ZeroDivisionError), net.frozen():
            1 / 0  # noqa: B018
        assert required() == (False, False)
    assert required() == (True, False)


def test_a_graph_from_before_the_freezing_gives_frozen_parameters_nothing():
    net = mg.nn.Linear(2, 3)
    x = mg.ones(1, 2, requires_grad=True)
    y = net(x).sum()
    with net.frozen():
        y.backward()
    assert x.grad is not None
    assert net.weight.grad is None
