"""Hooks on tensors and modules: what they see, what they may replace, and their order, as in PyTorch."""

import copy
import gc

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.tape import Node

torch_test = pytest.mark.torch


def leaves(lib, *values):
    return [lib.tensor(np.array(value, float), requires_grad=True) for value in values]


def numbers(gradient):
    """Gradients of either library, tuples of them too, as lists."""
    if isinstance(gradient, tuple):
        return tuple(numbers(g) for g in gradient)
    return None if gradient is None else np.asarray(gradient.detach()).tolist()


def both(torch, program):
    """What a program logs with minigan and with PyTorch: the same."""
    logs = []
    for lib, layers in ((mg, nn), (torch, torch.nn)):
        logs.append([])
        program(lib, layers, logs[-1])
    assert logs[0] == logs[1]
    assert logs[0]


def watch(log, **tensors):
    for name, x in tensors.items():
        x.register_hook(lambda gx, name=name: log.append((name, numbers(gx))))


# ---- tensors ---------------------------------------------------------------------------------------------


@torch_test
def test_tensor_hooks_see_whole_gradients_in_pytorchs_order(torch):
    def program(lib, layers, log):
        x, w, v = leaves(lib, [1.0, 2.0], [3.0, 4.0], [5.0, 6.0])
        a = x * w
        b = a * x
        c = b * w + v
        d = c.sum() + (v * b).sum()
        watch(log, x=x, w=w, v=v, a=a, b=b, c=c, d=d)
        d.backward(retain_graph=True)
        d.backward()

    both(torch, program)


@torch_test
def test_a_leaf_hook_runs_as_soon_as_its_oldest_use_is_passed(torch):
    def program(lib, layers, log):
        w, x = leaves(lib, [1.0], [2.0])
        early = lib.exp(x)
        late = early * w
        watch(log, w=w, early=early, x=x, late=late)
        late.sum().backward()

    both(torch, program)


@torch_test
def test_hooks_replace_gradients_one_after_the_other(torch):
    def program(lib, layers, log):
        x, w = leaves(lib, [1.0, 2.0], [3.0, 4.0])
        y = x * w
        y.retain_grad()
        for t in (x, y):
            t.register_hook(lambda g: g * 10)
            watch(log, t=t)
            t.register_hook(lambda g: g + 1)
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        log += [np.asarray(t.grad).tolist() for t in (x, w, y)]

    both(torch, program)


@torch_test
def test_grad_gives_what_the_hooks_made_of_it(torch):
    def program(lib, layers, log):
        x, w = leaves(lib, [1.0, 2.0], [3.0, 4.0])
        y = x * x * w
        x.register_hook(lambda g: g * 10)
        y.register_hook(lambda g: g * 3)
        watch(log, w=w)
        grad = getattr(lib, "autograd", lib).grad if lib is not mg else mg.grad
        # asked for together with x, PyTorch gives y's gradient as it was before the hook; asked for alone, after it
        log.append(numbers(tuple(grad(y.sum(), y, retain_graph=True))))
        log.append(numbers(tuple(grad(y.sum(), [x, w]))))

    both(torch, program)


@torch_test
def test_hooks_of_a_differentiable_sweep_are_differentiated(torch):
    def program(lib, layers, log):
        (x,) = leaves(lib, [2.0])
        x.register_hook(lambda g: (log.append(g.requires_grad), g * x)[1])
        grad = mg.grad if lib is mg else lib.autograd.grad
        (gx,) = grad((x**3).sum(), x, create_graph=True)
        log.append(numbers(gx))
        log.append(numbers(grad(gx.sum(), x)[0]))

    both(torch, program)


def test_a_removed_hook_is_not_called_and_can_be_removed_twice():
    (x,) = leaves(mg, [1.0])
    calls = []
    first, second = x.register_hook(calls.append), x.register_hook(lambda g: calls.append("second"))
    first.remove()
    first.remove()
    x.sum().backward()
    assert calls == ["second"]
    with second:
        x.sum().backward()
    x.sum().backward()
    assert calls == ["second", "second"]


def test_a_hook_may_keep_what_it_is_given():
    layer = nn.Linear(3, 2)
    optimizer, seen = mg.optim.SGD(layer.parameters(), lr=0.1), []
    layer.weight.register_hook(seen.append)
    for scale in (1.0, 2.0):
        optimizer.zero_grad()
        (layer(mg.ones(4, 3)).sum() * scale).backward()
        assert layer.weight.grad is layer.weight._grad_buffer
        optimizer.step()
    assert [np.unique(g.data).tolist() for g in seen] == [[4.0], [8.0]]


