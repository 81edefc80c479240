"""Linear, LeakyReLU and Dropout in a row run as one operation, and all results are the bits of the three."""

import copy
import threading

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.backend import get_backend
from minigan.backend.base import Backend
from minigan.nn.fusion import steps
from minigan.ops.fused import linear_leaky_relu_dropout
from minigan.ops.random import stream

FAST = get_backend(np.zeros(1))


class Specification(Backend):
    """The base class on NumPy."""

    xp = np


SPECIFICATION = Specification()
TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
DROPOUTS = pytest.mark.parametrize("p", [None, 0.0, 0.3, 0.5, 1.0])


def row(n_in, n_out, p=0.3, *, slope=0.2, bias=True, dtype="float32"):
    """A row that may be fused, without Dropout if p is None."""
    dropout = [] if p is None else [nn.Dropout(p)]
    return nn.Sequential(nn.Linear(n_in, n_out, bias=bias, dtype=dtype), nn.LeakyReLU(slope), *dropout)


def numbers(*shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def one_by_one(net, x):
    """What Sequential promises to compute."""
    for layer in net:
        x = layer(x)
    return x


def is_fused(y):
    return y.node is not None and y.node.op.name == "bias_leaky_relu_dropout"


def results(net, x, forward, gy):
    """Output, gradients, and where the random streams stand afterwards."""
    mg.set_step(4)
    net.zero_grad()
    x = mg.tensor(x, requires_grad=True)
    y = forward(net, x)
    y.backward(mg.tensor(gy))
    return y, [x.grad, *[p.grad for p in net.parameters()]], stream.site


def bits(x):
    return np.ascontiguousarray(x).view(f"u{x.itemsize}")


def assert_same(net, x, gy=None):
    """Fused and one by one, all bits are the same; of gradients, but for the sign of 0."""
    gy = numbers(*x.shape[:-1], net[0].out_features, dtype=x.dtype, seed=1) if gy is None else gy
    y, gradients, site = results(net, x, lambda net, x: net(x), gy)
    expected, expected_gradients, expected_site = results(net, x, one_by_one, gy)
    assert is_fused(y)
    assert not is_fused(expected)
    np.testing.assert_array_equal(bits(y.detach().numpy()), bits(expected.detach().numpy()))
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    assert site == expected_site


# ---- the same bits ---------------------------------------------------------------------------------------


@TYPES
@DROPOUTS
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_results_gradients_and_draws_are_the_bits_of_the_layers_one_by_one(dtype, p, bias, training):
    assert_same(row(7, 11, p, bias=bias, dtype=dtype).train(training), numbers(5, 7, dtype=dtype))


@DROPOUTS
@pytest.mark.parametrize("slope", [1e-30, 0.01, 0.7, 1.0, 1])
def test_every_slope_gives_the_bits_of_the_layers_one_by_one(p, slope):
    assert_same(row(7, 11, p, slope=slope), numbers(5, 7))


@DROPOUTS
@pytest.mark.parametrize("shape", [(2, 3, 5), (0, 5), (2, 0, 5), (1, 5), (3, 0)])
def test_sequences_and_empty_batches_give_the_bits_of_the_layers_one_by_one(p, shape):
    assert_same(row(shape[-1], 4, p), numbers(*shape))


@DROPOUTS
@pytest.mark.parametrize("shape", [(300, 500), (2, 90_000), (3, 5, 9000)])
def test_several_blocks_give_the_bits_of_the_layers_one_by_one(p, shape):
    assert_same(row(2, shape[-1], p), numbers(*shape[:-1], 2))


@TYPES
@DROPOUTS
def test_sums_of_zero_and_results_too_small_to_tell_from_it_keep_their_gradients(dtype, p):
    net = row(3, 400, p, dtype=dtype)
    nn.init.zeros_(net[0].bias)
    tiny = np.finfo(dtype).smallest_subnormal
    x = np.array([[0.0, 0.0, 0.0], [tiny, 0.0, 0.0], [-tiny, 0.0, -0.0]], dtype)
    net[0].weight.data = np.sign(net[0].weight.data)
    assert_same(net, x, np.ones((3, 400), dtype))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@DROPOUTS
def test_infinities_and_nans_give_the_bits_of_the_layers_one_by_one(p):
    strange = np.array([np.inf, -np.inf, np.nan, 3e38, -3e38, 1.0, 0.0], np.float32)
    net = row(1, 700, p)
    nn.init.ones_(net[0].weight)
    nn.init.zeros_(net[0].bias)
    assert_same(net, strange[:, None], np.resize(strange, (7, 700)))
    assert_same(net, strange[:, None], np.resize(strange[:6], (7, 700)))


def test_a_gradient_shown_by_broadcasting_gives_the_bits_of_the_layers_one_by_one():
    net = row(7, 300)
    found, expected = [], []
    for forward, grads in ((lambda x: net(x), found), (lambda x: one_by_one(net, x), expected)):
        mg.set_step(1)
        net.zero_grad()
        forward(mg.tensor(numbers(400, 7))).sum().backward()
        grads += [p.grad for p in net.parameters()]
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_a_gradient_penalty_through_two_layers_gives_the_bits_of_the_layers_one_by_one():
    net = nn.Sequential(*row(5, 6), *row(6, 7), nn.Linear(7, 1))
    found = []
    for forward in (lambda x: net(x), lambda x: one_by_one(net, x)):
        mg.set_step(2)
        net.zero_grad()
        x = mg.tensor(numbers(9, 5), requires_grad=True)
        (gx,) = mg.grad(forward(x).sum(), x, create_graph=True)
        (gx * gx).sum().backward()
        found.append([p.grad for p in net.parameters() if p.grad is not None])
    assert len(found[0]) == len(found[1]) == 3
    for fused, plain in zip(*found, strict=True):
        np.testing.assert_array_equal(fused, plain)


def test_draws_after_a_fused_row_are_those_after_the_layers_one_by_one():
    net = nn.Sequential(*row(5, 6), *row(6, 7, None), *row(7, 8, 0.5))
    x, drawn = mg.tensor(numbers(9, 5)), []
    for forward in (lambda: net(x), lambda: one_by_one(net, x)):
        mg.set_step(2)
        forward()
        drawn.append(mg.rand(3).tolist())
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("frozen", [("weight",), ("bias",), ("x",), ("x", "weight"), ("weight", "bias"), ("x", "bias")])
def test_what_is_frozen_takes_no_gradient_and_the_others_theirs(frozen):
    net = row(5, 6)
    grads = []
    for forward in (lambda x: net(x), lambda x: one_by_one(net, x)):
        mg.set_step(2)
        leaves = {"x": mg.tensor(numbers(9, 5), requires_grad=True), "weight": net[0].weight, "bias": net[0].bias}
        for name, leaf in leaves.items():
            leaf.grad = None
            leaf.requires_grad_(name not in frozen)
        forward(leaves["x"]).sum().backward()
        grads.append({name: leaf.grad for name, leaf in leaves.items()})
    assert {name for name, g in grads[0].items() if g is None} == set(frozen)
    for name in {"x", "weight", "bias"} - set(frozen):
        np.testing.assert_array_equal(grads[0][name], grads[1][name])


# ---- against something else ------------------------------------------------------------------------------


@pytest.mark.torch
@TYPES
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_values_and_gradients_are_those_of_pytorch_for_the_same_mask(torch, dtype, p):
    x, gy = numbers(6, 5, dtype=dtype), numbers(6, 40, dtype=dtype, seed=1)
    x[2] = 0  # sums of 0, kept or not
    net = row(5, 40, p, dtype=dtype)
    nn.init.zeros_(net[0].bias)
    y, gradients, _ = results(net, x, lambda net, x: net(x), gy)
    mg.set_step(4)
    mask = nn.functional.dropout(mg.ones(6, 40, dtype=dtype), p).numpy()
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, *(leaf.detach().numpy() for leaf in net.parameters()))]
    h = torch.nn.functional.leaky_relu(torch.nn.functional.linear(*leaves), 0.2) * torch.tensor(mask)
    h.backward(torch.tensor(gy))
    tolerance = {"rtol": 50 * np.finfo(dtype).eps, "atol": 50 * np.finfo(dtype).eps}
    np.testing.assert_allclose(y.detach().numpy(), h.detach().numpy(), **tolerance)
    for found, leaf in zip(gradients, leaves, strict=True):
        np.testing.assert_allclose(found, leaf.grad.numpy(), **tolerance)


