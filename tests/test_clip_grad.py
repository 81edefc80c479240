"""Clipping is PyTorch's, number for number; on flat buffers it is one kernel call."""

import numpy as np
import pytest

import minigan as mg
from minigan.nn import Parameter
from minigan.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm
from minigan.optim import SGD, Adam

torch_test = pytest.mark.torch
SHAPES = [(3, 4), (), (0, 2), (5,), (17,)]
INF, NAN = float("inf"), float("nan")


def gradients(scale=1.0):
    rng = np.random.default_rng(0)
    return [np.asarray(rng.standard_normal(shape) * scale) for shape in SHAPES]


def parameters(flat, grads=None, missing=()):
    made = [Parameter(mg.zeros(shape, dtype=mg.float64)) for shape in SHAPES]
    keep = None
    if flat == "flat":
        keep = Adam(made)
    if flat == "two":
        keep = SGD(made[:2]), Adam(made[3:])
    for i, (p, g) in enumerate(zip(made, grads or gradients(), strict=True)):
        p.grad = None if i in missing else g
    return made, keep


def reference(torch, grads=None, missing=()):
    made = [torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)) for shape in SHAPES]
    for i, (p, g) in enumerate(zip(made, grads or gradients(), strict=True)):
        p.grad = None if i in missing else torch.tensor(g)
    return made


def assert_same(ours, theirs):
    for p, q in zip(ours, theirs, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-12)


everywhere = pytest.mark.parametrize("flat", ["flat", "two", "apart"])


@torch_test
@everywhere
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, INF, "inf"])
@pytest.mark.parametrize("max_norm", [0.0, 0.7, 1000.0, INF])
@pytest.mark.parametrize("missing", [(), (1, 3), (0,)])
def test_the_norm_is_clipped_as_in_pytorch(torch, flat, norm_type, max_norm, missing):
    grads = [g for g in gradients() if g.size or norm_type not in (INF, "inf")]
    if len(grads) < len(SHAPES):  # PyTorch knows no largest of nothing
        missing = (*missing, 2)
    ours, _keep = parameters(flat, None, missing)
    theirs = reference(torch, None, missing)
    found, expected = (
        clip_grad_norm_(ours, max_norm, norm_type),
        torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type),
    )
    assert isinstance(found, mg.Tensor)
    assert found.shape == ()
    assert not found.requires_grad
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)
    assert_same(ours, theirs)


@torch_test
@everywhere
@pytest.mark.parametrize("clip_value", [0.0, 0.5, INF])
def test_values_are_clipped_as_in_pytorch(torch, flat, clip_value):
    ours, _keep = parameters(flat, None, (1,))
    theirs = reference(torch, None, (1,))
    assert clip_grad_value_(ours, clip_value) is None
    torch.nn.utils.clip_grad_value_(theirs, clip_value)
    assert_same(ours, theirs)


@torch_test
@everywhere
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_what_is_not_finite_spreads_as_in_pytorch(torch, flat, bad):
    grads = gradients()
    grads[3][2] = bad
    ours, _keep = parameters(flat, grads)
    theirs = reference(torch, grads)
    with np.errstate(invalid="ignore"):
        found = clip_grad_norm_(ours, 1.0)
    np.testing.assert_allclose(found.numpy(), torch.nn.utils.clip_grad_norm_(theirs, 1.0).numpy())
    assert_same(ours, theirs)
    ours, _keep = parameters(flat, grads)
    theirs = reference(torch, grads)
    clip_grad_value_(ours, 0.5)
    torch.nn.utils.clip_grad_value_(theirs, 0.5)
    assert_same(ours, theirs)


@torch_test
def test_a_part_of_the_parameters_and_a_single_one_may_be_clipped(torch):
    ours, _keep = parameters("flat")
    theirs = reference(torch)
    for first, last in ((1, 4), (4, 5), (0, 1)):
        clip_grad_norm_(ours[first:last], 0.1), torch.nn.utils.clip_grad_norm_(theirs[first:last], 0.1)
        assert_same(ours, theirs)
    clip_grad_norm_(iter(ours[::2]), 0.01), torch.nn.utils.clip_grad_norm_(iter(theirs[::2]), 0.01)
    assert_same(ours, theirs)
    clip_grad_norm_(ours[0], 0.01), torch.nn.utils.clip_grad_norm_(theirs[0], 0.01)
    clip_grad_value_(ours[3], 0.001), torch.nn.utils.clip_grad_value_(theirs[3], 0.001)
    assert_same(ours, theirs)


@torch_test
def test_parameters_that_moved_since_the_last_step_are_clipped_where_they_are(torch):
    layer = mg.nn.Linear(3, 2)
    _keep = Adam(layer.parameters())
    layer.double()
    layer(mg.ones(1, 3, dtype=mg.float64)).sum().backward()
    theirs = [torch.nn.Parameter(torch.tensor(p.data)) for p in layer.parameters()]
    for p, q in zip(layer.parameters(), theirs, strict=True):
        q.grad = torch.tensor(p.grad)
    clip_grad_norm_(layer.parameters(), 0.1), torch.nn.utils.clip_grad_norm_(theirs, 0.1)
    assert_same(list(layer.parameters()), theirs)