def test_a_hook_sees_the_gradient_also_when_the_leaf_has_several_and_a_buffer():
    w = nn.Parameter(mg.ones(2))
    mg.optim.SGD([w], lr=0.1)
    w.register_hook(lambda g: g * 10)
    ((w * 2).sum() + (w * 3).sum()).backward()
    assert w.grad.tolist() == [50.0, 50.0]


@pytest.mark.parametrize(("hook", "kind", "message"), [
    (lambda g: mg.ones(3), mg.ShapeError, r"gradient of shape \(2,\), as it was given, but got \(3,\)"),
    (lambda g: "new", mg.DTypeError, "expected the hook to return None or a tensor, but got an object of type str"),
    (lambda g: 1 / 0, ZeroDivisionError, "division"),
])  # fmt: skip
def test_what_a_hook_must_not_do(hook, kind, message):
    (x,) = leaves(mg, [1.0, 2.0])
    x.register_hook(hook)
    with pytest.raises(kind, match=message):
        (x * 2).sum().backward()
    with pytest.raises(mg.GraphError, match="register_hook: expected a tensor that requires a gradient"):
        mg.ones(2).register_hook(hook)


def test_a_hook_keeps_the_type_of_the_gradient():
    x = mg.ones(2, requires_grad=True)
    x.register_hook(lambda g: g.double())
    (x * 2).sum().backward()
    assert x.grad.dtype == np.float32


# ---- modules ---------------------------------------------------------------------------------------------


def pair(layers):
    """A module with two inputs and two outputs, of which it is a sub-module itself."""

    class Pair(layers.Module):
        def forward(self, x, w=None, scale=1):
            return x * w, (x + w) * scale

    return Pair()


@torch_test
def test_forward_hooks_see_and_replace_what_pytorchs_do_in_the_same_order(torch):
    def program(lib, layers, log):
        module = pair(layers)
        x, w = leaves(lib, [1.0], [2.0])
        module.register_forward_pre_hook(lambda m, args: log.append(("before", m is module, numbers(args))))
        module.register_forward_pre_hook(lambda m, args: (args[0] * 10, *args[1:]))
        module.register_forward_pre_hook(lambda m, args: log.append(("again", numbers(args))))
        module.register_forward_hook(lambda m, args, y: log.append(("after", numbers(args), numbers(y))))
        module.register_forward_hook(lambda m, args, y: y[0])
        module.register_forward_hook(lambda m, args, y: log.append(("last", numbers(y))))
        log.append(numbers(module(x, w, scale=3)))

    both(torch, program)


@torch_test
def test_a_pre_hook_may_return_a_single_argument(torch):
    def program(lib, layers, log):
        layer = layers.Tanh()
        handle = layer.register_forward_pre_hook(lambda m, args: args[0] * 0)
        log.append(numbers(layer(leaves(lib, [1.0])[0])))
        handle.remove()
        log.append(numbers(layer(leaves(lib, [0.0])[0])))

    both(torch, program)


@torch_test
@pytest.mark.parametrize("use", [0, 1, None])
def test_backward_hooks_see_and_replace_what_pytorchs_do(torch, use):
    def program(lib, layers, log):
        module = pair(layers)
        x, w = leaves(lib, [1.0, 2.0], [3.0, 4.0])
        a, b = x * 1, w * 2
        watch(log, a=a, b=b)
        module.register_full_backward_hook(lambda m, gi, go: log.append((m is module, numbers(gi), numbers(go))))
        module.register_full_backward_hook(lambda m, gi, go: tuple(g * 10 for g in gi))
        module.register_full_backward_hook(lambda m, gi, go: log.append((numbers(gi), numbers(go))))
        y = module(a, b)
        total = (y[0] * y[1]).sum() if use is None else y[use].sum()
        total.backward(retain_graph=True)
        total.backward()
        log += [np.asarray(t.grad).tolist() for t in (x, w)]

    both(torch, program)


@torch_test
@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_without_a_gradient_of_the_inputs_backward_hooks_see_that_of_the_outputs(torch):
    def program(lib, layers, log):
        layer = layers.Linear(2, 1).double()
        layer.register_full_backward_hook(lambda m, gi, go: log.append((numbers(gi), numbers(go))))
        layer(lib.tensor(np.ones((1, 2)))).sum().backward()
        log.append(np.asarray(layer.weight.grad).tolist())

    both(torch, program)


@torch_test
def test_backward_hooks_of_nested_modules_run_from_the_outside_in(torch):
    def program(lib, layers, log):
        inner = layers.Sequential(layers.Tanh(), layers.Sigmoid())
        outer = layers.Sequential(inner, layers.Tanh())
        for name, module in outer.named_modules():
            module.register_full_backward_hook(lambda m, gi, go, name=name: log.append(name))
            module.register_forward_hook(lambda m, args, y, name=name: log.append(name))
            module.register_forward_pre_hook(lambda m, args, name=name: log.append(name))
        x = leaves(lib, [1.0])[0]
        outer(x).sum().backward()
        outer(x).sum().backward()

    both(torch, program)