@pytest.mark.parametrize("p", [0.0, 0.3])
@pytest.mark.parametrize("bias", [True, False])
def test_gradients_and_second_derivatives_agree_with_differences(p, bias):
    def f(x, weight, *bias):
        mg.set_step(3)  # always the same mask
        return linear_leaky_relu_dropout(x, weight, bias[0] if bias else None, 0.2, p)

    leaves = [mg.tensor(numbers(*shape, dtype="float64"), requires_grad=True) for shape in ((4, 3), (5, 3), (5,))]
    assert mg.gradcheck(f, leaves[: 3 if bias else 2])
    assert mg.gradgradcheck(f, leaves[: 3 if bias else 2])


# ---- who wants to see the layers sees them ---------------------------------------------------------------


def fused_numbers(net):
    """The numbers of the first modules of what Sequential calls."""
    return [i for i, _ in steps(list(net))]


def test_what_runs_as_one_operation():
    net = nn.Sequential(nn.Flatten(), *row(5, 6), *row(6, 7, None), nn.Linear(7, 8), nn.ReLU(), nn.Linear(8, 1))
    assert fused_numbers(net) == [0, 1, 4, 6, 7, 8]
    others = nn.Sequential(nn.LeakyReLU(), nn.Linear(1, 1), nn.Dropout(), nn.Linear(1, 1), nn.LeakyReLU(), nn.ReLU())
    assert fused_numbers(others) == [0, 1, 2, 3, 5]
    assert fused_numbers(nn.Sequential()) == []


