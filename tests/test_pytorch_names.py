"""Names and arguments that scripts for PyTorch use everywhere do here what they do there."""

import copy

import numpy as np
import pytest

import minigan as mg

torch_test = pytest.mark.torch
F = mg.nn.functional
X = np.array([[0.5, -1.5, 2.0], [1.0, 3.0, -0.25]])


def host(x):
    return np.array(x.tolist())


def raises(kind, call, *args, **kwargs):
    with pytest.raises(kind) as caught:
        call(*args, **kwargs)
    return str(caught.value)


# ---- in place --------------------------------------------------------------------------------------------

IN_PLACE = {
    "ReLU": lambda lib, x: lib.nn.ReLU(True)(x),
    "LeakyReLU": lambda lib, x: lib.nn.LeakyReLU(0.2, inplace=True)(x),
    "Dropout": lambda lib, x: lib.nn.Dropout(1.0, True)(x),
    "Dropout2d": lambda lib, x: lib.nn.Dropout2d(p=1.0, inplace=True)(x.reshape(1, 2, 1, 3)).reshape(2, 3),
    "relu": lambda lib, x: lib.nn.functional.relu(x, inplace=True),
    "leaky_relu": lambda lib, x: lib.nn.functional.leaky_relu(x, 0.2, True),
    "dropout": lambda lib, x: lib.nn.functional.dropout(x, 1.0, training=True, inplace=True),
    "dropout2d": lambda lib, x: lib.nn.functional.dropout2d(x.reshape(1, 2, 1, 3), 1.0, True, True).reshape(2, 3),
}


@torch_test
@pytest.mark.parametrize("op", IN_PLACE.values(), ids=IN_PLACE.keys())
def test_inplace_is_taken_and_changes_the_result_only(torch, op):
    found, expected = (op(lib, lib.tensor(X.copy())) for lib in (mg, torch))
    np.testing.assert_allclose(host(found), host(expected), rtol=1e-12)
    x = mg.tensor(X)
    op(mg, x)
    assert (x.numpy() == X).all()


# ---- gradients -------------------------------------------------------------------------------------------


def with_gradients(lib):
    layer = lib.nn.Linear(2, 3)
    optimizer = lib.optim.SGD([layer.weight, layer.bias], lr=0.1, momentum=0.9)
    layer.weight.grad = lib.ones(3, 2)
    return layer, optimizer


@torch_test
@pytest.mark.parametrize("owner", [0, 1], ids=["module", "optimizer"])
def test_zero_grad_forgets_gradients_or_makes_them_zeros(torch, owner):
    for lib in (mg, torch):
        made = with_gradients(lib)
        for _ in range(2):
            made[owner].zero_grad(set_to_none=False)
            assert made[0].weight.grad.tolist() == [[0, 0]] * 3
            assert made[0].bias.grad is None
        made[0](lib.ones(1, 2)).sum().backward()
        assert made[0].weight.grad.tolist() == [[1, 1]] * 3
        made[owner].zero_grad(set_to_none=True)
        assert made[0].weight.grad is made[0].bias.grad is None


@torch_test
def test_a_gradient_of_zeros_is_a_step_of_momentum_and_none_is_not(torch):
    found = []
    for lib in (mg, torch):
        layer, optimizer = with_gradients(lib)
        start = host(layer.weight.detach())
        for set_to_none in (False, True, False):
            optimizer.step()
            optimizer.zero_grad(set_to_none=set_to_none)
        found.append(host(layer.weight.detach()) - start)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


# ---- modules ---------------------------------------------------------------------------------------------


def network(lib):
    return lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.Sequential(lib.nn.ReLU(), lib.nn.BatchNorm1d(3)))


@torch_test
def test_apply_calls_the_children_first_and_returns_the_module(torch):
    for lib in (mg, torch):
        net, names = network(lib), []
        assert net.apply(lambda module, names=names: names.append(type(module).__name__)) is net
        assert names == ["Linear", "ReLU", "BatchNorm1d", "Sequential", "Sequential"]


@torch_test
def test_weights_are_set_by_apply_as_dcgan_does_it():
    def init(module):
        if "Linear" in type(module).__name__:
            mg.nn.init.constant_(module.weight, 0.5)

    assert network(mg).apply(init)[0].weight.tolist() == [[0.5, 0.5]] * 3


@torch_test
@pytest.mark.parametrize("prefix", ["", "D", "D.block"])
def test_names_start_with_the_prefix(torch, prefix):
    found, expected = (network(lib) for lib in (mg, torch))
    for names in ("named_parameters", "named_buffers"):
        assert [n for n, _ in getattr(found, names)(prefix=prefix)] == [
            n for n, _ in getattr(expected, names)(prefix=prefix)
        ]