@torch_test
def test_gradients_through_backward_hooks_can_be_differentiated(torch):
    def program(lib, layers, log):
        layer = layers.Tanh()
        layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * gi[0],))
        (x,) = leaves(lib, [0.5, 1.0])
        grad = mg.grad if lib is mg else lib.autograd.grad
        (gx,) = grad(layer(x).sum(), x, create_graph=True)
        log.append(np.round(numbers(gx), 12).tolist())
        log.append(np.round(numbers(grad(gx.sum(), x)[0]), 12).tolist())

    both(torch, program)


def test_an_argument_without_a_gradient_has_none_in_a_backward_hook():
    seen = []
    module = pair(nn)
    module.register_full_backward_hook(lambda m, gi, go: seen.append((numbers(gi), numbers(go))))
    (x,) = leaves(mg, [1.0])
    module(x, mg.tensor([2.0]))[0].sum().backward()
    assert seen == [(([2.0], None), ([1.0], None))]


def test_an_argument_whose_gradient_a_hook_takes_away_gets_none():
    module = pair(nn)
    module.register_full_backward_hook(lambda m, gi, go: (gi[0], None))
    x, w = leaves(mg, [1.0], [2.0])
    module(x, w)[0].sum().backward()
    assert (x.grad.tolist(), w.grad) == ([2.0], None)


def test_a_backward_hook_with_too_few_gradients_is_refused():
    module = pair(nn)
    module.register_full_backward_hook(lambda m, gi, go: (gi[0],))
    x, w = leaves(mg, [1.0], [2.0])
    with pytest.raises(mg.ArgumentError, match=r"Pair\(\) to return None or a tuple of 2 gradients.*but got 1"):
        module(x, w)[0].sum().backward()


@pytest.mark.parametrize("kind", ["forward_pre", "forward", "full_backward"])
def test_an_error_in_a_hook_reaches_the_user(kind):
    def fail(*args):
        raise KeyError("mine")

    layer = nn.Tanh()
    handle = getattr(layer, f"register_{kind}_hook")(fail)
    (x,) = leaves(mg, [1.0])
    with pytest.raises(KeyError, match="mine"):
        layer(x).sum().backward()
    handle.remove()
    layer(x).sum().backward()


def test_backward_hooks_keep_stale_graphs_visible():
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda m, gi, go: None)
    w = nn.Parameter(mg.ones(2))
    y = (layer(w) * mg.ones(2)).sum() + nn.functional.linear(w, mg.ones(1, 2, requires_grad=True)).sum()
    w.data = mg.zeros(2)
    with pytest.raises(mg.StaleGraphError):
        y.backward()


def test_under_no_grad_only_forward_hooks_run():
    layer, calls = nn.Tanh(), []
    layer.register_full_backward_hook(lambda m, gi, go: calls.append("backward"))
    layer.register_forward_hook(lambda m, args, y: calls.append("forward"))
    with mg.no_grad():
        y = layer(mg.ones(2, requires_grad=True))
    assert y.node is None
    assert calls == ["forward"]


def test_hooks_are_copied_with_their_module_and_not_with_a_tensor():
    layer, calls = nn.Linear(2, 1), []
    layer.register_forward_hook(lambda m, args, y: calls.append(m))
    layer.weight.register_hook(calls.append)
    twin = copy.deepcopy(layer)
    twin(mg.ones(1, 2)).sum().backward()
    assert calls == [twin]
    handle = twin.register_forward_hook(lambda m, args, y: calls.append("twin"))
    layer(mg.ones(1, 2))
    assert calls == [twin, layer]
    handle.remove()


def test_a_module_without_hooks_records_nothing_besides_its_operations():
    layer = nn.Tanh()
    handle = layer.register_full_backward_hook(lambda m, gi, go: None)
    handle.remove()
    x = mg.ones(2, requires_grad=True)
    assert layer(x).node.edges == (x,)


def test_hooks_leave_no_garbage():
    layer = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    for module in layer.modules():
        module.register_full_backward_hook(lambda m, gi, go: None)
    layer[0].weight.register_hook(lambda g: g * 1)
    x = mg.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    gc.collect()
    gc.disable()
    before = sum(isinstance(thing, Node) for thing in gc.get_objects() if type(thing) is Node)
    for _ in range(3):
        layer(x).sum().backward()
        (gx,) = mg.grad(layer(x).sum(), x, create_graph=True)
        (gx * gx).sum().backward()
        del gx
    assert sum(type(thing) is Node for thing in gc.get_objects()) == before
    gc.enable()