@pytest.mark.parametrize("i", [0, 1, 2])
@pytest.mark.parametrize("kind", ["forward_pre", "forward", "full_backward"])
def test_a_hook_on_any_of_the_layers_is_called(i, kind):
    net, seen = row(5, 6), []
    getattr(net[i], f"register_{kind}_hook")(lambda layer, *args: seen.append(layer))
    net(mg.tensor(numbers(3, 5), requires_grad=True)).sum().backward()
    assert seen == [net[i]]


@pytest.mark.parametrize("i", [0, 1, 2])
def test_a_layer_with_a_forward_of_its_own_runs_it(i):
    net = row(5, 6).eval()
    forward = net[i].forward
    net[i].forward = lambda x: forward(x) * 0 + 7
    assert net[i](mg.ones(3, 5)).tolist()[0][0] == 7
    assert not is_fused(net(mg.ones(3, 5)))
    if i == 2:
        assert net(mg.ones(3, 5)).tolist() == [[7.0] * 6] * 3


def test_a_layer_of_a_subclass_runs_its_forward():
    class Louder(nn.LeakyReLU):
        def forward(self, x):
            return super().forward(x) * 2

    net = row(5, 6, None)
    x = mg.ones(3, 5)
    expected = net(x) * 2
    net.add_module("1", Louder(0.2))
    assert net(x).tolist() == expected.tolist()


def test_a_normalised_weight_is_normalised_at_each_call():
    net = row(5, 6, None)
    nn.utils.spectral_norm(net[0])
    y = net(mg.ones(3, 5))
    assert not is_fused(y)
    assert y.tolist() == one_by_one(net.eval(), mg.ones(3, 5)).tolist()


def test_profile_sees_the_operations_of_each_layer():
    net = row(5, 6)
    with mg.profile() as p:
        net(mg.ones(3, 5)).sum().backward()
    seen = {row.op for row in p.rows}
    assert {"linear", "leaky_relu", "dropout_mask", "mask", "leaky_relu_grad"} <= seen
    assert not [op for op in seen if "dropout_grad" in op]


def test_detect_anomaly_names_the_layer():
    net = row(1, 2, slope=1.0)
    nn.init.constant_(net[0].weight, 3e38)
    nn.init.constant_(net[0].bias, 3e38)
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match=r"linear made the first infinity(.|\n)*Linear"):
        net(mg.ones(1, 1))