def test_training_with_clipping_is_training_with_the_clipped_gradient():
    w = Parameter(mg.tensor([3.0, 4.0], dtype=mg.float64))
    optimizer = SGD([w], lr=1.0)
    (w * w).sum().backward()  # a gradient of length 10
    assert clip_grad_norm_([w], 5.0).item() == pytest.approx(10)
    optimizer.step()
    np.testing.assert_allclose(w.data, [0.0, 0.0], atol=1e-6)


def test_a_network_on_flat_buffers_is_one_kernel_call(monkeypatch):
    from minigan.backend.numpy import NumpyBackend

    calls = []
    for name in ("shrink_", "clip_", "norm_of"):
        kernel = getattr(NumpyBackend, name)
        monkeypatch.setattr(
            NumpyBackend,
            name,
            lambda self, x, *args, name=name, kernel=kernel: calls.append((name, len(x))) or kernel(self, x, *args),
        )
    net = mg.nn.Sequential(mg.nn.Linear(5, 3), mg.nn.Tanh(), mg.nn.Linear(3, 1))
    optimizer = Adam(net.parameters())
    net(mg.ones(2, 5)).sum().backward()
    clip_grad_norm_(net.parameters(), 1.0)
    clip_grad_value_(net.parameters(), 1.0)
    (flat,) = optimizer._flats[0]
    assert calls == [("norm_of", 1), ("shrink_", flat.grad.size), ("clip_", flat.grad.size)]


def test_no_gradients_have_norm_0():
    w = Parameter(mg.ones(2))
    assert clip_grad_norm_([w], 1.0).item() == 0
    assert clip_grad_norm_([], 1.0).item() == 0
    clip_grad_value_([w], 1.0)
    assert w.grad is None


def test_float32_stays_float32():
    w, v = Parameter(mg.ones(2)), Parameter(mg.ones(2))
    _keep = Adam([v])
    w.grad = v.grad = np.array([3.0, 4.0], np.float32)
    assert clip_grad_norm_([w, v], np.float64(1.0)).dtype == np.float32
    assert w.grad.dtype == v.grad.dtype == np.float32


@torch_test
@pytest.mark.parametrize("norm_type", [1.0, 2.0, INF])
def test_the_total_norm_is_pytorchs(torch, norm_type):
    arrays = [g for g in gradients() if g.size]
    expected = torch.nn.utils.get_total_norm([torch.tensor(g) for g in arrays], norm_type)
    for given in (arrays, [mg.tensor(g) for g in arrays]):
        np.testing.assert_allclose(get_total_norm(given, norm_type).numpy(), expected.numpy(), rtol=1e-12)
    assert get_total_norm([]).item() == 0
    assert get_total_norm(mg.tensor([3.0, 4.0])).item() == 5


# ---- bad input -------------------------------------------------------------------------------------------


def test_an_error_names_the_parameters_whose_gradients_are_not_finite_and_changes_nothing():
    net = mg.nn.Sequential(mg.nn.Linear(2, 2), mg.nn.Linear(2, 1))
    for p in net.parameters():
        p.grad = np.full(p.shape, 2.0)
    net[1].bias.grad = np.array([NAN])
    with pytest.raises(mg.DivergedError, match=r"found NaN or infinity in that of (1\.)?bias\. Look for"):
        clip_grad_norm_(net.parameters(), 1.0, error_if_nonfinite=True)
    assert (net[0].weight.grad == 2).all()
    w = Parameter(mg.ones(2))
    w.grad = np.array([INF, 1.0])
    with pytest.raises(mg.DivergedError, match=r"infinity in that of parameter 0 of shape \(2,\)\."):
        clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
    w.grad = np.array([3e38, 3e38])
    with np.errstate(over="ignore"), pytest.raises(mg.DivergedError, match="their norm is inf: it is too large"):
        clip_grad_norm_([w], 1.0, norm_type=1.0, error_if_nonfinite=True)
    with pytest.raises(mg.DivergedError, match="get_total_norm: expected finite numbers, but their norm is nan"):
        get_total_norm([mg.tensor([NAN])], error_if_nonfinite=True)
    assert clip_grad_norm_([Parameter(mg.ones(2))], 1.0, error_if_nonfinite=True).item() == 0


BAD = {
    "max_norm": (lambda w: clip_grad_norm_([w], -1), "clip_grad_norm_: expected max_norm of at least 0, but got -1"),
    "nan": (lambda w: clip_grad_norm_([w], NAN), "expected max_norm of at least 0, but got nan"),
    "words": (lambda w: clip_grad_norm_([w], "big"), "expected max_norm of at least 0, but got 'big'"),
    "norm_type": (lambda w: clip_grad_norm_([w], 1, 0), "expected a norm_type above 0, or inf, but got 0"),
    "norm in words": (lambda w: clip_grad_norm_([w], 1, "two"), "expected a norm_type above 0, or inf, but got 'two'"),
    "value": (lambda w: clip_grad_value_([w], -1), "clip_grad_value_: expected clip_value of at least 0, but got -1"),
    "arrays": (lambda w: clip_grad_norm_([w.data], 1), "expected tensors, but got ndarray. Pass network"),
    "module": (lambda w: clip_grad_value_(mg.nn.Linear(1, 1), 1), "expected tensors, but got Linear. Pass network"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD.keys())
def test_what_makes_no_sense_is_refused_in_one_sentence(call, message):
    w = Parameter(mg.ones(2))
    w.grad = np.ones(2)
    with pytest.raises(mg.ConfigError, match=message) as error:
        call(w)
    assert "\n" not in str(error.value)
    assert (w.grad == 1).all()