@torch_test
def test_add_module_adds_a_part_under_any_name_without_dots(torch):
    for lib in (mg, torch):
        net = lib.nn.Sequential()
        net.add_module("initial:1-2:conv", lib.nn.Linear(2, 2))
        net.add_module("last", lib.nn.Tanh())
        net.add_module("last", lib.nn.ReLU())
        assert list(net.state_dict()) == ["initial:1-2:conv.weight", "initial:1-2:conv.bias"]
        assert len(net) == 2
        assert net(lib.ones(1, 2)).shape == (1, 2)
        for name in ("a.b", "", "training"):
            raises((KeyError, mg.ConfigError), net.add_module, name, lib.nn.Tanh())
        raises(TypeError, net.add_module, "three", 3)
        raises((TypeError, mg.ConfigError), net.add_module, 3, lib.nn.Tanh())


@torch_test
def test_a_module_list_is_a_list_whose_parameters_are_found(torch):
    seen = []
    for lib in (mg, torch):
        nn = lib.nn
        blocks = nn.ModuleList([nn.Linear(1, 2), nn.Linear(2, 3)])
        assert blocks.append(nn.Linear(3, 4)) is blocks
        assert blocks.extend([nn.Linear(4, 5)]) is blocks
        blocks += [nn.Tanh()]
        blocks.insert(1, nn.Linear(2, 2))
        blocks.insert(5, nn.Linear(5, 5))
        blocks[-1] = nn.ReLU()
        assert (blocks[-1], blocks[6]) == (list(blocks)[-1],) * 2
        shapes = [(name, tuple(p.shape)) for name, p in blocks.named_parameters()]
        part = [type(m).__name__ for m in blocks[4:]]
        del blocks[0]
        del blocks[-2:]
        seen.append((shapes, part, len(blocks), [name for name, _ in blocks.named_parameters()], type(blocks[:2])))
        raises(IndexError, blocks.__getitem__, 4)
        raises(IndexError, blocks.__setitem__, -5, nn.Tanh())
        raises(TypeError, blocks.append, 3)
        raises(NotImplementedError, blocks, lib.ones(1, 2))
        assert len(nn.ModuleList()) == 0
    assert seen[0][:-1] == seen[1][:-1]
    assert seen[0][-1] is mg.nn.ModuleList


def test_a_module_list_is_part_of_a_module_that_is_trained_copied_and_loaded():
    class Net(mg.nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = mg.nn.ModuleList([mg.nn.Linear(2, 2) for _ in range(2)])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    net = Net()
    twin = copy.deepcopy(net)
    optimizer = mg.optim.SGD(net.parameters(), lr=0.1)
    net(mg.ones(1, 2)).sum().backward()
    optimizer.step()
    assert list(net.state_dict())[::2] == ["blocks.0.weight", "blocks.1.weight"]
    assert net.blocks[1].weight.name == "blocks.1.weight"
    assert net(mg.ones(1, 2)).tolist() != twin(mg.ones(1, 2)).tolist()
    twin.load_state_dict(net.state_dict())
    assert net(mg.ones(1, 2)).tolist() == twin(mg.ones(1, 2)).tolist()


# ---- optimizers ------------------------------------------------------------------------------------------


@torch_test
def test_a_group_that_is_added_is_trained_with_its_own_settings(torch):
    found = []
    for lib in (mg, torch):
        ps = [lib.nn.Parameter(lib.tensor(np.full(n, 0.5))) for n in (2, 3, 1)]
        optimizer = lib.optim.Adam([ps[0]], lr=0.1)
        for step in range(4):
            optimizer.zero_grad()
            sum((p * p * (i + 1)).sum() for i, p in enumerate(ps)).backward()
            optimizer.step()
            if step == 1:
                optimizer.add_param_group({"params": ps[1:2], "lr": 0.2})
                optimizer.add_param_group({"params": ps[2], "weight_decay": 0.1})
        groups = [(g["lr"], g["weight_decay"], g["betas"]) for g in optimizer.param_groups]
        found.append(([host(p.detach()) for p in ps], groups, list(optimizer.state_dict()["state"])))
        before = len(optimizer.param_groups)
        for bad in ({"params": [ps[1]]}, {"lr": 1.0}, ps[0], {"params": [lib.ones(1) * 2, 3]}, [ps[0]]):
            raises((TypeError, ValueError, KeyError), optimizer.add_param_group, bad)
        assert len(optimizer.param_groups) == before
    for x, y in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12)
    assert found[0][1:] == found[1][1:]


# ---- tensors ---------------------------------------------------------------------------------------------


