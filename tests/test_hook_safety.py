"""Hooks do not leak: gradients that they saw are nobody's buffers, and a sweep that failed leaves nothing behind."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn


class Add(nn.Module):
    def forward(self, a, b):
        return a + b


class Split(nn.Module):
    def forward(self, a, b):
        return a * 2, b * 3


def leaves(n):
    return [mg.ones(2, requires_grad=True) for _ in range(n)]


def test_leaves_behind_a_hooked_module_share_no_gradient():
    module, (a, b), gradient = Add(), leaves(2), mg.ones(2)
    seen = []
    module.register_full_backward_hook(lambda module, gx, gy: seen.extend([*gx, *gy]))
    for _ in range(2):
        module(a, b).backward(gradient)
    assert a.grad.tolist() == b.grad.tolist() == [2.0, 2.0]
    assert gradient.tolist() == [1.0, 1.0]
    assert all(gx.tolist() == [1.0, 1.0] for gx in seen)
    assert not np.shares_memory(a.grad, b.grad)


def test_a_hook_may_keep_what_it_saw_and_what_it_gave():
    (x,), given = leaves(1), mg.full((2,), 5.0)
    seen = []
    x.register_hook(lambda gx: seen.append(gx) or given)
    for _ in range(2):
        (x * 3).sum().backward()
    assert x.grad.tolist() == [10.0, 10.0]
    assert given.tolist() == [5.0, 5.0]
    assert [gx.tolist() for gx in seen] == [[3.0, 3.0]] * 2


def test_gradients_of_a_sweep_that_failed_are_forgotten():
    module, (a, b) = Split(), leaves(2)
    seen = []
    module.register_full_backward_hook(lambda module, gx, gy: seen.append([g is None for g in gy]))
    y1, y2 = module(a, b)

    def fail(gx):
        raise ZeroDivisionError

    z = y2 * 1.0
    handle = z.register_hook(lambda gx: None)
    w = y1 * 1.0
    w.register_hook(fail)
    total = z.sum() + w.sum()
    with pytest.raises(ZeroDivisionError):
        total.backward(retain_graph=True)
    handle.remove()
    a.grad = b.grad = None
    y1.sum().backward()
    assert a.grad.tolist() == [2.0, 2.0]
    assert b.grad is None
    assert seen == [[False, True]]


def test_leaves_with_hooks_may_be_the_outputs_themselves():
    x1, x2 = leaves(2)
    for x in (x1, x2):
        x.register_hook(lambda gx: gx * 2)
    g1, g2 = mg.grad([x1, x2], [x1, x2], [mg.ones(2), mg.full((2,), 3.0)])
    assert g1.tolist() == [2.0, 2.0]
    assert g2.tolist() == [6.0, 6.0]


def test_a_leaf_without_its_hook_is_as_any_other():
    layer = nn.Linear(2, 2)
    optimizer = mg.optim.SGD(layer.parameters(), lr=0.1)
    layer.weight.register_hook(lambda gx: None).remove()
    layer(mg.ones(1, 2)).sum().backward()
    assert np.shares_memory(layer.weight.grad, optimizer._flats[0][0].grad)


@pytest.mark.torch
def test_many_leaves_with_hooks_get_their_gradients_in_pytorchs_order(torch):
    def order(lib):
        seen = []
        xs = [lib.ones(1, requires_grad=True) for _ in range(5)]
        for i, x in enumerate(xs):
            x.register_hook(lambda gx, i=i: seen.append(i))
        y = xs[0] * xs[1]
        y = y * xs[2] + xs[0] * xs[3]
        (y * xs[4] + xs[1]).backward()
        return seen

    assert order(mg) == order(torch)
