"""The memory of a gradient is nobody else's: no other leaf's, not the one passed to backward, and no input's."""

from itertools import combinations

import numpy as np
import ops_table
import pytest

import minigan as mg

CASES = ops_table.cases(kinks=True)


class Hooked(mg.nn.Module):
    """An operation as a module whose gradients a hook looks at."""

    def __init__(self, f):
        super().__init__()
        self.f = f
        self.register_full_backward_hook(lambda module, gx, gy: None)

    def forward(self, *xs):
        return self.f(mg, *xs)


def assert_nothing_is_shared(leaves, others):
    owned = [x.grad for x in leaves if x.grad is not None]
    for a, b in combinations(owned, 2):
        assert not np.shares_memory(a, b)
    for gx in owned:
        assert gx.flags.writeable
        for other in others:
            assert not np.shares_memory(gx, other)


def sweep(f, entry, arrays):
    """Backward from each output with a gradient; the leaves, and arrays that were the user's before."""
    xs = ops_table.tensors(entry, arrays, mg.as_tensor)
    leaves = list({id(x): x for x in xs if x.requires_grad}.values())
    ys = [y for y in ops_table.outputs(f(*xs)) if y.requires_grad]
    gys = [mg.as_tensor(np.linspace(0.5, 1.5, y.numel()).reshape(y.shape)) for y in ys]
    for y, gy in zip(ys, gys, strict=True):
        y.backward(gy, retain_graph=True)
    return leaves, [z.data for z in (*xs, *ys, *gys)]


@pytest.mark.parametrize(("entry", "arrays"), CASES.values(), ids=CASES.keys())
def test_a_leafs_gradient_shares_no_memory(entry, arrays):
    assert_nothing_is_shared(*sweep(lambda *xs: entry.run(mg, *xs), entry, arrays))


@pytest.mark.parametrize(("entry", "arrays"), CASES.values(), ids=CASES.keys())
def test_nor_does_it_behind_a_module_with_a_hook(entry, arrays):
    assert_nothing_is_shared(*sweep(Hooked(entry.run), entry, arrays))


@pytest.mark.parametrize("hooked", [False, True])
def test_two_leaves_that_get_the_same_gradient_get_one_each(hooked):
    a, b, gy = mg.ones(3, requires_grad=True), mg.ones(3, requires_grad=True), mg.full((3,), 2.0)
    add = Hooked(lambda lib, x1, x2: x1 + x2) if hooked else mg.add
    for sweeps in (1, 2):
        add(a, b).backward(gy)
        assert_nothing_is_shared([a, b], [a.data, b.data, gy.data])
        assert gy.tolist() == [2.0] * 3
        assert a.grad.tolist() == b.grad.tolist() == [2.0 * sweeps] * 3


def test_the_gradient_of_a_padded_pool_keeps_no_padding_in_memory():
    for pool in (mg.nn.AvgPool2d(3, 2, 1), mg.nn.MaxPool2d(3, 2, 1)):
        x = mg.tensor(np.random.default_rng(0).normal(size=(1, 1, 8, 8)), requires_grad=True)
        (gx,) = mg.grad(pool(x).sum(), x)
        owner = gx.data if gx.data.base is None else gx.data.base
        assert owner.nbytes == x.data.nbytes
        assert gx.data.flags.c_contiguous