@torch_test
def test_a_clone_has_memory_of_its_own_and_passes_gradients(torch):
    for lib in (mg, torch):
        x = lib.tensor(X, requires_grad=True)
        y = x.clone()
        (y * y).sum().backward()
        np.testing.assert_allclose(host(x.grad), 2 * X)
        copied = x.detach().clone()
        copied[0, 0] = 7.0
        copied += 1
        assert host(x.detach())[0, 0] == 0.5
        assert lib.clone(copied).tolist() == copied.tolist()


@torch_test
def test_contiguous_is_the_tensor_itself_where_it_can_be(torch):
    for lib in (mg, torch):
        x = lib.tensor(X, requires_grad=True)
        assert x.contiguous() is x
        y = x.t().contiguous()
        assert y.tolist() == x.t().tolist()
        (y * y).sum().backward()
        np.testing.assert_allclose(host(x.grad), 2 * X)
    assert x.t().is_contiguous() is False
    assert mg.tensor(X).t().contiguous().numpy().flags.c_contiguous


@torch_test
@pytest.mark.parametrize("name", ["all", "any"])
@pytest.mark.parametrize("options", [{}, {"dim": 1}, {"dim": (0, 1), "keepdim": True}, {"dim": -1, "keepdim": True}])
def test_all_and_any_are_bools_and_take_no_gradient(torch, name, options):
    for x in (X, X > 0, X[:0], np.array([[0, np.nan]]), np.array([[0, 2], [0, 0]])):
        found, expected = (getattr(lib.tensor(x), name)(**options) for lib in (mg, torch))
        assert found.dtype == mg.bool_
        assert found.tolist() == expected.tolist()
        assert getattr(mg, name)(x, **options).tolist() == expected.tolist()
    assert not getattr(mg.tensor(X, requires_grad=True), name)().requires_grad


@torch_test
def test_masked_fill_takes_numbers_and_tensors_that_require_a_gradient(torch):
    for lib in (mg, torch):
        x, value = (lib.tensor(a, requires_grad=True) for a in (X, np.array(4.0)))
        y = x.masked_fill(lib.tensor([True, False, True]), value)
        assert y.tolist() == [[4, -1.5, 4], [4, 3, 4]]
        y.sum().backward()
        assert (x.grad.tolist(), value.grad.tolist()) == ([[0, 1, 0]] * 2, 4)
        assert lib.masked_fill(lib.tensor([1, 2]), lib.tensor([True, False]), 5).tolist() == [5, 2]
        assert lib.tensor([1.0]).masked_fill(lib.tensor([True]), -float("inf")).tolist() == [-float("inf")]
        integers, mask = lib.tensor([1, 2]), lib.tensor([True, False])
        for value in (1.5, lib.tensor(1.5)):
            assert integers.masked_fill(mask, value).tolist() == [1, 2]
        assert integers.masked_fill(mask, 7).dtype == integers.dtype
        assert mask.masked_fill(mask, 0).tolist() == [False, False]
        raises((RuntimeError, mg.RangeError), integers.masked_fill, mask, float("inf"))
        raises((RuntimeError, mg.DTypeError), integers.masked_fill, lib.tensor([1, 0]), 1)
        raises((RuntimeError, mg.ShapeError), integers.masked_fill, mask, lib.tensor([1, 2]))


@torch_test
def test_t_and_expand_as(torch):
    for lib in (mg, torch):
        for shape in ((), (3,), (2, 3)):
            assert lib.ones(shape).t().shape == shape[::-1]
        raises((RuntimeError, mg.ShapeError), lib.t, lib.ones((1, 2, 3)))
        assert lib.ones(3).expand_as(lib.ones(2, 3)).shape == (2, 3)
        raises((RuntimeError, mg.ShapeError), lib.ones(3).expand_as, lib.ones(2, 4))


# ---- arguments -------------------------------------------------------------------------------------------


@torch_test
def test_interpolate_takes_no_align_corners_but_none(torch):
    for lib in (mg, torch):
        interpolate, x = lib.nn.functional.interpolate, lib.ones(1, 1, 2, 2)
        assert interpolate(x, scale_factor=2, mode="nearest", align_corners=None).shape == (1, 1, 4, 4)
        for corners in (True, False):
            raises(ValueError, interpolate, x, scale_factor=2, mode="nearest", align_corners=corners)


@torch_test
@pytest.mark.parametrize("foreach", [None, True, False])
def test_clip_grad_norm_takes_foreach(torch, foreach):
    for lib in (mg, torch):
        p = lib.nn.Parameter(lib.ones(2))
        p.grad = lib.tensor([3.0, 4.0])
        assert lib.nn.utils.clip_grad_norm_([p], 1.0, foreach=foreach).item() == 5
        np.testing.assert_allclose(host(p.grad), [0.6, 0.8], rtol=1e-5)