def test_the_summary_lists_each_layer():
    text = str(row(5, 6).summary(mg.ones(3, 5)))
    assert all(name in text for name in ("Linear", "LeakyReLU", "Dropout"))


def test_an_observer_of_another_thread_changes_nothing_here():
    on, done = threading.Event(), threading.Event()

    def watch():
        with mg.profile():
            on.set()
            done.wait()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        assert on.wait(60)
        assert is_fused(row(5, 6)(mg.ones(3, 5)))
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("x", [mg.ones(3, 4), mg.ones(3), np.ones((3, 5)), mg.ones(3, 5, dtype=mg.int64), [[1.0] * 5]])
def test_errors_are_those_of_the_layers(x):
    net = nn.Sequential(nn.Tanh(), *row(5, 6)) if isinstance(x, mg.Tensor) and x.dtype == "float32" else row(5, 6)
    with pytest.raises(mg.MiniganError) as expected:
        one_by_one(net, x)
    with pytest.raises(type(expected.value)) as found:
        net(x)
    assert str(found.value).removeprefix("Layer 1: ").removeprefix("Layer 0: ") == str(expected.value)
    assert ("Layer" in str(found.value)) == isinstance(expected.value, mg.ShapeError)


def test_one_sample_without_a_batch_passes():
    net = row(5, 6, None)
    assert net(mg.ones(5)).tolist() == net(mg.ones(1, 5)).tolist()[0]


@pytest.mark.parametrize("slope", [-0.5, 0.0, 1.5])
def test_other_slopes_pass(slope):
    net = row(5, 60, 0.3, slope=slope)
    y, gradients, site = results(net, numbers(3, 5), lambda net, x: net(x), np.ones((3, 60), np.float32))
    expected, wanted, expected_site = results(net, numbers(3, 5), one_by_one, np.ones((3, 60), np.float32))
    assert y.tolist() == expected.tolist()
    assert all((a == b).all() for a, b in zip(gradients, wanted, strict=True))
    assert site == expected_site


# ---- modules stay what they are --------------------------------------------------------------------------


def test_a_network_that_ran_is_printed_saved_and_copied_as_before():
    net = row(5, 6)
    before, text, attributes = net.state_dict(), repr(net), set(vars(net))
    net(mg.ones(3, 5))
    assert repr(net) == text
    assert set(vars(net)) == attributes
    assert list(net.state_dict()) == list(before)
    twin, x = copy.deepcopy(net).eval(), mg.ones(3, 5)
    assert twin(x).tolist() == net.eval()(x).tolist()
    nn.init.zeros_(twin[0].weight)
    nn.init.zeros_(twin[0].bias)
    assert not twin(x).detach().numpy().any()
    assert net(x).detach().numpy().all()


def test_changes_of_a_network_count_from_the_next_call_on():
    net, x = row(5, 400, 0.5), mg.ones(3, 5)
    dropped = lambda: (net(x).detach().numpy() == 0).mean()  # noqa: E731
    assert 0.4 < dropped() < 0.6
    net.eval()
    assert dropped() == 0
    net.train()
    net[2].p = 1.0
    assert dropped() == 1
    net[2].p = 0.0
    net[1].negative_slope = 1.0
    np.testing.assert_array_equal(net(x).detach().numpy(), net[0](x).detach().numpy())
    net.add_module("1", nn.ReLU())
    assert net(x).detach().numpy().min() == 0
    net.add_module("0", nn.Linear(5, 2))
    assert net(x).shape == (3, 2)


# ---- what it is for --------------------------------------------------------------------------------------


def saved_arrays(y):
    """All arrays that the tape below y keeps, each once."""
    found, stack = {}, [y.node]
    while stack:
        node = stack.pop()
        parts = [part[0] if isinstance(part, tuple) else part for part in (*node.saved, *node.params.values())]
        found |= {id(part): part for part in parts if isinstance(part, np.ndarray)}
        stack += [edge for edge in node.edges if hasattr(edge, "saved")]
    return list(found.values())


