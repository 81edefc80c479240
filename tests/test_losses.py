"""Losses of several classes are PyTorch's over their options; those of two are, at 0, 1 and infinity too."""

import numpy as np
import pytest

import minigan as mg

F = mg.nn.functional
torch_test = pytest.mark.torch
INF, NAN = float("inf"), float("nan")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape) * 3


def probabilities(*shape):
    p = np.exp(draw(*shape, seed=5))
    return p / p.sum(min(len(shape) - 1, 1), keepdims=True)


def classes(*shape, n=4, ignored=()):
    target = np.random.default_rng(3).integers(0, n, shape)
    target.reshape(-1)[list(ignored)] = -100
    return np.asarray(target)


WEIGHT = np.array([0.3, 2.0, 0.0, 1.1])
INPUTS = {
    "rows": ((5, 4), (5,)),
    "one": ((4,), ()),
    "sequences": ((3, 4, 2), (3, 2)),
    "images": ((2, 4, 3, 2), (2, 3, 2)),
    "none": ((0, 4), (0,)),
}


def both(torch, name, x, target, weight=None, **options):
    """Value, gradient and a second-order gradient, here and in PyTorch."""
    results = []
    for lib, grad in ((mg, mg.grad), (torch, torch.autograd.grad)):
        input = lib.tensor(x).requires_grad_()
        w = weight if weight is None else lib.tensor(weight)
        y = getattr(lib.nn.functional, name)(input, lib.tensor(target), weight=w, **options)
        (gx,) = grad((y * y).sum(), [input], create_graph=True)
        (ggx,) = grad((gx * gx).sum(), [input])
        results.append([v.detach().numpy() for v in (y, gx, ggx)])
    return results


def assert_same(results, atol=1e-12):
    for found, expected in zip(*results, strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=atol)


@torch_test
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize(("ignored", "ignore_index"), [((), -100), ((0,), -100), ((), 1)])
@pytest.mark.parametrize("shapes", INPUTS.values(), ids=INPUTS)
def test_cross_entropy_of_indices_is_pytorchs(torch, shapes, ignored, ignore_index, weight, smoothing, reduction):
    shape, target_shape = shapes
    target = classes(*target_shape, ignored=ignored if np.prod(target_shape) else ())
    with np.errstate(invalid="ignore", divide="ignore"):  # the mean of nothing
        assert_same(both(torch, "cross_entropy", draw(*shape), target, weight, ignore_index=ignore_index,
                         reduction=reduction, label_smoothing=smoothing))  # fmt: skip


@torch_test
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize("shapes", [s for key, s in INPUTS.items() if key != "none"])
def test_cross_entropy_of_probabilities_is_pytorchs(torch, shapes, weight, smoothing, reduction):
    x, target = draw(*shapes[0]), probabilities(*shapes[0])
    assert_same(both(torch, "cross_entropy", x, target, weight, reduction=reduction, label_smoothing=smoothing))


@torch_test
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize(("ignored", "ignore_index"), [((), -100), ((0,), -100), ((), 2)])
@pytest.mark.parametrize("shapes", INPUTS.values(), ids=INPUTS)
def test_nll_is_pytorchs(torch, shapes, ignored, ignore_index, weight, reduction):
    shape, target_shape = shapes
    target = classes(*target_shape, ignored=ignored if np.prod(target_shape) else ())
    with np.errstate(invalid="ignore", divide="ignore"):
        assert_same(both(torch, "nll_loss", draw(*shape), target, weight, ignore_index=ignore_index,
                         reduction=reduction))  # fmt: skip


@torch_test
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("CrossEntropyLoss", {}),
        ("CrossEntropyLoss", {"weight": WEIGHT, "ignore_index": 1, "label_smoothing": 0.1}),
        ("CrossEntropyLoss", {"reduction": "sum"}),
        ("NLLLoss", {}),
        ("NLLLoss", {"weight": WEIGHT, "ignore_index": 1, "reduction": "none"}),
    ],
)
def test_the_modules_are_pytorchs_with_their_state(torch, name, options):
    ours, theirs = (
        getattr(lib.nn, name)(**{k: lib.tensor(v) if k == "weight" else v for k, v in options.items()})
        for lib in (mg, torch)
    )
    x, target = draw(6, 4), classes(6)
    found, expected = ours(mg.tensor(x), target), theirs(torch.tensor(x), torch.tensor(target))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(np.array_equal(ours.state_dict()[k], v.numpy()) for k, v in theirs.state_dict().items())


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_indices_may_be_any_integers_and_the_loss_keeps_its_type(dtype):
    x = mg.tensor(draw(3, 4).astype(np.float32), requires_grad=True)
    loss = F.cross_entropy(x, np.array([0, 3, 1], dtype), label_smoothing=np.float64(0.1))
    loss.backward()
    assert loss.dtype == x.grad.dtype == np.float32
    expected = F.cross_entropy(x, mg.tensor([0, 3, 1]), label_smoothing=0.1)
    assert loss.item() == expected.item()


@torch_test
def test_logits_far_from_0_cost_what_they_cost_in_pytorch(torch):
    x = np.array([[1000.0, 0.0, -1000.0], [-INF, 0.0, 1.0], [1e30, 1e30, 0.0]])
    for target in ([1, 2, 0], [2, 0, 2]):
        found = F.cross_entropy(mg.tensor(x), mg.tensor(target), reduction="none")
        expected = torch.nn.functional.cross_entropy(torch.tensor(x), torch.tensor(target), reduction="none")
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-12)


