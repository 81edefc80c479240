"""Results are tensors of their own, draws of threads differ, failed calls leave nothing behind, views refuse writes."""

import copy
import sys
import threading

import numpy as np
import pytest

import minigan as mg
from minigan.ops.random import stream

F = mg.nn.functional


# ---- results ---------------------------------------------------------------------------------------------

MODES = ("constant", "reflect", "replicate", "circular")
OWN = {
    "max of one number": lambda lib, x: x.reshape(()).max(0).values,
    "min of one number": lambda lib, x: x.reshape(()).min(-1).values,
    **{
        f"pad by nothing, {mode}": lambda lib, x, mode=mode: lib.nn.functional.pad(x.reshape(1, 1, 1), (0, 0), mode)
        for mode in MODES
    },
}


@pytest.mark.torch
@pytest.mark.parametrize("op", OWN.values(), ids=OWN.keys())
def test_a_result_that_changes_nothing_is_a_tensor_of_its_own(torch, op):
    for lib in (mg, torch):
        x = lib.ones(1, requires_grad=True)
        y = op(lib, x)
        assert not y.is_leaf
        y.sum().backward()
        assert x.grad.tolist() == [1]
    for shape in ((), (1, 1, 1)):
        x = mg.ones(shape, requires_grad=True)
        given = F.pad(x, (0, 0), mode="replicate") if shape else x.max(0).values
        assert given is not x
        assert not given.is_leaf


# ---- draws of threads ------------------------------------------------------------------------------------


def test_draws_of_several_threads_all_differ():
    mg.manual_seed(3)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    draws, start = [], threading.Barrier(8, timeout=10)

    def work():
        start.wait()
        draws.extend([tuple(mg.rand(4).tolist()) for _ in range(100)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert len(draws) == len(set(draws)) == stream.site == 800


# ---- failed calls ----------------------------------------------------------------------------------------


class Failing(mg.nn.Linear):
    fails = False

    def forward(self, x):
        y = super().forward(x)
        if self.fails:
            raise ZeroDivisionError
        return y


def test_spectral_norm_leaves_no_graph_behind_when_forward_raises():
    layer = mg.nn.utils.spectral_norm(Failing(3, 2))
    x = mg.ones(4, 3)
    layer.fails = True
    with pytest.raises(ZeroDivisionError):
        layer(x)
    assert layer.weight.is_leaf
    twin = copy.deepcopy(layer)
    layer.fails = twin.fails = False
    np.testing.assert_array_equal(layer(x).detach().numpy(), twin(x).detach().numpy())
    with pytest.raises(mg.ShapeError):
        layer(mg.ones(4, 5))
    assert layer.weight.is_leaf


@pytest.mark.torch
@pytest.mark.parametrize("always", [True, False])
def test_a_forward_hook_may_be_called_also_when_forward_raises(torch, always):
    for lib in (mg, torch):
        seen, other = [], []
        layer = lib.nn.Linear(3, 2)
        layer.register_forward_hook(lambda module, args, y, other=other: other.append(y))
        handle = layer.register_forward_hook(lambda module, args, y, seen=seen: seen.append(y), always_call=always)
        with pytest.raises((mg.ShapeError, RuntimeError)):
            layer(lib.ones(1, 5))
        assert (seen, other) == ([None] * always, [])
        layer(lib.ones(1, 3))
        assert len(seen) == 1 + always
        handle.remove()
        with pytest.raises((mg.ShapeError, RuntimeError)):
            layer(lib.ones(1, 5))
        assert len(seen) == 1 + always


# ---- what cannot be written to ---------------------------------------------------------------------------


def frozen_array():
    array = np.ones(3, np.float32)
    array.flags.writeable = False
    return mg.as_tensor(array)


def put(x):
    x[0] = 2.0


def add(x):
    x += 1.0


def assign(x):
    x.data = mg.zeros(3)


@pytest.mark.parametrize("change", [put, add, assign])
@pytest.mark.parametrize("make", [lambda: mg.ones(1).expand(3), frozen_array], ids=["expanded", "read-only"])
def test_what_cannot_be_written_to_says_so_and_what_to_do(make, change):
    x = make()
    with pytest.raises(mg.ArgumentError, match=r"shape \(3,\).*mg.tensor\(x\) or x.clone\(\)"):
        change(x)
    assert x.tolist() == [1, 1, 1]
    for copied in (mg.tensor(x), x.clone()):
        change(copied)
        assert copied.tolist() != [1, 1, 1]