def test_only_the_result_and_sixteen_bits_a_number_are_saved():
    net, x = row(50, 400), mg.ones(20, 50)
    own = {id(t._data) for t in (x, *net.parameters())}
    saved = lambda y: sum(a.nbytes for a in saved_arrays(y) if id(a) not in own)  # noqa: E731
    assert saved(net(x)) == 20 * 400 * (4 + 2)
    assert saved(one_by_one(net, x)) == 20 * 400 * (4 + 4)


def test_the_result_lies_where_the_product_did(monkeypatch):
    products = []
    linear = type(FAST).linear
    monkeypatch.setattr(type(FAST), "linear", lambda *args: products.append(linear(*args)) or products[-1])
    y = row(5, 6)(mg.ones(3, 5))
    assert y._data is products[0]


def test_a_captured_step_is_fused_and_gives_the_bits_of_the_step_as_written_in_either_mode():
    def train(net, wrap):
        optimizer = mg.optim.Adam(net.parameters(), lr=0.01)

        def step(x):
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        step, losses = wrap(step), []
        for k in range(12):
            mg.set_step(k)
            net[2].train(k % 6 < 4)
            losses.append(step(mg.tensor(numbers(9, 5, seed=k))).item())
        return losses, step

    net = nn.Sequential(*row(5, 300), *row(300, 400, None), nn.Linear(400, 1))
    losses, step = train(copy.deepcopy(net), mg.capture)
    assert losses == train(net, lambda step: step)[0]
    assert [kernel.name for kernel in step.program.kernels].count("bias_leaky_relu_dropout") == 2


# ---- kernels ---------------------------------------------------------------------------------------------

LAYOUTS = {
    "matrix": lambda x: x,
    "transposed": lambda x: x.T.copy().T,
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
}
SHAPES = [(3, 5), (300, 500), (2, 90_000), (0, 4), (4, 0)]
WORDS = [None, (40_000, 1.7), (0, 0.0)]


def settings(shape, choice):
    """Words, slope, threshold and scale."""
    if choice is None:
        return None, 0.2, 0, 1.0
    return np.random.default_rng(1).integers(0, 2**64, -(-int(np.prod(shape)) // 4), np.uint64), 0.2, *choice


@TYPES
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("choice", WORDS)
@pytest.mark.parametrize("bias", [True, False])
def test_the_kernel_gives_the_specified_result_and_writes_to_out_alone(dtype, layout, shape, choice, bias):
    x, b = LAYOUTS[layout](numbers(*shape, dtype=dtype)), numbers(shape[-1], dtype=dtype) if bias else None
    before = x.copy()
    arguments = (b, *settings(shape, choice))
    expected = SPECIFICATION.bias_leaky_relu_dropout(x, *arguments)
    for out in (None, np.full(shape, 99, dtype), np.full(shape[::-1], 99, dtype).T):
        y = FAST.bias_leaky_relu_dropout(x, *arguments, out=out)
        assert out is None or y is out
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(x, before)
    assert FAST.bias_leaky_relu_dropout(x, *arguments, out=x) is x
    np.testing.assert_array_equal(x, expected)


@TYPES
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("choice", WORDS)
def test_the_gradient_kernel_gives_the_specified_result_and_writes_to_out_alone(dtype, layout, shape, choice):
    gy, y = (LAYOUTS[layout](numbers(*shape, dtype=dtype, seed=seed)) for seed in (0, 1))
    y[:1] = 0
    before = gy.copy(), y.copy()
    arguments = (y, *settings(shape, choice))
    expected = SPECIFICATION.bias_leaky_relu_dropout_grad(gy, *arguments)
    for out in (None, np.full(shape, 99, dtype), np.full(shape[::-1], 99, dtype).T):
        gx = FAST.bias_leaky_relu_dropout_grad(gy, *arguments, out=out)
        assert out is None or gx is out
        assert gx.dtype == dtype
        np.testing.assert_array_equal(gx, expected)
    np.testing.assert_array_equal(gy, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_one_less_a_slope_plus_the_slope_is_one(dtype):
    slopes = np.concatenate((np.linspace(0, 1, 100_001), 10.0 ** -np.linspace(0, 30, 1001))).astype(dtype)
    assert ((1 - slopes) + slopes == 1).all()
