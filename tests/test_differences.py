"""docs/differences.md is true: what stands in each row is so here, and not so in PyTorch."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import minigan as mg

F = mg.nn.functional
PAGE = (Path(__file__).parent.parent / "docs" / "differences.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (?!what|---)(.+?) \| .+ \| .+ \|$", PAGE, re.M)
CHECKS = {}


def row(start):
    """Decorator: this function shows, given PyTorch, the row of the page that starts so."""
    return lambda check: CHECKS.setdefault(start, check)


def float64(lib, *values):
    return lib.tensor(list(values), dtype=lib.float64, requires_grad=True)


def gradient(torch, lib):
    return mg.grad if lib is mg else torch.autograd.grad


def raises(kind, call, *args, **kwargs):
    with pytest.raises(kind):
        call(*args, **kwargs)


# ---- gradients -------------------------------------------------------------------------------------------


@row("`x.data`, `x.grad`")
def raw_arrays(torch):
    for lib, kind in ((mg, np.ndarray), (torch, torch.Tensor)):
        x = lib.ones(2, requires_grad=True)
        x.sum().backward()
        assert type(x.data) is type(x.grad) is kind


@row("`.grad` of an optimizer's parameters")
def views_of_one_buffer(torch):
    layer = mg.nn.Linear(2, 3)
    optimizer = mg.optim.Adam(layer.parameters())
    layer(mg.ones(1, 2)).sum().backward()
    assert layer.weight.grad.base is layer.bias.grad.base is not None
    kept = layer.weight.grad
    optimizer.zero_grad()
    layer(mg.zeros(1, 2)).sum().backward()
    assert not kept.any()


@row("`.backward(create_graph=True)`")
def no_create_graph(torch):
    raises(TypeError, mg.ones((), requires_grad=True).backward, create_graph=True)
    with pytest.warns(UserWarning, match="reference cycle"):
        torch.ones((), requires_grad=True).backward(create_graph=True)


@row("`backward(inputs=)`")
def leaves_only(torch):
    x = torch.ones(2, requires_grad=True)
    result = x * 2
    result.sum().backward(inputs=[result])
    assert result.grad.tolist() == [1, 1]
    result = mg.ones(2, requires_grad=True) * 2
    raises(mg.GraphError, result.sum().backward, inputs=[result])


@row("`w.data = x` between forward and backward")
def stale_graphs(torch):
    def changed(lib):
        w = lib.tensor([3.0], requires_grad=True)
        y = (w * w).sum()
        w.data = lib.tensor([5.0])
        y.backward()
        return w.grad

    assert changed(torch).item() == 10
    raises(mg.StaleGraphError, changed, mg)


@row("second derivatives of `x.norm(p)` where it is 0")
def length_of_zero(torch):
    for lib, finite in ((mg, True), (torch, False)):
        x = float64(lib, 0.0, 0.0)
        (gx,) = gradient(torch, lib)(x.norm(2), x, create_graph=True)
        (ggx,) = gradient(torch, lib)(gx.sum(), x)
        assert np.isfinite(ggx.numpy()).all() == finite
        assert lib is torch or not ggx.numpy().any()


@row("second derivatives of `x1 ** x2` where x1 or x2 is 0")
def powers(torch):
    def mixed(lib, base, exponent, first):
        xs = float64(lib, base), float64(lib, exponent)
        gxs = gradient(torch, lib)((xs[0] ** xs[1]).sum(), xs, create_graph=True)
        return gradient(torch, lib)(gxs[first].sum(), xs)[1 - first].item()

    # of x1^x2 by both: x1^(x2 - 1) (1 + x2 ln x1)
    assert mixed(mg, 2.0, 0.0, first=0) == mixed(mg, 2.0, 0.0, first=1) == 0.5
    assert mixed(torch, 2.0, 0.0, first=0) == 0
    assert mixed(mg, 0.0, 2.0, first=1) == 0
    assert np.isnan(mixed(torch, 0.0, 2.0, first=1))
    both = [mixed(lib, 0.5, 3.0, first=i) for lib in (mg, torch) for i in (0, 1)]
    assert both == pytest.approx([both[0]] * 4, rel=1e-12)


@row("`register_full_backward_hook`: `grad_input`")
def gradients_nobody_asked_for(torch):
    for lib, found in ((mg, None), (torch, [0.0, 0.0])):
        seen = []
        product = type("Product", (lib.nn.Module,), {"forward": lambda self, x1, x2: x1 * x2})()
        product.register_full_backward_hook(lambda module, gx, gy, seen=seen: seen.append(gx[1]))
        product(lib.ones(2, requires_grad=True), lib.ones(2)).sum().backward()
        assert [gx if gx is None else gx.tolist() for gx in seen] == [found]


@row("`module.frozen()`")
def frozen(torch):
    D, x = mg.nn.Linear(2, 1), mg.ones(1, 2, requires_grad=True)
    with D.frozen():
        D(x).sum().backward()
    assert x.grad is not None
    assert D.weight.grad is None
    assert not hasattr(torch.nn.Module, "frozen")


# ---- checking and seeing ---------------------------------------------------------------------------------


@row("`gradcheck(atol=1e-7, rtol=1e-5)`")
def tolerances(torch):
    for check, expected in ((mg.gradcheck, (1e-7, 1e-5)), (torch.autograd.gradcheck, (1e-5, 1e-3))):
        defaults = inspect.signature(check).parameters
        assert (defaults["atol"].default, defaults["rtol"].default) == expected


@row("`gradcheck` at a kink")
def kinks(torch):
    x = np.arange(-10, 10) / 4
    found = mg.gradcheck(mg.relu, float64(mg, *x))
    assert found
    assert found.moved == ((0, (10,)),)
    raises(mg.GradcheckError, mg.gradcheck, mg.relu, float64(mg, *x[5:15]))
    raises(RuntimeError, torch.autograd.gradcheck, torch.relu, float64(torch, *x))


@row("`module.summary(shape)`, `mg.draw(y)`, `mg.profile()`")
def seeing(torch):
    assert mg.nn.Linear(2, 1).summary((1, 2)).parameters == 3
    assert "svg" in mg.draw(mg.ones(1, requires_grad=True) * 2).svg
    assert not any(hasattr(owner, name) for owner, name in [(torch.nn.Module, "summary"), (torch, "draw")])
    assert hasattr(torch, "profiler")
    assert callable(mg.profile)


@row("`mg.detect_anomaly()`")
def anomalies(torch):
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match="infinity"):
        mg.log(mg.zeros(1))
    with torch.autograd.set_detect_anomaly(True):
        x = torch.zeros(1, requires_grad=True)
        torch.log(x).sum().backward()
        assert x.grad.item() == np.inf
        nan = torch.sqrt(x - 1).sum()
        with pytest.warns(UserWarning, match="Error detected in Sqrt"):
            raises(RuntimeError, nan.backward)


# ---- states ----------------------------------------------------------------------------------------------


@row("`state_dict()`")
def states(torch):
    for lib, kept in ((mg, True), (torch, False)):
        layer = lib.nn.Linear(1, 1)
        state = layer.state_dict()
        before = float(state["weight"][0, 0])
        with lib.no_grad():
            layer.weight += 1
        assert (float(state["weight"][0, 0]) == before) == kept
        assert (layer.load_state_dict(state) is None) == kept
    assert type(mg.nn.Linear(1, 1).state_dict()["weight"]) is np.ndarray


@row("a state dict of PyTorch's optimizer with `amsgrad` or `maximize`")
def variants(torch):
    for variant in ("amsgrad", "maximize"):
        theirs = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))], **{variant: True})
        ours = mg.optim.Adam([mg.nn.Parameter(mg.ones(2))])
        raises(mg.StateError, ours.load_state_dict, theirs.state_dict())


@row("`clip_grad_norm_(norm_type)`")
def norm_types(torch):
    for norm_type in (0, -1.0, float("-inf")):
        for lib in (mg, torch):
            parameter = lib.nn.Parameter(lib.ones(2))
            parameter.grad = lib.ones(2)
            clip = lib.nn.utils.clip_grad_norm_
            if lib is mg:
                raises(mg.ConfigError, clip, [parameter], 1.0, norm_type)
            else:
                clip([parameter], 1.0, norm_type)


# ---- values ----------------------------------------------------------------------------------------------


@row("operands and losses")
def numbers_and_arrays(torch):
    x, array = mg.ones(2), np.ones(2, np.float32)
    for y in (mg.maximum(x, 2.0), mg.ge(2.0, x), array * x, mg.tanh(array), F.mse_loss(x, array), mg.exp(0.5)):
        assert isinstance(y, mg.Tensor)
    raises(TypeError, torch.maximum, torch.ones(2), 2.0)
    raises(TypeError, torch.ge, 2.0, torch.ones(2))
    raises(TypeError, torch.tanh, array)


@row("`+=`, `x[i] = v` on what the tape follows")
def in_place(torch):
    for lib in (mg, torch):
        x = lib.ones(2, requires_grad=True)
        y = x * 2
        if lib is mg:
            raises(mg.GraphError, y.__iadd__, 1)
            raises(mg.GraphError, y.__setitem__, 0, 1)
        else:
            y += 1
            y[0] = 1
        with lib.no_grad():
            x += 1
        assert x.tolist() == [2, 2]


@row("`softmax`, `log_softmax` without `dim`")
def no_dimension(torch):
    for name in ("softmax", "log_softmax"):
        raises(TypeError, getattr(F, name), mg.ones(2))
        with pytest.warns(UserWarning, match="dim"):
            getattr(torch.nn.functional, name)(torch.ones(2))


@row("indexing where NumPy and PyTorch differ")
def indexing(torch):
    raises(ValueError, torch.arange(3).__getitem__, slice(None, None, -1))
    assert mg.arange(3)[::-1].tolist() == [2, 1, 0]
    assert torch.ones(2, 3, 4)[0, :, [0, 1]].shape == (3, 2)
    assert mg.ones(2, 3, 4)[0, :, [0, 1]].shape == np.ones((2, 3, 4))[0, :, [0, 1]].shape == (2, 3)
    with pytest.warns(UserWarning, match="uint8"):
        assert torch.arange(2)[torch.tensor([1, 0], dtype=torch.uint8)].tolist() == [0]
    assert mg.arange(2)[mg.tensor([1, 0], dtype=mg.uint8)].tolist() == [1, 0]


@row("an index out of range on a GPU")
def out_of_range(torch):
    for call in (
        lambda: F.embedding(mg.tensor([3]), mg.ones(3, 2)),
        lambda: mg.gather(mg.ones(3), 0, mg.tensor([3])),
        lambda: F.one_hot(mg.tensor([3]), 3),
    ):
        raises(mg.IndexRangeError, call)


@row("`mse_loss`, `l1_loss` of two shapes")
def two_shapes(torch):
    for name in ("mse_loss", "l1_loss"):
        raises(mg.ShapeError, getattr(F, name), mg.ones(3, 1), mg.ones(3))
        with pytest.warns(UserWarning, match="target size"):
            getattr(torch.nn.functional, name)(torch.ones(3, 1), torch.ones(3))


# ---- random numbers --------------------------------------------------------------------------------------


@row("random numbers")
def streams(torch):
    mg.set_step(7)
    x = mg.randn(3)
    mg.randn(5)
    mg.set_step(7)
    assert (mg.randn(3).data == x.data).all()


@row("dropout")
def sixteen_bits(torch):
    p, n = 0.3, 2**22
    dropped = 1 - F.dropout(mg.ones(n), p).data.astype(bool).mean()
    assert abs(dropped - p) < 2**-16 + 5 * (p * (1 - p) / n) ** 0.5


@row("`dropout2d` of three dimensions")
def channels(torch):
    def whole(lib, functional):
        """Whether each part along the first dimension was dropped or kept as one."""
        y = functional.dropout2d(lib.ones(64, 8, 2), 0.5)
        return bool(((y == y[:, :1]).sum() == 64 * 8 * 2).item())

    assert whole(mg, F)
    with pytest.warns(UserWarning, match="3D input"):
        assert not whole(torch, torch.nn.functional)


# ---- layers ----------------------------------------------------------------------------------------------


@row("`InstanceNorm2d` of other than `num_features` channels")
def other_channels(torch):
    raises(mg.ShapeError, mg.nn.InstanceNorm2d(3), mg.ones(2, 4, 5, 5))
    with pytest.warns(UserWarning, match="num_features"):
        torch.nn.InstanceNorm2d(3)(torch.ones(2, 4, 5, 5))


@row("`max_pool2d` of a window without any value")
def empty_windows(torch):
    options = {"kernel_size": 2, "stride": 1, "padding": 1, "dilation": 3}
    raises(mg.ShapeError, F.max_pool2d, mg.ones(1, 1, 2, 2), **options)
    assert torch.nn.functional.max_pool2d(torch.ones(1, 1, 2, 2), **options).item() == -np.inf


@row("`conv2d`, `conv_transpose2d`")
def layouts(torch):
    for layer in (mg.nn.Conv2d, mg.nn.ConvTranspose2d):
        y = layer(3, 5, 3)(mg.ones(2, 3, 8, 8))
        assert y.shape[1] == 5
        assert y.data.strides[1] == y.data.itemsize
        raises(TypeError, layer, 3, 5, 3, padding_mode="reflect")
    torch.nn.Conv2d(3, 5, 3, padding_mode="reflect")


# ---- the page and this file ------------------------------------------------------------------------------


def starting(start):
    return [name for name in ROWS if name.startswith(start)]


def test_every_row_is_shown_here():
    assert len(ROWS) >= 25
    assert [start for start in CHECKS if len(starting(start)) != 1] == []
    assert {starting(start)[0] for start in CHECKS} == set(ROWS)


@pytest.mark.torch
@row("`inplace=True`")
def in_place_is_out_of_place(torch):
    for lib, changed in ((mg, False), (torch, True)):
        x = lib.tensor([-1.0, 2.0])
        lib.nn.ReLU(inplace=True)(x)
        assert (x.tolist() == [0.0, 2.0]) is changed


@row("`all`, `any` of uint8")
def truth_is_bool(torch):
    assert mg.tensor([1, 0], dtype=mg.uint8).any().dtype == mg.bool_
    assert torch.tensor([1, 0], dtype=torch.uint8).any().dtype == torch.uint8


@row("third derivatives")
def third_derivatives(torch):
    values, *directions = np.random.default_rng(0).standard_normal((4, 5, 3))

    def third(lib, norm):
        x, grad = lib.tensor(values).requires_grad_(), gradient(torch, lib)
        y = norm(x)
        for direction in directions:
            (y,) = grad((y * lib.tensor(direction)).sum(), x, create_graph=True)
        return y.detach().numpy()

    def written_out(x):
        centred = x - x.mean(0, keepdim=True)
        return centred / ((centred * centred).mean(0, keepdim=True) + 1e-5).sqrt()

    ours, theirs = (third(lib, lambda x, lib=lib: lib.nn.functional.batch_norm(x, None, None, training=True))
                    for lib in (mg, torch))  # fmt: skip
    expected = third(torch, written_out)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)
    assert np.abs(theirs - expected).max() > 0.1


@pytest.mark.parametrize("start", CHECKS)
def test_the_row_is_true(torch, start):
    CHECKS[start](torch)