# ---- two classes -----------------------------------------------------------------------------------------

EDGES = np.array([0.0, 0.0, 1.0, 1.0, 0.3, 0.0, 1.0])
TARGETS = np.array([0.0, 1.0, 0.0, 1.0, 0.5, 0.5, 0.5])


@torch_test
def test_bce_is_pytorchs_at_0_and_1_to_second_order(torch):
    results = []
    for lib, grad in ((mg, mg.grad), (torch, torch.autograd.grad)):
        x = lib.tensor(EDGES).requires_grad_()
        y = lib.nn.functional.binary_cross_entropy(x, lib.tensor(TARGETS), reduction="none")
        (gx,) = grad(y.sum(), [x], create_graph=True)
        (ggx,) = grad(gx.sum(), [x])
        results.append([v.detach().numpy() for v in (y, gx, ggx)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)  # PyTorch's 1e-12 is a float32


@torch_test
@pytest.mark.parametrize("pos_weight", [None, 2.5])
@pytest.mark.parametrize("target", [0.0, 0.5, 1.0])
def test_infinite_logits_cost_what_they_cost_in_pytorch(torch, target, pos_weight):
    results = []
    for lib, grad in ((mg, mg.grad), (torch, torch.autograd.grad)):
        x = lib.tensor(np.array([INF, -INF, NAN, 1e300, -1e300])).requires_grad_()
        weight = None if pos_weight is None else lib.tensor(np.array(pos_weight))
        with np.errstate(invalid="ignore"):
            y = lib.nn.functional.binary_cross_entropy_with_logits(
                x, lib.tensor(np.full(5, target)), reduction="none", pos_weight=weight
            )
        (gx,) = grad(y.sum(), [x])
        results.append([v.detach().numpy() for v in (y, gx)])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("pos_weight", [None, np.float32(2.0)])
def test_float32_logits_keep_all_their_digits_where_d_is_sure_and_right(pos_weight):
    x, target = np.array([-30.0, 30.0, -5.0, 5.0], np.float32), np.array([0.0, 1.0, 0.0, 1.0], np.float32)
    weight = None if pos_weight is None else mg.tensor(pos_weight)
    found = F.binary_cross_entropy_with_logits(mg.tensor(x), target, reduction="none", pos_weight=weight).numpy()
    expected = np.log1p(np.exp(-np.abs(x.astype(float)))) * np.where(target, pos_weight or 1, 1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)


# ---- bad input -------------------------------------------------------------------------------------------

X, T = mg.tensor(draw(3, 4)), mg.tensor([0, 1, 2])
BAD = {
    "too high": (lambda: F.cross_entropy(X, mg.tensor([0, 4, 1])), mg.IndexRangeError,
                 r"cross_entropy: expected indices from 0 to 3, but got 4\..*ignore_index -100"),
    "negative": (lambda: F.nll_loss(X, mg.tensor([0, -1, 1])), mg.IndexRangeError,
                 "nll_loss: expected indices from 0 to 3, but got -1.*ignore_index -100"),
    "shape": (lambda: F.cross_entropy(X, mg.tensor([0, 1])), mg.ShapeError,
              r"expected class indices of shape \(3,\) for an input of shape \(3, 4\), but got \(2,\)"),
    "column": (lambda: F.nll_loss(X, mg.tensor([[0], [1], [2]])), mg.ShapeError,
               r"nll_loss: expected class indices of shape \(3,\) .* but got \(3, 1\)"),
    "one-hot nll": (lambda: F.nll_loss(X, X), mg.ShapeError, r"nll_loss: expected class indices of shape \(3,\)"),
    "floats": (lambda: F.cross_entropy(X, mg.ones(3)), mg.DTypeError,
               "expected whole numbers as indices, but got float32. Convert them"),
    "bools": (lambda: F.nll_loss(X, T > 0), mg.DTypeError, "expected whole numbers as indices, but got bool"),
    "one-hot integers": (lambda: F.cross_entropy(X, mg.tensor(np.ones((3, 4), int))), mg.DTypeError,
                         r"expected probabilities of a floating point type, .* shape \(3, 4\), but got int64"),
    "a number": (lambda: F.cross_entropy(mg.tensor(1.0), mg.tensor(0)), mg.ShapeError,
                 r"expected an input of shape \(N, C\), \(N, C, ...\) or \(C,\), but got a single number"),
    "weight": (lambda: F.cross_entropy(X, T, weight=mg.ones(3)), mg.ShapeError,
               r"expected a weight for each of 4 classes, of shape \(4,\), but got \(3,\)"),
    "smoothing": (lambda: F.cross_entropy(X, T, label_smoothing=1.5), mg.ConfigError,
                  "expected label_smoothing from 0 to 1, but got 1.5"),
    "smoothing in words": (lambda: F.cross_entropy(X, T, label_smoothing="x"), mg.ConfigError, "but got 'x'"),
    **{
        f"reduction of {name}": (lambda name=name, t=target: getattr(F, name)(abs(X) / 20, t, reduction="avg"),
                                 mg.ConfigError, f'{name}: expected reduction "mean", "sum" or "none", but got \'avg\'')
        for name, target in [("cross_entropy", T), ("nll_loss", T), ("mse_loss", X), ("l1_loss", X),
                             ("binary_cross_entropy", X), ("binary_cross_entropy_with_logits", X)]
    },
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), BAD.values(), ids=BAD.keys())
def test_what_makes_no_sense_is_refused_in_one_sentence(call, kind, message):
    with pytest.raises(kind, match=message) as error:
        call()
    assert "\n" not in str(error.value)
